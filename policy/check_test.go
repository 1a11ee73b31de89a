package policy

import (
	goflag "flag" // the package has a flag of its own
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestCheck runs ../testdata/law/*.txtar: the files of one law directory over valid.txtar, and
// the problems that check finds. "remove" names files to leave out.
func TestCheck(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("../testdata/law/*.txtar")
	if err != nil || len(archives) < 10 {
		t.Fatalf("%d cases: %v", len(archives), err)
	}
	base := builtIn(t)
	for _, path := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			files, want := lawCase(t, path)
			var got strings.Builder
			for _, p := range files.Check(t.Context(), base, nil, Limits{}) {
				got.WriteString(p.String() + "\n")
			}
			some, more := strings.CutSuffix(want, "...\n") // further problems follow
			if more {
				for line := range strings.Lines(some) {
					if !strings.Contains(got.String(), line) {
						t.Errorf("is not said: %s", line)
					}
				}
				want = got.String()
			}
			if *update {
				if !more {
					rewrite(t, path, got.String())
				}
				return
			}
			if diff := cmp.Diff(want, got.String()); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			_, err := files.Activate(t.Context(), base, []string{"us", "us-il", "us-xx"}, nil, Limits{})
			if (err == nil) != (got.String() == "") {
				t.Errorf("activated where there are problems, or not where there are none: %v", err)
			}
		})
	}
}

var update = goflag.Bool("update", false, "rewrite the expected problems")

func rewrite(t *testing.T, path, problems string) {
	t.Helper()
	parsed, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range parsed.Files {
		if parsed.Files[i].Name == "problems" {
			parsed.Files[i].Data = []byte(problems)
		}
	}
	if err := os.WriteFile(path, txtar.Format(parsed), 0o600); err != nil {
		t.Fatal(err)
	}
}

func lawCase(t *testing.T, archive string) (files Files, problems string) {
	t.Helper()
	files = Files{}
	for _, name := range []string{"../testdata/law/valid.txtar", archive} {
		parsed, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range parsed.Files {
			switch f.Name {
			case "problems":
				problems = string(f.Data)
			case "remove":
				for gone := range strings.FieldsSeq(string(f.Data)) {
					delete(files, gone)
				}
			default:
				files[f.Name] = f.Data
			}
		}
	}
	return files, problems
}
