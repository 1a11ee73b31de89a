package ledger

import (
	"context"
	"errors"
	"fmt"
)

// Projected is one resource version that a message brings.
type Projected struct {
	Type, ID string
	Body     []byte
	Deleted  bool
	Terms    []Term
}

// Term is one search term of a resource; only the keyed hash of its value is stored.
type Term struct {
	Param string
	Value []byte
}

func resourcePlace(typ, id string) place {
	return place{table: "resource", row: typ + "/" + id, column: "body"}
}

// projection is one message with what was made of it.
type projection struct {
	message   Message
	key       dataKey
	expunged  bool
	resources []Projected
	bodies    [][]byte
}

// Project hands the next accepted messages, at most limit, to f in the order of their
// acceptance, and stores what f makes of them. It returns how many it did and the
// watermark that it reached. An error of f stops at that message; what was before it is kept.
// When another process projects too, one of both does nothing.
func (l *Ledger) Project(ctx context.Context, limit int, f func(m Message, bundle []byte) ([]Projected, error)) (done int, watermark int64, err error) {
	var generation int64
	err = l.read.row(ctx, "SELECT p.value, g.value FROM counter p, counter g WHERE p.name = 'projected' AND g.name = 'generation'", nil, &watermark, &generation)
	if err != nil {
		return 0, 0, fmt.Errorf("project: %w", err)
	}
	list, err := l.unprojected(ctx, watermark, limit)
	if err != nil {
		return 0, watermark, fmt.Errorf("project: %w", err)
	}
	for i := range list {
		if failed := l.project(ctx, &list[i], f); failed != nil {
			list, err = list[:i], fmt.Errorf("project message %s: %w", list[i].message.ID, failed)
			break
		}
	}
	if len(list) == 0 {
		return 0, watermark, err
	}
	reached, wrote := list[len(list)-1].message.Position, false
	failed := l.write(ctx, func(t *tx) error {
		n, err := t.count("UPDATE counter SET value = ? WHERE name = 'projected' AND value = ? AND EXISTS (SELECT 1 FROM counter WHERE name = 'generation' AND value = ?)",
			reached, watermark, generation)
		if err != nil || n == 0 {
			return err
		}
		wrote = true
		return t.storeProjections(list)
	})
	if failed != nil {
		return 0, watermark, fmt.Errorf("project: %w", failed)
	}
	if !wrote {
		return 0, watermark, err
	}
	return len(list), reached, err
}

func (l *Ledger) unprojected(ctx context.Context, after int64, limit int) ([]projection, error) {
	var list []projection
	// Positions are given out in the write transaction, so they become visible in their order.
	err := l.read.each(ctx, "SELECT "+messageColumns+`, m.key_id, k.wrapped FROM message m LEFT JOIN data_key k ON k.id = m.key_id
		WHERE m.position > ? AND m.position > 0 ORDER BY m.position LIMIT ?`, []any{after, limit}, func(scan scanner) error {
		var p projection
		var key string
		var wrapped []byte
		var err error
		if p.message, err = l.scanMessage(scan, &key, &wrapped); err != nil {
			return err
		}
		if p.expunged = wrapped == nil; !p.expunged {
			p.key, err = l.keys.unwrap(key, wrapped)
		}
		list = append(list, p)
		return err
	})
	return list, err
}

// project lets f work and seals the result, outside of the writer.
func (l *Ledger) project(ctx context.Context, p *projection, f func(m Message, bundle []byte) ([]Projected, error)) (err error) {
	if p.expunged {
		return nil
	}
	bundle, err := l.Bundle(ctx, p.message.ID)
	if err != nil {
		return err
	}
	if p.resources, err = f(p.message, bundle); err != nil {
		return err
	}
	for _, r := range p.resources {
		p.bodies = append(p.bodies, l.keys.seal(p.key, resourcePlace(r.Type, r.ID), r.Body))
	}
	return nil
}

