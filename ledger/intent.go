package ledger

import (
	"context"
	"fmt"
	"time"
)

// Intent is a decision to release, recorded before the first byte leaves.
type Intent struct {
	Delivery               string
	Prior                  int64            // the token seen in Head
	Children               []string         // whose gate this send holds
	Epochs                 map[string]int64 // what the decision was made on; has an entry for each of Children
	Holder                 string           // the process that sends
	GateUntil              time.Time        // by then the last byte has left; at most GateLimit ahead, zero: that far
	Release                int              // number of the release, from 1
	Key, ControlID, SHA256 string           // of the rendered bytes
	Decision               string           // digest
	DecisionBody           []byte
	Predecessor            string
	Work                   []NewWork // duties that the release brings; about its message, so that they outlive the delivery
	Events                 []Event   // Message, Delivery and, with one child, Child are filled in where empty
}

// Decided is a decision that released nothing.
type Decided struct {
	Delivery               string
	Prior                  int64
	Epochs                 map[string]int64
	State                  string    // any but DeliveryIntended and DeliveryCompleted
	Due                    time.Time // when State is DeliveryPending
	Code, Reason, Decision string
	DecisionBody           []byte
	Work                   []NewWork
	Events                 []Event
}

// Intend records, in one transaction, that a release is about to be sent: the decision, the
// attempt, the gate of the children and the audit events. It returns the token that Record
// needs and the id of the attempt. ErrToken means that the delivery is not as it was in
// Head, ErrStale that a decision input changed: decide again.
func (l *Ledger) Intend(ctx context.Context, in Intent) (token int64, attempt string, err error) {
	for _, child := range in.Children {
		if _, ok := in.Epochs[child]; !ok {
			return 0, "", fmt.Errorf("intend %s: no epoch for child %s", in.Delivery, child)
		}
	}
	key, err := l.deliveryKey(ctx, in.Delivery)
	if err != nil {
		return 0, "", fmt.Errorf("intend %s: %w", in.Delivery, err)
	}
	attempt = newID("a_")
	body := l.keys.seal(key, place{table: "attempt", row: attempt, column: "body"}, in.DecisionBody)
	duties := l.sealEnding(key, in.Delivery, "", in.Work).work
	err = l.write(ctx, func(t *tx) error {
		if in.GateUntil.IsZero() {
			in.GateUntil = t.now.Add(GateLimit)
		}
		if in.GateUntil.After(t.now.Add(GateLimit)) {
			return errGateLimit
		}
		d, err := t.decided(in.Delivery, in.Prior, in.Epochs, key)
		if err != nil {
			return err
		}
		token = in.Prior + 1
		err = t.exec(`UPDATE delivery SET state = 'intended', token = ?, due = ?, attempts = attempts + 1, release = ?, key = ?, control_id = ?,
			sha256 = ?, decision = ?, predecessor = ? WHERE id = ?`,
			token, nanos(in.GateUntil), in.Release, in.Key, in.ControlID, in.SHA256, in.Decision, in.Predecessor, d.id)
		if err != nil {
			return err
		}
		err = t.exec(`INSERT INTO attempt (id, delivery, n, release, token, key, control_id, sha256, decision, state, code, intended, recorded, key_id, body)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'intended', '', ?, 0, ?, ?)`,
			attempt, d.id, d.attempts+1, in.Release, token, in.Key, in.ControlID, in.SHA256, in.Decision, nanos(t.now), key.id, body)
		if err != nil {
			return err
		}
		for _, w := range duties {
			if err := t.addWork(w, d.message, ""); err != nil {
				return err
			}
		}
		if err := t.holdGate(attempt, in); err != nil {
			return err
		}
		return t.log(d.events(in.Events)...)
	})
	if err != nil {
		return 0, "", fmt.Errorf("intend %s: %w", in.Delivery, err)
	}
	return token, attempt, nil
}

