package gateway_test

import (
	"strings"
	"testing"
	"time"

	"caregate/adapters"
	"caregate/fhir"
	"caregate/gateway"
	"caregate/ledger"
)

// transaction makes a Bundle that puts each resource, under the given Bundle.identifier.
func transaction(t *testing.T, id string, resources ...string) string {
	t.Helper()
	bundle := fhir.NewResource("Bundle").SetText("type", "transaction")
	if id != "" {
		bundle.Set("identifier", fhir.NewObject().SetText("value", id))
	}
	for _, text := range resources {
		add(t, bundle, text)
	}
	return string(bundle.JSON())
}

// with adds resources to a transaction.
func with(t *testing.T, body string, resources ...string) string {
	t.Helper()
	bundle, err := fhir.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range resources {
		add(t, bundle, text)
	}
	return string(bundle.JSON())
}

func add(t *testing.T, bundle *fhir.Node, text string) {
	t.Helper()
	r, err := fhir.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	bundle.Add("entry", fhir.NewObject().Set("resource", r).
		Set("request", fhir.NewObject().SetText("method", "PUT").SetText("url", r.Ref())))
}

// A message that names its child in a way that leads nowhere is kept for a person: an answer of
// "accepted" would promise a delivery that nobody can decide.
func TestMessageThatNamesNoChildIsHeld(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		subject string
		want    adapters.Code
	}{
		"known reference": {`{"reference":"Patient/child-il-1"}`, adapters.CodeAccepted},
		"address":         {`{"reference":"https://ehr.example/fhir/Patient/child-il-1"}`, adapters.CodeHeld},
		"identifier":      {`{"identifier":{"system":"https://soc.example.org/id/il-dcfs-id","value":"90000017"}}`, adapters.CodeHeld},
		"display":         {`{"display":"the child"}`, adapters.CodeHeld},
		"contained":       {`{"reference":"#p"}`, adapters.CodeHeld},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			h.introduce()
			h.sign()
			order := `{"resourceType":"ServiceRequest","id":"s1","contained":[{"resourceType":"Patient","id":"p"}],"status":"active","intent":"order","subject":` + c.subject + `}`
			ack := h.post("cmo", "POST /", transaction(t, "", order), c.want)
			if ack.MessageID == "" {
				t.Error("the message was not kept")
			}
		})
	}
}

// A Consent by address cannot be filed for anybody, and is kept all the same.
func TestConsentByAddressIsHeld(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.introduce()
	form := flow(t, "06-consent-lifecycle/01-fhir-consent-active.json")
	ack := h.post("guardian", "PUT "+consult, strings.Replace(form, `"Patient/child-il-1"`, `"https://ehr.example/fhir/Patient/child-il-1"`, 1), adapters.CodeHeld)
	if ack.MessageID == "" || h.inForce() != 0 {
		t.Errorf("kept as %q, %d consents in force", ack.MessageID, h.inForce())
	}
	h.sign()
	if h.inForce() != 1 {
		t.Error("its twin that names the child is not in force")
	}
}

// A late copy of a message that gave a consent must not undo its withdrawal; a late copy of the
// withdrawal withdraws, and the same form under another id is a new word.
func TestLateCopyGivesNoConsent(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *gateway.Options) { o.Partners[1].Duplicates = gateway.Duplicates{Window: time.Hour} })
	h.introduce()
	form := flow(t, "06-consent-lifecycle/01-fhir-consent-active.json")
	given := transaction(t, "given", form)
	withdrawn := transaction(t, "withdrawn", strings.Replace(form, `"status": "active"`, `"status": "inactive"`, 1))
	steps := []struct {
		name, body string
		inForce    int
	}{
		{"given", given, 1},
		{"withdrawn", withdrawn, 0},
		{"a late copy of what was given", given, 0},
		{"given under an id of its own", transaction(t, "given again", form), 1},
		{"a late copy of the withdrawal", withdrawn, 0},
	}
	for _, step := range steps {
		h.post("guardian", "POST /", step.body, adapters.CodeAccepted)
		if got := h.inForce(); got != step.inForce {
			t.Fatalf("%s: %d consents in force, want %d", step.name, got, step.inForce)
		}
	}
}

// What a destination cannot safely lack holds the delivery also when it only falls with
// something else: a medication statement whose medication may not go.
func TestNeedThatFallsWithAnotherHolds(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ medication, state string }{
		"stands alone":       {`"medicationCodeableConcept":{"coding":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"6901"}]}`, ledger.DeliveryCompleted},
		"falls with another": {`"medicationReference":{"reference":"Medication/m-1"}`, ledger.DeliveryHeld},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, func(o *gateway.Options) { o.Routes[0].Needs = []string{"MedicationRequest"} })
			h.introduce()
			h.sign()
			body := with(t, flow(t, "01-medication-consult/01-fhir-consult-request-transaction.json"),
				`{"resourceType":"MedicationRequest","id":"mr-1","status":"active","intent":"order","subject":{"reference":"Patient/child-il-1"},"authoredOn":"2026-09-01",`+c.medication+`}`,
				`{"resourceType":"Medication","id":"m-1","code":{"text":"of the tests"}}`)
			h.ends(h.post("cmo", "POST /", body, adapters.CodeAccepted).MessageID, c.state)
		})
	}
}
