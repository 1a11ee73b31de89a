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

// testKey opens the ledgers of tests.
var testKey = []byte("0123456789abcdef0123456789abcdef")

// open opens a ledger in dir and closes it with the test.
func open(t testing.TB, dir string, change ...func(*Options)) *Ledger {
	t.Helper()
	o := Options{Dir: dir, KEK: testKey, Writer: "test"}
	for _, f := range change {
		f(&o)
	}
	l, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// message is an acceptance of content under a control id for a lane "school/child".
func message(control, content, child string) *Acceptance {
	a := &Acceptance{
		Partner: "csa", Protocol: "mllp", ContentType: "x-application/hl7-v2+er7", ControlID: control, Event: "REF^I12",
		Received: time.Now(), Raw: []byte(content), Bundle: []byte(`{"resourceType":"Bundle"}`), State: MessageAccepted, Code: "accepted",
		Reserve: true, Window: time.Hour, Child: child,
		Deliveries: []NewDelivery{{Destination: "school", Route: "r", Lane: "school/" + child, Urgency: 1, Subjects: []string{child}}},
		Events:     []Event{{Kind: "received", Partner: "csa", Outcome: "accepted"}},
	}
	return a
}

// newChild accepts a first message that creates a child.
func newChild(t testing.TB, l *Ledger) string {
	t.Helper()
	child := NewChildID()
	a := message("first-"+child, "first", child)
	a.NewChild, a.Deliveries = true, nil
	must[Accepted](t)(l.Accept(t.Context(), a))
	return child
}

func TestAcceptStores(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, dir)
	child := NewChildID()
	a := message("1", "MSH|1", child)
	a.NewChild = true
	a.Issues = []byte("[]")
	a.Links = []Link{{Term: []byte("mrn|1"), Agree: []byte("doe|2015-01-01")}}
	a.Aliases = []Alias{{"placer", "P1"}}
	a.Inputs = []Input{{Child: child, Kind: "consent", Key: "Consent/1", Body: []byte("permit")}}
	a.Work = []NewWork{{Kind: "code", Remedy: "map it", Note: []byte("note")}}
	got := must[Accepted](t)(l.Accept(t.Context(), a))
	if got.Duplicate || got.Seq != 1 || got.Position != 1 || len(got.Deliveries) != 1 || got.Epochs[child] != 2 {
		t.Errorf("accepted %+v", got)
	}
	l.Close()
	l = open(t, dir)
	ctx := t.Context()
	for _, want := range []struct {
		kind, value string
	}{{FindID, got.Message}, {FindControl, "csa/1"}, {"placer", "P1"}} {
		if ids := must[[]string](t)(l.FindMessages(ctx, want.kind, want.value)); !slices.Equal(ids, []string{got.Message}) {
			t.Errorf("by %s: %v", want.kind, ids)
		}
	}
	if raw := must[[]byte](t)(l.Raw(ctx, got.Message)); string(raw) != "MSH|1" {
		t.Errorf("raw %q", raw)
	}
	if m := must[Message](t)(l.Message(ctx, got.Message)); m.Child != child || m.State != MessageAccepted || m.Event != "REF^I12" || m.Received.IsZero() {
		t.Errorf("message %+v", m)
	}
	inputs, epoch, err := l.Inputs(ctx, child)
	if err != nil || epoch != 2 || len(inputs) != 1 || inputs[0].Key != "Consent/1" || string(inputs[0].Body) != "permit" || inputs[0].Version != 1 {
		t.Errorf("inputs %+v epoch %d: %v", inputs, epoch, err)
	}
	found := must[[]Found](t)(l.FindChild(ctx, [][]byte{[]byte("ssn|9"), []byte("mrn|1")}))
	if len(found) != 1 || found[0].Child != child || !found[0].Agree([]byte("doe|2015-01-01")) || found[0].Agree([]byte("roe|2015-01-01")) {
		t.Errorf("found %+v", found)
	}
	if work := must[[]Work](t)(l.WorkItems(ctx, WorkOpen)); len(work) != 1 || work[0].Remedy != "map it" || string(work[0].Note) != "note" || work[0].Partner != "csa" {
		t.Errorf("work %+v", work)
	}
	if v := must[Verification](t)(l.Verify(ctx)); v.Bad != nil || v.Rows != 1 || !v.Anchored {
		t.Errorf("verification %+v", v)
	}
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name          string
		first, second func(*Acceptance)
		wait          time.Duration
		err           error
		duplicate     bool
		flagged       bool
		superseded    bool
	}{
		{name: "same again", duplicate: true},
		{name: "same again after the window", wait: 2 * time.Hour},
		{name: "other content", second: func(a *Acceptance) { a.Raw = []byte("other") }, err: ErrConflict},
		{name: "other content, accepted", second: func(a *Acceptance) { a.Raw = []byte("other"); a.AcceptConflict = true }, flagged: true},
		{name: "other partner", second: func(a *Acceptance) { a.Partner = "court" }},
		{name: "same after AE", first: func(a *Acceptance) { a.State, a.Code, a.Reserve = MessageHeld, "data-type", false }, superseded: true},
		{
			name: "other content after AE", superseded: true,
			first:  func(a *Acceptance) { a.State, a.Code, a.Reserve = MessageRefused, "malformed", false },
			second: func(a *Acceptance) { a.Raw = []byte("corrected") },
		},
		{name: "same after AA and held", first: func(a *Acceptance) { a.State, a.Code = MessageHeld, "held" }, duplicate: true},
		{name: "same after AA and held and the window", first: func(a *Acceptance) { a.State, a.Code = MessageHeld, "held" }, wait: 2 * time.Hour},
		{name: "same again, and it changes decision inputs", second: func(a *Acceptance) { a.Changes = true }},
		{name: "other content, and it changes decision inputs", second: func(a *Acceptance) { a.Raw, a.Changes = []byte("other"), true }, err: ErrConflict},
		{name: "no control id", first: func(a *Acceptance) { a.ControlID = "" }, second: func(a *Acceptance) { a.ControlID = "" }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			now := time.Now()
			l := open(t, t.TempDir(), func(o *Options) { o.Now = func() time.Time { return now } })
			child := newChild(t, l)
			a, b := message("1", "same", child), message("1", "same", child)
			a.Work = []NewWork{{Kind: "held"}}
			for change, a := range map[*func(*Acceptance)]*Acceptance{&c.first: a, &c.second: b} {
				if *change != nil {
					(*change)(a)
				}
			}
			first := must[Accepted](t)(l.Accept(t.Context(), a))
			now = now.Add(c.wait)
			second, err := l.Accept(t.Context(), b)
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if c.err != nil {
				return
			}
			if second.Duplicate != c.duplicate || c.duplicate != (second.Message == first.Message) || c.duplicate && second.FirstCode != a.Code {
				t.Errorf("second %+v, first %+v", second, first)
			}
			m := must[Message](t)(l.Message(t.Context(), second.Message))
			if m.Flagged != c.flagged || (m.Supersedes == first.Message) != c.superseded {
				t.Errorf("message %+v", m)
			}
			if was := must[Message](t)(l.Message(t.Context(), first.Message)); (was.State == MessageSuperseded) != c.superseded {
				t.Errorf("first is %s", was.State)
			}
			if open := must[[]Work](t)(l.WorkItems(t.Context(), WorkOpen)); (len(open) == 0) != c.superseded {
				t.Errorf("open work %+v", open)
			}
		})
	}
}

