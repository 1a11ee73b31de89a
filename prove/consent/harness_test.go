package consent

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"caregate/config/workbench"
	"caregate/policy"
	"caregate/prove/proof"

	"github.com/goccy/go-yaml"
)

func figure(t *testing.T, point int, name string, inputs int, pairs ...any) {
	t.Helper()
	proof.Figure(t, "consent", point, name, inputs, pairs...)
}

// row is one scenario as it is written, kept as JSON so that nothing but the change under
// test changes, and what should come of it.
type row struct {
	id   string
	doc  map[string]any
	want policy.ScenarioAnswer
}

// rows reads the committed cases, and at full size the corpus too.
func rows(t *testing.T) []row {
	t.Helper()
	files, err := filepath.Glob("../../testdata/consent/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var docs [][]byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := yaml.YAMLToJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, doc)
	}
	if proof.Full() {
		docs = append(docs, corpus(t)...)
	}
	var out []row
	for _, doc := range docs {
		out = append(out, newRow(t, doc))
	}
	return out
}

// corpus returns the lines of the scenario table.
func corpus(t *testing.T) [][]byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(proof.Corpus(t), "consent", "scenarios.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSpace(text), []byte("\n"))
}

func newRow(t *testing.T, doc []byte) row {
	t.Helper()
	var s policy.Scenario
	r := row{}
	if err := json.Unmarshal(doc, &s); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(doc, &r.doc); err != nil {
		t.Fatal(err)
	}
	r.id, r.want = s.ID, s.Expected
	return r
}

// decide answers scenarios as `caregate consent decide` does.
func decide(t *testing.T, docs []map[string]any) []policy.ScenarioAnswer {
	t.Helper()
	var lines bytes.Buffer
	for _, doc := range docs {
		line, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(line, '\n'))
	}
	answers, err := workbench.Decide(t.Context(), lines.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if len(answers) != len(docs) {
		t.Fatalf("%d answers to %d scenarios", len(answers), len(docs))
	}
	return answers
}
