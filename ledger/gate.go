package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// GateLimit is the longest a send may hold the gate of a child: so long may a hung partner
// delay the answer to a revocation.
const GateLimit = 10 * time.Second

var errGateLimit = fmt.Errorf("a send may hold the gate for at most %v", GateLimit)

// holdGate records that a send decided on these epochs may still be writing. Rows that
// have expired are cleared away.
func (t *tx) holdGate(attempt string, in Intent) error {
	if err := t.exec("DELETE FROM gate WHERE expiry <= ?", nanos(t.now)); err != nil {
		return err
	}
	for _, child := range in.Children {
		err := t.exec("INSERT INTO gate (attempt, child, epoch, holder, expiry) VALUES (?, ?, ?, ?, ?)",
			attempt, child, in.Epochs[child], in.Holder, nanos(in.GateUntil))
		if err != nil {
			return err
		}
	}
	return nil
}

// fresh returns ErrStale when a decision was made on an epoch that is no longer the child's.
func (t *tx) fresh(epochs map[string]int64) error {
	for child, was := range epochs {
		var is int64
		err := t.row("SELECT epoch FROM child WHERE id = ?", []any{child}, &is)
		if errors.Is(err, ErrNotFound) || err == nil && is != was {
			return ErrStale
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// GateClear reports whether no send that was decided on an older epoch of the child can
// still be writing; until is when the last of them must have ended.
func (l *Ledger) GateClear(ctx context.Context, child string, epoch int64) (clear bool, until time.Time, err error) {
	var expiry int64
	err = l.read.row(ctx, "SELECT COALESCE(MAX(expiry), 0) FROM gate WHERE child = ? AND epoch < ? AND expiry > ?",
		[]any{child, epoch, nanos(l.now())}, &expiry)
	if err != nil {
		return false, time.Time{}, fmt.Errorf("gate of child %s: %w", child, err)
	}
	return expiry == 0, instant(expiry), nil
}
