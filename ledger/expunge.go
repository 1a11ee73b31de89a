package ledger

import (
	"context"
	"errors"
	"fmt"
)

// Expunge destroys the keys of a child: no body about it can be opened any more, here or
// in any copy of the database that is not older. Its links are forgotten, its deliveries
// that have not left are cancelled. Ids, times, states and the audit log stay, so that
// what happened can still be accounted for. ErrStale means that something about the child
// is on its way: call it again when the gate is clear. Another error may mean that
// destroyed keys are still in the write-ahead log: call it again.
func (l *Ledger) Expunge(ctx context.Context, child string) error {
	err := l.write(ctx, func(t *tx) error {
		if err := t.idle(child); err != nil {
			return err
		}
		if _, err := t.raiseEpoch(child); err != nil {
			return err
		}
		if err := t.exec("UPDATE child SET expunged = ? WHERE id = ?", nanos(t.now), child); err != nil {
			return err
		}
		for _, statement := range []string{
			"DELETE FROM data_key WHERE child = ? AND child <> ''",
			"DELETE FROM link WHERE child = ?",
			"DELETE FROM resource_term WHERE (type, id) IN (SELECT type, id FROM resource WHERE child = ? AND child <> '')",
			"UPDATE resource SET body = NULL, deleted = TRUE WHERE child = ? AND child <> ''",
			"UPDATE message SET raw = NULL, bundle = NULL, issues = NULL WHERE child = ? AND child <> ''",
			"UPDATE work SET state = 'resolved', note = NULL, remedy = NULL WHERE state = 'open' AND message IN (SELECT id FROM message WHERE child = ? AND child <> '')",
			"UPDATE delivery SET state = 'cancelled', token = token + 1 WHERE state IN ('pending', 'intended', 'held', 'failed') AND message IN (SELECT id FROM message WHERE child = ? AND child <> '')",
		} {
			if err := t.exec(statement, child); err != nil {
				return err
			}
		}
		return t.log(Event{Kind: "expunged", Child: child, Outcome: "destroyed"})
	})
	if err == nil {
		err = l.flush(ctx)
	}
	if err != nil {
		return fmt.Errorf("expunge: %w", err)
	}
	return nil
}

// idle returns ErrStale while a send about the child may still be writing: its outcome
// could not be recorded any more.
func (t *tx) idle(child string) error {
	var one int
	err := t.row(`SELECT 1 FROM message m JOIN delivery d ON d.message = m.id
		WHERE m.child = ? AND m.child <> '' AND d.state = 'intended' AND d.due > ? LIMIT 1`, []any{child, nanos(t.now)}, &one)
	switch {
	case err == nil:
		return ErrStale
	case errors.Is(err, ErrNotFound):
		return nil
	}
	return err
}
