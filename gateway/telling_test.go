package gateway_test

import (
	"strings"
	"testing"

	"caregate/adapters"
	"caregate/fhir"
	"caregate/gateway"
	"caregate/ledger"
)

// withRecord adds a Condition to the consult request: of substance use, which 42 CFR part 2
// and the minor's own consent protect, or an immunization, a class that the consent merely does not name.
func withRecord(t *testing.T, body string, protected bool) string {
	t.Helper()
	bundle, err := fhir.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	record := `{"resourceType":"Immunization","id":"extra","status":"completed","vaccineCode":{"coding":[{"system":"http://hl7.org/fhir/sid/cvx","code":"03"}]},"occurrenceDateTime":"2020-01-01","patient":{"reference":"Patient/child-rowan"}}`
	if protected {
		record = strings.Replace(record, `"status"`, `"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"42CFRPart2"}]},"status"`, 1)
	}
	for _, r := range fhir.Entries(bundle) {
		if r.ResourceType() == "Patient" {
			record = strings.Replace(record, "Patient/child-rowan", r.Ref(), 1)
		}
	}
	resource, err := fhir.Parse([]byte(record))
	if err != nil {
		t.Fatal(err)
	}
	bundle.Add("entry", fhir.NewObject().Set("resource", resource).Set("request", fhir.NewObject().SetText("method", "PUT").SetText("url", "Immunization/extra")))
	return string(bundle.JSON())
}

// heard is everything that goes to anybody outside in one run of the consult.
func heard(t *testing.T, change func(string) string) map[string]string {
	t.Helper()
	h := newHouse(t, nil)
	h.introduce()
	h.sign()
	ack := h.post("cmo", "POST /", change(flow(t, "01-medication-consult/01-fhir-consult-request-transaction.json")), adapters.CodeAccepted)
	h.ends(ack.MessageID, ledger.DeliveryCompleted)
	out := map[string]string{}
	for name, to := range map[string]gateway.Listener{
		"clinic": {Partner: "clinic"}, "sender": {Partner: "cmo"}, "stranger": {Partner: "stranger"},
		"guardian": {Person: "RelatedPerson/guardian-state-1"}, "nobody": {Person: "RelatedPerson/nobody", Language: "es"},
	} {
		told, err := h.Tell(t.Context(), ack.MessageID, to)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = string(told.Bytes())
	}
	return out
}

func TestTellingIsDecidedLikeTheRecord(t *testing.T) {
	t.Parallel()
	without := heard(t, func(body string) string { return body })
	protected := heard(t, func(body string) string { return withRecord(t, body, true) })
	open := heard(t, func(body string) string { return withRecord(t, body, false) })
	for name, want := range without {
		if protected[name] != want {
			t.Errorf("%s: a protected record shows:\n%s\nwithout it:\n%s", name, protected[name], want)
		}
	}
	for _, name := range []string{"clinic", "sender", "guardian"} {
		if open[name] == without[name] {
			t.Errorf("%s: an open record does not show:\n%s", name, open[name])
		}
	}
	for _, name := range []string{"stranger", "nobody"} {
		if open[name] != without[name] {
			t.Errorf("%s learns something: %s", name, open[name])
		}
	}
	if !strings.Contains(without["clinic"], "released") || !strings.Contains(without["guardian"], "shared") {
		t.Errorf("nothing of what went is told: %s %s", without["clinic"], without["guardian"])
	}
}

func TestTellingIsAudited(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.introduce()
	h.sign()
	id := h.refer()
	h.ends(id, ledger.DeliveryCompleted)
	if _, err := h.Tell(t.Context(), id, gateway.Listener{Partner: "clinic"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Tell(t.Context(), id, gateway.Listener{Partner: "unregistered"}); err == nil {
		t.Error("told to who is not registered")
	}
	rows, err := h.ledger.Events(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, r := range rows {
		if r.Kind == "told" && r.Partner == "clinic" && strings.Contains(string(r.Body), "sha256") {
			told++
		}
	}
	if told != 1 {
		t.Errorf("%d tellings are audited, want 1", told)
	}
}
