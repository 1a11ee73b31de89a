package ledger

import "time"

// States of a work item.
const (
	WorkOpen     = "open"
	WorkResolved = "resolved"
)

// NewWork asks a person to do something about a message or a delivery.
type NewWork struct {
	Kind, Owner, Partner string
	Remedy               string // what to do, in words
	Note                 []byte
}

// Work is an item of the work list.
type Work struct {
	ID, Kind, Owner, Partner, Message, Delivery, Remedy, State string
	Note                                                       []byte
	Created, Resolved                                          time.Time
}
