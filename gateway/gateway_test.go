package gateway_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"caregate/adapters"
	"caregate/adapters/fhirrest"
	"caregate/consent"
	"caregate/fhir"
	"caregate/gateway"
	"caregate/identity"
	"caregate/ledger"
	"caregate/policy"
	"caregate/queue"
	"caregate/testdata/flows"
)

// asOf is a day on which the sample consents are in force.
var asOf = time.Date(2026, 11, 1, 15, 0, 0, 0, time.UTC)

// clinic is the destination: it answers as told and keeps what it got.
type clinic struct {
	mu     sync.Mutex
	got    []adapters.Release
	answer func(context.Context, adapters.Release) (adapters.Receipt, error)
}

func (c *clinic) Send(ctx context.Context, p adapters.Permit) (adapters.Receipt, error) {
	c.mu.Lock()
	c.got = append(c.got, p.Release())
	answer := c.answer
	c.mu.Unlock()
	if answer != nil {
		return answer(ctx, p.Release())
	}
	return adapters.Receipt{Answer: "200"}, nil
}

func (c *clinic) received() []adapters.Release {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]adapters.Release(nil), c.got...)
}

// respond sets what the clinic answers from now on.
func (c *clinic) respond(answer func(context.Context, adapters.Release) (adapters.Receipt, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = answer
}

// recover has the clinic take everything from now on, and returns how many it was sent before.
func (c *clinic) recover() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = nil
	return len(c.got)
}

// refuse is a clinic that is out of reach.
func refuse(context.Context, adapters.Release) (adapters.Receipt, error) {
	return adapters.Receipt{}, &adapters.Failure{Code: adapters.CodeUnavailable, Detail: "connection refused"}
}

// house is a gateway with a state, a guardian, a care organisation and a clinic.
type house struct {
	*gateway.Gateway
	t      *testing.T
	clinic *clinic
	ledger *ledger.Ledger
}

func newHouse(t *testing.T, change func(*gateway.Options)) *house {
	t.Helper()
	h := &house{t: t, clinic: &clinic{}}
	now := func() time.Time { return asOf.Add(time.Since(start)) }
	var err error
	h.ledger, err = ledger.Open(t.Context(), ledger.Options{Dir: t.TempDir(), KEK: make([]byte, 32), Now: now, Writer: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.ledger.Close() })
	codec := func() map[string]adapters.Codec { return map[string]adapters.Codec{"fhirrest": &fhirrest.Codec{}} }
	o := gateway.Options{
		Ledger: h.ledger, Schedule: queue.NewHeap(queue.Options{Now: now}), Policy: law(t), Labeler: labeler(t),
		Partners: []gateway.Partner{
			{ID: "dcfs", Codecs: codec(), Asserts: map[gateway.Assertion]bool{gateway.AssertIdentity: true, gateway.AssertAuthority: true}},
			{ID: "guardian", Codecs: codec(), Asserts: map[gateway.Assertion]bool{gateway.AssertConsent: true}},
			{ID: "cmo", Codecs: codec(), Duplicates: gateway.Duplicates{Window: time.Hour}, Recipient: consent.Recipient{Ref: "Organization/soc-agency", Organization: "Organization/soc-agency"}},
			{ID: "clinic", Codecs: codec(), Reads: "TREAT", Recipient: consent.Recipient{Ref: "Organization/psych-clinic", Organization: "Organization/psych-clinic", OrgType: "clinic", Clinician: true}},
			{ID: "stranger", Codecs: codec(), Reads: "TREAT", Recipient: consent.Recipient{Ref: "Organization/stranger", Organization: "Organization/stranger", OrgType: "clinic", Clinician: true}},
		},
		Routes: []gateway.Route{{
			Name: "consult", Kinds: []gateway.Kind{gateway.KindReferral}, From: []string{"cmo"}, To: "clinic", Purpose: "TREAT",
			Codec: &fhirrest.Codec{}, Sender: h.clinic,
		}, {
			Name: "status", Kinds: []gateway.Kind{gateway.KindStatus}, To: "cmo", OwnReferrals: true, Purpose: "TREAT",
			Codec: &fhirrest.Codec{}, Sender: h.clinic,
		}},
		Assigners:    identity.Assigners{"https://soc.example.org/id/il-dcfs-id": true},
		Jurisdiction: "US-IL", Zone: zone(t), Implicit: consent.ImplicitDeny,
		Now: now, Log: slog.New(slog.DiscardHandler), Workers: 2, SendTimeout: 5 * time.Second,
		Backoff: gateway.Backoff{First: 20 * time.Millisecond, Cap: 50 * time.Millisecond},
	}
	if change != nil {
		change(&o)
	}
	h.Gateway, err = gateway.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return h
}

