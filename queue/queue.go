// Package queue says which lane is due and who may work on it. It holds no payload and
// decides no order: a worker that claimed a lane reads its head from the ledger. Losing
// a queue loses nothing, a rebuild from the ledger's due lanes restores it.
package queue

import (
	"context"
	"errors"
	"time"
)

// ErrLost means that the token is no longer the lane's: its lease expired or was given to another.
var ErrLost = errors.New("lease lost")

// Lane is a lane and when it is due.
type Lane struct {
	Name, Destination string
	Due               time.Time // zero: at once
}

// Lease is the right to work on a lane until a time. Token grows with every claim.
type Lease struct {
	Lane, Destination string
	Token             uint64
	Until             time.Time
}

// Schedule hands out lanes that are due, each to one worker at a time.
type Schedule interface {
	// Wake hints that lanes have something due. It is idempotent; the earliest due time counts.
	// A lane woken while leased becomes due again when it is released.
	Wake(ctx context.Context, lanes ...Lane) error
	// Claim waits until a lane is due and its destination has a free place, or the context ends.
	Claim(ctx context.Context) (Lease, error)
	// Extend prolongs a lease, or returns ErrLost.
	Extend(ctx context.Context, l Lease) (Lease, error)
	// Release gives the lane back, to be claimed again at due; with a zero due only when
	// it was woken meanwhile. A stale token has no effect and returns ErrLost.
	Release(ctx context.Context, l Lease, due time.Time) error
}
