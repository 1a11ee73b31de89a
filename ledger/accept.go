package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// Acceptance is everything that one received message adds to the ledger, in one transaction.
type Acceptance struct {
	Partner, Protocol, ContentType, Interaction, ControlID, Event string
	Received                                                      time.Time
	Raw, Bundle, Issues                                           []byte        // Bundle is nil when held before decoding
	State                                                         string        // MessageAccepted, MessageHeld or MessageRefused
	Code                                                          string        // how it was answered
	Reserve                                                       bool          // reserve (Partner, ControlID) against duplicates: only after AA, CA, 2xx
	Window                                                        time.Duration // how long it stays reserved
	AcceptConflict                                                bool          // same id, other content: accept and flag instead of ErrConflict
	Child                                                         string        // "" unknown
	NewChild                                                      bool          // Child is created here; its id is from NewChildID
	Links                                                         []Link
	Aliases                                                       []Alias
	Inputs                                                        []Input
	Changes                                                       bool // it changes decision inputs: no copy, even when these very bytes came before
	Deliveries                                                    []NewDelivery
	Work                                                          []NewWork
	Events                                                        []Event // Message and Child are filled in where empty
	Reprocess                                                     string  // id of the held message that this acceptance processes again
}

// Accepted is the durable result of an Acceptance.
type Accepted struct {
	Message    string
	Seq        int64
	Position   int64            // watermark at which a projection contains it; 0 when not accepted
	Duplicate  bool             // Message is the first copy, nothing was stored but an audit event
	FirstCode  string           // how the first copy was answered
	Deliveries []string         // ids, in the order of Acceptance.Deliveries
	Lanes      []LaneDue        // lanes with something new
	Epochs     map[string]int64 // new epochs of the children whose inputs changed
}

// Alias is a word by which a person finds a message: kind "placer", "bundle" or "file".
// Its value is stored in clear, so it must not be personal.
type Alias struct{ Kind, Value string }

// acceptance is an Acceptance on its way into the database: sealed before it enters the writer.
type acceptance struct {
	*Acceptance
	id                  string
	sha256              string
	key                 dataKey
	raw, bundle, issues []byte
	inputs              []sealedInput
	work                []sealedWork
	keys                map[string]dataKey // by child
	conflict, flagged   bool
	supersedes          string
	result              Accepted
}

// Accept stores a message and all that follows from it in one transaction, and returns when
// that is durable. A second copy within the window of a reserved (partner, control id)
// gives Duplicate; other content under the same id ErrConflict, or is accepted and flagged.
// A link that stands for another child gives ErrLinked, a Reprocess of a message that is
// no longer held ErrStale. An error means that nothing was stored.
func (l *Ledger) Accept(ctx context.Context, a *Acceptance) (Accepted, error) {
	p, err := l.prepare(ctx, a)
	if err != nil {
		return Accepted{}, fmt.Errorf("accept: %w", err)
	}
	err = l.write(ctx, p.store)
	if err == nil && p.conflict {
		err = ErrConflict
	}
	if err != nil {
		return Accepted{}, fmt.Errorf("accept: %w", err)
	}
	return p.result, nil
}

// prepare compresses and encrypts, so that the writer has nothing to do but insert.
func (l *Ledger) prepare(ctx context.Context, a *Acceptance) (*acceptance, error) {
	p := &acceptance{Acceptance: a, id: newID("m_"), keys: map[string]dataKey{}}
	raw := a.Raw
	if a.Reprocess != "" {
		p.id = a.Reprocess
		var err error
		if raw, err = l.Raw(ctx, p.id); err != nil {
			return nil, err
		}
	}
	sum := sha256.Sum256(raw)
	p.sha256 = hex.EncodeToString(sum[:])
	var err error
	if p.key, err = l.messageKey(ctx, p); err != nil {
		return nil, err
	}
	p.raw = l.keys.seal(p.key, place{table: "message", row: p.id, column: "raw"}, raw)
	p.bundle = l.keys.seal(p.key, place{table: "message", row: p.id, column: "bundle"}, a.Bundle)
	p.issues = l.keys.seal(p.key, place{table: "message", row: p.id, column: "issues"}, a.Issues)
	for _, in := range a.Inputs {
		key, err := l.childKey(ctx, p, in.Child)
		if err != nil {
			return nil, err
		}
		p.inputs = append(p.inputs, l.sealInput(key, in))
	}
	for _, w := range a.Work {
		p.work = append(p.work, l.sealWork(p.key, w))
	}
	return p, nil
}

// messageKey is the key of the child, or one of the message's own while the child is unknown.
func (l *Ledger) messageKey(ctx context.Context, p *acceptance) (dataKey, error) {
	if p.Child == "" {
		return l.keys.newKey("")
	}
	return l.childKey(ctx, p, p.Child)
}

func (l *Ledger) childKey(ctx context.Context, p *acceptance, child string) (key dataKey, err error) {
	if key, ok := p.keys[child]; ok {
		return key, nil
	}
	if p.NewChild && child == p.Child {
		key, err = l.keys.newKey(child)
	} else {
		key, err = l.mainKey(ctx, child)
	}
	if err == nil {
		p.keys[child] = key
	}
	return key, err
}

