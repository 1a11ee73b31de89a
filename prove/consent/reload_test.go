package consent

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"caregate/config"
	"caregate/gateway"
	"caregate/ledger"
	"caregate/prove/proof"
)

// The two clinics to which every referral goes, by destination and by organisation. Each of
// the two opposite laws closes one of them.
var clinics = map[string]string{"lakeside.fhir": "psych-clinic", "northside.mllp": "psych-clinic-north"}

// load sends referrals until it is told to stop, over several connections at once.
type load struct {
	o    *office
	stop chan struct{}
	done sync.WaitGroup
	sent atomic.Int64
	mu   sync.Mutex
	ids  []string // control ids that were answered CA: they are kept
}

const (
	senders  = 3
	children = 6
)

func (o *office) underLoad() *load {
	o.t.Helper()
	for c := range proof.Child(children) {
		c.Introduce(o.t, o.at)
		c.Allow(o.t, o.at)
	}
	l := &load{o: o, stop: make(chan struct{})}
	for n := range senders {
		l.done.Go(func() { l.send(n) })
	}
	return l
}

func (l *load) send(n int) {
	wire, err := proof.Dial(l.o.at.Addresses.MLLP["cmo"])
	if err != nil {
		l.o.t.Error(err)
		return
	}
	defer wire.Close()
	for k := 0; ; k++ {
		select {
		case <-l.stop:
			return
		case <-time.After(150 * time.Millisecond):
		}
		id := fmt.Sprintf("C%d-%d", n, k)
		l.sent.Add(1)
		head, err := wire.Exchange(proof.Child(k%children).Referral(l.o.t, id, "SOC-"+id), 30*time.Second)
		if err != nil || head.AcknowledgmentCode != "CA" {
			l.o.t.Errorf("referral %s: answered %q, %v", id, head.AcknowledgmentCode, err)
			return
		}
		l.mu.Lock()
		l.ids = append(l.ids, id)
		l.mu.Unlock()
	}
}

// end stops the load and waits until nothing waits any more.
func (l *load) end() []string {
	l.o.t.Helper()
	close(l.stop)
	l.done.Wait()
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		waiting := 0
		for _, state := range []string{ledger.DeliveryPending, ledger.DeliveryIntended} {
			found, err := l.o.app.Ledger().FindDeliveries(l.o.t.Context(), ledger.DeliveryFilter{State: state})
			if err != nil {
				l.o.t.Fatal(err)
			}
			waiting += len(found)
		}
		if waiting == 0 {
			return l.ids
		}
		if time.Now().After(deadline) {
			l.o.t.Fatalf("%d deliveries still wait", waiting)
		}
	}
}

// books is what the audit rows say of the load, checked against what the clinics received.
type books struct {
	rows, released, denied, lost, mixed int
	byLaw                               map[string]int // revision -> audit rows
}

// audit reads the audit rows of every referral. A row is mixed when its outcome is not the
// one of the law that it names; a referral is lost when a clinic has neither a release that
// it received nor a decision against it.
func (o *office) audit(ids []string) books {
	o.t.Helper()
	b := books{byLaw: map[string]int{}}
	got := o.received()
	for _, id := range ids {
		found, err := o.app.Gateway().Find(o.t.Context(), "cmo/"+id)
		if err != nil || len(found) != 1 {
			b.lost++
			o.t.Errorf("referral %s is in the ledger %d times: %v", id, len(found), err)
			continue
		}
		o.message(&b, found[0], got)
	}
	return b
}

func (o *office) message(b *books, message string, got map[string]int) {
	o.t.Helper()
	story, err := o.app.Gateway().Explain(o.t.Context(), message)
	if err != nil {
		o.t.Fatal(err)
	}
	events, err := o.app.Ledger().Events(o.t.Context(), message)
	if err != nil {
		o.t.Fatal(err)
	}
	decided := map[string]string{} // delivery -> outcome of its decision
	to := map[string]string{}
	for _, d := range story.Destinations {
		to[d.Delivery] = d.Destination
	}
	for _, e := range events {
		if e.Kind == "AuthZ-Consent" {
			decided[e.Delivery] = e.Outcome
			b.row(o.t, e, clinics[to[e.Delivery]])
		}
	}
	for _, d := range story.Destinations {
		b.settle(o.t, d, decided[d.Delivery], got)
	}
	if len(story.Destinations) != len(clinics) {
		b.lost++
		o.t.Errorf("%s has %d deliveries", message, len(story.Destinations))
	}
}

