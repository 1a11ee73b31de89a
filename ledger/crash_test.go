package ledger

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const crashDir = "LEDGER_CRASH_DIR" // set: the test binary is the process to be killed

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		acceptForever(dir)
	}
	goleak.VerifyTestMain(m)
}

// acceptForever accepts from several callers and prints each acknowledged id, message and
// delivery, until it is killed.
func acceptForever(dir string) {
	l, err := Open(context.Background(), Options{Dir: dir, KEK: testKey})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var print sync.Mutex
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for {
				child := NewChildID()
				a := message(child, "MSH|"+child, child)
				a.NewChild = true
				a.Inputs = []Input{{Child: child, Kind: "consent", Key: "Consent/1", Body: []byte(child)}}
				got, err := l.Accept(context.Background(), a)
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				print.Lock()
				fmt.Println(got.Message, got.Deliveries[0], child)
				print.Unlock()
			}
		})
	}
	wait.Wait()
}

// TestCrash kills a process that accepts, again and again on one directory: whatever it
// had acknowledged is there, whole. LEDGER_KILLS sets how often.
func TestCrash(t *testing.T) {
	t.Parallel()
	kills := 20
	if n, err := strconv.Atoi(os.Getenv("LEDGER_KILLS")); err == nil {
		kills = n
	}
	if testing.Short() {
		kills = 3
	}
	dir := t.TempDir()
	var acked []string
	for range kills {
		acked = append(acked, killed(t, dir, time.Duration(20+rand.IntN(60))*time.Millisecond)...)
	}
	if len(acked) < kills {
		t.Fatalf("only %d acknowledged", len(acked))
	}
	l := open(t, dir)
	for _, line := range acked {
		ids := strings.Fields(line)
		if len(ids) != 3 {
			continue // cut off by the kill: the client did not read it
		}
		if raw, err := l.Raw(t.Context(), ids[0]); err != nil || string(raw) != "MSH|"+ids[2] {
			t.Errorf("lost %s: %v", ids[0], err)
		}
		if d, err := l.Head(t.Context(), "school/"+ids[2]); err != nil || d.ID != ids[1] {
			t.Errorf("lost %s: %v", ids[1], err)
		}
		if inputs, epoch, err := l.Inputs(t.Context(), ids[2]); err != nil || len(inputs) != 1 || epoch != 2 {
			t.Errorf("inputs of %s: %d, epoch %d: %v", ids[2], len(inputs), epoch, err)
		}
	}
	v := must[Verification](t)(l.Verify(t.Context()))
	if v.Bad != nil {
		t.Errorf("audit log: %+v", v.Bad)
	}
	t.Logf("%d kills, %d acknowledged, %d audit rows in %d chains", kills, len(acked), v.Rows, v.Writers)
}

// killed runs the process for a while after its first acknowledgement, kills it, and
// returns what it printed.
func killed(t *testing.T, dir string, after time.Duration) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		if len(lines) == 0 {
			time.AfterFunc(after, func() { cmd.Process.Kill() })
		}
		lines = append(lines, scanner.Text())
	}
	cmd.Wait()
	if stderr.Len() > 0 || len(lines) == 0 {
		t.Fatalf("%d lines, %s", len(lines), stderr.String())
	}
	return lines
}
