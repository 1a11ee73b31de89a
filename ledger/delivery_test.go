package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// accepted stores a message for the lane of a child and returns its delivery.
func accepted(t testing.TB, l *Ledger, control, child string, urgency int) Delivery {
	t.Helper()
	a := message(control, control, child)
	a.Deliveries[0].Urgency = urgency
	got := must[Accepted](t)(l.Accept(t.Context(), a))
	return must[Delivery](t)(l.Delivery(t.Context(), got.Deliveries[0]))
}

// intent is a release of a delivery on what is known now.
func intent(t testing.TB, l *Ledger, d Delivery, child string) Intent {
	t.Helper()
	epoch := must[int64](t)(l.Epoch(t.Context(), child))
	return Intent{
		Delivery: d.ID, Prior: d.Token, Children: []string{child}, Epochs: map[string]int64{child: epoch}, Holder: "h", GateUntil: l.now().Add(5 * time.Second),
		Release: 1, Key: "key-" + d.ID, ControlID: "out-" + d.ID, SHA256: "00", Decision: "digest", DecisionBody: []byte(`{"permit":true}`),
		Events: []Event{{Kind: "release", Outcome: "permit"}},
	}
}

func TestLaneOrder(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())
	ctx := t.Context()
	child := newChild(t, l)
	var want []string
	for _, n := range []struct {
		control string
		urgency int
	}{{"3", 1}, {"4", 1}, {"1", 0}, {"2", 0}} {
		accepted(t, l, n.control, child, n.urgency)
	}
	for _, control := range []string{"1", "2", "3", "4"} {
		want = append(want, must[[]string](t)(l.FindMessages(ctx, FindControl, "csa/"+control))...)
	}
	var got []string
	for {
		d, err := l.Head(ctx, "school/"+child)
		if errors.Is(err, ErrNotFound) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, d.Message)
		token, _, err := l.Intend(ctx, intent(t, l, d, child))
		if err != nil {
			t.Fatal(err)
		}
		next := must[LaneDue](t)(l.Record(ctx, Outcome{Delivery: d.ID, Token: token, State: DeliveryCompleted, Code: "accepted"}))
		if next.Due.IsZero() != (len(got) == 4) {
			t.Errorf("after %d: next due %v", len(got), next.Due)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
	if lanes := must[[]LaneDue](t)(l.DueLanes(ctx)); len(lanes) != 0 {
		t.Errorf("lanes %v", lanes)
	}
}

func TestIntendAndRecord(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())
	ctx := t.Context()
	child := newChild(t, l)
	d := accepted(t, l, "1", child, 1)
	in := intent(t, l, d, child)
	token, attempt, err := l.Intend(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Intend(ctx, in); !errors.Is(err, ErrToken) {
		t.Errorf("the same intent twice: %v", err)
	}
	lanes := must[[]LaneDue](t)(l.DueLanes(ctx))
	if len(lanes) != 1 || !lanes[0].Due.Equal(in.GateUntil) {
		t.Errorf("an intended lane is due at %+v, want %v", lanes, in.GateUntil)
	}
	// A second worker takes over: the first one's outcome no longer counts.
	in.Prior = token
	second, _, err := l.Intend(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Record(ctx, Outcome{Delivery: d.ID, Token: token, State: DeliveryCompleted}); !errors.Is(err, ErrToken) {
		t.Errorf("stale record: %v", err)
	}
	due := time.Now().Add(time.Minute)
	next := must[LaneDue](t)(l.Record(ctx, Outcome{
		Delivery: d.ID, Token: second, State: DeliveryPending, Due: due, Code: "busy", Answer: "MSA|AE", Reason: "asked to wait",
		Work: []NewWork{{Kind: "slow"}}, Events: []Event{{Kind: "attempt", Outcome: "busy"}},
	}))
	if !next.Due.Equal(due) || next.Lane != d.Lane || next.Destination != "school" {
		t.Errorf("next %+v", next)
	}
	if _, err := l.Record(ctx, Outcome{Delivery: d.ID, Token: second, State: DeliveryCompleted}); !errors.Is(err, ErrToken) {
		t.Errorf("recorded twice: %v", err)
	}
	d = must[Delivery](t)(l.Head(ctx, d.Lane))
	if d.State != DeliveryPending || d.Attempts != 2 || d.Reason != "asked to wait" || d.Key != in.Key || d.Decision != "digest" {
		t.Errorf("delivery %+v", d)
	}
	attempts := must[[]Attempt](t)(l.Attempts(ctx, d.ID))
	if len(attempts) != 2 || attempts[0].ID != attempt || attempts[0].State != AttemptIntended || attempts[1].State != AttemptFailed ||
		attempts[1].Answer != "MSA|AE" || string(attempts[1].DecisionBody) != `{"permit":true}` {
		t.Errorf("attempts %+v", attempts)
	}
	if ids := must[[]string](t)(l.FindMessages(ctx, FindOutbound, in.ControlID)); !slices.Equal(ids, []string{d.Message}) {
		t.Errorf("by what was sent: %v", ids)
	}
	events := must[[]AuditRow](t)(l.Events(ctx, d.Message))
	if len(events) != 4 || events[1].Delivery != d.ID || events[1].Child != child || events[1].Partner != "school" {
		t.Errorf("events %+v", events)
	}
}

func TestDecline(t *testing.T) {
	t.Parallel()
	for _, state := range []string{DeliveryDenied, DeliveryHeld, DeliveryPending} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			l := open(t, t.TempDir())
			ctx := t.Context()
			child := newChild(t, l)
			d, behind := accepted(t, l, "1", child, 1), accepted(t, l, "2", child, 1)
			decided := Decided{
				Delivery: d.ID, Prior: d.Token, Epochs: map[string]int64{child: 1}, State: state, Due: time.Now().Add(time.Hour), Code: "no-consent",
				Reason: "no consent on file", Decision: "digest", DecisionBody: []byte("{}"), Work: []NewWork{{Kind: "consent"}},
			}
			decided.Epochs[child] = 7
			if _, err := l.Decline(ctx, decided); !errors.Is(err, ErrStale) {
				t.Errorf("stale: %v", err)
			}
			decided.Epochs[child] = 1
			must[LaneDue](t)(l.Decline(ctx, decided))
			if _, err := l.Decline(ctx, decided); !errors.Is(err, ErrToken) {
				t.Errorf("twice: %v", err)
			}
			got := must[Delivery](t)(l.Delivery(ctx, d.ID))
			if got.State != state || got.Reason != "no consent on file" || got.Attempts != 1 || got.Release != 0 {
				t.Errorf("delivery %+v", got)
			}
			head := must[Delivery](t)(l.Head(ctx, d.Lane))
			if want := map[bool]string{true: d.ID, false: behind.ID}[state == DeliveryPending]; head.ID != want {
				t.Errorf("head %s, want %s", head.ID, want)
			}
			if a := must[[]Attempt](t)(l.Attempts(ctx, d.ID)); len(a) != 1 || a[0].State != AttemptDeclined || a[0].Code != "no-consent" {
				t.Errorf("attempts %+v", a)
			}
			if w := must[[]Work](t)(l.WorkItems(ctx, WorkOpen)); len(w) != 1 || w[0].Delivery != d.ID || w[0].Message != d.Message {
				t.Errorf("work %+v", w)
			}
		})
	}
}

