package ledger

import (
	"context"
	"fmt"
	"time"
)

// States of a work item.
const (
	WorkOpen     = "open"
	WorkResolved = "resolved"
)

// NewWork asks a person to do something about a message or a delivery.
type NewWork struct {
	Kind, Owner, Partner string
	Remedy               string // what to do, in words
	Note                 []byte
}

// Work is an item of the work list. Remedy, Note and Resolution are empty once the child
// was expunged.
type Work struct {
	ID, Kind, Owner, Partner, Message, Delivery, Remedy, State string
	Note, Resolution                                           []byte
	Created, Resolved                                          time.Time
}

// sealedWork is a NewWork as it is stored.
type sealedWork struct {
	id, kind, owner, partner, keyID string
	remedy, note                    []byte
}

func workPlace(id, column string) place { return place{table: "work", row: id, column: column} }

func (l *Ledger) sealWork(key dataKey, w NewWork) sealedWork {
	s := sealedWork{id: newID("w_"), kind: w.Kind, owner: w.Owner, partner: w.Partner, keyID: key.id}
	s.remedy = l.keys.seal(key, workPlace(s.id, "remedy"), []byte(w.Remedy))
	s.note = l.keys.seal(key, workPlace(s.id, "note"), w.Note)
	return s
}

func (t *tx) addWork(w sealedWork, message, delivery string) error {
	return t.exec(`INSERT INTO work (id, kind, owner, partner, message, delivery, state, created, resolved, key_id, remedy, note)
		VALUES (?, ?, ?, ?, ?, ?, 'open', ?, 0, ?, ?, ?)`, w.id, w.kind, w.owner, w.partner, message, delivery, nanos(t.now), w.keyID, w.remedy, w.note)
}

// closeWork resolves the open items of a message ("message") or a delivery ("delivery").
func (t *tx) closeWork(of, id string) error {
	return t.exec("UPDATE work SET state = 'resolved', resolved = ? WHERE state = 'open' AND "+of+" = ?", nanos(t.now), id)
}

// AddWork puts an item on the work list, about a message, a delivery or neither.
func (l *Ledger) AddWork(ctx context.Context, w NewWork, message, delivery string) (string, error) {
	key, err := l.workKey(ctx, message, delivery)
	if err != nil {
		return "", fmt.Errorf("add work: %w", err)
	}
	s := l.sealWork(key, w)
	err = l.write(ctx, func(t *tx) error {
		if err := t.haveKey(key); err != nil {
			return err
		}
		return t.addWork(s, message, delivery)
	})
	if err != nil {
		return "", fmt.Errorf("add work: %w", err)
	}
	return s.id, nil
}

func (l *Ledger) workKey(ctx context.Context, message, delivery string) (dataKey, error) {
	switch {
	case message != "":
		return l.keyBy(ctx, "SELECT m.key_id, k.wrapped FROM message m LEFT JOIN data_key k ON k.id = m.key_id WHERE m.id = ?", message)
	case delivery != "":
		return l.deliveryKey(ctx, delivery)
	}
	return l.keys.newKey("")
}

// ResolveWork closes an open item with a note on what was done; ErrStale when it is closed already.
func (l *Ledger) ResolveWork(ctx context.Context, id, note string, e []Event) error {
	key, err := l.keyBy(ctx, "SELECT w.key_id, k.wrapped FROM work w LEFT JOIN data_key k ON k.id = w.key_id WHERE w.id = ?", id)
	if err != nil {
		return fmt.Errorf("resolve work %s: %w", id, err)
	}
	resolution := l.keys.seal(key, workPlace(id, "resolution"), []byte(note))
	err = l.write(ctx, func(t *tx) error {
		n, err := t.count("UPDATE work SET state = 'resolved', resolved = ?, resolution = ? WHERE id = ? AND state = 'open'", nanos(t.now), resolution, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrStale
		}
		return t.log(e...)
	})
	if err != nil {
		return fmt.Errorf("resolve work %s: %w", id, err)
	}
	return nil
}

const selectWork = `SELECT w.id, w.kind, w.owner, w.partner, w.message, w.delivery, w.state, w.created, w.resolved, w.key_id, w.remedy, w.note, w.resolution, k.wrapped
	FROM work w LEFT JOIN data_key k ON k.id = w.key_id `

// WorkItems returns the items in a state, oldest first; "" for all.
func (l *Ledger) WorkItems(ctx context.Context, state string) ([]Work, error) {
	if state == "" {
		return l.workItems(ctx, "ORDER BY w.created, w.id")
	}
	return l.workItems(ctx, "WHERE w.state = ? ORDER BY w.created, w.id", state)
}

// WorkOf returns the items about a message and its deliveries, oldest first.
func (l *Ledger) WorkOf(ctx context.Context, message string) ([]Work, error) {
	return l.workItems(ctx, "WHERE w.message = ? ORDER BY w.created, w.id", message)
}

// Work returns one item.
func (l *Ledger) Work(ctx context.Context, id string) (Work, error) {
	list, err := l.workItems(ctx, "WHERE w.id = ?", id)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("work %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return Work{}, err
	}
	return list[0], nil
}

func (l *Ledger) workItems(ctx context.Context, where string, args ...any) ([]Work, error) {
	var list []Work
	err := l.read.each(ctx, selectWork+where, args, func(scan scanner) error {
		w, err := l.scanWork(scan)
		list = append(list, w)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read work list: %w", err)
	}
	return list, nil
}

func (l *Ledger) scanWork(scan scanner) (w Work, err error) {
	var created, resolved int64
	var key string
	var remedy, note, resolution, wrapped []byte
	err = scan(&w.ID, &w.Kind, &w.Owner, &w.Partner, &w.Message, &w.Delivery, &w.State, &created, &resolved, &key, &remedy, &note, &resolution, &wrapped)
	if err != nil {
		return w, err
	}
	w.Created, w.Resolved = instant(created), instant(resolved)
	if remedy, err = l.openIfKept(key, wrapped, workPlace(w.ID, "remedy"), remedy); err != nil {
		return w, err
	}
	w.Remedy = string(remedy)
	if w.Note, err = l.openIfKept(key, wrapped, workPlace(w.ID, "note"), note); err != nil {
		return w, err
	}
	w.Resolution, err = l.openIfKept(key, wrapped, workPlace(w.ID, "resolution"), resolution)
	return w, err
}
