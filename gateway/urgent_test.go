package gateway_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"caregate/adapters"
	"caregate/gateway"
)

// pager keeps the alerts that it got; it is out of order for the first ones.
type pager struct {
	mu     sync.Mutex
	broken int
	got    []gateway.Alert
}

func (p *pager) alert(_ context.Context, a gateway.Alert) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken > 0 {
		p.broken--
		return errors.New("the pager is out of order")
	}
	p.got = append(p.got, a)
	return nil
}

func (p *pager) alerts() []gateway.Alert {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]gateway.Alert(nil), p.got...)
}

// TestUrgentUndelivered: an urgent referral that is refused, or still waits after 30 s, is on
// the work list, alerts who is on call once, and is answered to its sender. One that arrives
// does none of it, nor does one that is not urgent.
func TestUrgentUndelivered(t *testing.T) {
	t.Parallel()
	refused := func(context.Context, adapters.Release) (adapters.Receipt, error) {
		return adapters.Receipt{}, &adapters.Failure{Code: adapters.CodeBusinessRule, Answer: "422", Detail: "refused"}
	}
	cases := map[string]struct {
		urgent bool
		answer func(context.Context, adapters.Release) (adapters.Receipt, error)
		ahead  time.Duration // of the gateway's clock to the ledger's
		broken int
		alerts int
	}{
		"refused":                      {urgent: true, answer: refused, alerts: 1},
		"refused, pager out of order":  {urgent: true, answer: refused, broken: 1, alerts: 1},
		"out of reach for 30 s":        {urgent: true, answer: refuse, ahead: 31 * time.Second, alerts: 1},
		"out of reach for a moment":    {urgent: true, answer: refuse},
		"delivered":                    {urgent: true, ahead: 20 * time.Second},
		"refused and of no urgency":    {answer: refused},
		"out of reach, and no urgency": {answer: refuse, ahead: 31 * time.Second},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &pager{broken: c.broken}
			h := newHouse(t, func(o *gateway.Options) {
				o.Routes[0].Urgent, o.Alert = c.urgent, p.alert
				now := o.Now
				o.Now = func() time.Time { return now().Add(c.ahead) }
			})
			h.introduce()
			h.sign()
			h.clinic.respond(func(ctx context.Context, r adapters.Release) (adapters.Receipt, error) {
				if c.answer == nil || r.Destination != "clinic" {
					return adapters.Receipt{Answer: "200"}, nil
				}
				return c.answer(ctx, r)
			})
			id := h.refer()
			for deadline := time.Now().Add(9 * time.Second); time.Now().Before(deadline) && (c.alerts == 0 || len(p.alerts()) < c.alerts); {
				time.Sleep(50 * time.Millisecond)
			}
			time.Sleep(2500 * time.Millisecond) // a second alert would have come
			if got := p.alerts(); len(got) != c.alerts {
				t.Fatalf("%d alerts, want %d: %+v", len(got), c.alerts, got)
			}
			rows, err := h.ledger.Events(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			answered := 0
			for _, r := range rows {
				if r.Kind == "sender-answered" {
					answered++
				}
			}
			items, err := h.Work(t.Context(), "open")
			if err != nil {
				t.Fatal(err)
			}
			urgent := 0
			for _, w := range items {
				if w.Kind == gateway.WorkUrgent {
					urgent++
				}
			}
			if answered != c.alerts || urgent != c.alerts {
				t.Errorf("%d answers and %d work items, want %d", answered, urgent, c.alerts)
			}
			if told := h.toldFailed(t, id); told != (c.alerts > 0) {
				t.Errorf("the sender's message of failure is there: %v", told)
			}
		})
	}
}

// toldFailed reports whether a Task that failed is on its way to the sender.
func (h *house) toldFailed(t *testing.T, referral string) bool {
	t.Helper()
	all, err := h.ledger.MessagesOf(t.Context(), h.childOf(referral))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range all {
		e, err := h.Explain(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if e.Partner != "caregate" {
			continue
		}
		body, err := h.ledger.Bundle(t.Context(), id)
		if err != nil || !strings.Contains(string(body), `"failed"`) {
			t.Errorf("%v: %s", err, body)
		}
		if len(e.Destinations) != 1 || e.Destinations[0].Destination != "cmo" {
			t.Errorf("the answer goes to %+v, %+v", e.Destinations, e.Work)
		}
		return true
	}
	return false
}