// TestDuplicateRace sends one message from many senders at once: one is stored.
func TestDuplicateRace(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())
	child := newChild(t, l)
	var wait sync.WaitGroup
	results := make([]Accepted, 32)
	for i := range results {
		wait.Go(func() { results[i], _ = l.Accept(t.Context(), message("1", "same", child)) })
	}
	wait.Wait()
	stored := 0
	for _, r := range results {
		if r.Message != results[0].Message {
			t.Errorf("%+v", r)
		}
		if !r.Duplicate {
			stored++
		}
	}
	if stored != 1 {
		t.Errorf("%d stored", stored)
	}
}

func TestLinked(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())
	a := message("1", "a", NewChildID())
	a.NewChild, a.Links = true, []Link{{Term: []byte("mrn|1")}}
	must[Accepted](t)(l.Accept(t.Context(), a))
	b := message("2", "b", NewChildID())
	b.NewChild, b.Links = true, []Link{{Term: []byte("mrn|2")}, {Term: []byte("mrn|1")}}
	if _, err := l.Accept(t.Context(), b); !errors.Is(err, ErrLinked) {
		t.Errorf("error %v", err)
	}
	// Nothing of the refused one is there, so that its twin without the clash is taken.
	b.Links = b.Links[:1]
	must[Accepted](t)(l.Accept(t.Context(), b))
	if found := must[[]Found](t)(l.FindChild(t.Context(), [][]byte{[]byte("mrn|1"), []byte("mrn|2")})); found[0].Child != a.Child || found[1].Child != b.Child {
		t.Errorf("found %+v", found)
	}
}

