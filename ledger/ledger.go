// Package ledger is the durable record: messages, decision inputs, deliveries, attempts,
// decisions, work and the audit log, in one SQL database. Bodies are opaque and encrypted
// here; the ledger knows no FHIR. What it acknowledged, it has synced to disk.
package ledger

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Errors that callers act on; test with errors.Is.
var (
	ErrConflict  = errors.New("control id was used for other content")
	ErrLinked    = errors.New("an identifier belongs to another child")
	ErrStale     = errors.New("what this was based on has changed")
	ErrToken     = errors.New("the delivery has moved on")
	ErrCommit    = errors.New("the commit failed")
	ErrNotFound  = errors.New("not found in the ledger")
	ErrClosed    = errors.New("the ledger is closed")
	ErrExpunged  = errors.New("the key was destroyed")
	ErrIntegrity = errors.New("a stored row does not match its seal")
	ErrKey       = errors.New("the key-encryption key does not open this ledger")
)

// Options say where the ledger is and which key opens it.
type Options struct {
	Dir          string           // directory of ledger.db; made with mode 0700 when absent
	KEK          []byte           // 32 bytes: wraps the data keys
	Plaintext    bool             // tests only: bodies are stored as they are
	Now          func() time.Time // nil: time.Now
	Writer       string           // label of this process in the audit log
	BeforeCommit func() error     // test hook: an error counts as a failed sync
}

// Ledger is an open ledger; safe for concurrent use. Several processes may open the same
// directory, so nothing is kept in memory that another process can change.
type Ledger struct {
	options Options
	keys    *keyring
	readDB  *sql.DB
	writeDB *sql.DB
	read    *statements
	writer  *writer
	close   func() error
}

// Open opens the ledger in o.Dir, and makes it when there is none. ErrKey means that it
// was made with another key.
func Open(ctx context.Context, o Options) (*Ledger, error) {
	keys, err := newKeyring(o.KEK, o.Plaintext)
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	l := &Ledger{options: o, keys: keys}
	if l.readDB, l.writeDB, err = openSQLite(ctx, o.Dir); err != nil {
		return nil, err
	}
	l.read = newStatements(l.readDB.PrepareContext)
	l.close = sync.OnceValue(func() error {
		return errors.Join(l.stop(), l.read.close(), l.readDB.Close(), l.writeDB.Close())
	})
	if err := l.start(ctx); err != nil {
		return nil, errors.Join(err, l.readDB.Close(), l.writeDB.Close())
	}
	return l, nil
}

func (l *Ledger) start(ctx context.Context) error {
	// The connection outlives the context that the caller opened the ledger with.
	conn, err := l.writeDB.Conn(context.WithoutCancel(ctx))
	if err != nil {
		return fmt.Errorf("open ledger: %w", err)
	}
	if _, err := flushSQLite(ctx, conn); err != nil {
		return err
	}
	w := &writer{
		l: l, conn: conn, sql: newStatements(conn.PrepareContext),
		items: make(chan *item), quit: make(chan struct{}), ended: make(chan struct{}),
		chain: newChain(l.options.Writer, l.now()),
	}
	l.writer = w
	go w.run()
	if err := l.checkKey(ctx); err != nil {
		return errors.Join(err, l.stop())
	}
	return nil
}

// checkKey compares the key-encryption key with the one that the ledger was made with.
func (l *Ledger) checkKey(ctx context.Context) error {
	want := mac(l.keys.rows, []byte("key check"))
	if l.options.Plaintext {
		want = append(want, 'p')
	}
	return l.write(ctx, func(t *tx) error {
		if err := t.exec("INSERT INTO meta (name, value) VALUES ('key', ?) ON CONFLICT DO NOTHING", want); err != nil {
			return err
		}
		var have []byte
		if err := t.row("SELECT value FROM meta WHERE name = 'key'", nil, &have); err != nil {
			return err
		}
		if !hmac.Equal(have, want) {
			return ErrKey
		}
		return nil
	})
}

// Close writes the last checkpoint of the audit log and closes the database. What waits to
// be written gets ErrClosed. Closing again does nothing.
func (l *Ledger) Close() error { return l.close() }

func (l *Ledger) stop() error {
	close(l.writer.quit)
	<-l.writer.ended
	return errors.Join(l.writer.sql.close(), l.writer.conn.Close())
}

// Ready returns nil while the ledger takes writes, and otherwise why it does not. After a
// failed commit it stays not ready until it is opened again; after a full disk until a
// write succeeds.
func (l *Ledger) Ready() error {
	select {
	case <-l.writer.ended:
		return ErrClosed
	default:
	}
	if why := l.writer.broken.Load(); why != nil {
		return errors.Join(ErrCommit, *why)
	}
	return nil
}

func (l *Ledger) now() time.Time { return l.options.Now().UTC() }
