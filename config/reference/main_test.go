package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestUpToDate holds that go generate would change nothing.
func TestUpToDate(t *testing.T) {
	t.Parallel()
	const root = "../.."
	pages, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range pages {
		have, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || !bytes.Equal(have, want) {
			t.Errorf("%s is out of date (%v): run go generate ./config", name, err)
		}
	}
}

// TestEveryKeyIsExplained holds that no key is without words.
func TestEveryKeyIsExplained(t *testing.T) {
	t.Parallel()
	s := newSource("../..")
	for _, d := range documents {
		if d.tag != "yaml" {
			continue
		}
		fields, err := s.fields(d.folder, d.typ, d.tag)
		if err != nil {
			t.Fatal(err)
		}
		explained(t, d.typ, fields)
	}
}

func explained(t *testing.T, path string, fields []field) {
	t.Helper()
	for _, f := range fields {
		if f.comment == "" && f.folder == "config" { // elsewhere the comment of the struct may say it all
			t.Errorf("%s.%s has no comment", path, f.name)
		}
		explained(t, path+"."+f.name, f.below)
		if f.item != nil {
			explained(t, path+"."+f.name, f.item.below)
		}
	}
}
