package house

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"caregate/prove/proof"
)

// load is the care organisation at work: for each child one connection and one outstanding
// referral, sent until it is acknowledged, so that the order of acceptance is known.
type load struct {
	children, each int
	addr           atomic.Pointer[string] // of the gateway's listener; changes with every start
	allowed        atomic.Int64           // how many messages may be sent for now
	begun          atomic.Int64           // how many have been sent at least once
	sent           atomic.Int64           // messages put on the wire, repeats included

	mu      sync.Mutex
	acked   map[string]bool // by control id
	refused []string        // answers that were neither CA nor AA
	running sync.WaitGroup
}

// placer numbers one referral; controlID is the MSH-10 it is sent under, however often.
func placer(c child, n int) string    { return fmt.Sprintf("PL-%03d-%06d", int(c), n) }
func controlID(c child, n int) string { return fmt.Sprintf("LD%03dN%06d", int(c), n) }

// startLoad connects the senders to the gateway's address for the care organisation; allow lets them send.
func startLoad(t *testing.T, children, each int, at string) *load {
	t.Helper()
	l := &load{children: children, each: each, acked: map[string]bool{}}
	l.moved(at)
	for i := range children {
		c := child(i + 1)
		messages := make([][]byte, each)
		for n := range messages {
			messages[n] = c.Referral(t, controlID(c, n), placer(c, n))
		}
		l.running.Go(func() { l.send(t.Context().Done(), c, messages) })
	}
	return l
}

// moved tells the senders where the gateway is after a start.
func (l *load) moved(at string) { l.addr.Store(&at) }

// send sends the messages of one child, each until it is acknowledged.
func (l *load) send(done <-chan struct{}, c child, messages [][]byte) {
	var conn *wire
	defer func() { drop(conn) }()
	for n, msg := range messages {
		for !l.begin() {
			if over(done, time.Millisecond) {
				return
			}
		}
		for {
			var err error
			if conn, err = l.try(conn, controlID(c, n), msg); err == nil {
				break
			}
			if over(done, 5*time.Millisecond) {
				return
			}
		}
	}
}

// begin says whether one more message may be sent.
func (l *load) begin() bool {
	for {
		n := l.begun.Load()
		if n >= l.allowed.Load() {
			return false
		}
		if l.begun.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// over waits, and says whether the test has ended meanwhile.
func over(done <-chan struct{}, wait time.Duration) bool {
	select {
	case <-done:
		return true
	case <-time.After(wait):
		return false
	}
}

// allow lets so many messages in all be sent.
func (l *load) allow(count int) { l.allowed.Store(int64(min(count, l.total()))) }

// try sends one message once; the connection it returns is nil after an error.
func (l *load) try(conn *wire, id string, msg []byte) (*wire, error) {
	if conn == nil {
		var err error
		if conn, err = proof.Dial(*l.addr.Load()); err != nil {
			return nil, err
		}
	}
	l.sent.Add(1)
	answer, err := conn.Exchange(msg, 15*time.Second)
	if err == nil && answer.AcknowledgedControlID != id {
		err = errors.New("the answer is to another message")
	}
	if err != nil {
		drop(conn)
		return nil, err
	}
	l.note(id, answer.AcknowledgmentCode)
	return conn, nil
}

func drop(w *wire) {
	if w != nil {
		_ = w.Close()
	}
}

func (l *load) note(id, code string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if code == "CA" || code == "AA" {
		l.acked[id] = true
	} else {
		l.refused = append(l.refused, id+" "+code)
	}
}

// total is how many messages there are in all.
func (l *load) total() int { return l.children * l.each }

// accepted returns the control ids acknowledged so far.
func (l *load) accepted() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := make([]string, 0, len(l.acked))
	for id := range l.acked {
		ids = append(ids, id)
	}
	return ids
}

// reach waits until so many messages are acknowledged.
func (l *load) reach(t *testing.T, count int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); len(l.accepted()) < count; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) || len(l.refused) > 0 {
			t.Fatalf("%d of %d messages acknowledged, refused %v", len(l.accepted()), count, l.refused)
		}
	}
}
