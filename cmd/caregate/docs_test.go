package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestManualUpToDate holds that go generate would change nothing.
func TestManualUpToDate(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "cli.md")
	if code := run(t.Context(), []string{"docs", file}, nil, io.Discard, t.Output()); code != exitDone {
		t.Fatalf("docs ended with %d", code)
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile("../../docs/cli.md")
	if err != nil || !bytes.Equal(have, want) {
		t.Errorf("docs/cli.md is out of date (%v): run go generate ./cmd/caregate", err)
	}
}
