package ledger

import (
	"bytes"
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
)

// Link ties an identifier to the child of the message.
type Link struct {
	Term  []byte // "system|value"; only its keyed hash is stored
	Agree []byte // what must agree for the term to count, such as folded name and birth date; only its keyed hash is stored
}

// Found is a known term and the child it stands for.
type Found struct {
	Term  []byte
	Child string
	keys  *keyring
	agree []byte
}

// Agree reports whether candidate is what was linked together with the term. A term that
// was linked with nothing to agree on agrees with everything.
func (f Found) Agree(candidate []byte) bool {
	return f.agree == nil || hmac.Equal(f.agree, f.keys.blind("agree", candidate))
}

// FindChild returns the known ones of the terms, in their order.
func (l *Ledger) FindChild(ctx context.Context, terms [][]byte) ([]Found, error) {
	var found []Found
	for _, term := range terms {
		f := Found{Term: bytes.Clone(term), keys: l.keys}
		err := l.read.row(ctx, "SELECT child, agree FROM link WHERE term = ?", []any{l.keys.blind("link", term)}, &f.Child, &f.agree)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("find child: %w", err)
		}
		found = append(found, f)
	}
	return found, nil
}

// mainKey is the data key that seals new rows of a child.
func (l *Ledger) mainKey(ctx context.Context, child string) (dataKey, error) {
	var id string
	var wrapped []byte
	err := l.read.row(ctx, "SELECT id, wrapped FROM data_key WHERE child = ? AND child <> '' AND main = TRUE", []any{child}, &id, &wrapped)
	if errors.Is(err, ErrNotFound) {
		return dataKey{}, fmt.Errorf("child %s: %w", child, ErrNotFound)
	}
	if err != nil {
		return dataKey{}, err
	}
	return l.keys.unwrap(id, wrapped)
}

// haveKey stores a fresh key and checks that another one still exists.
func (t *tx) haveKey(key dataKey) error {
	if key.fresh {
		return t.exec("INSERT INTO data_key (id, child, main, wrapped, created) VALUES (?, ?, ?, ?, ?)", key.id, key.child, key.main, key.wrapped, nanos(t.now))
	}
	var one int
	err := t.row("SELECT 1 FROM data_key WHERE id = ?", []any{key.id}, &one)
	if errors.Is(err, ErrNotFound) {
		return ErrStale
	}
	return err
}

func (p *acceptance) storeChild(t *tx) error {
	if !p.NewChild {
		return nil
	}
	return t.exec("INSERT INTO child (id, epoch, created, expunged) VALUES (?, 1, ?, 0)", p.Child, nanos(t.now))
}

// storeLinks ties the terms to the child; one that stands for another child refuses the message.
func (p *acceptance) storeLinks(t *tx) error {
	for _, link := range p.Links {
		var agree []byte
		if link.Agree != nil {
			agree = t.l.keys.blind("agree", link.Agree)
		}
		changed, err := t.count(`INSERT INTO link (term, child, agree, message, created) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (term) DO UPDATE SET agree = COALESCE(excluded.agree, link.agree) WHERE link.child = excluded.child`,
			t.l.keys.blind("link", link.Term), p.Child, agree, p.id, nanos(t.now))
		if err != nil {
			return err
		}
		if changed == 0 {
			return ErrLinked
		}
	}
	return nil
}

// raiseEpoch says that decisions about a child made until now no longer hold.
func (t *tx) raiseEpoch(child string) (epoch int64, err error) {
	err = t.row("UPDATE child SET epoch = epoch + 1 WHERE id = ? RETURNING epoch", []any{child}, &epoch)
	if errors.Is(err, ErrNotFound) {
		err = fmt.Errorf("child %s: %w", child, ErrNotFound)
	}
	return epoch, err
}

// Epoch returns the number that every change of a child's decision inputs raises.
func (l *Ledger) Epoch(ctx context.Context, child string) (epoch int64, err error) {
	err = l.read.row(ctx, "SELECT epoch FROM child WHERE id = ?", []any{child}, &epoch)
	if err != nil {
		return 0, fmt.Errorf("epoch of child %s: %w", child, err)
	}
	return epoch, nil
}
