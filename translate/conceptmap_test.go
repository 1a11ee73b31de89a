package translate

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"caregate/fhir"
)

// TestConceptMaps: the published maps are valid, and what the tables say now.
func TestConceptMaps(t *testing.T) {
	t.Parallel()
	all, err := ConceptMaps()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, m := range all {
		for _, issue := range fhir.Validate(m) {
			t.Errorf("%s: %s: %s", m.ID(), issue.Path, issue.Text)
		}
		for _, group := range m.Get("group").Items() {
			name, isType := strings.CutPrefix(group.Get("target").Text(), "http://hl7.org/fhir/StructureDefinition/")
			if isType && !fhir.IsResourceType(name) {
				t.Errorf("%s: R4 has no resource %s", m.ID(), name)
			}
		}
		file := filepath.Join("..", "docs", "fhir", "ConceptMap-"+m.ID()+".json")
		want[file] = true
		have, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("%v; run go generate ./translate", err)
		}
		if diff := cmp.Diff(string(have), indentedBy(t, m.JSON())); diff != "" {
			t.Errorf("%s is not what the tables say; run go generate ./translate", file)
		}
	}
	files, err := filepath.Glob(filepath.Join("..", "docs", "fhir", "ConceptMap-*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !want[file] {
			t.Errorf("%s has no table any more", file)
		}
	}
}

func indentedBy(t *testing.T, text []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		t.Fatal(err)
	}
	return b.String() + "\n"
}
