// Package proof is what the proofs of every topic share: their size, their corpus, the
// lines in which they print figures, the gateway as a process among its partners, and the
// search for canaries.
package proof

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Full reports whether proofs run at full size, as make prove does; otherwise they run on
// the committed cases.
func Full() bool { return os.Getenv("CAREGATE_PROVE") == "full" }

// Corpus is the folder of the large cases, CAREGATE_CORPUS or the one beside the checkout.
// Without it the full size fails, and the reduced size gets "".
func Corpus(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("CAREGATE_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if Full() {
		t.Fatalf("no corpus: set CAREGATE_CORPUS to its folder")
	}
	return ""
}

// Figure prints one figure of a topic as a JSON line: how many inputs it stands on, and
// pairs of name and value. A figure that stands on nothing fails.
func Figure(t *testing.T, topic string, point int, name string, inputs int, pairs ...any) {
	t.Helper()
	var line bytes.Buffer
	fmt.Fprintf(&line, `{"topic":%q,"point":%d,"name":%q,"full":%t,"inputs":%d`, topic, point, name, Full(), inputs)
	for i := 0; i+1 < len(pairs); i += 2 {
		value, err := json.Marshal(pairs[i+1])
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&line, `,%q:%s`, pairs[i], value)
	}
	line.WriteString("}\n")
	_, _ = os.Stdout.Write(line.Bytes())
	if inputs == 0 {
		t.Errorf("point %d, %s: no inputs", point, name)
	}
}
