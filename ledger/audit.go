package ledger

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"
)

// Event is one row of the audit log. Body is JSON without personal values, stored in clear.
type Event struct {
	Kind, Partner, Message, Delivery, Child, Outcome string
	Body                                             []byte
}

// AuditRow is an event with its place in the chain of the process that wrote it.
type AuditRow struct {
	Writer string
	N      int64 // from 1, without gaps
	At     time.Time
	Event
}

// chain is the head of this process's own audit chain. Each process has one, so that
// several do not queue for one head; checkpoints join them.
type chain struct {
	writer string
	n      int64
	hash   []byte // of row n
	moved  bool   // since the last commit
	sealed int64  // n at the last checkpoint
	at     time.Time
	due    bool   // a checkpoint is wanted now
	last   []byte // the checkpoint of this transaction, to be copied out after the commit
}

func newChain(label string, now time.Time) chain {
	if label == "" {
		label = "ledger"
	}
	return chain{writer: label + "." + newID(""), at: now}
}

// hash is the keyed hash of a row over the previous hash and every column.
func (r AuditRow) hash(key, previous []byte) []byte {
	columns := fields(r.Writer, r.Kind, r.Partner, r.Message, r.Delivery, r.Child, r.Outcome, string(r.Body))
	var numbers [17]byte
	binary.BigEndian.PutUint64(numbers[:], uint64(r.N))
	binary.BigEndian.PutUint64(numbers[8:], uint64(nanos(r.At)))
	if r.Body != nil {
		numbers[16] = 1
	}
	return mac(key, previous, numbers[:], columns)
}

// log appends events to the audit log of this process.
func (t *tx) log(events ...Event) error {
	for _, e := range events {
		row := AuditRow{Writer: t.chain.writer, N: t.chain.n + 1, At: t.now, Event: e}
		hash := row.hash(t.l.keys.chain, t.chain.hash)
		err := t.exec(`INSERT INTO audit (writer, n, at, kind, partner, message, delivery, child, outcome, body, hash)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			row.Writer, row.N, nanos(row.At), e.Kind, e.Partner, e.Message, e.Delivery, e.Child, e.Outcome, e.Body, hash)
		if err != nil {
			return err
		}
		t.chain.n, t.chain.hash, t.chain.moved = row.N, hash, true
	}
	return nil
}

// Log writes events of their own, such as that somebody read the raw bytes of a message.
func (l *Ledger) Log(ctx context.Context, e ...Event) error {
	return l.write(ctx, func(t *tx) error { return t.log(e...) })
}

// auditColumns are read by scanAudit.
const auditColumns = "writer, n, at, kind, partner, message, delivery, child, outcome, body"

func scanAudit(scan scanner, more ...any) (AuditRow, error) {
	var r AuditRow
	var at int64
	err := scan(append([]any{&r.Writer, &r.N, &at, &r.Kind, &r.Partner, &r.Message, &r.Delivery, &r.Child, &r.Outcome, &r.Body}, more...)...)
	r.At = instant(at)
	return r, err
}

// Events returns the audit rows about a message, oldest first.
func (l *Ledger) Events(ctx context.Context, message string) ([]AuditRow, error) {
	return l.events(ctx, "message = ? AND message <> ''", message)
}

// EventsOf returns the audit rows about a child, oldest first.
func (l *Ledger) EventsOf(ctx context.Context, child string) ([]AuditRow, error) {
	return l.events(ctx, "child = ? AND child <> ''", child)
}

func (l *Ledger) events(ctx context.Context, where, value string) ([]AuditRow, error) {
	var list []AuditRow
	err := l.read.each(ctx, "SELECT "+auditColumns+" FROM audit WHERE "+where+" ORDER BY at, writer, n", []any{value}, func(scan scanner) error {
		r, err := scanAudit(scan)
		list = append(list, r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	return list, nil
}