// store is the transaction of Accept.
func (p *acceptance) store(t *tx) error {
	p.result = Accepted{Message: p.id}
	if done, err := p.duplicate(t); done || err != nil {
		return err
	}
	steps := []func(*tx) error{p.storeChild, p.storeKeys, p.storeMessage, p.storeLinks, p.storeAliases, p.storeInputs, p.storeDeliveries, p.storeWork}
	for _, step := range steps {
		if err := step(t); err != nil {
			return err
		}
	}
	return t.log(p.events()...)
}

func (p *acceptance) events() []Event {
	events := make([]Event, len(p.Events))
	for i, e := range p.Events {
		if e.Message == "" {
			e.Message = p.id
		}
		if e.Child == "" {
			e.Child = p.Child
		}
		events[i] = e
	}
	return events
}

// storeKeys stores the new keys, and makes sure that the others were not destroyed since
// they were read: what is sealed with a destroyed key would be lost.
func (p *acceptance) storeKeys(t *tx) error {
	keys := []dataKey{p.key}
	for child, key := range p.keys {
		if child != p.Child {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		if err := t.haveKey(key); err != nil {
			return err
		}
	}
	return nil
}

func (p *acceptance) storeMessage(t *tx) (err error) {
	if p.State == MessageAccepted {
		if p.result.Position, err = t.next("position"); err != nil {
			return err
		}
	}
	if p.Reprocess != "" {
		return p.replaceMessage(t)
	}
	if err := p.supersede(t); err != nil {
		return err
	}
	if p.result.Seq, err = t.next("message"); err != nil {
		return err
	}
	err = t.exec(`INSERT INTO message (id, seq, position, partner, protocol, content_type, interaction, control_id, event,
		state, code, child, received, stored, sha256, reserved, supersedes, flagged, key_id, mac, issues, bundle, raw)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		p.id, p.result.Seq, p.result.Position, p.Partner, p.Protocol, p.ContentType, p.Interaction, p.ControlID, p.Event,
		p.State, p.Code, p.Child, nanos(p.Received), nanos(t.now), p.sha256, p.Reserve, p.supersedes, p.flagged, p.key.id, p.message().seal(t.l.keys.rows),
		p.issues, p.bundle, p.raw)
	if err != nil {
		return err
	}
	return p.reserve(t)
}

// message is the part of the row that is sealed.
func (p *acceptance) message() Message {
	return Message{
		ID: p.id, Seq: p.result.Seq, Partner: p.Partner, Protocol: p.Protocol, ContentType: p.ContentType, Interaction: p.Interaction,
		ControlID: p.ControlID, Event: p.Event, Child: p.Child, Received: p.Received, RawSHA256: p.sha256,
	}
}

// replaceMessage processes a held message again: it keeps its id, its place, where it came
// from and when it was received.
func (p *acceptance) replaceMessage(t *tx) error {
	m, err := t.message(p.id)
	if err != nil {
		return err
	}
	if m.State != MessageHeld && m.State != MessageRefused || m.RawSHA256 != p.sha256 {
		return ErrStale
	}
	p.result.Seq, m.Event, m.Child = m.Seq, p.Event, p.Child
	err = t.exec(`UPDATE message SET position = ?, event = ?, state = ?, code = ?, child = ?, reserved = (reserved OR ?), key_id = ?, mac = ?,
		issues = ?, bundle = ?, raw = ? WHERE id = ?`,
		p.result.Position, p.Event, p.State, p.Code, p.Child, p.Reserve, p.key.id, m.seal(t.l.keys.rows), p.issues, p.bundle, p.raw, p.id)
	if err != nil {
		return err
	}
	if err := t.closeWork("message", p.id); err != nil {
		return err
	}
	// Earlier work and its notes stay readable until their child is expunged.
	if err := t.exec("UPDATE data_key SET child = ? WHERE child = '' AND id IN (SELECT key_id FROM work WHERE message = ?)", p.Child, p.id); err != nil {
		return err
	}
	return p.reserve(t)
}

func (t *tx) message(id string) (m Message, err error) {
	err = ErrNotFound
	failed := t.each(t.ctx, "SELECT "+messageColumns+" FROM message m WHERE m.id = ?", []any{id}, func(scan scanner) error {
		m, err = t.l.scanMessage(scan)
		return err
	})
	if failed != nil {
		err = failed
	}
	return m, err
}

func (p *acceptance) storeAliases(t *tx) error {
	for _, a := range p.Aliases {
		if err := t.exec("INSERT INTO alias (kind, value, message) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", a.Kind, a.Value, p.id); err != nil {
			return err
		}
	}
	return nil
}

func (p *acceptance) storeWork(t *tx) error {
	for _, w := range p.work {
		if w.partner == "" {
			w.partner = p.Partner
		}
		if err := t.addWork(w, p.id, ""); err != nil {
			return err
		}
	}
	return nil
}
