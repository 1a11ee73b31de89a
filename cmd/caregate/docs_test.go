package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestPagesUpToDate holds that go generate would change nothing.
func TestPagesUpToDate(t *testing.T) {
	t.Parallel()
	for page, args := range map[string][]string{"cli.md": nil, "coverage.md": {"--coverage"}} {
		file := filepath.Join(t.TempDir(), page)
		if code := run(t.Context(), append([]string{"docs", file}, args...), nil, io.Discard, t.Output()); code != exitDone {
			t.Fatalf("docs ended with %d", code)
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		have, err := os.ReadFile("../../docs/" + page)
		if err != nil || !bytes.Equal(have, want) {
			t.Errorf("docs/%s is out of date (%v): run go generate ./cmd/caregate", page, err)
		}
	}
}