var start = time.Now()

var law = func() func(*testing.T) *policy.Engine {
	load := sync.OnceValues(func() (*policy.Engine, error) {
		return policy.Load(context.Background(), policy.Bundles(), []string{"us", "us-il"}, policy.Limits{})
	})
	return func(t *testing.T) *policy.Engine {
		t.Helper()
		engine, err := load()
		if err != nil {
			t.Fatal(err)
		}
		return engine
	}
}()

func labeler(t *testing.T) *policy.Labeler {
	t.Helper()
	l, err := policy.LoadLabeler(policy.Labels())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func zone(t *testing.T) *time.Location {
	t.Helper()
	z, err := time.LoadLocation("America/Chicago")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func flow(t *testing.T, name string) string {
	t.Helper()
	b, err := flows.Files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// post hands one body to Accept and fails the test unless it is answered as wanted.
func (h *house) post(partner, interaction, body string, want adapters.Code) adapters.Ack {
	h.t.Helper()
	ack := h.Accept(h.t.Context(), adapters.Inbound{
		Partner: partner, Protocol: "fhirrest", ContentType: "application/fhir+json", Interaction: interaction, Raw: []byte(body), Received: asOf,
	})
	if ack.Code != want {
		h.t.Fatalf("%s %s: answered %s, want %s: %+v", partner, interaction, ack.Code, want, ack.Issues)
	}
	return ack
}

// introduce has the state name the child and the State guardian.
func (h *house) introduce() {
	h.t.Helper()
	h.post("dcfs", "POST /", withGuardian(h.t, flow(h.t, "00-cast/cast-il-transaction.json")), adapters.CodeAccepted)
}

func withGuardian(t *testing.T, body string) string {
	t.Helper()
	bundle, err := fhir.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range fhir.Entries(bundle) {
		if r.ID() == "guardian-state-1" {
			ext, err := fhir.Parse([]byte(`{"url":"` + consent.ExtensionGuardianAuthority + `","extension":[{"url":"domain","valueCode":"all"},{"url":"basis","valueString":"State guardianship"},{"url":"start","valueDate":"2025-11-20"}]}`))
			if err != nil {
				t.Fatal(err)
			}
			r.Add("extension", ext)
		}
	}
	return string(bundle.JSON())
}

const consult = "Consent/consent-consult"

func (h *house) sign() {
	h.t.Helper()
	h.post("guardian", "PUT "+consult, flow(h.t, "06-consent-lifecycle/01-fhir-consent-active.json"), adapters.CodeAccepted)
}

// refer sends the care organisation's consult and returns our id of it.
func (h *house) refer() string {
	h.t.Helper()
	return h.post("cmo", "POST /", flow(h.t, "01-medication-consult/01-fhir-consult-request-transaction.json"), adapters.CodeAccepted).MessageID
}

// ends waits until the first delivery of a message is in the state, and returns its story.
func (h *house) ends(message, state string) gateway.Destination {
	h.t.Helper()
	var last gateway.Destination
	for range 400 {
		e, err := h.Explain(h.t.Context(), message)
		if err != nil {
			h.t.Fatal(err)
		}
		if len(e.Destinations) == 0 {
			h.t.Fatalf("message %s has no delivery: %+v", message, e)
		}
		if last = e.Destinations[0]; last.State == state {
			return last
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.t.Fatalf("delivery is %s (%s), want %s", last.State, last.Reason, state)
	return last
}

// decisions renders who got what and why not, for a failing test.
func decisions(d gateway.Destination) string {
	var b strings.Builder
	for _, a := range d.Attempts {
		for _, r := range a.Resources {
			fmt.Fprintf(&b, "%s withheld=%v %v\n", r.Ref, r.Withheld, r.Reasons)
		}
	}
	return b.String()
}
