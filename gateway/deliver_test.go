package gateway_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"caregate/adapters"
	"caregate/gateway"
	"caregate/ledger"
)

func TestDeliverReleasesWhatConsentNames(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.introduce()
	h.sign()
	d := h.ends(h.refer(), ledger.DeliveryCompleted)
	got := h.clinic.received()
	if len(got) != 1 {
		t.Fatalf("clinic received %d messages, want 1", len(got))
	}
	body := string(got[0].Body)
	for _, want := range []string{"F90.2", "methylphenidate", `"resourceType":"Task"`} {
		if !strings.Contains(body, want) {
			t.Errorf("released body lacks %s\n%s", want, decisions(d))
		}
	}
	if strings.Contains(body, `"resourceType":"Consent"`) {
		t.Error("the Consent is not of the classes that it names, and was released")
	}
	if d.Attempts[0].SHA256 == "" || d.Attempts[0].Law["us-il"] == "" || len(d.Attempts[0].Consents) == 0 {
		t.Errorf("explanation lacks hash, law or consents: %+v", d.Attempts[0])
	}
}

// Each case differs from the delivered story in one fact, and nothing leaves.
func TestNothingLeavesWithoutConsent(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*gateway.Options)
		set    func(*house)
	}{
		"no consent":      {set: func(h *house) {}},
		"wrong purpose":   {change: func(o *gateway.Options) { o.Routes[0].Purpose = "HMARKT" }, set: (*house).sign},
		"wrong recipient": {change: func(o *gateway.Options) { o.Routes[0].To = "stranger" }, set: (*house).sign},
		"revoked": {set: func(h *house) {
			h.sign()
			h.revoke()
		}},
		"filed by a partner who may not": {set: func(h *house) {
			h.post("cmo", "PUT "+consult, flow(t, "06-consent-lifecycle/01-fhir-consent-active.json"), adapters.CodeForbidden)
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, c.change)
			h.introduce()
			c.set(h)
			d := h.ends(h.refer(), ledger.DeliveryDenied)
			if n := len(h.clinic.received()); n != 0 {
				t.Fatalf("%d messages left", n)
			}
			for _, r := range d.Attempts[0].Resources {
				if !r.Withheld || len(r.Reasons) == 0 || r.Reasons[0].Code == "" {
					t.Errorf("%s withheld=%v without a reason: %v", r.Ref, r.Withheld, r.Reasons)
				}
			}
		})
	}
}

func (h *house) revoke() {
	h.t.Helper()
	body := strings.Replace(flow(h.t, "06-consent-lifecycle/01-fhir-consent-active.json"), `"status": "active"`, `"status": "inactive"`, 1)
	h.post("guardian", "PUT "+consult, body, adapters.CodeAccepted)
}

func TestRetryKeepsKeyAndBytes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.introduce()
	h.sign()
	h.clinic.respond(refuse)
	id := h.refer()
	h.until(func() bool { return len(h.clinic.received()) >= 3 })
	h.clinic.respond(nil)
	h.ends(id, ledger.DeliveryCompleted)
	first := h.clinic.received()[0]
	for i, r := range h.clinic.received() {
		if r.Key != first.Key || string(r.Body) != string(first.Body) || r.ControlID != first.ControlID {
			t.Errorf("attempt %d differs from the first", i+1)
		}
	}
}

func TestChangedDecisionIsANewRelease(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.introduce()
	h.sign()
	h.clinic.respond(refuse)
	id := h.refer()
	h.until(func() bool { return len(h.clinic.received()) >= 1 })
	narrower := strings.Replace(flow(t, "06-consent-lifecycle/01-fhir-consent-active.json"), `"code": "MedicationRequest"`, `"code": "Basic"`, 1)
	h.post("guardian", "PUT "+consult, narrower, adapters.CodeAccepted)
	h.clinic.respond(nil)
	h.ends(id, ledger.DeliveryCompleted)
	all := h.clinic.received()
	first, last := all[0], all[len(all)-1]
	if first.Key == last.Key {
		t.Error("another decision left under the same key")
	}
	if strings.Contains(string(last.Body), "methylphenidate") {
		t.Error("what the narrower consent does not name was released")
	}
}

func TestRevocationStopsWhatWaits(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.introduce()
	h.sign()
	h.clinic.respond(refuse)
	id := h.refer()
	h.until(func() bool { return len(h.clinic.received()) >= 1 })
	h.revoke()
	after := len(h.clinic.received())
	h.clinic.respond(nil)
	h.ends(id, ledger.DeliveryDenied)
	if n := len(h.clinic.received()); n != after {
		t.Fatalf("%d messages left after the revocation was answered", n-after)
	}
}

