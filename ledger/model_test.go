package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// laneModel is what the ledger promises about lanes, in the simplest form.
type laneModel struct {
	l       *Ledger
	child   string
	n       int
	held    []string // messages
	waiting []Delivery
	resting []Delivery
}

func (m *laneModel) remove(d Delivery) {
	m.waiting = slices.DeleteFunc(m.waiting, func(o Delivery) bool { return o.ID == d.ID })
}

// head is the lowest (urgency, seq, ordinal) of what waits.
func (m *laneModel) head() (Delivery, bool) {
	if len(m.waiting) == 0 {
		return Delivery{}, false
	}
	return slices.MinFunc(m.waiting, func(a, b Delivery) int {
		return cmp.Or(cmp.Compare(a.Urgency, b.Urgency), cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Ordinal, b.Ordinal))
	}), true
}

func (m *laneModel) acceptance(t *rapid.T) *Acceptance {
	m.n++
	a := message(fmt.Sprint(m.child, "-", m.n), "x", m.child)
	a.Deliveries = nil
	for range rapid.IntRange(1, 3).Draw(t, "deliveries") {
		a.Deliveries = append(a.Deliveries, NewDelivery{Destination: "school", Lane: "school/" + m.child, Urgency: rapid.IntRange(0, 2).Draw(t, "urgency")})
	}
	return a
}

func (m *laneModel) accept(t *rapid.T, a *Acceptance) {
	got, err := m.l.Accept(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range got.Deliveries {
		m.waiting = append(m.waiting, Delivery{ID: id, Urgency: a.Deliveries[i].Urgency, Seq: got.Seq, Ordinal: i})
	}
}

func (m *laneModel) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"accept": func(t *rapid.T) { m.accept(t, m.acceptance(t)) },
		"hold": func(t *rapid.T) {
			a := m.acceptance(t)
			a.State, a.Deliveries = MessageHeld, nil
			got, err := m.l.Accept(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			m.held = append(m.held, got.Message)
		},
		"reprocess": func(t *rapid.T) {
			if len(m.held) == 0 {
				t.Skip()
			}
			i := rapid.IntRange(0, len(m.held)-1).Draw(t, "held")
			a := m.acceptance(t)
			a.Reprocess = m.held[i]
			m.held = slices.Delete(m.held, i, i+1)
			m.accept(t, a)
		},
		"send":    m.send,
		"decline": m.decline,
		"requeue": func(t *rapid.T) {
			if len(m.resting) == 0 {
				t.Skip()
			}
			d := rapid.SampledFrom(m.resting).Draw(t, "resting")
			if _, err := m.l.Requeue(t.Context(), []string{d.ID}, nil); err != nil {
				t.Fatal(err)
			}
			m.resting = slices.DeleteFunc(m.resting, func(o Delivery) bool { return o.ID == d.ID })
			m.waiting = append(m.waiting, d)
		},
		"cancel": func(t *rapid.T) {
			if len(m.waiting) == 0 {
				t.Skip()
			}
			d := rapid.SampledFrom(m.waiting).Draw(t, "waiting")
			if n, err := m.l.Cancel(t.Context(), []string{d.ID}, "r", nil); n != 1 || err != nil {
				t.Fatal(n, err)
			}
			m.remove(d)
			m.resting = append(m.resting, d)
		},
		"": m.check,
	}
}

func (m *laneModel) send(t *rapid.T) {
	want, ok := m.head()
	if !ok {
		t.Skip()
	}
	d, err := m.l.Head(t.Context(), "school/"+m.child)
	if err != nil {
		t.Fatal(err)
	}
	in := Intent{Delivery: d.ID, Prior: d.Token, Children: []string{m.child}, Epochs: map[string]int64{m.child: 1}}
	token, _, err := m.l.Intend(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.l.Intend(t.Context(), in); !errors.Is(err, ErrToken) {
		t.Fatalf("intended twice with one token: %v", err)
	}
	state := rapid.SampledFrom([]string{DeliveryCompleted, DeliveryFailed, DeliveryHeld, DeliveryPending}).Draw(t, "outcome")
	if _, err := m.l.Record(t.Context(), Outcome{Delivery: d.ID, Token: token, State: state, Due: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if state != DeliveryPending {
		m.remove(want)
	}
	if state == DeliveryFailed || state == DeliveryHeld {
		m.resting = append(m.resting, want)
	}
}

func (m *laneModel) decline(t *rapid.T) {
	want, ok := m.head()
	if !ok {
		t.Skip()
	}
	d, err := m.l.Head(t.Context(), "school/"+m.child)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.l.Decline(t.Context(), Decided{Delivery: d.ID, Prior: d.Token, State: DeliveryDenied}); err != nil {
		t.Fatal(err)
	}
	m.remove(want)
	m.resting = append(m.resting, want)
}

// check compares head and due lanes with the model after every action.
func (m *laneModel) check(t *rapid.T) {
	want, ok := m.head()
	got, err := m.l.Head(t.Context(), "school/"+m.child)
	if ok != (err == nil) || !ok && !errors.Is(err, ErrNotFound) || got.ID != want.ID {
		t.Fatalf("head %+v, want %+v: %v", got, want, err)
	}
	lanes, err := m.l.DueLanes(t.Context())
	if err != nil || (len(lanes) == 1) != ok || len(lanes) > 1 {
		t.Fatalf("due lanes %+v, want one: %v: %v", lanes, ok, err)
	}
}

// TestLaneModel lets chance act on one lane and compares its head with a plain list.
func TestLaneModel(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())
	rapid.Check(t, func(rt *rapid.T) {
		m := &laneModel{l: l, child: newChild(t, l)}
		rt.Repeat(m.actions())
		for _, d := range m.waiting { // the next round looks at an empty table of due lanes
			l.Cancel(t.Context(), []string{d.ID}, "", nil)
		}
	})
}
