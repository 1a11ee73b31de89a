package house

import (
	"testing"

	"caregate/prove/proof"
)

// full says that every proof runs at full size, as make prove does.
var full = proof.Full()

func TestMain(m *testing.M) { proof.Main(m) }

// figure prints one figure of this topic.
func figure(t *testing.T, point int, name string, inputs int, pairs ...any) {
	t.Helper()
	proof.Figure(t, "house", point, name, inputs, pairs...)
}

// served is caregate serve, and what only these proofs ask of it.
type served struct{ *proof.Served }

func newServed(t *testing.T, configDir string, env map[string]string, hooked bool, args ...string) *served {
	t.Helper()
	return &served{proof.NewServed(t, configDir, env, hooked, args...)}
}

type (
	town  = proof.Town
	child = proof.Child
	wire  = proof.Wire
)
