package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	batchMost      = 128         // items of one group commit
	checkpointRows = 10_000      // audit rows between two checkpoints
	checkpointTime = time.Minute // between two checkpoints while rows are written
)

// writer is the one goroutine that writes. It runs the items that wait in one transaction,
// each under a savepoint: an item that fails is rolled back alone, one sync serves them all.
type writer struct {
	l       *Ledger
	items   chan *item // unbuffered: who waits is still a sender, nobody is left in a queue at Close
	quit    chan struct{}
	ended   chan struct{}
	conn    *sql.Conn
	sql     *statements
	chain   chain
	broken  atomic.Pointer[error] // why the ledger is not ready
	final   bool                  // broken for good
	lastErr error
}

// item is one caller's part of a transaction.
type item struct {
	ctx  context.Context
	do   func(*tx) error // nil: empty the write-ahead log
	err  error
	done chan struct{}
}

// tx is what an item sees of the running transaction.
type tx struct {
	*statements
	ctx   context.Context
	l     *Ledger
	chain *chain
	now   time.Time
}

func (t *tx) exec(query string, args ...any) error {
	_, err := t.statements.exec(t.ctx, query, args...)
	return err
}

func (t *tx) count(query string, args ...any) (int64, error) {
	return t.statements.exec(t.ctx, query, args...)
}

func (t *tx) row(query string, args []any, dest ...any) error {
	return t.statements.row(t.ctx, query, args, dest...)
}

// next raises a counter and returns its new value.
func (t *tx) next(counter string) (n int64, err error) {
	err = t.row("UPDATE counter SET value = value + 1 WHERE name = ? RETURNING value", []any{counter}, &n)
	return n, err
}

// write hands do to the writer and returns when its transaction is durable or undone. A
// context that ends while do waits its turn takes it back; once do runs, its outcome is
// waited for, so that no caller is left not knowing.
func (l *Ledger) write(ctx context.Context, do func(*tx) error) error {
	return l.submit(&item{ctx: ctx, do: do, done: make(chan struct{})})
}

func (l *Ledger) submit(it *item) error {
	select {
	case l.writer.items <- it:
	case <-l.writer.ended:
		return ErrClosed
	case <-it.ctx.Done():
		return it.ctx.Err()
	}
	<-it.done
	return it.err
}

func (w *writer) run() {
	defer close(w.ended)
	tick := time.NewTicker(checkpointTime)
	defer tick.Stop()
	for {
		select {
		case it := <-w.items:
			w.serve(w.gather(it))
		case <-tick.C:
			w.serve(nil)
		case <-w.quit:
			w.chain.due = true
			w.serve(nil)
			return
		}
	}
}

// gather takes along what waits already.
func (w *writer) gather(first *item) []*item {
	batch := []*item{first}
	for len(batch) < batchMost {
		select {
		case it := <-w.items:
			batch = append(batch, it)
		default:
			return batch
		}
	}
	return batch
}

// serve runs a batch and tells every caller.
func (w *writer) serve(batch []*item) {
	err := w.lastErr
	if !w.final {
		err = w.commit(batch)
		w.note(err)
	}
	for _, it := range batch {
		switch {
		case err != nil:
			it.err = errors.Join(ErrCommit, err)
		case it.do == nil:
			it.err = w.flush()
		}
		close(it.done)
	}
}

// note keeps why a batch failed. After a failed sync nobody knows what is on the disk and
// the kernel reports it only once, so nothing is written any more until the ledger is
// opened again; a full disk or a lock that was not had leaves no such doubt.
func (w *writer) note(err error) {
	if err == nil {
		w.broken.Store(nil)
		return
	}
	w.lastErr, w.final = err, !passes(err)
	w.broken.Store(&err)
}

// commit runs one transaction; an error means that none of it is there.
func (w *writer) commit(batch []*item) (err error) {
	ctx := context.Background() // a transaction is never cancelled half-way
	t := &tx{statements: w.sql, ctx: ctx, l: w.l, chain: &w.chain, now: w.l.now()}
	before := w.chain
	if len(batch) == 0 && !w.chain.wants(t.now) {
		return nil
	}
	if err := t.exec(sqliteBegin); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() {
		if err != nil {
			w.chain = before
			_, _ = w.conn.ExecContext(ctx, "ROLLBACK") // fails when SQLite rolled back by itself
		}
	}()
	for _, it := range batch {
		if err := w.one(t, it); err != nil {
			return err
		}
	}
	if err := w.chain.write(t); err != nil {
		return fmt.Errorf("audit chain: %w", err)
	}
	if hook := w.l.options.BeforeCommit; hook != nil {
		if err := hook(); err != nil {
			return err
		}
	}
	if err := t.exec("COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	w.chain.committed(w.l)
	return nil
}

// one runs an item under its savepoint. The error it returns spoils the whole batch.
func (w *writer) one(t *tx, it *item) error {
	if it.err = it.ctx.Err(); it.err != nil || it.do == nil {
		return nil
	}
	before := w.chain
	if err := t.exec("SAVEPOINT item"); err != nil {
		return err
	}
	it.err = it.do(t)
	if it.err != nil {
		if spoils(it.err) {
			return it.err
		}
		w.chain = before
		if err := t.exec("ROLLBACK TO item"); err != nil {
			return err
		}
	}
	return t.exec("RELEASE item")
}

func (w *writer) flush() error {
	emptied, err := flushSQLite(context.Background(), w.conn)
	if err == nil && !emptied {
		err = errors.New("a reader keeps the write-ahead log from being emptied")
	}
	return err
}

// flush empties the write-ahead log, between two transactions of the writer.
func (l *Ledger) flush(ctx context.Context) error {
	return l.submit(&item{ctx: ctx, done: make(chan struct{})})
}
