package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected problems")

const cases = "../testdata/config"

// overlay writes the files of valid.txtar and, over them, those of a case: a case shows
// only what it changes. The lines of a file named "remove" name files to leave out, those of
// "env" set variables. It returns the problems that the case expects.
func overlay(t *testing.T, archive string) (dir string, env Lookup, want string) {
	t.Helper()
	dir = t.TempDir()
	variables := map[string]string{}
	for _, name := range []string{"valid.txtar", archive} {
		parsed, err := txtar.ParseFile(filepath.Join(cases, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range parsed.Files {
			switch lines := strings.Split(strings.TrimSpace(string(f.Data)), "\n"); f.Name {
			case "problems":
				want = string(f.Data)
			case "remove":
				for _, line := range lines {
					os.Remove(filepath.Join(dir, line))
				}
			case "env":
				for _, line := range lines {
					key, value, _ := strings.Cut(line, "=")
					variables[key] = value
				}
			default:
				to := filepath.Join(dir, f.Name)
				os.MkdirAll(filepath.Dir(to), 0o700)
				if err := os.WriteFile(to, f.Data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return dir, func(name string) (string, bool) { v, ok := variables[name]; return v, ok }, want
}

func TestLoad(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob(filepath.Join(cases, "*.txtar"))
	if err != nil || len(archives) < 10 {
		t.Fatalf("only %d cases (%v)", len(archives), err)
	}
	for _, path := range archives {
		name := filepath.Base(path)
		t.Run(strings.TrimSuffix(name, ".txtar"), func(t *testing.T) {
			t.Parallel()
			dir, env, want := overlay(t, name)
			_, problems := Load(dir, env)
			var got strings.Builder
			for _, p := range problems {
				got.WriteString(p.String() + "\n")
			}
			if *update {
				rewrite(t, path, got.String())
				return
			}
			if diff := cmp.Diff(want, got.String()); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

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
