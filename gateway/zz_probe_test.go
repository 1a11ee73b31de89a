package gateway_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"caregate/adapters"
	"caregate/fhir"
	"caregate/gateway"
	"caregate/ledger"
)

const consultFlow = "01-medication-consult/01-fhir-consult-request-transaction.json"

func (h *house) try(partner, interaction, body string) adapters.Ack {
	return h.Accept(h.t.Context(), adapters.Inbound{Partner: partner, Protocol: "fhirrest", ContentType: "application/fhir+json", Interaction: interaction, Raw: []byte(body), Received: asOf})
}

func (h *house) settleStates(id string) string {
	time.Sleep(600 * time.Millisecond)
	e, err := h.Explain(h.t.Context(), id)
	return fmt.Sprintf("%v child=%q state=%s dest=%+v work=%+v", err, e.Child, e.State, e.Destinations, e.Work)
}

func TestProbeSubjectForms(t *testing.T) {
	for name, subject := range map[string]string{
		"absolute":   `{"reference":"https://ehr.example/fhir/Patient/child-il-1"}`,
		"identifier": `{"type":"Patient","identifier":{"system":"https://soc.example.org/id/il-dcfs-id","value":"90000017"}}`,
		"history":    `{"reference":"Patient/child-il-1/_history/1"}`,
		"none":       `{"display":"Zztest"}`,
		"contained": `{"reference":"#p"}`,
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, nil)
			h.introduce()
			h.sign()
			body := `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"ServiceRequest","id":"s1","contained":[{"resourceType":"Patient","id":"p"}],"status":"active","intent":"order","subject":` + subject + `},"request":{"method":"PUT","url":"ServiceRequest/s1"}}]}`
			ack := h.try("cmo", "POST /", body)
			t.Logf("%+v", ack)
			if ack.MessageID != "" {
				t.Log(h.settleStates(ack.MessageID))
			}
			cons := `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + strings.Replace(flow(t, "06-consent-lifecycle/01-fhir-consent-active.json"), `"reference": "Patient/child-il-1"`, subject[1:len(subject)-1], 1) + `,"request":{"method":"PUT","url":"Consent/consent-consult"}}]}`
			ack = h.try("guardian", "POST /", cons)
			t.Logf("consent %+v", ack)
			if ack.MessageID != "" {
				t.Log(h.settleStates(ack.MessageID))
			}
		})
	}
}

func change(t *testing.T, body string, f func(*fhir.Node)) string {
	n, err := fhir.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	f(n)
	return string(n.JSON())
}

func node(t *testing.T, s string) *fhir.Node {
	n, err := fhir.Parse([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func put(t *testing.T, res string) *fhir.Node {
	r := node(t, res)
	return fhir.NewObject().Set("resource", r).Set("request", fhir.NewObject().SetText("method", "PUT").SetText("url", r.Ref()))
}

func (h *house) outcome(body string) {
	ack := h.try("cmo", "POST /", body)
	h.t.Logf("%+v", ack)
	if ack.MessageID == "" {
		return
	}
	h.t.Log(h.settleStates(ack.MessageID)[:300])
	for _, r := range h.clinic.received() {
		h.t.Logf("GOT %s", r.Body)
	}
}

func TestProbeContextContained(t *testing.T) {
	h := newHouse(t, nil)
	h.introduce()
	h.sign()
	body := change(t, flow(t, consultFlow), func(b *fhir.Node) {
		b.Add("entry", put(t, `{"resourceType":"Organization","id":"o-evil","name":"Org","contained":[{"resourceType":"Observation","id":"x","status":"final","code":{"text":"SMUGGLED"},"subject":{"reference":"Patient/child-il-1"},"valueString":"SMUGGLED"}],"extension":[{"url":"http://x/y","valueReference":{"reference":"#x"}}]}`))
		b.Add("entry", put(t, `{"resourceType":"Organization","id":"o-evil2","name":"Org","extension":[{"url":"http://x/y","valueReference":{"reference":"Patient/child-il-1","display":"SMUGGLED2"}}]}`))
	})
	h.outcome(body)
	for _, r := range h.clinic.received() {
		t.Log("smuggled:", strings.Contains(string(r.Body), "SMUGGLED\""), strings.Contains(string(r.Body), "SMUGGLED2"))
	}
}

func TestProbeNeedsDependent(t *testing.T) {
	h := newHouse(t, func(o *gateway.Options) { o.Routes[0].Needs = []string{"MedicationStatement"} })
	h.introduce()
	h.sign()
	body := change(t, flow(t, consultFlow), func(b *fhir.Node) {
		b.Add("entry", put(t, `{"resourceType":"MedicationStatement","id":"ms-x","status":"active","subject":{"reference":"Patient/child-il-1"},"medicationReference":{"reference":"Medication/m-x"},"effectiveDateTime":"2026-09-01"}`))
		b.Add("entry", put(t, `{"resourceType":"Medication","id":"m-x","code":{"text":"warfarin"}}`))
	})
	h.outcome(body)
}

func TestProbeLowering(t *testing.T) {
	h := newHouse(t, nil)
	h.introduce()
	h.sign()
	body := change(t, flow(t, consultFlow), func(b *fhir.Node) {
		b.Add("entry", put(t, `{"resourceType":"Condition","id":"c-un","code":{"coding":[{"system":"http://unknown.example/x","code":"777"}]},"subject":{"reference":"Patient/child-il-1"}}`))
		b.Add("entry", put(t, `{"resourceType":"Condition","id":"c-low","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]},"code":{"coding":[{"system":"http://unknown.example/x","code":"777"}]},"subject":{"reference":"Patient/child-il-1"}}`))
	})
	h.outcome(body)
	for _, r := range h.clinic.received() {
		t.Log("un:", strings.Contains(string(r.Body), `"c-un"`), "low:", strings.Contains(string(r.Body), `"c-low"`))
	}
}

