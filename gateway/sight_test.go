package gateway_test

import (
	"testing"
	"time"

	"caregate/gateway"
	"caregate/ledger"
)

// childOf is our id of the child of a message.
func (h *house) childOf(message string) string {
	h.t.Helper()
	m, err := h.ledger.Message(h.t.Context(), message)
	if err != nil {
		h.t.Fatal(err)
	}
	return m.Child
}

// TestSight: each window agrees with a decision at its own beginning and just before its end,
// and the consent's last day ends what it permits.
func TestSight(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.introduce()
	h.sign()
	id := h.refer()
	h.ends(id, ledger.DeliveryCompleted)
	sent := len(h.clinic.received())
	all, err := h.WhoCouldSee(t.Context(), h.childOf(id), gateway.Sight{Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	seen, ended := 0, 0
	for i, w := range all {
		if !w.Until.After(w.From) || w.Words == "" || w.Code == "" {
			t.Errorf("window without time or reason: %+v", w)
		}
		if i > 0 && all[i-1].Record == w.Record && all[i-1].Route == w.Route && all[i-1].Partner == w.Partner && !all[i-1].Until.Equal(w.From) {
			t.Errorf("gap between %+v and %+v", all[i-1], w)
		}
		for _, at := range []time.Time{w.From, w.Until.Add(-time.Nanosecond)} {
			again, err := h.WhoCouldSee(t.Context(), h.childOf(id), gateway.Sight{From: at, Until: at.Add(time.Nanosecond), Language: "en"})
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range again {
				if o.Route == w.Route && o.Partner == w.Partner && o.Record == w.Record && (o.Seen != w.Seen || o.Code != w.Code) {
					t.Errorf("%s: window says %v %s, the decision %v %s", at, w.Seen, w.Code, o.Seen, o.Code)
				}
			}
		}
		if w.Route == "consult" && w.Record == "Condition/mental-health" {
			if w.Seen {
				seen++
			} else if w.Code == "expired" {
				ended++
			}
		}
		if w.Partner == "stranger" && w.Seen {
			t.Errorf("a stranger could see %s", w.Record)
		}
	}
	if seen != 1 || ended != 1 {
		t.Errorf("%d windows in which the clinic sees it, %d after the consent's end: %+v", seen, ended, all)
	}
	if len(h.clinic.received()) != sent {
		t.Error("asking who could see it sent something")
	}
	one, err := h.WhoCouldSee(t.Context(), h.childOf(id), gateway.Sight{Resource: "Condition/cond-adhd"})
	if err != nil || len(one) == 0 {
		t.Errorf("one record: %v %v", one, err)
	}
	if _, err := h.WhoCouldSee(t.Context(), h.childOf(id), gateway.Sight{Resource: "Condition/other"}); err == nil {
		t.Error("a record that is not there was looked at")
	}
}
