package house

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"caregate/gateway"
	"caregate/hl7v2"
	"caregate/ledger"
	"caregate/prove/proof"
)

// withdrawn makes the consents inactive, as the guardian's consent unit does. It returns how
// long the answer took: the withdrawal is effective when it is answered.
func (h hearing) withdrawn(c circumstances) time.Duration {
	h.t.Helper()
	start := time.Now()
	for _, clinic := range []string{"psych-clinic", "psych-clinic-north"} {
		h.file(c, clinic, map[string]any{"status": "inactive"})
	}
	return time.Since(start)
}

// to finds one destination in a story.
func to(e gateway.Explanation, destination string) gateway.Destination {
	for _, d := range e.Destinations {
		if d.Destination == destination {
			return d
		}
	}
	return gateway.Destination{}
}

// reasonOf is the code of the first reason for which the child's record stays in the newest decision.
func reasonOf(d gateway.Destination) string {
	for _, a := range slices.Backward(d.Attempts) {
		for _, res := range a.Resources {
			if strings.HasPrefix(res.Ref, "Patient/") && res.Withheld && explains(res) {
				return res.Reasons[0].Code
			}
		}
	}
	return ""
}

// TestRevokedWhileItWaits: a clinic is down, the guardian revokes, the clinic comes back. The
// twin is another child at the same time, whose guardian does not revoke.
func TestRevokedWhileItWaits(t *testing.T) {
	t.Parallel()
	w := proof.NewTown(t)
	s := newServed(t, proof.WriteConfig(t), w.Environment(), false)
	s.Start()
	story := readRefusals(t).Story
	revoked, twin := hearing{t: t, s: s, w: w, child: 1}, hearing{t: t, s: s, w: w, child: 2}
	w.Northside.Down()
	w.Lakeside.Down()
	ids := map[child]string{}
	for _, h := range []hearing{revoked, twin} {
		h.prepare(story)
		ids[h.child] = h.refer(story)
		h.until(ids[h.child], func(e gateway.Explanation) bool {
			return !slices.ContainsFunc(h.clinics(e), func(d gateway.Destination) bool {
				return d.State != ledger.DeliveryPending || len(d.Attempts) == 0
			})
		})
	}
	took := revoked.withdrawn(story)
	if err := w.Northside.Up(); err != nil {
		t.Fatal(err)
	}
	if err := w.Lakeside.Up(); err != nil {
		t.Fatal(err)
	}
	for _, d := range revoked.clinics(revoked.settled(ids[revoked.child])) {
		if d.State != ledger.DeliveryDenied || reasonOf(d) != "status:inactive" {
			t.Errorf("%s is %s for %q", d.Destination, d.State, reasonOf(d))
		}
	}
	for _, d := range twin.clinics(twin.settled(ids[twin.child])) {
		if d.State != ledger.DeliveryCompleted {
			t.Errorf("the twin at %s is %s", d.Destination, d.State)
		}
	}
	leaked, delivered := left(revoked.arrived()), left(twin.arrived())
	if leaked != 0 || delivered != 2 {
		t.Errorf("%d bodies of the revoked child, %d of the twin", leaked, delivered)
	}
	s.Stop()
	figure(t, 4, "revoked while it waits", 2, "bodies that left", leaked, "twin delivered", delivered, "answered after ms", took.Milliseconds())
}

// TestRevokedWhileItIsSent: the clinic has the bytes and has not answered when the guardian
// revokes. What it has it has, and explain says that it may; nothing follows.
func TestRevokedWhileItIsSent(t *testing.T) {
	t.Parallel()
	w := proof.NewTown(t)
	s := newServed(t, proof.WriteConfig(t), w.Environment(), false)
	s.Start()
	story := readRefusals(t).Story
	revoked, twin := hearing{t: t, s: s, w: w, child: 1}, hearing{t: t, s: s, w: w, child: 2}
	held, release := make(chan struct{}, 100), make(chan struct{})
	w.Northside.Hold(func(msg []byte) {
		if strings.Contains(string(msg), revoked.placer()) {
			held <- struct{}{}
			<-release
		}
	})
	revoked.prepare(story)
	id := revoked.refer(story)
	select {
	case <-held:
	case <-time.After(20 * time.Second):
		t.Fatalf("the referral did not reach the clinic\n%s", s.Log())
	}
	took := revoked.withdrawn(story)
	atAnswer := left(revoked.arrived())
	close(release)
	e := revoked.settled(id)
	north := to(e, "northside.mllp")
	if north.State != ledger.DeliveryDenied || reasonOf(north) != "status:inactive" {
		t.Errorf("%s is %s for %q: %+v", north.Destination, north.State, reasonOf(north), north.Attempts)
	}
	after := left(revoked.arrived()) - atAnswer
	if after != 0 {
		t.Errorf("%d bodies left after the revocation was answered", after)
	}
	if len(north.Attempts) == 0 || north.Attempts[0].SHA256 == "" {
		t.Error("explain does not tell of the body that the clinic may have")
	}
	if e := twin.play(story); to(e, "northside.mllp").State != ledger.DeliveryCompleted {
		t.Errorf("the twin is %+v", e.Destinations)
	}
	s.Stop()
	figure(t, 4, "revoked while it is sent", 1, "bodies after the answer", after, "answered after ms", took.Milliseconds())
}