// Decline records a decision that released nothing, with the same checks as Intend, and
// returns what the lane needs next.
func (l *Ledger) Decline(ctx context.Context, d Decided) (next LaneDue, err error) {
	if d.State == DeliveryIntended || d.State == DeliveryCompleted {
		return next, fmt.Errorf("decline %s: state %q", d.Delivery, d.State)
	}
	key, err := l.deliveryKey(ctx, d.Delivery)
	if err != nil {
		return next, fmt.Errorf("decline %s: %w", d.Delivery, err)
	}
	attempt := newID("a_")
	body := l.keys.seal(key, place{table: "attempt", row: attempt, column: "body"}, d.DecisionBody)
	end := l.sealEnding(key, d.Delivery, d.Reason, d.Work)
	err = l.write(ctx, func(t *tx) error {
		was, err := t.decided(d.Delivery, d.Prior, d.Epochs, key)
		if err != nil {
			return err
		}
		err = t.exec(`INSERT INTO attempt (id, delivery, n, release, token, key, control_id, sha256, decision, state, code, intended, recorded, key_id, body)
			VALUES (?, ?, ?, ?, ?, '', '', '', ?, 'declined', ?, ?, ?, ?, ?)`,
			attempt, was.id, was.attempts+1, was.release, d.Prior+1, d.Decision, d.Code, nanos(t.now), nanos(t.now), key.id, body)
		if err != nil {
			return err
		}
		if err := t.exec("UPDATE delivery SET token = ?, attempts = attempts + 1 WHERE id = ?", d.Prior+1, was.id); err != nil { // decision stays the last release's
			return err
		}
		next, err = t.end(was, end, d.State, d.Due, d.Events)
		return err
	})
	if err != nil {
		return LaneDue{}, fmt.Errorf("decline %s: %w", d.Delivery, err)
	}
	return next, nil
}

// standing is a delivery as a transaction finds it.
type standing struct {
	id, message, lane, destination, state, partner, child, keyID string
	attempts, release                                            int
	token                                                        int64
}

func (t *tx) standing(delivery string) (s standing, err error) {
	err = t.row(`SELECT d.id, d.message, d.lane, d.destination, d.state, d.attempts, d.release, d.token, m.partner, m.child, m.key_id
		FROM delivery d JOIN message m ON m.id = d.message WHERE d.id = ?`, []any{delivery},
		&s.id, &s.message, &s.lane, &s.destination, &s.state, &s.attempts, &s.release, &s.token, &s.partner, &s.child, &s.keyID)
	return s, err
}

// decided checks that a decision is about the delivery as it still is.
func (t *tx) decided(delivery string, prior int64, epochs map[string]int64, key dataKey) (standing, error) {
	s, err := t.standing(delivery)
	if err != nil {
		return s, err
	}
	if s.token != prior || s.state != DeliveryPending && s.state != DeliveryIntended || s.keyID != key.id {
		return s, ErrToken
	}
	if err := t.haveKey(key); err != nil {
		return s, err
	}
	return s, t.fresh(epochs)
}

func (s standing) events(events []Event) []Event {
	list := make([]Event, len(events))
	for i, e := range events {
		if e.Message == "" {
			e.Message = s.message
		}
		if e.Delivery == "" {
			e.Delivery = s.id
		}
		if e.Child == "" {
			e.Child = s.child
		}
		if e.Partner == "" {
			e.Partner = s.destination
		}
		list[i] = e
	}
	return list
}

// deliveryKey is the data key of the delivery's message.
func (l *Ledger) deliveryKey(ctx context.Context, delivery string) (dataKey, error) {
	return l.keyBy(ctx, `SELECT m.key_id, k.wrapped FROM delivery d JOIN message m ON m.id = d.message
		LEFT JOIN data_key k ON k.id = m.key_id WHERE d.id = ?`, delivery)
}

func (l *Ledger) keyBy(ctx context.Context, query, id string) (dataKey, error) {
	var key string
	var wrapped []byte
	if err := l.read.row(ctx, query, []any{id}, &key, &wrapped); err != nil {
		return dataKey{}, err
	}
	return l.keys.unwrap(key, wrapped)
}
