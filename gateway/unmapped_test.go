package gateway_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"caregate/adapters"
	"caregate/adapters/fhirrest"
	"caregate/gateway"
	"caregate/ledger"
)

// lacking is a codec that does not know a code in messages that hold it, until it is taught.
type lacking struct {
	fhirrest.Codec
	taught *atomic.Bool
}

const ownCode = "as needed by the care organisation"

func (c lacking) Decode(in adapters.Inbound) (adapters.Decoded, error) {
	d, err := c.Codec.Decode(in)
	if !c.taught.Load() && strings.Contains(string(in.Raw), ownCode) {
		d.Unmapped = []adapters.Unmapped{{Location: "RF1-1", Table: "0283", Elements: []string{"0283.task"}, Code: "NEU"}}
	}
	return d, err
}

func lackingHouse(t *testing.T) (*house, *atomic.Bool) {
	t.Helper()
	taught := &atomic.Bool{}
	h := newHouse(t, func(o *gateway.Options) {
		for i := range o.Partners {
			o.Partners[i].Owner = "interfaces"
			o.Partners[i].Codecs = map[string]adapters.Codec{"fhirrest": lacking{taught: taught}}
		}
	})
	return h, taught
}

// own adds the code, as a tag that says nothing to anybody else.
func own(body string) string {
	return strings.Replace(body, `"type": "transaction"`, `"type": "transaction", "meta": {"tag": [{"display": "`+ownCode+`"}]}`, 1)
}

// TestUnknownCodeWaitsInItsPlace: what waits for a code goes on together, each in its place,
// before what came later and has not left.
func TestUnknownCodeWaitsInItsPlace(t *testing.T) {
	t.Parallel()
	h, taught := lackingHouse(t)
	h.introduce()
	h.sign()
	h.clinic.respond(refuse)
	body := flow(t, "01-medication-consult/01-fhir-consult-request-transaction.json")
	if own(body) == body {
		t.Fatal("the sample is no transaction")
	}
	first := h.post("cmo", "POST /", own(body), adapters.CodeHeld)
	second := h.post("cmo", "POST /", strings.ReplaceAll(own(body), "SOC-2026-004411", "SOC-2026-004499"), adapters.CodeHeld)
	third := h.post("cmo", "POST /", strings.ReplaceAll(body, "SOC-2026-004411", "SOC-2026-004500"), adapters.CodeAccepted)
	h.ends(third.MessageID, ledger.DeliveryPending)

	items, err := h.Work(t.Context(), ledger.WorkOpen)
	if err != nil || len(items) != 2 {
		t.Fatalf("work: %+v, %v", items, err)
	}
	w := items[1]
	if w.Kind != gateway.WorkUnmapped || w.Partner != "cmo" || w.Owner != "interfaces" || w.Unmapped == nil || w.Unmapped.Code != "NEU" || !strings.Contains(w.Remedy, `"NEU" at RF1-1`) {
		t.Errorf("the item says %+v", w)
	}
	if on, ack, err := h.ResolveCode(t.Context(), w.ID, "not known yet"); err != nil || len(on) != 0 || ack.Code != adapters.CodeHeld {
		t.Fatalf("resolved without a meaning: %v %+v %v", on, ack, err)
	}
	taught.Store(true)
	if items, err = h.Work(t.Context(), ledger.WorkOpen); err != nil || len(items) != 2 {
		t.Fatalf("work: %+v, %v", items, err)
	}
	on, ack, err := h.ResolveCode(t.Context(), items[0].ID, "known")
	if want := []string{first.MessageID, second.MessageID}; err != nil || !slices.Equal(on, want) || ack.Code != adapters.CodeAccepted {
		t.Fatalf("went on: %v %+v %v, want %v", on, ack, err, want)
	}
	before := h.clinic.recover()
	for _, m := range []string{first.MessageID, second.MessageID, third.MessageID} {
		h.ends(m, ledger.DeliveryCompleted)
	}
	var order []string
	for _, r := range h.clinic.received()[before:] {
		for _, placer := range []string{"SOC-2026-004411", "SOC-2026-004499", "SOC-2026-004500"} {
			if strings.Contains(string(r.Body), placer) && !slices.Contains(order, placer) {
				order = append(order, placer)
			}
		}
	}
	if want := []string{"SOC-2026-004411", "SOC-2026-004499", "SOC-2026-004500"}; !slices.Equal(order, want) {
		t.Errorf("left in the order %v, want %v", order, want)
	}
}

// TestWithdrawalCountsWhileItWaits: a person has to say what a code means, and nothing leaves meanwhile
// under a consent that the same message takes back.
func TestWithdrawalCountsWhileItWaits(t *testing.T) {
	t.Parallel()
	h, _ := lackingHouse(t)
	h.introduce()
	h.sign()
	h.post("guardian", "PUT "+consult, strings.Replace(flow(t, "06-consent-lifecycle/01-fhir-consent-active.json"), `"status": "active"`, `"status": "inactive", "_language": {"id": "`+ownCode+`"}`, 1), adapters.CodeHeld)
	h.ends(h.refer(), ledger.DeliveryDenied)
}
