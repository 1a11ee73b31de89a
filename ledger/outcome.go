package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Outcome is what came of an intent.
type Outcome struct {
	Delivery             string
	Token                int64     // from Intend
	State                string    // any but DeliveryIntended
	Due                  time.Time // when State is DeliveryPending
	Code, Answer, Reason string
	Work                 []NewWork
	Events               []Event
}

// Record closes the attempt that Intend opened, in one transaction and only while the token
// is still the delivery's; ErrToken means that somebody else has it. It gives the gate
// free and returns what the lane needs next.
func (l *Ledger) Record(ctx context.Context, o Outcome) (next LaneDue, err error) {
	if o.State == DeliveryIntended {
		return next, fmt.Errorf("record %s: state %q", o.Delivery, o.State)
	}
	key, err := l.deliveryKey(ctx, o.Delivery)
	if err != nil {
		return next, fmt.Errorf("record %s: %w", o.Delivery, err)
	}
	end := l.sealEnding(key, o.Delivery, o.Reason, o.Work)
	attempt := AttemptFailed
	if o.State == DeliveryCompleted {
		attempt = AttemptCompleted
	}
	err = l.write(ctx, func(t *tx) error {
		s, err := t.standing(o.Delivery)
		if err != nil {
			return err
		}
		if s.state != DeliveryIntended || s.token != o.Token {
			return ErrToken
		}
		if err := t.haveKey(key); err != nil {
			return err
		}
		if err := t.closeAttempt(key, s, o, attempt); err != nil {
			return err
		}
		next, err = t.end(s, end, o.State, o.Due, o.Events)
		return err
	})
	if err != nil {
		return LaneDue{}, fmt.Errorf("record %s: %w", o.Delivery, err)
	}
	return next, nil
}

func (t *tx) closeAttempt(key dataKey, s standing, o Outcome, state string) error {
	var id, keyID string
	if err := t.row("SELECT id, key_id FROM attempt WHERE delivery = ? AND token = ?", []any{s.id, o.Token}, &id, &keyID); err != nil {
		return err
	}
	var answer []byte
	if o.Answer != "" && keyID == key.id { // the child was changed meanwhile: the answer has no key that opens it
		answer = t.l.keys.seal(key, place{table: "attempt", row: id, column: "answer"}, []byte(o.Answer))
	}
	err := t.exec("UPDATE attempt SET state = ?, code = ?, answer = ?, recorded = ? WHERE id = ?", state, o.Code, answer, nanos(t.now), id)
	if err != nil {
		return err
	}
	return t.exec("DELETE FROM gate WHERE attempt = ?", id)
}

// ending is the part of an outcome that is sealed before it enters the writer.
type ending struct {
	key    dataKey
	reason []byte
	work   []sealedWork
}

func (l *Ledger) sealEnding(key dataKey, delivery, reason string, work []NewWork) ending {
	e := ending{key: key}
	if reason != "" {
		e.reason = l.keys.seal(key, place{table: "delivery", row: delivery, column: "reason"}, []byte(reason))
	}
	for _, w := range work {
		e.work = append(e.work, l.sealWork(key, w))
	}
	return e
}

// end sets the state that a delivery comes to rest in, and looks what the lane needs next.
func (t *tx) end(s standing, e ending, state string, due time.Time, events []Event) (LaneDue, error) {
	err := t.exec("UPDATE delivery SET state = ?, due = ?, reason = ?, reason_key = ? WHERE id = ?", state, nanos(due), e.reason, e.key.id, s.id)
	if err != nil {
		return LaneDue{}, err
	}
	for _, w := range e.work {
		if w.partner == "" {
			w.partner = s.destination
		}
		if err := t.addWork(w, s.message, s.id); err != nil {
			return LaneDue{}, err
		}
	}
	if err := t.log(s.events(events)...); err != nil {
		return LaneDue{}, err
	}
	return t.laneDue(s.lane, s.destination)
}

// Cancel withdraws deliveries that have not left: pending, held or failed ones. It returns
// how many; those that are on the way or at rest stay as they are. Events are written once
// for each, with Message and Delivery filled in.
func (l *Ledger) Cancel(ctx context.Context, deliveries []string, reason string, e []Event) (int, error) {
	n := 0
	err := l.move(ctx, deliveries, reason, e, func(t *tx, s standing, end ending) error {
		if s.state != DeliveryPending && s.state != DeliveryHeld && s.state != DeliveryFailed {
			return errSkip
		}
		n++
		if err := t.closeWork("delivery", s.id); err != nil {
			return err
		}
		return t.exec("UPDATE delivery SET state = 'cancelled', due = 0, token = token + 1, reason = ?, reason_key = ? WHERE id = ?", end.reason, end.key.id, s.id)
	})
	if err != nil {
		return 0, fmt.Errorf("cancel: %w", err)
	}
	return n, nil
}

// Requeue puts deliveries that are held, denied, failed or cancelled back at their original
// place in their lanes, due now, and returns these lanes. Others stay as they are.
func (l *Ledger) Requeue(ctx context.Context, deliveries []string, e []Event) ([]LaneDue, error) {
	var lanes []LaneDue
	err := l.move(ctx, deliveries, "", e, func(t *tx, s standing, _ ending) error {
		if s.state == DeliveryPending || s.state == DeliveryIntended || s.state == DeliveryCompleted {
			return errSkip
		}
		lanes = append(lanes, LaneDue{Lane: s.lane, Destination: s.destination, Due: t.now})
		if err := t.closeWork("delivery", s.id); err != nil {
			return err
		}
		return t.exec("UPDATE delivery SET state = 'pending', due = ?, token = token + 1 WHERE id = ?", nanos(t.now), s.id)
	})
	if err != nil {
		return nil, fmt.Errorf("requeue: %w", err)
	}
	return lanes, nil
}

var errSkip = errors.New("skip")

// move changes a list of deliveries in one transaction.
func (l *Ledger) move(ctx context.Context, deliveries []string, reason string, events []Event, f func(*tx, standing, ending) error) error {
	ends := make([]ending, len(deliveries))
	for i, id := range deliveries {
		key, err := l.deliveryKey(ctx, id)
		if errors.Is(err, ErrExpunged) {
			continue // no reason can be kept about it
		}
		if err != nil {
			return fmt.Errorf("delivery %s: %w", id, err)
		}
		ends[i] = l.sealEnding(key, id, reason, nil)
	}
	return l.write(ctx, func(t *tx) error {
		for i, id := range deliveries {
			s, err := t.standing(id)
			if err == nil {
				err = f(t, s, ends[i])
			}
			if errors.Is(err, errSkip) {
				continue
			}
			if err == nil {
				err = t.log(s.events(events)...)
			}
			if err != nil {
				return fmt.Errorf("delivery %s: %w", id, err)
			}
		}
		return nil
	})
}
