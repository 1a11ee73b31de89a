package ledger

import (
	"context"
	"crypto/hmac"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// States of a delivery.
const (
	DeliveryPending   = "pending"   // waits for its turn or its due time
	DeliveryIntended  = "intended"  // bytes may be on the way
	DeliveryCompleted = "completed" // the partner took it
	DeliveryDenied    = "denied"    // a decision let nothing out
	DeliveryHeld      = "held"      // a person has to look
	DeliveryFailed    = "failed"    // given up, with a reason
	DeliveryCancelled = "cancelled" // withdrawn before it left
)

var deliveryStates = []string{
	DeliveryPending, DeliveryIntended, DeliveryCompleted, DeliveryDenied, DeliveryHeld, DeliveryFailed, DeliveryCancelled,
}

// NewDelivery is one delivery that an acceptance puts on a lane.
type NewDelivery struct {
	Destination, Route string
	Lane               string    // destination + "/" + opaque ordering key
	Urgency            int       // 0 goes first
	Subjects           []string  // children that it is about
	Expires            time.Time // zero: never
}

// Delivery is one message on its way to one destination.
type Delivery struct {
	ID, Message, Destination, Route, Lane string
	Urgency                               int
	Seq                                   int64 // of its message: the order of the lane
	Ordinal                               int   // among the deliveries of its message
	State                                 string
	Due                                   time.Time
	Attempts, Release                     int
	Key, ControlID, SHA256                string // of the last release
	Decision                              string // digest of the last decision
	Predecessor                           string // key of a release the partner possibly received before this one
	Token                                 int64  // fencing token: pass it as Prior
	Created, Expires                      time.Time
	Subjects                              []string
	Reason                                string
}

// seal is the keyed hash of the columns that never change on their own: a flipped bit
// must not send a message to another destination or past its turn.
func (d Delivery) seal(key []byte) []byte {
	var numbers []byte
	for _, n := range []int64{int64(d.Ordinal), int64(d.Urgency), d.Seq, nanos(d.Created), nanos(d.Expires)} {
		numbers = binary.BigEndian.AppendUint64(numbers, uint64(n))
	}
	return mac(key, []byte("delivery"), numbers, fields(append([]string{d.ID, d.Message, d.Destination, d.Route, d.Lane}, d.Subjects...)...))
}

// storeDeliveries puts the deliveries on their lanes, at the place of their message.
func (p *acceptance) storeDeliveries(t *tx) error {
	for i, n := range p.Deliveries {
		d := Delivery{
			ID: newID("d_"), Message: p.id, Destination: n.Destination, Route: n.Route, Lane: n.Lane, Urgency: n.Urgency,
			Seq: p.result.Seq, Ordinal: i, Created: t.now, Expires: n.Expires.UTC(), Subjects: n.Subjects,
		}
		if n.Expires.IsZero() {
			d.Expires = time.Time{}
		}
		err := t.exec(`INSERT INTO delivery (id, message, ordinal, destination, route, lane, urgency, seq, subjects, created, expires, mac,
			state, due, attempts, release, token, key, control_id, sha256, decision, predecessor, reason_key)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', ?, 0, 0, 0, '', '', '', '', '', '')`,
			d.ID, d.Message, d.Ordinal, d.Destination, d.Route, d.Lane, d.Urgency, d.Seq, subjectsText(d.Subjects),
			nanos(d.Created), nanos(d.Expires), d.seal(t.l.keys.rows), nanos(t.now))
		if err != nil {
			return err
		}
		p.result.Deliveries = append(p.result.Deliveries, d.ID)
		p.result.Lanes = append(p.result.Lanes, LaneDue{Lane: d.Lane, Destination: d.Destination, Due: d.Created})
	}
	return nil
}

func subjectsText(subjects []string) string {
	if len(subjects) == 0 {
		return "[]"
	}
	text, _ := json.Marshal(subjects) // strings always marshal
	return string(text)
}

// selectDelivery reads what scanDelivery scans.
const selectDelivery = `SELECT d.id, d.message, d.destination, d.route, d.lane, d.urgency, d.seq, d.ordinal, d.state, d.due, d.attempts, d.release,
	d.key, d.control_id, d.sha256, d.decision, d.predecessor, d.token, d.created, d.expires, d.subjects, d.mac, d.reason, d.reason_key, k.wrapped
	FROM delivery d LEFT JOIN data_key k ON k.id = d.reason_key `

func (l *Ledger) scanDelivery(scan scanner) (d Delivery, err error) {
	var due, created, expires int64
	var subjects, reasonKey string
	var seal, reason, wrapped []byte
	err = scan(&d.ID, &d.Message, &d.Destination, &d.Route, &d.Lane, &d.Urgency, &d.Seq, &d.Ordinal, &d.State, &due, &d.Attempts, &d.Release,
		&d.Key, &d.ControlID, &d.SHA256, &d.Decision, &d.Predecessor, &d.Token, &created, &expires, &subjects, &seal, &reason, &reasonKey, &wrapped)
	if err != nil {
		return d, err
	}
	d.Due, d.Created, d.Expires = instant(due), instant(created), instant(expires)
	if err := json.Unmarshal([]byte(subjects), &d.Subjects); err != nil || !hmac.Equal(seal, d.seal(l.keys.rows)) || !slices.Contains(deliveryStates, d.State) {
		return Delivery{}, fmt.Errorf("delivery %s: %w", d.ID, ErrIntegrity)
	}
	text, err := l.openIfKept(reasonKey, wrapped, place{table: "delivery", row: d.ID, column: "reason"}, reason)
	d.Reason = string(text)
	return d, err
}

// openIfKept opens a body whose key was perhaps destroyed; then there is none.
func (l *Ledger) openIfKept(key string, wrapped []byte, at place, sealed []byte) ([]byte, error) {
	if sealed == nil || wrapped == nil {
		return nil, nil
	}
	k, err := l.keys.unwrap(key, wrapped)
	if err != nil {
		return nil, err
	}
	return l.keys.open(k, at, sealed)
}

// Delivery returns one delivery.
func (l *Ledger) Delivery(ctx context.Context, id string) (Delivery, error) {
	list, err := l.deliveries(ctx, "WHERE d.id = ?", id)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Delivery{}, fmt.Errorf("delivery %s: %w", id, err)
	}
	return list[0], nil
}