// TestRevokedBeforeTheFirstByte: the gateway stops between the recorded intent and the first
// byte; the guardian revokes; the process dies there and starts again. Nothing leaves.
func TestRevokedBeforeTheFirstByte(t *testing.T) {
	t.Parallel()
	w := proof.NewTown(t)
	s := newServed(t, proof.WriteConfig(t), w.Environment(), true)
	s.Start()
	story := readRefusals(t).Story
	revoked, twin := hearing{t: t, s: s, w: w, child: 1}, hearing{t: t, s: s, w: w, child: 2}
	revoked.prepare(story)
	twin.prepare(story)
	s.Hook(`{"stopAt":"intended"}`)
	time.Sleep(100 * time.Millisecond) // until the file is read
	ids := map[child]string{revoked.child: revoked.refer(story), twin.child: twin.refer(story)}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(s.Hooks + ".reached-intended"); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no intent was recorded")
		}
	}
	took := revoked.withdrawn(story)
	s.Kill()
	s.Hook(`{}`)
	s.Start()
	for _, d := range revoked.clinics(revoked.settled(ids[revoked.child])) {
		if d.State != ledger.DeliveryDenied || reasonOf(d) != "status:inactive" {
			t.Errorf("%s is %s for %q", d.Destination, d.State, reasonOf(d))
		}
	}
	twin.settled(ids[twin.child])
	leaked, delivered := left(revoked.arrived()), left(twin.arrived())
	if leaked != 0 || delivered != 2 {
		t.Errorf("%d bodies of the revoked child, %d of the twin", leaked, delivered)
	}
	s.Stop()
	figure(t, 4, "revoked between intent and first byte", 2, "bodies that left", leaked, "twin delivered", delivered, "answered after ms", took.Milliseconds())
}

// slowDoor is a clinic's HL7 v2 system that takes connections and reads nothing until it is told to.
type slowDoor struct {
	net.Listener
	read  chan struct{} // closed: read now
	taken chan struct{} // one for each connection
	whole chan []byte   // messages that came to their end
	cut   chan int      // bytes of those that did not
}

func newSlowDoor(t *testing.T) *slowDoor {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &slowDoor{ln, make(chan struct{}), make(chan struct{}, 100), make(chan []byte, 100), make(chan int, 100)}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			d.taken <- struct{}{}
			go d.talk(conn)
		}
	}()
	return d
}

func (d *slowDoor) talk(conn net.Conn) {
	defer conn.Close()
	<-d.read
	counted := &countedReader{Reader: conn}
	frames := hl7v2.NewFrameReader(counted, 16<<20)
	for {
		counted.n = 0
		msg, err := frames.Read()
		if err != nil {
			d.cut <- counted.n
			return
		}
		d.whole <- msg
		header, err := hl7v2.ReadHeader(msg)
		if err != nil {
			return
		}
		code, _ := hl7v2.AckFor(header, hl7v2.AA)
		if _, err := conn.Write(hl7v2.Frame(hl7v2.NewAck(header, code, "SLOW1", time.Now(), nil))); err != nil {
			return
		}
	}
}

type countedReader struct {
	io.Reader
	n int
}

func (r *countedReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.n += n
	return n, err
}

// bulky makes a referral larger than what the sockets between the gateway and a clinic that
// does not read can hold, so that it is still being sent when the guardian revokes.
func bulky(t *testing.T, msg []byte) []byte {
	t.Helper()
	const question = "NTE|1|P|Question:"
	if !bytes.Contains(msg, []byte(question)) {
		t.Fatal("the referral has no question to make long")
	}
	return bytes.Replace(msg, []byte(question), append([]byte(question), bytes.Repeat([]byte(" more words"), 600_000)...), 1)
}

// TestRevokedInTheMiddle: the bytes are on their way when the guardian revokes. Once that is
// answered the rest does not come: the clinic never gets the message whole.
func TestRevokedInTheMiddle(t *testing.T) {
	t.Parallel()
	for _, revokes := range []bool{true, false} {
		t.Run(fmt.Sprint("revoked ", revokes), func(t *testing.T) {
			t.Parallel()
			w, door := proof.NewTown(t), newSlowDoor(t)
			env := w.Environment()
			env["NORTHSIDE_MLLP"] = door.Addr().String()
			s := newServed(t, proof.WriteConfig(t), env, false)
			s.Start()
			story := readRefusals(t).Story
			h := hearing{t: t, s: s, w: w, child: 1, change: func(msg []byte) []byte { return bulky(t, msg) }}
			h.prepare(story)
			id := h.refer(story)
			select {
			case <-door.taken:
			case <-time.After(20 * time.Second):
				t.Fatalf("nothing came to the clinic's door\n%s", s.Log())
			}
			time.Sleep(300 * time.Millisecond) // until the sockets are full
			var took time.Duration
			if revokes {
				took = h.withdrawn(story)
			}
			close(door.read)
			north := to(h.settled(id), "northside.mllp")
			if revokes {
				cut := 0
				select {
				case cut = <-door.cut:
				case <-time.After(20 * time.Second):
				}
				if len(door.whole) != 0 || cut == 0 || north.State != ledger.DeliveryDenied || reasonOf(north) != "status:inactive" {
					t.Errorf("%d whole, %d bytes of the one that was cut; %s for %q", len(door.whole), cut, north.State, reasonOf(north))
				}
				figure(t, 4, "revoked in the middle of sending", 1, "whole messages", len(door.whole), "bytes before the cut", cut, "answered after ms", took.Milliseconds())
			} else if len(door.whole) != 1 || north.State != ledger.DeliveryCompleted {
				t.Errorf("the twin: %d whole; %s: %+v", len(door.whole), north.State, north.Attempts)
			}
			s.Stop()
		})
	}
}
