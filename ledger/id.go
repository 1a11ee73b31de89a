package ledger

import (
	"crypto/rand"
	"encoding/base32"
	"strings"
	"time"
)

// newID returns prefix and 128 random bits in lower-case base32.
func newID(prefix string) string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return prefix + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

// NewChildID returns an id for a child that the next Acceptance creates.
func NewChildID() string { return newID("c_") }

// NewHolder returns a name for this process in the gate.
func NewHolder() string { return newID("h_") }

// nanos is how the database holds a time; the zero time is 0.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// instant is the inverse of nanos.
func instant(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