func TestStaleIntent(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())
	ctx := t.Context()
	child := newChild(t, l)
	d := accepted(t, l, "1", child, 1)
	in := intent(t, l, d, child)
	revoke := message("revoke", "revoke", child)
	revoke.Deliveries, revoke.Inputs = nil, []Input{{Child: child, Kind: "consent", Key: "Consent/1", Body: []byte("no"), Ended: true}}
	epochs := must[Accepted](t)(l.Accept(ctx, revoke)).Epochs
	if _, _, err := l.Intend(ctx, in); !errors.Is(err, ErrStale) {
		t.Errorf("intend on the old epoch: %v", err)
	}
	if a := must[[]Attempt](t)(l.Attempts(ctx, d.ID)); len(a) != 0 {
		t.Errorf("attempts %+v", a)
	}
	in.Epochs = epochs
	if _, _, err := l.Intend(ctx, in); err != nil {
		t.Errorf("intend on the new epoch: %v", err)
	}
	in.Epochs = map[string]int64{}
	if _, _, err := l.Intend(ctx, in); err == nil {
		t.Error("a gate without an epoch is taken")
	}
}

func TestGate(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := open(t, t.TempDir(), func(o *Options) { o.Now = func() time.Time { return now } })
	ctx := t.Context()
	child := newChild(t, l)
	d, other := accepted(t, l, "1", child, 1), accepted(t, l, "2", child, 1)
	gate := func(epoch int64, want bool) {
		t.Helper()
		clear, until, err := l.GateClear(ctx, child, epoch)
		if err != nil || clear != want || clear != until.IsZero() {
			t.Errorf("gate below %d: %v until %v: %v", epoch, clear, until, err)
		}
	}
	in := intent(t, l, d, child)
	in.GateUntil = now.Add(GateLimit + time.Second)
	if _, _, err := l.Intend(ctx, in); err == nil {
		t.Error("a gate beyond the limit is taken")
	}
	in.GateUntil = now.Add(GateLimit)
	gate(2, true)
	token, _, err := l.Intend(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	gate(1, true) // the send was decided on epoch 1, only newer ones wait for it
	gate(2, false)
	must[LaneDue](t)(l.Record(ctx, Outcome{Delivery: d.ID, Token: token, State: DeliveryCompleted}))
	gate(2, true)
	if _, _, err = l.Intend(ctx, intent(t, l, other, child)); err != nil {
		t.Fatal(err)
	}
	now = now.Add(4 * time.Second)
	gate(2, false)
	now = now.Add(time.Second)
	gate(2, true) // a hung send delays nobody for longer
}

func TestCancelAndRequeue(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())
	ctx := t.Context()
	child := newChild(t, l)
	first, sent, last := accepted(t, l, "1", child, 1), accepted(t, l, "2", child, 0), accepted(t, l, "3", child, 1)
	token, _, err := l.Intend(ctx, intent(t, l, sent, child))
	if err != nil {
		t.Fatal(err)
	}
	all := []string{first.ID, sent.ID, last.ID}
	if n := must[int](t)(l.Cancel(ctx, all, "recalled", []Event{{Kind: "cancelled"}})); n != 2 {
		t.Errorf("%d cancelled, want the two that have not left", n)
	}
	must[LaneDue](t)(l.Record(ctx, Outcome{Delivery: sent.ID, Token: token, State: DeliveryCompleted}))
	if d := must[Delivery](t)(l.Delivery(ctx, first.ID)); d.State != DeliveryCancelled || d.Reason != "recalled" {
		t.Errorf("delivery %+v", d)
	}
	later := accepted(t, l, "4", child, 1)
	if lanes := must[[]LaneDue](t)(l.Requeue(ctx, []string{first.ID, sent.ID}, nil)); len(lanes) != 1 {
		t.Errorf("lanes %+v", lanes)
	}
	if head := must[Delivery](t)(l.Head(ctx, first.Lane)); head.ID != first.ID {
		t.Errorf("head %s, want the requeued one before %s", head.ID, later.ID)
	}
	if list := must[[]Delivery](t)(l.FindDeliveries(ctx, DeliveryFilter{Destination: "school", State: DeliveryPending, Subject: child, Limit: 5})); len(list) != 2 {
		t.Errorf("pending %+v", list)
	}
}