func TestProbeAuthorityOther(t *testing.T) {
	h := newHouse(t, nil)
	h.introduce()
	for _, ref := range []string{"Patient/other", "https://x.example/fhir/Patient/other"} {
		b := change(t, flow(t, "00-cast/cast-il-transaction.json"), func(b *fhir.Node) {
			b.Add("entry", put(t, `{"resourceType":"RelatedPerson","id":"rp-x","patient":{"reference":"`+ref+`"},"extension":[{"url":"http://systems-of-care.example/fhir/StructureDefinition/guardian-authority","extension":[{"url":"domain","valueCode":"all"}]}]}`))
		})
		t.Logf("%+v", h.try("dcfs", "POST /", b))
		in, _, _ := h.ledger.Inputs(t.Context(), h.only())
		for _, i := range in {
			t.Log(i.Kind, i.Key, i.Ended, string(i.Body))
		}
	}
}

func TestProbeReplay(t *testing.T) {
	h := newHouse(t, func(o *gateway.Options) { o.Partners[1].Duplicates = gateway.Duplicates{Window: time.Hour} })
	h.introduce()
	wrap := func(id, res string) string {
		return `{"resourceType":"Bundle","identifier":{"system":"x","value":"` + id + `"},"type":"transaction","entry":[{"resource":` + res + `,"request":{"method":"PUT","url":"Consent/consent-consult"}}]}`
	}
	active := flow(t, "06-consent-lifecycle/01-fhir-consent-active.json")
	t.Logf("%+v", h.try("guardian", "POST /", wrap("A1", active)))
	t.Log(h.inForce())
	t.Logf("%+v", h.try("guardian", "POST /", wrap("A2", strings.Replace(active, `"status": "active"`, `"status": "inactive"`, 1))))
	t.Log(h.inForce())
	t.Logf("%+v", h.try("guardian", "POST /", wrap("A1", active)))
	t.Log("after replay of A1:", h.inForce())
	_ = ledger.WorkOpen
}