// row checks that an audit row has the outcome of the law that it names.
func (b *books) row(t *testing.T, e ledger.AuditRow, clinic string) {
	t.Helper()
	var said struct {
		Law    map[string]string `json:"law"`
		Effect string            `json:"effect"`
	}
	if err := json.Unmarshal(e.Body, &said); err != nil {
		t.Fatal(err)
	}
	b.rows++
	revision, _, _ := strings.Cut(said.Law["local"], "+")
	b.byLaw[revision]++
	closed := revision == "closes-"+clinic
	if closed != (said.Effect == "deny") || closed != (e.Outcome != "0") || revision == "" {
		b.mixed++
		t.Errorf("an audit row of %s under %s says %s, outcome %s", clinic, revision, said.Effect, e.Outcome)
	}
}

// settle checks that a delivery ended as its decision says, and that the clinic agrees.
func (b *books) settle(t *testing.T, d gateway.Destination, outcome string, got map[string]int) {
	t.Helper()
	copies := 0
	for _, a := range d.Attempts {
		copies += got[a.ControlID] + got[a.Key]
	}
	switch {
	case d.State == ledger.DeliveryCompleted && outcome == "0" && copies == 1:
		b.released++
	case d.State == ledger.DeliveryDenied && outcome == "8" && copies == 0:
		b.denied++
	default:
		b.lost++
		t.Errorf("%s is %s (%s), its decision %q, received %d times", d.Destination, d.State, d.Reason, outcome, copies)
	}
}

// received counts what the clinics have by MSH-10 or key.
func (o *office) received() map[string]int {
	got := map[string]int{}
	for _, message := range o.town.Northside.Received() {
		fields := strings.Split(string(message), "|")
		got[fields[9]]++
	}
	for _, request := range o.town.Lakeside.Received() {
		got[request.Header.Get("Idempotency-Key")]++
	}
	return got
}

// TestHotReloads puts opposite laws in force while referrals come in and go out.
func TestHotReloads(t *testing.T) {
	t.Parallel()
	reloads := 20
	if proof.Full() {
		reloads = 500
	}
	o := newOffice(t, "psych-clinic")
	l := o.underLoad()
	var slowest time.Duration
	for n := range reloads {
		o.state([]string{"psych-clinic-north", "psych-clinic"}[n%2], "")
		began := time.Now()
		var err error
		if n%10 == 9 { // as SIGHUP does
			err = o.app.Reload(t.Context(), o.load())
		} else { // as the poll does
			err = o.app.ReloadLaw(t.Context())
		}
		if err != nil {
			t.Fatalf("reload %d: %v", n, err)
		}
		slowest = max(slowest, time.Since(began))
	}
	ids := l.end()
	b := o.audit(ids)
	if len(b.byLaw) != 2 || b.released == 0 || b.denied == 0 || int(l.sent.Load()) != len(ids) {
		t.Errorf("%d sent, %d answered, %+v", l.sent.Load(), len(ids), b)
	}
	if s := o.app.Law(); s.Activations != reloads+1 || s.Refusals != 0 {
		t.Errorf("%d activations, %d refusals: %s", s.Activations, s.Refusals, s.Refused)
	}
	figure(t, 5, "hot reloads between opposite laws", reloads, "referrals", len(ids), "audit rows", b.rows, "by law", b.byLaw,
		"released", b.released, "denied", b.denied, "lost", b.lost, "mixed", b.mixed, "slowest reload ms", slowest.Milliseconds())
}

