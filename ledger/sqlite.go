package ledger

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/mattn/go-sqlite3"
	"github.com/pressly/goose/v3"
)

// This file is the SQLite dialect: everything that PostgreSQL does differently.

//go:embed migrations/sqlite/*.sql
var sqliteMigrations embed.FS

const (
	sqliteBegin  = "BEGIN IMMEDIATE"                   // the write lock first, so that no transaction fails half-way for want of it
	sqliteByLane = "delivery INDEXED BY delivery_lane" // the planner prefers an index that it has to read all of
	sqliteFile   = "ledger.db"
	busyTimeout  = 10 * time.Second
	readers      = 4
	migrateTries = 20
)

// openSQLite opens the file with a connection pool for readers and one for the writer, and
// brings the schema up to date. Another process may be doing the same.
func openSQLite(ctx context.Context, dir string) (read, write *sql.DB, err error) {
	path := filepath.Join(dir, sqliteFile)
	// SQLite gives its -wal and -shm files the mode of the database.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open ledger: %w", err)
	}
	file.Close()
	write, err = openPool(path, url.Values{"_txlock": {"immediate"}, "_synchronous": {"FULL"}, "_secure_delete": {"true"}})
	if err != nil {
		return nil, nil, err
	}
	if err := migrateSQLite(ctx, write); err != nil {
		return nil, nil, errors.Join(err, write.Close())
	}
	read, err = openPool(path, url.Values{"_query_only": {"true"}})
	if err != nil {
		return nil, nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return read, write, nil
}

func openPool(path string, options url.Values) (*sql.DB, error) {
	options.Set("_journal_mode", "WAL")
	options.Set("_busy_timeout", fmt.Sprint(busyTimeout.Milliseconds()))
	db, err := sql.Open("sqlite3", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: options.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	return db, nil
}

// migrateSQLite applies what is missing. When two processes start on a new directory, one
// of them loses a step to the other and finds it done at its next try.
func migrateSQLite(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(sqliteMigrations, "migrations/sqlite")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	for range migrateTries {
		if _, err = provider.Up(ctx); err == nil || ctx.Err() != nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("migrate ledger: %w", err)
	}
	return nil
}

// spoils reports whether an error inside a transaction takes the whole transaction with
// it. A violated constraint does not; a full disk, an I/O error or a lost lock does, and
// SQLite may have rolled back already.
func spoils(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && e.Code != sqlite3.ErrConstraint
}

// passes reports whether a failed write leaves nothing behind that a later one could
// trip over: the disk was full or the lock was taken, and no sync was lost.
func passes(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && (e.Code == sqlite3.ErrFull || e.Code == sqlite3.ErrBusy || e.Code == sqlite3.ErrLocked)
}

// flushSQLite moves the write-ahead log into the database and empties it, so that pages
// which a failed sync may have left in the page cache are written again, and so that
// nothing deleted stays in the log. It reports false when a reader kept it from that.
func flushSQLite(ctx context.Context, conn *sql.Conn) (emptied bool, err error) {
	var busy, log, moved int
	if err := conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &moved); err != nil {
		return false, fmt.Errorf("flush ledger: %w", err)
	}
	return busy == 0, nil
}

// integritySQLite returns the first thing wrong with tables and indexes, without values; "" for nothing.
func integritySQLite(ctx context.Context, s *statements) (finding string, err error) {
	if err = s.row(ctx, "PRAGMA integrity_check(1)", nil, &finding); finding == "ok" {
		finding = ""
	}
	return finding, err
}
