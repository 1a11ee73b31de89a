package ledger

import "time"

// LaneDue says when a lane needs a worker; a zero Due means that nothing waits on it.
type LaneDue struct {
	Lane, Destination string
	Due               time.Time
}
