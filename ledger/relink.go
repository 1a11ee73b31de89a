package ledger

import "strings"

// relinkBodies seals the bodies of a message with the key of its new child. Attempts and
// work stay under the key that they were written with, which an unknown child's message
// hands over.
func (t *tx) relinkBodies(message, from, to string, key dataKey) error {
	var oldID string
	var wrapped []byte
	columns := []string{"raw", "bundle", "issues"}
	bodies := make([][]byte, len(columns))
	err := t.row("SELECT m.key_id, k.wrapped, m.raw, m.bundle, m.issues FROM message m LEFT JOIN data_key k ON k.id = m.key_id WHERE m.id = ?",
		[]any{message}, &oldID, &wrapped, &bodies[0], &bodies[1], &bodies[2])
	if err != nil {
		return err
	}
	old, err := t.l.keys.unwrap(oldID, wrapped)
	if err != nil {
		return err
	}
	for i, column := range columns {
		at := place{table: "message", row: message, column: column}
		body, err := t.l.keys.open(old, at, bodies[i])
		if err != nil {
			return err
		}
		bodies[i] = t.l.keys.seal(key, at, body)
	}
	m, err := t.message(message)
	if err != nil {
		return err
	}
	m.Child = to
	err = t.exec("UPDATE message SET child = ?, key_id = ?, mac = ?, raw = ?, bundle = ?, issues = ? WHERE id = ?",
		to, key.id, m.seal(t.l.keys.rows), bodies[0], bodies[1], bodies[2], message)
	if err != nil {
		return err
	}
	// An identifier that this message was the first to name was said of the new child.
	if err := t.exec("UPDATE link SET child = ? WHERE message = ? AND child = ?", to, message, from); err != nil {
		return err
	}
	if err := t.relinkResources(message, to, old, key); err != nil {
		return err
	}
	return t.exec("UPDATE data_key SET child = ? WHERE id = ? AND child = ''", to, oldID)
}

func (t *tx) relinkResources(message, to string, old, key dataKey) error {
	type resource struct {
		typ, id string
		body    []byte
	}
	var list []resource
	err := t.each(t.ctx, "SELECT type, id, body FROM resource WHERE message = ?", []any{message}, func(scan scanner) error {
		var r resource
		err := scan(&r.typ, &r.id, &r.body)
		list = append(list, r)
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range list {
		at := resourcePlace(r.typ, r.id)
		body, err := t.l.keys.open(old, at, r.body)
		if err != nil {
			return err
		}
		err = t.exec("UPDATE resource SET child = ?, key_id = ?, body = ? WHERE type = ? AND id = ?", to, key.id, t.l.keys.seal(key, at, body), r.typ, r.id)
		if err != nil {
			return err
		}
	}
	return nil
}

// relinkInputs ends what the message stated about its old child and states it about the new one.
func (t *tx) relinkInputs(message, from, to string, key dataKey) error {
	type stated struct {
		id, key string
		wrapped []byte
		body    []byte
		InputVersion
	}
	var list []stated
	err := t.each(t.ctx, `SELECT i.id, i.kind, i.ended, i.key_id, i.body, k.wrapped FROM input i LEFT JOIN data_key k ON k.id = i.key_id
		WHERE i.message = ? AND i.child = ? AND i.latest`, []any{message, from}, func(scan scanner) error {
		var s stated
		err := scan(&s.id, &s.Kind, &s.Ended, &s.key, &s.body, &s.wrapped)
		list = append(list, s)
		return err
	})
	if err != nil {
		return err
	}
	for _, s := range list {
		if err := t.l.openInput(&s.InputVersion, from, s.id, s.key, s.wrapped, s.body); err != nil {
			return err
		}
		old, err := t.l.keys.unwrap(s.key, s.wrapped)
		if err != nil {
			return err
		}
		ended := t.l.sealInput(old, Input{Child: from, Kind: s.Kind, Key: s.Key, Body: s.Body, Ended: true})
		if err := t.addInput(ended, message); err != nil {
			return err
		}
		moved := t.l.sealInput(key, Input{Child: to, Kind: s.Kind, Key: s.Key, Body: s.Body, Ended: s.Ended})
		if err := t.addInput(moved, message); err != nil {
			return err
		}
	}
	if from != "" {
		if _, err := t.raiseEpoch(from); err != nil {
			return err
		}
	}
	_, err = t.raiseEpoch(to)
	return err
}

// relinkDeliveries moves what has not left to the lane and the subject of the new child.
func (t *tx) relinkDeliveries(message, from, to string, _ dataKey) error {
	if from == "" {
		return nil
	}
	var list []Delivery
	err := t.each(t.ctx, selectDelivery+"WHERE d.message = ? AND d.state IN ('pending', 'held', 'failed', 'denied')", []any{message}, func(scan scanner) error {
		d, err := t.l.scanDelivery(scan)
		list = append(list, d)
		return err
	})
	if err != nil {
		return err
	}
	for _, d := range list {
		if lane, ok := strings.CutSuffix(d.Lane, "/"+from); ok {
			d.Lane = lane + "/" + to
		}
		for i, subject := range d.Subjects {
			if subject == from {
				d.Subjects[i] = to
			}
		}
		err := t.exec("UPDATE delivery SET lane = ?, subjects = ?, mac = ?, token = token + 1 WHERE id = ?",
			d.Lane, subjectsText(d.Subjects), d.seal(t.l.keys.rows), d.ID)
		if err != nil {
			return err
		}
	}
	return nil
}
