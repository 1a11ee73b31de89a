package gateway_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"caregate/adapters"
	"caregate/gateway"
	"caregate/ledger"
	"caregate/policy"
)

// federal is law without that of the state.
func federal(t *testing.T) *policy.Engine {
	t.Helper()
	e, err := policy.Load(t.Context(), policy.Bundles(), []string{"us"}, policy.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestGovernWaitsForWhatIsLeaving: other law is in force when what the old one released has arrived.
func TestGovernWaitsForWhatIsLeaving(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.introduce()
	h.sign()
	var answered atomic.Bool
	reached, release := make(chan struct{}), make(chan struct{})
	h.clinic.respond(func(context.Context, adapters.Release) (adapters.Receipt, error) {
		close(reached)
		<-release
		answered.Store(true)
		return adapters.Receipt{Answer: "200"}, nil
	})
	message := h.refer()
	<-reached
	governed := make(chan bool)
	go func() {
		h.Govern(t.Context(), federal(t))
		governed <- answered.Load()
	}()
	select {
	case <-governed:
		t.Error("other law is in force while a release of the old one is leaving")
	case <-time.After(200 * time.Millisecond):
	}
	close(release)
	if !<-governed {
		t.Error("other law was in force before the clinic had answered")
	}
	story := h.ends(message, ledger.DeliveryCompleted)
	if law := story.Attempts[0].Law; law["us-il"] == "" {
		t.Errorf("the release names the law %v, not the one that decided it", law)
	}
}

// TestOtherLawWhileDeciding: what was decided by law that is no longer in force is decided again before anything leaves.
func TestOtherLawWhileDeciding(t *testing.T) {
	t.Parallel()
	var h *house
	changed := false
	other := federal(t)
	h = newHouse(t, func(o *gateway.Options) {
		o.Workers = 1
		o.Routes[0].Codec = &swapping{Codec: o.Routes[0].Codec, swap: func() {
			if !changed {
				changed = true
				go h.Govern(context.Background(), other) // it waits for this very attempt
				for h.Law() != other {
					time.Sleep(time.Millisecond)
				}
			}
		}}
	})
	h.introduce()
	h.sign()
	message := h.refer()
	story := h.ends(message, ledger.DeliveryDenied) // no law of the child's state is loaded any more
	for _, a := range story.Attempts {
		if a.Law["us-il"] != "" {
			t.Errorf("a decision of the old law was recorded: %+v", a)
		}
	}
	if !changed || len(h.clinic.received()) != 0 {
		t.Errorf("law changed %v, the clinic got %d", changed, len(h.clinic.received()))
	}
}

// swapping changes the law between the decision and the record of the intent.
type swapping struct {
	adapters.Codec
	swap func()
}

func (s *swapping) Encode(out adapters.Outbound) (adapters.Encoded, error) {
	s.swap()
	return s.Codec.Encode(out)
}