// TestBrokenLaw offers law that is broken in many ways, signed and unsigned, under load.
func TestBrokenLaw(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob(filepath.Join(lawCases, "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	o := newOffice(t, "psych-clinic")
	before := o.app.Law()
	l := o.underLoad()
	limit, tried, activated := 13, 0, 0
	if proof.Full() {
		limit = len(archives)
	}
	offer := func(name string) {
		tried++
		if err := o.app.ReloadLaw(t.Context()); err == nil {
			activated++
			t.Errorf("%s came into force", name)
		}
	}
	step := max(1, len(archives)/limit)
	for n := 0; n < len(archives); n += step {
		if name := filepath.Base(archives[n]); name != "valid.txtar" {
			o.state("psych-clinic-north", archives[n])
			offer(name)
		}
	}
	o.state("psych-clinic-north", "")
	o.write(filepath.Join(o.dir, "law/local/data.yaml"), "closed: Organization/nobody\n")
	offer("changed after it was signed")
	o.state("psych-clinic-north", "")
	o.write(filepath.Join(o.dir, "law/local/.signatures.json"), "{}")
	offer("without a signature")
	ids := l.end()
	b := o.audit(ids)
	if after := o.app.Law(); fmt.Sprint(after.Revision) != fmt.Sprint(before.Revision) || after.Refused == "" || after.Refusals != tried {
		t.Errorf("law before %v, after %+v", before.Revision, after)
	}
	under := b.rows - b.byLaw["closes-psych-clinic"]
	if under != 0 || len(ids) == 0 || b.released == 0 || int(l.sent.Load()) != len(ids) {
		t.Errorf("%d decisions under broken law; %d of %d answered CA; %+v", under, len(ids), l.sent.Load(), b)
	}
	// The twin: what is sound comes into force, and opens the clinic that was closed.
	o.state("psych-clinic-north", "")
	if err := o.app.ReloadLaw(t.Context()); err != nil || o.app.Law().Refused != "" {
		t.Errorf("sound law does not come into force: %v", err)
	}
	figure(t, 5, "broken law", tried, "activated", activated, "decisions under it", under, "referrals taken meanwhile", len(ids),
		"released meanwhile", b.released, "lost", b.lost, "mixed", b.mixed)
}

// TestDecisionsAreReplayed: what was decided under law that is gone is decided again by it, to
// the same answer; under the opposite law every decision turns round, and nothing is sent.
func TestDecisionsAreReplayed(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "psych-clinic")
	l := o.underLoad()
	for _, closed := range []string{"psych-clinic-north", "psych-clinic", "psych-clinic-north"} {
		time.Sleep(time.Second)
		o.state(closed, "")
		if err := o.app.ReloadLaw(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	b := o.audit(l.end())
	sent := len(o.received())
	past, err := o.app.WhatIf(t.Context(), config.WhatIf{Operator: "proof"})
	if err != nil || past.Decisions < b.rows || past.Reproduced != past.Decisions || past.Changed != 0 || past.NotReplayable != 0 {
		t.Errorf("replayed by its own law: %+v, %v", past, err)
	}
	opposite, err := o.app.WhatIf(t.Context(), config.WhatIf{Operator: "proof", Law: filepath.Join(o.dir, "law")})
	turned := b.byLaw["closes-psych-clinic"]
	if err != nil || opposite.Decisions != past.Decisions || opposite.Changed != turned || turned == 0 || len(opposite.Children) == 0 || len(opposite.Destinations) != 2 {
		t.Errorf("%d of %d decisions turn round, want %d: %v, %v", opposite.Changed, opposite.Decisions, turned, opposite.Destinations, err)
	}
	for _, r := range opposite.Changes {
		if (r.Is == "deny") != (r.Destination == "northside.mllp") || r.Changed() && len(r.Released) > 0 == (r.Is == "deny") {
			t.Errorf("%s: %s would be %s", r.Destination, r.Was, r.Is)
		}
	}
	if len(o.received()) != sent {
		t.Error("a replay has sent something")
	}
	figure(t, 5, "decisions replayed", past.Decisions, "to the same answer", past.Reproduced, "turned round by the opposite law", opposite.Changed, "of that law's", turned)
}