// Deliveries returns the deliveries of a message, in the order of its acceptance.
func (l *Ledger) Deliveries(ctx context.Context, message string) ([]Delivery, error) {
	return l.deliveries(ctx, "WHERE d.message = ? ORDER BY d.ordinal", message)
}

func (l *Ledger) deliveries(ctx context.Context, where string, args ...any) ([]Delivery, error) {
	var list []Delivery
	err := l.read.each(ctx, selectDelivery+where, args, func(scan scanner) error {
		d, err := l.scanDelivery(scan)
		list = append(list, d)
		return err
	})
	return list, err
}

// DeliveryFilter chooses deliveries; empty fields choose all.
type DeliveryFilter struct {
	Destination, Lane, State, Message string
	Subject                           string // a child
	After                             int64  // Seq above which to start, for pages
	Limit                             int    // 0: no limit
}

// FindDeliveries returns the chosen deliveries in the order of their messages.
func (l *Ledger) FindDeliveries(ctx context.Context, f DeliveryFilter) ([]Delivery, error) {
	where := []string{"d.seq > ?"}
	args := []any{f.After}
	for _, c := range []struct{ column, value string }{
		{"destination", f.Destination}, {"lane", f.Lane}, {"state", f.State}, {"message", f.Message},
	} {
		if c.value != "" {
			where = append(where, "d."+c.column+" = ?")
			args = append(args, c.value)
		}
	}
	if f.Subject != "" {
		where = append(where, "d.subjects LIKE ?")
		args = append(args, `%"`+f.Subject+`"%`)
	}
	query := "WHERE " + strings.Join(where, " AND ") + " ORDER BY d.seq, d.ordinal"
	if f.Limit > 0 {
		query += " LIMIT ?"
		args = append(args, f.Limit)
	}
	return l.deliveries(ctx, query, args...)
}
