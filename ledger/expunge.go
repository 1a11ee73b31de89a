package ledger

import (
	"context"
	"fmt"
)

// Expunge destroys the keys of a child: no body about it can be opened any more, here or
// in any copy of the database that is not older. Its links are forgotten, its deliveries
// that have not left are cancelled. Ids, times, states and the audit log stay, so that
// what happened can still be accounted for. An error after that says that destroyed keys
// may still be in the write-ahead log: call it again.
func (l *Ledger) Expunge(ctx context.Context, child string) error {
	err := l.write(ctx, func(t *tx) error {
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
			"UPDATE delivery SET state = 'cancelled', token = token + 1 WHERE state IN ('pending', 'held', 'failed') AND message IN (SELECT id FROM message WHERE child = ? AND child <> '')",
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
