package ledger

import "time"

// Input is a new version of one decision input: a consent, an authority, an order, a label.
// It raises the child's epoch in the same transaction.
type Input struct {
	Child, Kind string
	Key         string // such as "Consent/xyz"; stored hashed and encrypted
	Body        []byte
	Ended       bool // the input no longer counts
}

// InputVersion is the current version of a decision input.
type InputVersion struct {
	Kind, Key string
	Version   int64 // 1 for the first
	Body      []byte
	Ended     bool
	Message   string // that brought it
	At        time.Time
}
