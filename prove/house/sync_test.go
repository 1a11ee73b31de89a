package house

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"caregate/prove/proof"
)

// patience is how long an answer may take that must not come, and is waited for in vain.
const patience = 150 * time.Millisecond

// heldSync is a gateway whose syncs of the disk can be held.
type heldSync struct {
	*testing.T
	*served
	town *town
	file string // while it exists every sync is held
}

func newHeldSync(t *testing.T) *heldSync {
	t.Helper()
	dir := t.TempDir()
	library, file := filepath.Join(dir, "holdsync.so"), filepath.Join(dir, "hold")
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-o", library, filepath.Join("testdata", "holdsync.c")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w := proof.NewTown(t)
	env := w.Environment()
	env["LD_PRELOAD"], env["HOLD_SYNC"] = library, file
	h := &heldSync{t, newServed(t, proof.WriteConfig(t), env, false), w, file}
	h.Start()
	return h
}

func (h *heldSync) hold() {
	h.Helper()
	if err := os.WriteFile(h.file, nil, 0o600); err != nil {
		h.Fatal(err)
	}
}

// release lets the held syncs go; there must have been one.
func (h *heldSync) release() {
	h.Helper()
	if err := errors.Join(os.Remove(h.file+".reached"), os.Remove(h.file)); err != nil {
		h.Fatal(err)
	}
}

// reached waits until a sync is held.
func (h *heldSync) reached() {
	h.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		_, err := os.Stat(h.file + ".reached")
		if err == nil {
			return
		}
		if !errors.Is(err, fs.ErrNotExist) || time.Now().After(deadline) {
			h.Fatalf("no sync was reached: %v", err)
		}
	}
}

// TestNoAnswerBeforeTheSync is the last sentence of point 3: with the disk's sync held,
// neither CA nor 201 nor 200 comes, and no body leaves.
func TestNoAnswerBeforeTheSync(t *testing.T) {
	t.Parallel()
	h := newHeldSync(t)
	child(1).Introduce(t, h.Served)
	child(1).Allow(t, h.Served)
	each := 2
	if full {
		each = 50
	}
	for kind, send := range h.senders() {
		early, late := 0, 0
		for i := range each {
			h.quiet(10 * time.Second)
			answered := make(chan error, 1)
			h.hold()
			go func() { answered <- send(i) }()
			h.reached()
			select {
			case err := <-answered:
				early++
				t.Errorf("%s: answered (%v) while the sync was held", kind, err)
				h.release()
				continue
			case <-time.After(patience):
			}
			h.release()
			if err := <-answered; err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			late++
		}
		figure(t, 3, "answer waits for the sync", each, "kind", kind, "answered while it was held", early, "answered after it", late)
	}
	h.nothingLeaves()
}

// senders send one message each and return nil when it is acknowledged.
func (h *heldSync) senders() map[string]func(int) error {
	web := func(partner, method, path string, body []byte) error {
		status, _, answer, err := h.As(partner).Send(method, path, body)
		if err == nil && status != 200 && status != 201 {
			err = fmt.Errorf("answered %d: %s", status, answer)
		}
		return err
	}
	cast := proof.Flow(h.T, "00-cast/cast-il-transaction.json")
	return map[string]func(int) error{
		"REF^I12 by MLLP": func(i int) error {
			conn, err := proof.Dial(h.Addresses.MLLP["cmo"])
			if err != nil {
				return err
			}
			defer conn.Close()
			answer, err := conn.Exchange(child(1).Referral(h.T, controlID(1, i), placer(1, i)), 20*time.Second)
			if err == nil && answer.AcknowledgmentCode != "CA" {
				err = fmt.Errorf("answered %s", answer.AcknowledgmentCode)
			}
			return err
		},
		"POST of a transaction": func(i int) error { return web("dcfs", "POST", "", child(i+2).Of(cast)) },
		"PUT of a Consent": func(i int) error {
			body, ref := child(1).Consent(h.T, "psych-clinic")
			return web("guardian", "PUT", fmt.Sprintf("/%s-%d", ref, i), bytes.ReplaceAll(body, []byte(ref[len("Consent/"):]), fmt.Appendf(nil, "%s-%d", ref[len("Consent/"):], i)))
		},
	}
}

// nothingLeaves: a referral waits for a clinic that is down; the clinic comes back while
// the sync is held, and gets nothing before its intent is on disk.
func (h *heldSync) nothingLeaves() {
	h.Helper()
	h.quiet(10 * time.Second)
	h.town.Northside.Down()
	before := len(h.town.Northside.Received())
	if err := h.senders()["REF^I12 by MLLP"](900000); err != nil {
		h.Fatal(err)
	}
	h.hold()
	h.reached() // the next attempt, or the record of this one
	if err := h.town.Northside.Up(); err != nil {
		h.Fatal(err)
	}
	time.Sleep(3 * time.Second) // longer than any wait between two attempts in the configuration
	early := len(h.town.Northside.Received()) - before
	h.release()
	h.quiet(20 * time.Second)
	late := len(h.town.Northside.Received()) - before
	figure(h.T, 3, "a body waits for the sync of its intent", 1, "arrived while it was held", early, "arrived after it", late)
	if early != 0 || late != 1 {
		h.Errorf("%d bodies arrived while the sync was held, %d in all", early, late)
	}
}

// TestFailedSync: a commit that fails is never acknowledged, nor is anything after it until
// a restart; then the sender's repeat is taken and everything arrives once.
func TestFailedSync(t *testing.T) {
	t.Parallel()
	w := proof.NewTown(t)
	s := newServed(t, proof.WriteConfig(t), w.Environment(), true)
	s.Start()
	c := child(1)
	c.Introduce(t, s.Served)
	c.Allow(t, s.Served)
	rounds, acked := 1, 0
	if full {
		rounds = 10
	}
	for i := range rounds {
		s.quiet(20 * time.Second)
		s.Hook(`{"failSync":1}`)
		time.Sleep(hookDelay)
		for range 3 {
			acked += one(answered(t, s, c, i))
		}
		s.Kill()
		s.Hook(`{}`)
		s.Start()
		if !answered(t, s, c, i) {
			t.Fatalf("the repeat was not acknowledged after the restart\n%s", s.Log())
		}
	}
	s.quiet(20 * time.Second)
	lakeside, northside := distinct(lakesideArrivals(w.Lakeside.Received())), distinct(northsideArrivals(t, w.Northside.Received()))
	figure(t, 3, "failed sync", rounds, "sends without a disk", 3*rounds, "acknowledged", acked, "arrived at lakeside.fhir", lakeside, "arrived at northside.mllp", northside)
	if acked != 0 || lakeside != rounds || northside != rounds {
		t.Errorf("acknowledged %d of %d without a disk; arrived %d and %d of %d", acked, 3*rounds, lakeside, northside, rounds)
	}
	s.Stop()
}

// answered sends one referral of a child and says whether it was acknowledged as accepted.
func answered(t *testing.T, s *served, c child, n int) bool {
	t.Helper()
	conn, err := proof.Dial(s.Addresses.MLLP["cmo"])
	if err != nil {
		return false
	}
	defer conn.Close()
	answer, err := conn.Exchange(c.Referral(t, controlID(c, n), placer(c, n)), time.Second)
	return err == nil && (answer.AcknowledgmentCode == "CA" || answer.AcknowledgmentCode == "AA")
}

// distinct counts the messages behind the arrivals.
func distinct(got []arrival) int {
	seen := map[string]bool{}
	for _, a := range got {
		seen[a.origin] = true
	}
	return len(seen)
}
