package ledger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Input is a new version of one decision input: a consent, an authority, an order, a label.
// It raises the child's epoch in the same transaction.
type Input struct {
	Child, Kind string
	Key         string // such as "Consent/xyz"; stored hashed and encrypted
	Body        []byte
	Ended       bool // the input no longer counts
}

// InputVersion is the current version of a decision input.
type InputVersion struct {
	Kind, Key string
	Version   int64 // 1 for the first
	Body      []byte
	Ended     bool
	Message   string // that brought it
	At        time.Time
}

// sealedInput is an Input as it is stored. Its seal vouches for child, kind and ended too:
// a flipped bit must not turn an ended consent into one that counts.
type sealedInput struct {
	id, child, kind string
	hash            []byte
	ended           bool
	keyID           string
	body            []byte
}

func inputPlace(id, child, kind string, ended bool) place {
	return place{table: "input", row: id, column: "body", more: []string{child, kind, strconv.FormatBool(ended)}}
}

func (l *Ledger) sealInput(key dataKey, in Input) sealedInput {
	s := sealedInput{id: newID("i_"), child: in.Child, kind: in.Kind, ended: in.Ended, keyID: key.id}
	s.hash = l.keys.blind("input", fields(in.Kind, in.Key))
	body := binary.AppendUvarint(nil, uint64(len(in.Key)))
	body = append(append(body, in.Key...), in.Body...)
	s.body = l.keys.seal(key, inputPlace(s.id, s.child, s.kind, s.ended), body)
	return s
}

// storeInputs adds the versions and raises the epoch of every child that they are about.
func (p *acceptance) storeInputs(t *tx) (err error) {
	for _, in := range p.inputs {
		if err := t.addInput(in, p.id); err != nil {
			return err
		}
		if p.result.Epochs == nil {
			p.result.Epochs = map[string]int64{}
		}
		if _, raised := p.result.Epochs[in.child]; raised {
			continue
		}
		if p.result.Epochs[in.child], err = t.raiseEpoch(in.child); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) addInput(in sealedInput, message string) error {
	var version int64
	err := t.row("SELECT version FROM input WHERE child = ? AND kind = ? AND key_hash = ? ORDER BY version DESC LIMIT 1",
		[]any{in.child, in.kind, in.hash}, &version)
	if err == nil {
		err = t.exec("UPDATE input SET latest = FALSE WHERE child = ? AND kind = ? AND key_hash = ? AND version = ?", in.child, in.kind, in.hash, version)
	} else if errors.Is(err, ErrNotFound) {
		err = nil
	}
	if err != nil {
		return err
	}
	return t.exec(`INSERT INTO input (id, child, kind, key_hash, version, latest, ended, message, at, key_id, body)
		VALUES (?, ?, ?, ?, ?, TRUE, ?, ?, ?, ?, ?)`,
		in.id, in.child, in.kind, in.hash, version+1, in.ended, message, nanos(t.now), in.keyID, in.body)
}

// InputsAt returns the version of every decision input that was current at an instant, for the
// replay of a decision recorded then.
func (l *Ledger) InputsAt(ctx context.Context, child string, at time.Time) ([]InputVersion, error) {
	var list []InputVersion
	err := l.read.each(ctx, `SELECT i.id, i.kind, i.version, i.ended, i.message, i.at, i.key_id, i.body, k.wrapped
		FROM input i LEFT JOIN data_key k ON k.id = i.key_id
		WHERE i.child = ? AND i.at <= ? AND NOT EXISTS (SELECT 1 FROM input n
			WHERE n.child = i.child AND n.kind = i.kind AND n.key_hash = i.key_hash AND n.version > i.version AND n.at <= ?)
		ORDER BY i.kind, i.at, i.id`, []any{child, nanos(at), nanos(at)}, func(scan scanner) error {
		var v InputVersion
		var id, key string
		var stored int64
		var body, wrapped []byte
		if err := scan(&id, &v.Kind, &v.Version, &v.Ended, &v.Message, &stored, &key, &body, &wrapped); err != nil {
			return err
		}
		if wrapped == nil {
			return ErrExpunged
		}
		v.At = instant(stored)
		err := l.openInput(&v, child, id, key, wrapped, body)
		list = append(list, v)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("inputs of child %s: %w", child, err)
	}
	return list, nil
}

// Inputs returns the current version of every decision input of a child, ended ones too,
// and the epoch that they make up: one consistent read. They come in the order of (kind, first stored).
func (l *Ledger) Inputs(ctx context.Context, child string) ([]InputVersion, int64, error) {
	var list []InputVersion
	var epoch, expunged int64
	known := false
	// One statement, so that inputs and epoch are of one moment.
	err := l.read.each(ctx, `SELECT c.epoch, c.expunged, COALESCE(i.id, ''), COALESCE(i.kind, ''), COALESCE(i.version, 0), COALESCE(i.ended, FALSE),
			COALESCE(i.message, ''), COALESCE(i.at, 0), COALESCE(i.key_id, ''), i.body, k.wrapped
		FROM child c LEFT JOIN input i ON i.child = c.id AND i.latest LEFT JOIN data_key k ON k.id = i.key_id
		WHERE c.id = ? ORDER BY i.kind, i.at, i.id`, []any{child}, func(scan scanner) error {
		var v InputVersion
		var id, key string
		var at int64
		var body, wrapped []byte
		known = true
		if err := scan(&epoch, &expunged, &id, &v.Kind, &v.Version, &v.Ended, &v.Message, &at, &key, &body, &wrapped); err != nil || id == "" {
			return err
		}
		v.At = instant(at)
		err := l.openInput(&v, child, id, key, wrapped, body)
		list = append(list, v)
		return err
	})
	switch {
	case err != nil:
	case !known:
		err = ErrNotFound
	case expunged != 0:
		err = ErrExpunged
	}
	if err != nil {
		return nil, 0, fmt.Errorf("inputs of child %s: %w", child, err)
	}
	return list, epoch, nil
}

func (l *Ledger) openInput(v *InputVersion, child, id, key string, wrapped, sealed []byte) error {
	k, err := l.keys.unwrap(key, wrapped)
	if err != nil {
		return err
	}
	at := inputPlace(id, child, v.Kind, v.Ended)
	body, err := l.keys.open(k, at, sealed)
	if err != nil {
		return err
	}
	n, used := binary.Uvarint(body)
	if used <= 0 || n > uint64(len(body)-used) {
		return at.damaged()
	}
	v.Key, v.Body = string(body[used:used+int(n)]), body[used+int(n):]
	return nil
}
