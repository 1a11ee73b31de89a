package ledger

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// tamper runs statements on the database behind the ledger's back.
func tamper(t *testing.T, dir string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(dir, sqliteFile))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		result, err := db.Exec(s)
		if err != nil {
			t.Fatal(s, err)
		}
		if n, _ := result.RowsAffected(); n == 0 {
			t.Fatalf("%s: nothing changed", s)
		}
	}
}

// logged makes a ledger with two chains of 10 rows and a checkpoint for each of them, and
// an open one whose last 5 rows no checkpoint covers.
func logged(t *testing.T) (dir string, l *Ledger) {
	dir = t.TempDir()
	for range 2 {
		l := open(t, dir)
		for i := range 10 {
			if err := l.Log(t.Context(), Event{Kind: "read", Partner: "p", Message: fmt.Sprint("m", i), Outcome: "permit", Body: []byte("{}")}); err != nil {
				t.Fatal(err)
			}
		}
		l.Close()
	}
	l = open(t, dir)
	for range 5 {
		if err := l.Log(t.Context(), Event{Kind: "read", Outcome: "permit"}); err != nil {
			t.Fatal(err)
		}
	}
	return dir, l
}

func TestVerify(t *testing.T) {
	t.Parallel()
	// The chains have random names: first and open stand for them.
	const (
		first = "(SELECT writer FROM checkpoint WHERE n = 1)"
		last  = "(SELECT writer FROM chain WHERE sealed = 0)"
	)
	cases := []struct {
		name       string
		statements []string
		bad        int64 // 0: intact
		where      string
	}{
		{name: "intact"},
		{name: "edit", statements: []string{"UPDATE audit SET outcome = 'deny' WHERE n = 4 AND writer = " + first}, bad: 4, where: first},
		{name: "edit body", statements: []string{"UPDATE audit SET body = NULL WHERE n = 4 AND writer = " + first}, bad: 4, where: first},
		{name: "edit time", statements: []string{"UPDATE audit SET at = at + 1 WHERE n = 4 AND writer = " + first}, bad: 4, where: first},
		{name: "move text between columns", statements: []string{"UPDATE audit SET partner = partner || message, message = '' WHERE n = 4 AND writer = " + first}, bad: 4, where: first},
		{name: "delete", statements: []string{"DELETE FROM audit WHERE n = 6 AND writer = " + first}, bad: 6, where: first},
		{name: "delete the first", statements: []string{"DELETE FROM audit WHERE n = 1 AND writer = " + first}, bad: 1, where: first},
		{name: "insert", statements: []string{
			"UPDATE audit SET n = n + 100 WHERE n >= 5 AND writer = " + first,
			"INSERT INTO audit SELECT writer, 5, at, kind, partner, message, delivery, child, outcome, body, hash FROM audit WHERE n = 4 AND writer = " + first,
			"UPDATE audit SET n = n - 99 WHERE n > 100",
		}, bad: 5, where: first},
		{name: "insert at the end", statements: []string{
			"INSERT INTO audit SELECT writer, 6, at, kind, partner, message, delivery, child, outcome, body, hash FROM audit WHERE n = 5 AND writer = " + last,
		}, bad: 6, where: last},
		{name: "reorder", statements: []string{ // n is part of the key, so rows change places by way of numbers far off
			"UPDATE audit SET n = n + 100 WHERE n IN (3, 4) AND writer = " + first,
			"UPDATE audit SET n = 4 WHERE n = 103", "UPDATE audit SET n = 3 WHERE n = 104",
		}, bad: 3, where: first},
		{name: "truncate", statements: []string{"DELETE FROM audit WHERE n > 7 AND writer = " + first}, bad: 8, where: first},
		{name: "truncate what no checkpoint covers", statements: []string{"DELETE FROM audit WHERE n > 3 AND writer = " + last}, bad: 4, where: last},
		{name: "truncate with the head", statements: []string{
			"DELETE FROM audit WHERE n > 7 AND writer = " + first,
			"UPDATE chain SET n = 7, hash = (SELECT hash FROM audit WHERE n = 7 AND writer = chain.writer) WHERE writer = " + first,
		}, bad: 7, where: first},
		{name: "drop a chain", statements: []string{"DELETE FROM chain WHERE writer = " + first, "DELETE FROM audit WHERE writer = " + first}, bad: 10, where: first},
		{name: "drop an unsealed chain", statements: []string{"DELETE FROM audit WHERE writer = " + last}, bad: 1, where: last},
		{name: "change a checkpoint", statements: []string{"UPDATE checkpoint SET at = at + 1 WHERE n = 1"}, bad: 1, where: "'checkpoint'"},
		{name: "change a checkpoint's heads", statements: []string{"UPDATE checkpoint SET heads = replace(heads, '\"n\":10', '\"n\":11') WHERE n = 2"}, bad: 2, where: "'checkpoint'"},
		{name: "delete a checkpoint", statements: []string{"DELETE FROM checkpoint WHERE n = 1"}, bad: 1, where: "'checkpoint'"},
		{name: "delete the last checkpoint", statements: []string{"DELETE FROM checkpoint WHERE n = 2"}, bad: 2, where: "'checkpoint'"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir, l := logged(t)
			writer := ""
			if c.where != "" {
				if err := l.readDB.QueryRow("SELECT " + c.where).Scan(&writer); err != nil {
					t.Fatal(err)
				}
			}
			tamper(t, dir, c.statements...)
			v := must[Verification](t)(l.Verify(t.Context()))
			switch {
			case c.bad == 0 && (v.Bad != nil || v.Rows != 25 || v.Writers != 3 || v.Checkpoints != 2 || !v.Anchored):
				t.Errorf("verification %+v, bad %+v", v, v.Bad)
			case c.bad != 0 && (v.Bad == nil || v.Bad.N != c.bad || v.Bad.Writer != writer):
				t.Errorf("bad %+v, want row %d of %s", v.Bad, c.bad, writer)
			}
		})
	}
}

