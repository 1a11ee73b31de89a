package config

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// hookPoll is how often the file of the test hooks is looked at.
const hookPoll = 20 * time.Millisecond

// Hooks make clock and disk faults from outside, for tests: a JSON file that is read while
// the gateway runs. In production there are none.
type Hooks struct {
	file  string
	now   func() time.Time
	ended chan struct{}

	mu      sync.Mutex
	set     hookSettings
	commits int
}

// hookSettings is the file.
type hookSettings struct {
	ClockOffset string `json:"clockOffset"` // added to the clock: "8760h"
	FailSync    int    `json:"failSync"`    // the n-th commit fails, counted from the start or from the last change of this number
	StopAt      string `json:"stopAt"`      // committed, leased, intended or sent: everything that gets there stops for ever
	Plaintext   bool   `json:"plaintext"`   // nothing is encrypted; read at the start only

	offset time.Duration
}

func newHooks(file string, now func() time.Time) (*Hooks, error) {
	h := &Hooks{file: file, now: now, ended: make(chan struct{})}
	if err := h.read(); err != nil {
		return nil, fmt.Errorf("test hooks: %w", err)
	}
	go h.follow()
	return h, nil
}

func (h *Hooks) read() error {
	text, err := os.ReadFile(h.file)
	if err != nil {
		return err
	}
	var next hookSettings
	if err := json.Unmarshal(text, &next, json.RejectUnknownMembers(true)); err != nil {
		return err
	}
	if next.ClockOffset != "" {
		if next.offset, err = time.ParseDuration(next.ClockOffset); err != nil {
			return err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if next.FailSync != h.set.FailSync {
		h.commits = 0
	}
	h.set = next
	return nil
}

// follow reads the file again and again; while it is being written the last settings stand.
func (h *Hooks) follow() {
	tick := time.NewTicker(hookPoll)
	defer tick.Stop()
	for {
		select {
		case <-h.ended:
			return
		case <-tick.C:
			_ = h.read()
		}
	}
}

func (h *Hooks) close() {
	if h != nil {
		close(h.ended)
	}
}

func (h *Hooks) settings() hookSettings {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.set
}

// Now is the clock, shifted.
func (h *Hooks) Now() time.Time { return h.now().Add(h.settings().offset) }

// Plaintext reports whether nothing is to be encrypted.
func (h *Hooks) Plaintext() bool { return h.settings().Plaintext }

// BeforeCommit fails the commit whose turn it is.
func (h *Hooks) BeforeCommit() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.commits++; h.set.FailSync > 0 && h.commits == h.set.FailSync {
		return errors.New("test hook: this sync fails")
	}
	return nil
}

// At stops for ever at the point that the file names, after it made FILE.reached-POINT: the
// test then kills the process, as a crash would.
func (h *Hooks) At(point string) {
	if h.settings().StopAt != point {
		return
	}
	_ = os.WriteFile(h.file+".reached-"+point, nil, 0o600)
	select {}
}