// A revocation that meets a hung partner cuts the send off and is answered; it does not wait for the partner.
func TestRevocationCutsOffAHungSend(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.introduce()
	h.sign()
	h.clinic.respond(func(ctx context.Context, _ adapters.Release) (adapters.Receipt, error) {
		<-ctx.Done()
		return adapters.Receipt{}, &adapters.Failure{Code: adapters.CodeTimeout, Detail: "no answer"}
	})
	id := h.refer()
	h.until(func() bool { return len(h.clinic.received()) == 1 })
	h.revoke()
	if err := h.Revoke(t.Context(), h.child(id)); err != nil {
		t.Fatal(err)
	}
	h.ends(id, ledger.DeliveryDenied)
	if n := len(h.clinic.received()); n != 1 {
		t.Fatalf("%d sends, want only the one that was under way", n)
	}
}

func (h *house) child(message string) string {
	h.t.Helper()
	e, err := h.Explain(h.t.Context(), message)
	if err != nil {
		h.t.Fatal(err)
	}
	return e.Child
}

func (h *house) until(done func() bool) {
	h.t.Helper()
	for range 500 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.t.Fatal("did not happen within 5 s")
}

func TestPermanentRefusalIsForAPerson(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.introduce()
	h.sign()
	h.clinic.respond(func(context.Context, adapters.Release) (adapters.Receipt, error) {
		return adapters.Receipt{}, &adapters.Failure{Code: adapters.CodeUnknownKey, Answer: "404"}
	})
	id := h.refer()
	h.ends(id, ledger.DeliveryFailed)
	e, err := h.Explain(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Work) != 1 || e.Work[0].State != ledger.WorkOpen {
		t.Fatalf("work items: %+v, want one that is open", e.Work)
	}
	h.clinic.respond(nil)
	if _, err := h.Resolve(t.Context(), e.Work[0].ID, "", "clinic has registered the child"); err != nil {
		t.Fatal(err)
	}
	h.ends(id, ledger.DeliveryCompleted)
}

func TestNeedsHoldTheDelivery(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *gateway.Options) { o.Routes[0].Needs = []string{"MedicationRequest"} })
	h.introduce()
	without := strings.Replace(flow(t, "06-consent-lifecycle/01-fhir-consent-active.json"), `"code": "MedicationRequest"`, `"code": "Basic"`, 1)
	h.post("guardian", "PUT "+consult, without, adapters.CodeAccepted)
	id := h.refer()
	d := h.ends(id, ledger.DeliveryHeld)
	if d.Attempts[0].Missing != "MedicationRequest" || len(h.clinic.received()) != 0 {
		t.Fatalf("missing %q, %d sent", d.Attempts[0].Missing, len(h.clinic.received()))
	}
	h.sign() // the guardian adds medications
	e, _ := h.Explain(t.Context(), id)
	if _, err := h.Resolve(t.Context(), e.Work[0].ID, "", "consent obtained"); err != nil {
		t.Fatal(err)
	}
	h.ends(id, ledger.DeliveryCompleted)
}

// A withdrawal whose answer was missed is sent again; the copy is answered no sooner than
// the first could have been.
func TestWithdrawalSentAgainWaitsForTheGate(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *gateway.Options) { o.Partners[1].Duplicates = gateway.Duplicates{Window: time.Hour} })
	h.introduce()
	h.sign()
	hold := make(chan struct{})
	var left atomic.Bool
	h.clinic.respond(func(context.Context, adapters.Release) (adapters.Receipt, error) { // deaf to being cut off
		<-hold
		left.Store(true)
		return adapters.Receipt{Answer: "200"}, nil
	})
	h.refer()
	h.until(func() bool { return len(h.clinic.received()) == 1 })
	withdrawal := adapters.Inbound{Partner: "guardian", Protocol: "fhirrest", Interaction: "PUT " + consult, Received: asOf, Raw: []byte(
		strings.Replace(flow(t, "06-consent-lifecycle/01-fhir-consent-active.json"), `"status": "active"`, `"status": "inactive"`, 1))}
	impatient, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	if ack := h.Accept(impatient, withdrawal); !ack.Silent {
		t.Fatalf("answered %s while a send was under way", ack.Code)
	}
	time.AfterFunc(300*time.Millisecond, func() { close(hold) })
	if ack := h.Accept(t.Context(), withdrawal); ack.Code != adapters.CodeAccepted || !left.Load() {
		t.Fatalf("the copy was answered %s, send over: %v", ack.Code, left.Load())
	}
}
