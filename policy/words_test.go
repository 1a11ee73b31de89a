package policy

import (
	"os"
	"slices"
	"testing"
)

// TestWordsAreComplete: every reason of every bundle has words for each reader in each
// language, and no word is for a reason that does not exist.
func TestWordsAreComplete(t *testing.T) {
	t.Parallel()
	w, err := LoadWords()
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"en", "es"}; !slices.Equal(w.Languages(), want) {
		t.Fatalf("languages are %s, want %s", w.Languages(), want)
	}
	folders, err := os.ReadDir("bundles")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range folders {
		names = append(names, f.Name())
	}
	src, err := readSource(builtin(t), names)
	if err != nil {
		t.Fatal(err)
	}
	reasons := table(src.data["reasons"])
	if len(reasons) < 50 {
		t.Fatalf("only %d reasons were found", len(reasons))
	}
	for _, lang := range w.Languages() {
		for code := range reasons {
			line, known := w.lines[lang][code]
			for _, to := range []Reader{ForEngineer, ForOfficer, ForParent} {
				if !known || line.text[to] == "" {
					t.Errorf("%s: %s has no words for the %s", lang, code, to)
				}
			}
			if line.missing == "" {
				t.Errorf("%s: %s does not say what is missing", lang, code)
			}
		}
		for code := range w.lines[lang] {
			if _, known := reasons[code]; !known && code[:min(4, len(code))] != "say-" {
				t.Errorf("%s: words for %s, which is no reason", lang, code)
			}
			if _, both := w.lines["en"][code]; !both {
				t.Errorf("%s has no English words", code)
			}
		}
	}
}

// TestProtectedReasons: each reason that must not be told exists.
func TestProtectedReasons(t *testing.T) {
	t.Parallel()
	src, err := readSource(builtin(t), []string{"us", "us-il", "us-nj"})
	if err != nil {
		t.Fatal(err)
	}
	protected, reasons := table(src.data["protected"]), table(src.data["reasons"])
	if len(protected) < 10 {
		t.Fatalf("only %d protected reasons", len(protected))
	}
	for code := range protected {
		if _, known := reasons[code]; !known {
			t.Errorf("%s is protected and no reason", code)
		}
	}
}

func builtin(t *testing.T) Files {
	t.Helper()
	files, err := ReadFiles(Bundles())
	if err != nil {
		t.Fatal(err)
	}
	return files
}