// TestTwoHandles lets two handles on one directory do what serve and the command line do
// at the same time.
func TestTwoHandles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	handles := []*Ledger{open(t, dir), open(t, dir)}
	child := newChild(t, handles[0])
	lane := "school/" + child
	const each = 40
	var wait sync.WaitGroup
	for h, l := range handles {
		wait.Go(func() {
			for i := range each {
				if _, err := l.Accept(t.Context(), message(fmt.Sprint(h, "-", i), "x", child)); err != nil {
					t.Error(err)
				}
			}
		})
		wait.Go(func() { // what revokes and grants
			for i := range each / 4 {
				a := message(fmt.Sprint("in", h, "-", i), "x", child)
				a.Deliveries, a.Inputs = nil, []Input{{Child: child, Kind: "consent", Key: "Consent/1", Body: fmt.Append(nil, h, i)}}
				got, err := l.Accept(t.Context(), a)
				if err != nil {
					t.Error(err)
				}
				if _, epoch, err := handles[1-h].Inputs(t.Context(), child); err != nil || epoch < got.Epochs[child] {
					t.Errorf("the other handle sees epoch %d, want at least %d: %v", epoch, got.Epochs[child], err)
				}
			}
		})
	}
	var mu sync.Mutex
	var seqs []int64
	for _, l := range handles {
		wait.Go(func() {
			for {
				mu.Lock()
				done := len(seqs) == 2*each
				mu.Unlock()
				if done {
					return
				}
				d, err := l.Head(t.Context(), lane)
				if errors.Is(err, ErrNotFound) {
					time.Sleep(time.Millisecond)
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				token, _, err := l.Intend(t.Context(), intent(t, l, d, child))
				if errors.Is(err, ErrToken) || errors.Is(err, ErrStale) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := l.Record(t.Context(), Outcome{Delivery: d.ID, Token: token, State: DeliveryCompleted}); err == nil {
					mu.Lock()
					seqs = append(seqs, d.Seq)
					mu.Unlock()
				} else if !errors.Is(err, ErrToken) {
					t.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	unique := slices.Compact(slices.Sorted(slices.Values(seqs)))
	if len(unique) != 2*each {
		t.Errorf("%d deliveries recorded, want each of %d once", len(unique), 2*each)
	}
	handles[1].Close()
	if v := must[Verification](t)(handles[0].Verify(context.Background())); v.Bad != nil || v.Writers != 2 {
		t.Errorf("verification %+v, bad %+v", v, v.Bad)
	}
}

// What is decided without releasing anything leaves the digest of the last release: a repeat
// of that release is known by it, and keeps its key.
func TestDeclineKeepsTheLastRelease(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())
	child := newChild(t, l)
	d := accepted(t, l, "1", child, 1)
	in := intent(t, l, d, child)
	in.Decision, in.SHA256 = "permit", "bytes"
	token, _, err := l.Intend(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Record(t.Context(), Outcome{Delivery: d.ID, Token: token, State: DeliveryPending}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Decline(t.Context(), Decided{Delivery: d.ID, Prior: token, State: DeliveryPending, Code: "internal"}); err != nil {
		t.Fatal(err)
	}
	after := must[Delivery](t)(l.Delivery(t.Context(), d.ID))
	if after.Decision != "permit" || after.SHA256 != "bytes" || after.Release != in.Release {
		t.Errorf("the last release is forgotten: %q %q %d", after.Decision, after.SHA256, after.Release)
	}
}
