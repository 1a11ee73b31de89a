package fhir

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rows reads a table of the testdata folder without its header.
func rows(tb testing.TB, name string) [][]string {
	tb.Helper()
	var all [][]string
	for line := range strings.Lines(string(readFile(tb, filepath.Join("..", "testdata", "fhir", name)))) {
		all = append(all, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	return all[1:]
}

// The official examples validate, but for the errors that are listed and argued.
func TestExamplesValidate(t *testing.T) {
	t.Parallel()
	var want, got []string
	files, checked := map[string]bool{}, 0
	for _, name := range exampleFiles(t) {
		files[filepath.Base(name)] = true
		n, err := ParseWithin(readFile(t, name), published)
		if err != nil {
			t.Fatal(err)
		}
		if r4().types[n.ResourceType()] == nil {
			continue
		}
		checked++
		for _, issue := range Validate(n) {
			got = append(got, filepath.Base(name)+" "+issue.Path+" "+issue.Code)
		}
	}
	for _, row := range rows(t, "example-errors.tsv") {
		if len(row) != 4 || row[3] == "" {
			t.Fatalf("not argued: %v", row)
		}
		if files[row[0]] {
			want = append(want, strings.Join(row[:3], " "))
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("issues:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	t.Logf("%d resources of supported types checked, %d listed errors", checked, len(want))
}

func TestInvalidDocuments(t *testing.T) {
	t.Parallel()
	for _, row := range rows(t, "invalid.tsv") {
		path, code, document := row[0], row[1], row[2]
		n, err := Parse([]byte(document))
		if err != nil {
			t.Errorf("%s: %v", document, err)
			continue
		}
		issues := Validate(n)
		switch {
		case path == "-":
			if len(issues) > 0 {
				t.Errorf("%s: %v, want none", document, issues)
			}
		case len(issues) != 1 || issues[0].Path != path || issues[0].Code != code:
			t.Errorf("%s: %v, want one %s at %s", document, issues, code, path)
		}
	}
}

func TestOutcomeNamesEachIssue(t *testing.T) {
	t.Parallel()
	n := NewOperationOutcome(Validate(NewResource("Task")))
	if issues := Validate(n); len(issues) > 0 {
		t.Errorf("the outcome is not valid: %v", issues)
	}
	if got := n.At("issue[0].expression[0]").Text(); got != "Task.status" {
		t.Errorf("expression %q", got)
	}
	if issues := Validate(NewOperationOutcome(nil)); len(issues) > 0 {
		t.Errorf("the outcome without issues is not valid: %v", issues)
	}
}
