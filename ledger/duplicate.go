package ledger

import "errors"

// duplicate looks for an earlier copy under the same partner and control id. It reports
// true when the message is not to be stored: a second copy, or a conflict that is refused;
// of both an audit event remains.
func (p *acceptance) duplicate(t *tx) (done bool, err error) {
	if p.ControlID == "" || p.Reprocess != "" {
		return false, nil
	}
	var first, code string
	same := false
	err = t.row(`SELECT message, code, sha256 = ? FROM reservation WHERE partner = ? AND control_id = ? AND until > ?
		ORDER BY sha256 = ? DESC LIMIT 1`, []any{p.sha256, p.Partner, p.ControlID, nanos(t.now), p.sha256}, &first, &code, &same)
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	case same && p.Changes: // said, taken back, and said again
		return false, nil
	case same:
		p.result = Accepted{Message: first, Duplicate: true, FirstCode: code}
		err := t.row("SELECT seq, position FROM message WHERE id = ?", []any{first}, &p.result.Seq, &p.result.Position)
		if err != nil {
			return false, err
		}
		return true, t.log(Event{Kind: "duplicate", Partner: p.Partner, Message: first, Outcome: code})
	case p.AcceptConflict:
		p.flagged = true
		return false, nil
	case !p.Reserve: // refused by the caller: kept, and it takes the id from nobody
		return false, nil
	}
	p.conflict = true
	return true, t.log(Event{Kind: "conflict", Partner: p.Partner, Message: first, Outcome: "refused"})
}

// reserve holds the control id against copies. A message that was answered AE or AR
// reserves nothing: its sender corrects it and sends it again under the same id.
func (p *acceptance) reserve(t *tx) error {
	if !p.Reserve || p.ControlID == "" || p.Window <= 0 {
		return nil
	}
	return t.exec(`INSERT INTO reservation (partner, control_id, sha256, message, code, until) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (partner, control_id, sha256) DO UPDATE SET message = excluded.message, code = excluded.code, until = excluded.until`,
		p.Partner, p.ControlID, p.sha256, p.id, p.Code, nanos(t.now.Add(p.Window)))
}

// supersede retires the earlier copies that were held or refused without reserving.
func (p *acceptance) supersede(t *tx) error {
	if p.ControlID == "" {
		return nil
	}
	earlier, err := t.texts(t.ctx, `SELECT id FROM message WHERE partner = ? AND control_id = ? AND reserved = FALSE AND state IN ('held', 'refused') ORDER BY seq`,
		p.Partner, p.ControlID)
	if err != nil {
		return err
	}
	for _, id := range earlier {
		p.supersedes = id
		if err := t.exec("UPDATE message SET state = 'superseded' WHERE id = ?", id); err != nil {
			return err
		}
		if err := t.closeWork("message", id); err != nil {
			return err
		}
		if err := t.log(Event{Kind: "superseded", Partner: p.Partner, Message: id, Outcome: p.id}); err != nil {
			return err
		}
	}
	return nil
}