func (t *tx) storeProjections(list []projection) error {
	for _, p := range list {
		if len(p.resources) == 0 {
			continue
		}
		if err := t.haveKey(p.key); err != nil {
			return err
		}
		for i, r := range p.resources {
			if err := t.storeResource(p, r, p.bodies[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tx) storeResource(p projection, r Projected, body []byte) error {
	var owner string
	err := t.row("SELECT child FROM resource WHERE type = ? AND id = ?", []any{r.Type, r.ID}, &owner)
	if err == nil && owner != p.message.Child { // an id that stands for another child's resource: theirs stays
		return nil
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	err = t.exec(`INSERT INTO resource (type, id, child, message, deleted, key_id, body) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (type, id) DO UPDATE SET child = excluded.child, message = excluded.message, deleted = excluded.deleted, key_id = excluded.key_id, body = excluded.body`,
		r.Type, r.ID, p.message.Child, p.message.ID, r.Deleted, p.key.id, body)
	if err != nil {
		return err
	}
	if err := t.exec("DELETE FROM resource_term WHERE type = ? AND id = ?", r.Type, r.ID); err != nil || r.Deleted {
		return err
	}
	for _, term := range r.Terms {
		err := t.exec("INSERT INTO resource_term (type, param, value, id) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
			r.Type, term.Param, t.l.keys.blind("term", term.Value), r.ID)
		if err != nil {
			return err
		}
	}
	return nil
}

// ResetProjection forgets all projected resources, to be made again by Project.
func (l *Ledger) ResetProjection(ctx context.Context) error {
	err := l.write(ctx, func(t *tx) error {
		for _, statement := range []string{
			"DELETE FROM resource_term", "DELETE FROM resource", "UPDATE counter SET value = 0 WHERE name = 'projected'",
			"UPDATE counter SET value = value + 1 WHERE name = 'generation'", // what another process is making now is void
		} {
			if err := t.exec(statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reset projection: %w", err)
	}
	return nil
}

// Watermark returns how far the projection is, and how far it can be: it contains a message
// once projected has reached the message's Position.
func (l *Ledger) Watermark(ctx context.Context) (projected, accepted int64, err error) {
	err = l.read.row(ctx, "SELECT p.value, a.value FROM counter p, counter a WHERE p.name = 'projected' AND a.name = 'position'", nil, &projected, &accepted)
	if err != nil {
		return 0, 0, fmt.Errorf("watermark: %w", err)
	}
	return projected, accepted, nil
}

// Resource returns the current version of a resource, its child, and the message that
// brought it. A deleted one gives ErrNotFound.
func (l *Ledger) Resource(ctx context.Context, typ, id string) (child string, body []byte, message string, err error) {
	var key string
	var sealed, wrapped []byte
	err = l.read.row(ctx, `SELECT r.child, r.message, r.key_id, r.body, k.wrapped FROM resource r LEFT JOIN data_key k ON k.id = r.key_id
		WHERE r.type = ? AND r.id = ? AND r.deleted = FALSE`, []any{typ, id}, &child, &message, &key, &sealed, &wrapped)
	if err != nil {
		return "", nil, "", fmt.Errorf("%s: %w", typ, err)
	}
	k, err := l.keys.unwrap(key, wrapped)
	if err == nil {
		body, err = l.keys.open(k, resourcePlace(typ, id), sealed)
	}
	if err != nil {
		return "", nil, "", fmt.Errorf("%s: %w", typ, err)
	}
	return child, body, message, nil
}

// FindResources returns the ids of the resources of a type that have a search term.
func (l *Ledger) FindResources(ctx context.Context, typ, param string, value []byte) ([]string, error) {
	list, err := l.read.texts(ctx, "SELECT id FROM resource_term WHERE type = ? AND param = ? AND value = ? ORDER BY id", typ, param, l.keys.blind("term", value))
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", typ, err)
	}
	return list, nil
}

// ResourcesOf returns the ids of a child's resources of a type.
func (l *Ledger) ResourcesOf(ctx context.Context, child, typ string) ([]string, error) {
	list, err := l.read.texts(ctx, "SELECT id FROM resource WHERE child = ? AND type = ? AND deleted = FALSE AND child <> '' ORDER BY id", child, typ)
	if err != nil {
		return nil, fmt.Errorf("%s of child: %w", typ, err)
	}
	return list, nil
}
