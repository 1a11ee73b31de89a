package ledger

import "time"

// Event is one row of the audit log. Body is JSON without personal values, stored in clear.
type Event struct {
	Kind, Partner, Message, Delivery, Child, Outcome string
	Body                                             []byte
}

// AuditRow is an event with its place in the chain of the process that wrote it.
type AuditRow struct {
	Writer string
	N      int64 // from 1, without gaps
	At     time.Time
	Event
}

// Verification is the result of checking every audit chain.
type Verification struct {
	Writers, Rows, Checkpoints int
	Anchored                   bool    // the copy of the last checkpoint outside the database agrees
	Bad                        *BadRow // nil: intact
}

// BadRow names the first row that does not fit its chain.
type BadRow struct {
	Writer string
	N      int64
	Reason string
}
