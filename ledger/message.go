package ledger

import (
	"context"
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// States of a message.
const (
	MessageAccepted   = "accepted"   // processed: its deliveries are on their lanes
	MessageHeld       = "held"       // kept, a person has to look
	MessageRefused    = "refused"    // kept, the sender was told to correct it
	MessageSuperseded = "superseded" // a later copy took its place
)

var messageStates = []string{MessageAccepted, MessageHeld, MessageRefused, MessageSuperseded}

// Message is what the ledger knows of one received message without its bodies.
type Message struct {
	ID, Partner, Protocol, ContentType, Interaction string
	Seq                                             int64 // place in the order of acceptance
	ControlID, Event, State, Code                   string
	Child                                           string // "" unknown
	Received                                        time.Time
	RawSHA256                                       string // lower-case hex
	Supersedes                                      string // id of the held copy it replaced
	Flagged                                         bool   // its control id was used before for other content
	Position                                        int64  // place in the order of projection; 0 when not accepted
}

const messageColumns = `m.id, m.partner, m.protocol, m.content_type, m.interaction, m.seq, m.control_id, m.event, m.state, m.code, m.child,
	m.received, m.sha256, m.supersedes, m.flagged, m.position, m.mac`

func (l *Ledger) scanMessage(scan scanner, more ...any) (m Message, err error) {
	var received int64
	var seal []byte
	err = scan(append([]any{
		&m.ID, &m.Partner, &m.Protocol, &m.ContentType, &m.Interaction, &m.Seq, &m.ControlID, &m.Event, &m.State, &m.Code, &m.Child,
		&received, &m.RawSHA256, &m.Supersedes, &m.Flagged, &m.Position, &seal,
	}, more...)...)
	m.Received = instant(received)
	if err == nil && (!hmac.Equal(seal, m.seal(l.keys.rows)) || !slices.Contains(messageStates, m.State)) {
		return Message{}, fmt.Errorf("message %s: %w", m.ID, ErrIntegrity)
	}
	return m, err
}

// seal is the keyed hash of the columns that stay: a flipped bit must not give a message
// to another partner or child.
func (m Message) seal(key []byte) []byte {
	numbers := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(m.Seq)), uint64(nanos(m.Received)))
	return mac(key, []byte("message"), numbers, fields(m.ID, m.Partner, m.Protocol, m.ContentType, m.Interaction, m.ControlID, m.Event, m.Child, m.RawSHA256))
}

// Message returns one message.
func (l *Ledger) Message(ctx context.Context, id string) (Message, error) {
	m, found := Message{}, false
	err := l.read.each(ctx, "SELECT "+messageColumns+" FROM message m WHERE m.id = ?", []any{id}, func(scan scanner) (err error) {
		m, err = l.scanMessage(scan)
		found = true
		return err
	})
	if err == nil && !found {
		err = ErrNotFound
	}
	if err != nil {
		return Message{}, fmt.Errorf("message %s: %w", id, err)
	}
	return m, nil
}

// Raw returns the bytes as they were received. Reading them is worth an event: see Log.
func (l *Ledger) Raw(ctx context.Context, id string) ([]byte, error) {
	return l.messageBody(ctx, id, "raw")
}

// Bundle returns what the message was decoded to; nil when it never was.
func (l *Ledger) Bundle(ctx context.Context, id string) ([]byte, error) {
	return l.messageBody(ctx, id, "bundle")
}

// Issues returns what was found wrong with the message; nil for nothing.
func (l *Ledger) Issues(ctx context.Context, id string) ([]byte, error) {
	return l.messageBody(ctx, id, "issues")
}

func (l *Ledger) messageBody(ctx context.Context, id, column string) ([]byte, error) {
	var key string
	var sealed, wrapped []byte
	err := l.read.row(ctx, "SELECT m.key_id, k.wrapped, m."+column+" FROM message m LEFT JOIN data_key k ON k.id = m.key_id WHERE m.id = ?",
		[]any{id}, &key, &wrapped, &sealed)
	if err != nil {
		return nil, fmt.Errorf("%s of message %s: %w", column, id, err)
	}
	k, err := l.keys.unwrap(key, wrapped)
	if err != nil {
		return nil, fmt.Errorf("%s of message %s: %w", column, id, err)
	}
	return l.keys.open(k, place{table: "message", row: id, column: column}, sealed)
}

// Kinds of words that FindMessages knows besides those of Alias.
const (
	FindID       = "id"       // ours
	FindControl  = "control"  // "PARTNER/ID", as the partner named it
	FindOutbound = "outbound" // key or control id of something we sent
)

// FindMessages returns the ids of the messages that a person may mean, oldest first.
func (l *Ledger) FindMessages(ctx context.Context, kind, value string) ([]string, error) {
	query := "SELECT m.id FROM message m WHERE "
	args := []any{value}
	switch kind {
	case FindID:
		query += "m.id = ?"
	case FindControl:
		partner, id, ok := strings.Cut(value, "/")
		if !ok {
			return nil, nil
		}
		query, args = query+"m.partner = ? AND m.control_id = ?", []any{partner, id}
	case FindOutbound:
		query += `m.id IN (SELECT d.message FROM attempt a JOIN delivery d ON d.id = a.delivery WHERE a.key = ? AND a.key <> ''
			UNION SELECT d.message FROM attempt a JOIN delivery d ON d.id = a.delivery WHERE a.control_id = ? AND a.control_id <> '')`
		args = []any{value, value}
	default:
		query, args = query+"m.id IN (SELECT message FROM alias WHERE kind = ? AND value = ?)", []any{kind, value}
	}
	list, err := l.read.texts(ctx, query+" ORDER BY m.seq", args...)
	if err != nil {
		return nil, fmt.Errorf("find messages: %w", err)
	}
	return list, nil
}

// MessagesOf returns the ids of a child's messages, oldest first.
func (l *Ledger) MessagesOf(ctx context.Context, child string) ([]string, error) {
	list, err := l.read.texts(ctx, "SELECT id FROM message WHERE child = ? AND child <> '' ORDER BY seq", child)
	if err != nil {
		return nil, fmt.Errorf("messages of child: %w", err)
	}
	return list, nil
}

// Relink says that a message is about another child. Its bodies are sealed anew with that
// child's key, the identifiers that it was the first to name and the decision inputs that
// it brought go to that child and raise both epochs, and its deliveries that have not left
// change lanes and keep their place. ErrStale means
// that one of them is on the way: try again when it has arrived.
func (l *Ledger) Relink(ctx context.Context, message, toChild string, e []Event) error {
	key, err := l.mainKey(ctx, toChild)
	if err != nil {
		return fmt.Errorf("relink %s: %w", message, err)
	}
	err = l.write(ctx, func(t *tx) error {
		var from string
		var busy int
		if err := t.row("SELECT child FROM message WHERE id = ?", []any{message}, &from); err != nil || from == toChild {
			return err
		}
		err := t.row("SELECT 1 FROM delivery WHERE message = ? AND state = 'intended'", []any{message}, &busy)
		if err == nil {
			return ErrStale
		}
		if !errors.Is(err, ErrNotFound) {
			return err
		}
		if err := t.haveKey(key); err != nil {
			return err
		}
		for _, step := range []func(message, from, to string, key dataKey) error{t.relinkBodies, t.relinkInputs, t.relinkDeliveries} {
			if err := step(message, from, toChild, key); err != nil {
				return err
			}
		}
		return t.log(e...)
	})
	if err != nil {
		return fmt.Errorf("relink %s: %w", message, err)
	}
	return nil
}