// TestAnchorTampered changes the copy of the last checkpoint outside the database.
func TestAnchorTampered(t *testing.T) {
	t.Parallel()
	dir, l := logged(t)
	if err := os.WriteFile(filepath.Join(dir, anchorFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if v := must[Verification](t)(l.Verify(t.Context())); v.Bad == nil || v.Bad.Writer != checkpointChain {
		t.Errorf("verification %+v", v)
	}
	os.Remove(filepath.Join(dir, anchorFile))
	if v := must[Verification](t)(l.Verify(t.Context())); v.Bad != nil || v.Anchored {
		t.Errorf("without the copy: %+v", v)
	}
}

// TestCheckpointEachMinute writes over some minutes of the clock.
func TestCheckpointEachMinute(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := open(t, t.TempDir(), func(o *Options) { o.Now = func() time.Time { return now } })
	for range 5 {
		now = now.Add(40 * time.Second)
		if err := l.Log(t.Context(), Event{Kind: "read"}); err != nil {
			t.Fatal(err)
		}
	}
	if v := must[Verification](t)(l.Verify(t.Context())); v.Bad != nil || v.Checkpoints != 2 || v.Rows != 5 {
		t.Errorf("verification %+v, bad %+v", v, v.Bad)
	}
}

// TestRefusedItemLeavesChainWhole lets an item fail after it logged.
func TestRefusedItemLeavesChainWhole(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())
	for i := range 10 {
		l.write(t.Context(), func(tx *tx) error {
			if err := tx.log(Event{Kind: "read"}); err != nil {
				return err
			}
			if i%2 == 0 {
				return ErrStale
			}
			return nil
		})
	}
	if v := must[Verification](t)(l.Verify(t.Context())); v.Bad != nil || v.Rows != 5 {
		t.Errorf("verification %+v, bad %+v", v, v.Bad)
	}
}

func TestHashCoversThePreviousRow(t *testing.T) {
	t.Parallel()
	row := AuditRow{Writer: "w", N: 2, Event: Event{Kind: "read"}}
	if string(row.hash(testKey, []byte("a"))) == string(row.hash(testKey, []byte("b"))) {
		t.Error("the hash of a row does not depend on the row before it")
	}
}
