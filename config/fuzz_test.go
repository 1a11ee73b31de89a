package config

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// FuzzDecode holds that no file makes the decoder panic, and that what cannot be read is said.
func FuzzDecode(f *testing.F) {
	archives, err := filepath.Glob(filepath.Join(cases, "*.txtar"))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range archives {
		parsed, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range parsed.Files {
			if filepath.Ext(file.Name) == ".yaml" {
				f.Add(file.Data)
			}
		}
	}
	none := func(string) (string, bool) { return "", false }
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, out := range []any{&Site{}, &Partner{}, &Routes{}} {
			d := newDecoder(t.TempDir(), "file.yaml", none)
			d.decode(text, out)
			for _, p := range d.problems {
				if p.Text == "" || p.File == "" {
					t.Errorf("a problem without words: %+v", p)
				}
			}
		}
	})
}
