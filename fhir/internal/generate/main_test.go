package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The generated files are what the generator makes of the definitions. The comparison runs where
// CAREGATE_DEFINITIONS names the unpacked npm package; the header is always checked.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob(filepath.Join("..", "..", "zz_*_gen.go"))
	if err != nil || len(names) != 4 {
		t.Fatalf("%d generated files: %v", len(names), err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil || !bytes.HasPrefix(data, []byte(header)) {
			t.Errorf("%s: header is missing: %v", name, err)
		}
	}
	dir := os.Getenv("CAREGATE_DEFINITIONS")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("CAREGATE_DEFINITIONS names no folder")
	}
	out := t.TempDir()
	if err := run(out, out, dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, filepath.Join("..", "..", "..", "testdata", "fhir", searchTable)) {
		have, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(out, filepath.Base(name)))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(have, want) {
			t.Errorf("%s is not what make generate writes", filepath.Base(name))
		}
	}
}

func TestExported(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{
		"birthDate": "BirthDate", "Patient.contact": "PatientContact", "entered-in-error": "EnteredInError", "4": "4",
	} {
		if got := exported(from); got != want {
			t.Errorf("exported(%q) = %q, want %q", from, got, want)
		}
	}
}
