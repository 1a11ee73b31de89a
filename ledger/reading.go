package ledger

import (
	"context"
	"fmt"
	"time"
)

// Reading is a decision to answer a read, recorded before the first byte leaves.
type Reading struct {
	Child     string
	Epoch     int64     // what the decision was made on
	Holder    string    // the process that answers
	GateUntil time.Time // by then the last byte has left; at most GateLimit ahead
	Events    []Event
}

// Admit records, in one transaction, that a read is about to be answered: it holds the gate
// of the child until GateUntil, as a send does, and writes the audit events. ErrStale means
// that a decision input changed: decide again.
func (l *Ledger) Admit(ctx context.Context, r Reading) error {
	epochs := map[string]int64{r.Child: r.Epoch}
	err := l.write(ctx, func(t *tx) error {
		if r.GateUntil.After(t.now.Add(GateLimit)) {
			return errGateLimit
		}
		if err := t.fresh(epochs); err != nil {
			return err
		}
		if err := t.holdGate(newID("a_"), Intent{Children: []string{r.Child}, Epochs: epochs, Holder: r.Holder, GateUntil: r.GateUntil}); err != nil {
			return err
		}
		return t.log(r.Events...)
	})
	if err != nil {
		return fmt.Errorf("admit a read: %w", err)
	}
	return nil
}
