package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestHooks(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "hooks.json")
	set := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set(`{"failSync": 2, "plaintext": true}`)
	start := time.Date(2026, 11, 9, 12, 0, 0, 0, time.UTC)
	h, err := newHooks(file, func() time.Time { return start })
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	if !h.Plaintext() || !h.Now().Equal(start) {
		t.Errorf("plaintext %v, clock %s", h.Plaintext(), h.Now())
	}
	for i, want := range []bool{false, true, false} {
		if failed := h.BeforeCommit() != nil; failed != want {
			t.Errorf("commit %d failed: %v", i+1, failed)
		}
	}
	set(`{"clockOffset": "8760h"`) // half written: the last settings stand
	time.Sleep(3 * hookPoll)
	if !h.Plaintext() {
		t.Error("a file that cannot be read changed something")
	}
	set(`{"clockOffset": "8760h", "stopAt": "sent"}`)
	waitFor(t, "the clock to move", func() bool { return h.Now().Equal(start.Add(8760 * time.Hour)) })
	h.At("leased") // another point: goes on
	if _, err := os.Stat(file + ".reached-leased"); err == nil {
		t.Error("stopped at a point that was not asked for")
	}
	if _, err := newHooks(filepath.Join(t.TempDir(), "absent"), time.Now); err == nil {
		t.Error("an absent file was taken")
	}
	set(`{"stopat": "sent"}`)
	if _, err := newHooks(file, time.Now); err == nil {
		t.Error("an unknown key was taken")
	}
}
