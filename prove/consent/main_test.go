package consent

import (
	"testing"

	"caregate/prove/proof"
)

func TestMain(m *testing.M) { proof.Main(m) }
