package policy

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRulesAreTried: each rule of the law decides some case of testdata/consent, or is named
// by a test of the bundle that holds it.
func TestRulesAreTried(t *testing.T) {
	t.Parallel()
	src, err := readSource(builtin(t), []string{"us", "us-il", "us-nj"})
	if err != nil {
		t.Fatal(err)
	}
	tried := ruleNamesIn(t)
	files, err := filepath.Glob("../testdata/consent/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		s := caseIn(t, file)
		facts, err := s.Facts()
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		d := engine(t).Decide(t.Context(), facts)
		for _, rd := range d.Resources {
			for _, r := range rd.Reasons {
				tried[r.Rule] = true
			}
		}
	}
	docs, err := os.ReadFile("../docs/consent.md")
	if err != nil {
		t.Fatal(err)
	}
	for id := range table(src.data["rules"]) {
		if !strings.Contains(string(docs), "| "+id+" |") {
			t.Errorf("rule %s is not in the list of docs/consent.md", id)
		}
		if !tried[id] {
			t.Errorf("rule %s decides no case and no test of a bundle names it", id)
		}
	}
}

// ruleNamesIn collects what stands in quotes in the tests of the bundles.
func ruleNamesIn(t *testing.T) map[string]bool {
	t.Helper()
	named := map[string]bool{}
	err := fs.WalkDir(os.DirFS("bundles"), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.rego") {
			return err
		}
		text, err := fs.ReadFile(os.DirFS("bundles"), name)
		for i, word := range strings.Split(string(text), `"`) {
			if i%2 == 1 {
				named[word] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return named
}
