package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestSettings reads back what durability hangs on.
func TestSettings(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "secure_delete": "1"} {
		var have string
		err := l.write(t.Context(), func(tx *tx) error { return tx.row("PRAGMA "+pragma, nil, &have) })
		if err != nil || have != want {
			t.Errorf("%s is %s, want %s: %v", pragma, have, want, err)
		}
	}
	if _, err := l.readDB.Exec("DELETE FROM audit"); err == nil {
		t.Error("the readers' connections can write")
	}
}

// TestDiskFull limits the database instead of filling a disk: nothing is acknowledged
// while it is full, and once there is room again it works by itself.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())
	child := newChild(t, l)
	limit := func(pages string) {
		t.Helper()
		if _, err := l.writer.conn.ExecContext(t.Context(), "PRAGMA max_page_count = "+pages); err != nil {
			t.Fatal(err)
		}
	}
	var used string
	if err := l.writer.conn.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&used); err != nil {
		t.Fatal(err)
	}
	limit(used)
	var mu sync.Mutex
	var wait sync.WaitGroup
	var acked []string
	full := 0
	for i := range 40 {
		wait.Go(func() {
			a := message(fmt.Sprint(i), "", child)
			a.Raw = randomBytes(4000, i)
			got, err := l.Accept(t.Context(), a)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				acked = append(acked, got.Message)
			case errors.Is(err, ErrCommit):
				full++
			default:
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if err := l.Ready(); full == 0 || !errors.Is(err, ErrCommit) {
		t.Errorf("%d refused, ready: %v", full, err)
	}
	limit("1000000")
	got := must[Accepted](t)(l.Accept(t.Context(), message("after", "x", child)))
	if err := l.Ready(); err != nil {
		t.Errorf("ready: %v", err)
	}
	have := must[[]string](t)(l.MessagesOf(t.Context(), child))
	if want := len(acked) + 2; len(have) != want || !slices.Contains(have, got.Message) {
		t.Errorf("%d messages, want the %d acknowledged", len(have), want)
	}
	if v := must[Verification](t)(l.Verify(t.Context())); v.Bad != nil {
		t.Errorf("bad %+v", v.Bad)
	}
}

func randomBytes(n, seed int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b)
	return b
}

// TestFlippedBits flips one bit of the database file at a time. Whatever is read then is
// what was stored, or an error; and nothing crashes. LEDGER_FLIPS sets how often.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	flips := 60
	if n, err := strconv.Atoi(os.Getenv("LEDGER_FLIPS")); err == nil {
		flips = n
	}
	dir := t.TempDir()
	l := open(t, dir)
	child := newChild(t, l)
	stored := map[string]Message{}
	for i := range 20 {
		a := message(fmt.Sprint(i), fmt.Sprint("raw", i), child)
		a.Inputs = []Input{{Child: child, Kind: "consent", Key: "Consent/1", Body: fmt.Append(nil, i)}}
		m := must[Message](t)(l.Message(t.Context(), must[Accepted](t)(l.Accept(t.Context(), a)).Message))
		stored[m.ID] = m
	}
	l.Close()
	image, err := os.ReadFile(filepath.Join(dir, sqliteFile))
	if err != nil {
		t.Fatal(err)
	}
	detected := 0
	for range flips {
		dir := t.TempDir()
		flipped := bytes.Clone(image)
		flipped[rand.IntN(len(flipped))] ^= 1 << rand.IntN(8)
		if err := os.WriteFile(filepath.Join(dir, sqliteFile), flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		if damaged := readAll(t, dir, child, stored); damaged {
			detected++
		}
	}
	t.Logf("%d bits flipped: %d detected, the others harmless", flips, detected)
}

// readAll reads everything that the ledger decides by and reports whether anything was refused.
func readAll(t *testing.T, dir, child string, stored map[string]Message) (refused bool) {
	t.Helper()
	l, err := Open(t.Context(), Options{Dir: dir, KEK: testKey})
	if err != nil {
		return true
	}
	defer l.Close()
	for id, want := range stored {
		m, err := l.Message(t.Context(), id)
		refused = refused || err != nil

		if err == nil && m.State == want.State && (m.Child != want.Child || m.Partner != want.Partner || m.Seq != want.Seq) {
			t.Errorf("served %+v, want %+v", m, want)
		}
		raw, err := l.Raw(t.Context(), id)
		refused = refused || err != nil
		if err == nil && string(raw) != "raw"+want.ControlID {
			t.Errorf("served %q as raw of %s", raw, want.ControlID)
		}
		for _, d := range must2(l.Deliveries(t.Context(), id)) {
			if d.Destination != "school" || d.Lane != "school/"+child || d.Message != id {
				t.Errorf("served delivery %+v", d)
			}
		}
	}
	inputs, _, err := l.Inputs(t.Context(), child)
	refused = refused || err != nil
	for _, in := range inputs {
		if in.Kind != "consent" || in.Key != "Consent/1" || in.Ended {
			t.Errorf("served input %+v", in)
		}
	}
	v, err := l.Verify(t.Context())
	return refused || err != nil || v.Bad != nil
}

func must2[T any](v []T, err error) []T {
	if err != nil {
		return nil
	}
	return v
}

// TestFailedSync lets the operating system fail syncs of a process that accepts: what it
// acknowledged is there, and it acknowledges nothing after the failure.
func TestFailedSync(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("needs strace")
	}
	dir := t.TempDir()
	open(t, dir).Close()
	cmd := exec.Command(strace, "-f", "-qq", "-o", filepath.Join(t.TempDir(), "trace"), "-e", "trace=fsync,fdatasync",
		"-e", "inject=fsync,fdatasync:error=EIO:when=40+", os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	var out, failed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &failed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer end.Stop()
	cmd.Wait()
	if strings.Contains(failed.String(), "Operation not permitted") {
		t.Skip("strace may not trace here")
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if !strings.Contains(failed.String(), ErrCommit.Error()) || len(lines) < 10 {
		t.Fatalf("%d acknowledged, then %q", len(lines), failed.String())
	}
	l := open(t, dir)
	for _, line := range lines {
		ids := strings.Fields(line)
		if raw, err := l.Raw(t.Context(), ids[0]); err != nil || string(raw) != "MSH|"+ids[2] {
			t.Errorf("lost %s: %v", ids[0], err)
		}
	}
	t.Logf("%d acknowledged before the failure", len(lines))
}