func TestReprocessKeepsPlace(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())
	ctx := t.Context()
	child := newChild(t, l)
	held := message("1", "held", "")
	held.State, held.Deliveries, held.Bundle, held.Work = MessageHeld, nil, nil, []NewWork{{Kind: "identity", Note: []byte("who?")}}
	first := must[Accepted](t)(l.Accept(ctx, held))
	second := must[Accepted](t)(l.Accept(ctx, message("2", "later", child)))
	again := message("1", "ignored", child)
	again.Reprocess = first.Message
	got := must[Accepted](t)(l.Accept(ctx, again))
	if got.Message != first.Message || got.Seq != first.Seq || got.Seq >= second.Seq || got.Position <= second.Position {
		t.Errorf("reprocessed %+v, first %+v, second %+v", got, first, second)
	}
	if head := must[Delivery](t)(l.Head(ctx, "school/"+child)); head.Message != first.Message {
		t.Errorf("head is of %s", head.Message)
	}
	if raw := must[[]byte](t)(l.Raw(ctx, first.Message)); string(raw) != "held" {
		t.Errorf("raw %q", raw)
	}
	if work := must[[]Work](t)(l.WorkItems(ctx, WorkResolved)); len(work) != 1 || string(work[0].Note) != "who?" {
		t.Errorf("work %+v", work)
	}
	if _, err := l.Accept(ctx, again); !errors.Is(err, ErrStale) {
		t.Errorf("reprocessed twice: %v", err)
	}
}

func TestFailedCommit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var fail error
	block := make(chan struct{})
	l := open(t, dir, func(o *Options) {
		o.BeforeCommit = func() error {
			if fail != nil {
				<-block
			}
			return fail
		}
	})
	child := newChild(t, l)
	before := must[Accepted](t)(l.Accept(t.Context(), message("before", "x", child)))
	fail = errors.New("sync failed")
	var wait sync.WaitGroup
	for i := range 20 {
		wait.Go(func() {
			if _, err := l.Accept(context.Background(), message(fmt.Sprint("lost", i), "x", child)); !errors.Is(err, ErrCommit) {
				t.Errorf("accept: %v", err)
			}
		})
	}
	close(block)
	wait.Wait()
	fail = nil
	if err := l.Ready(); !errors.Is(err, ErrCommit) {
		t.Errorf("ready: %v", err)
	}
	if _, err := l.Accept(t.Context(), message("later", "x", child)); !errors.Is(err, ErrCommit) {
		t.Errorf("accept after a failed commit: %v", err)
	}
	l.Close()
	l = open(t, dir)
	if err := l.Ready(); err != nil {
		t.Errorf("ready after reopening: %v", err)
	}
	if ids := must[[]string](t)(l.MessagesOf(t.Context(), child)); len(ids) != 2 || ids[1] != before.Message {
		t.Errorf("messages %v", ids)
	}
	if v := must[Verification](t)(l.Verify(t.Context())); v.Bad != nil {
		t.Errorf("verification %+v", v.Bad)
	}
}

func TestWrongKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open(t, dir).Close()
	for name, o := range map[string]Options{
		"other key": {Dir: dir, KEK: []byte("another-key-of-thirty-two-bytes!")},
		"plaintext": {Dir: dir, KEK: testKey, Plaintext: true},
	} {
		if _, err := Open(t.Context(), o); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open(t.Context(), Options{Dir: dir, KEK: testKey[:16]}); err == nil {
		t.Error("a short key opens")
	}
}
