package house

import (
	"database/sql"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3" // to read the ledger's database without the ledger
)

// books reads the ledger's database as it lies on disk, without the ledger and without
// changing it: what a process that was just killed has left behind.
type books struct {
	t  *testing.T
	db *sql.DB
}

func (s *served) books() *books {
	s.T.Helper()
	path := url.URL{Scheme: "file", Path: filepath.Join(s.Data, "ledger.db"), RawQuery: "mode=ro&_busy_timeout=10000"}
	db, err := sql.Open("sqlite3", path.String())
	if err != nil {
		s.T.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return &books{s.T, db}
}

func (b *books) close() { _ = b.db.Close() }

// column returns the text values of a query.
func (b *books) column(query string, args ...any) []string {
	b.t.Helper()
	rows, err := b.db.Query(query, args...)
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			b.t.Fatal(err)
		}
		all = append(all, v)
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	return all
}

func (b *books) count(query string, args ...any) int {
	b.t.Helper()
	var n int
	if err := b.db.QueryRow(query, args...).Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	return n
}

// accepted are the control ids of the care organisation's accepted messages.
func (b *books) accepted() map[string]bool {
	b.t.Helper()
	set := map[string]bool{}
	for _, id := range b.column("SELECT control_id FROM message WHERE partner = 'cmo' AND state = 'accepted'") {
		set[id] = true
	}
	return set
}

// intents are the recorded intents for a destination: whose message, which key, which bytes.
// keyed says which column a partner sees as the key.
func (b *books) intents(destination, keyed string) map[arrival]bool {
	b.t.Helper()
	rows, err := b.db.Query("SELECT m.control_id, a."+keyed+`, a.sha256 FROM attempt a JOIN delivery d ON d.id = a.delivery JOIN message m ON m.id = d.message
		WHERE d.destination = ? AND a.sha256 <> ''`, destination)
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	set := map[arrival]bool{}
	for rows.Next() {
		var a arrival
		if err := rows.Scan(&a.origin, &a.key, &a.sha256); err != nil {
			b.t.Fatal(err)
		}
		set[a] = true
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	return set
}

// unfinished counts deliveries that have not come to an end.
func (b *books) unfinished() int {
	b.t.Helper()
	return b.count("SELECT count(*) FROM delivery WHERE state IN ('pending', 'intended')")
}

// quiet waits until every delivery has come to an end.
func (s *served) quiet(patience time.Duration) {
	s.T.Helper()
	b := s.books()
	defer b.close()
	for deadline := time.Now().Add(patience); b.unfinished() > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.T.Fatalf("%d deliveries have not come to an end within %s\n%s", b.unfinished(), patience, s.Log())
		}
	}
}
