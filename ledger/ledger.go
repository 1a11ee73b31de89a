// Package ledger is the durable record: messages, decision inputs, deliveries, attempts,
// decisions, work and the audit log, in one SQL database. Bodies are opaque and encrypted
// here; the ledger knows no FHIR. What it acknowledged, it has synced to disk.
package ledger

import (
	"errors"
	"time"
)

// Errors that callers act on; test with errors.Is.
var (
	ErrConflict  = errors.New("control id was used for other content")
	ErrLinked    = errors.New("an identifier belongs to another child")
	ErrStale     = errors.New("a decision input changed")
	ErrToken     = errors.New("the delivery has moved on")
	ErrCommit    = errors.New("the commit failed")
	ErrNotFound  = errors.New("not found in the ledger")
	ErrClosed    = errors.New("the ledger is closed")
	ErrIntegrity = errors.New("a stored row does not match its seal")
)

// Options say where the ledger is and which key opens it.
type Options struct {
	Dir          string           // directory of ledger.db; made with mode 0700 when absent
	KEK          []byte           // 32 bytes: wraps the data keys
	Plaintext    bool             // tests only: bodies are stored as they are
	Now          func() time.Time // nil: time.Now
	Writer       string           // label of this process in the audit log
	BeforeCommit func() error     // test hook: an error counts as a failed sync
}
