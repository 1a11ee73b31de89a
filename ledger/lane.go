package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// LaneDue says when a lane needs a worker; a zero Due means that nothing waits on it.
type LaneDue struct {
	Lane, Destination string
	Due               time.Time
}

// headOrder is the order of a lane. Held and failed deliveries are skipped: they block
// nothing behind them, and when they are pending again they take their old place.
const headOrder = "state IN ('pending', 'intended') ORDER BY urgency, seq, ordinal LIMIT 1"

// Head returns the delivery of a lane whose turn it is: the lowest (urgency, seq, ordinal)
// that is pending or intended, whether or not it is due. ErrNotFound means that the lane is empty.
func (l *Ledger) Head(ctx context.Context, lane string) (Delivery, error) {
	list, err := l.deliveries(ctx, "WHERE d.lane = ? AND "+headOrder, lane)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Delivery{}, fmt.Errorf("head of lane: %w", err)
	}
	return list[0], nil
}

// DueLanes returns every lane on which something is pending or intended, with the due time
// of its head: what a schedule is rebuilt from, in O(lanes). An intended head is due when
// the gate of its last attempt has expired.
func (l *Ledger) DueLanes(ctx context.Context) ([]LaneDue, error) {
	var list []LaneDue
	// The recursion jumps from lane to lane along the partial index.
	err := l.read.each(ctx, `WITH RECURSIVE w (lane) AS (
			SELECT MIN(lane) FROM `+sqliteByLane+` WHERE state IN ('pending', 'intended')
			UNION ALL
			SELECT (SELECT MIN(lane) FROM `+sqliteByLane+` WHERE state IN ('pending', 'intended') AND lane > w.lane) FROM w WHERE w.lane IS NOT NULL)
		SELECT d.lane, d.destination, d.due FROM w JOIN delivery d ON d.id = (SELECT id FROM delivery WHERE lane = w.lane AND `+headOrder+`)
		ORDER BY d.due`, nil, func(scan scanner) error {
		var lane LaneDue
		var due int64
		err := scan(&lane.Lane, &lane.Destination, &due)
		lane.Due = instant(due)
		list = append(list, lane)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("due lanes: %w", err)
	}
	return list, nil
}

// SetBack makes due what waits for a time of a clock that has been set back since: what was
// created, or tried last, at a time that has not come yet. What may still be leaving waits
// for GateLimit first.
func (l *Ledger) SetBack(ctx context.Context) error {
	err := l.write(ctx, func(t *tx) error {
		now := nanos(t.now)
		return t.exec(`UPDATE delivery SET due = CASE state WHEN 'pending' THEN ? ELSE ? END WHERE state IN ('pending', 'intended') AND due > ?
			AND (created > ? OR EXISTS (SELECT 1 FROM attempt a WHERE a.delivery = delivery.id AND a.intended > ?))`,
			now, nanos(t.now.Add(GateLimit)), now, now, now)
	})
	if err != nil {
		return fmt.Errorf("after the clock was set back: %w", err)
	}
	return nil
}

// laneDue is what a worker that has the lane tells the schedule.
func (t *tx) laneDue(lane, destination string) (LaneDue, error) {
	next := LaneDue{Lane: lane, Destination: destination}
	var due int64
	err := t.row("SELECT due FROM delivery WHERE lane = ? AND "+headOrder, []any{lane}, &due)
	if errors.Is(err, ErrNotFound) {
		return next, nil
	}
	next.Due = instant(due)
	return next, err
}
