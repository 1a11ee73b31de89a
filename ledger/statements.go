package ledger

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// statements runs queries that are prepared once each.
type statements struct {
	prepare func(ctx context.Context, query string) (*sql.Stmt, error)
	mu      sync.Mutex
	known   map[string]*sql.Stmt
}

func newStatements(prepare func(context.Context, string) (*sql.Stmt, error)) *statements {
	return &statements{prepare: prepare, known: map[string]*sql.Stmt{}}
}

func (s *statements) get(ctx context.Context, query string) (*sql.Stmt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stmt := s.known[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := s.prepare(ctx, query)
	if err == nil {
		s.known[query] = stmt
	}
	return stmt, err
}

func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, stmt := range s.known {
		errs = append(errs, stmt.Close())
	}
	clear(s.known)
	return errors.Join(errs...)
}

// exec returns the number of rows it changed.
func (s *statements) exec(ctx context.Context, query string, args ...any) (int64, error) {
	stmt, err := s.get(ctx, query)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// row reads one row, or returns ErrNotFound.
func (s *statements) row(ctx context.Context, query string, args []any, dest ...any) error {
	stmt, err := s.get(ctx, query)
	if err != nil {
		return err
	}
	err = stmt.QueryRowContext(ctx, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

// scanner reads the columns of the current row.
type scanner func(dest ...any) error

// each calls f for every row.
func (s *statements) each(ctx context.Context, query string, args []any, f func(scan scanner) error) error {
	stmt, err := s.get(ctx, query)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// texts reads a column of strings.
func (s *statements) texts(ctx context.Context, query string, args ...any) ([]string, error) {
	var list []string
	err := s.each(ctx, query, args, func(scan scanner) error {
		var text string
		err := scan(&text)
		list = append(list, text)
		return err
	})
	return list, err
}
