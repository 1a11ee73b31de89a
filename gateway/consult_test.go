package gateway_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"caregate/adapters"
	"caregate/adapters/cdshooks"
	"caregate/consent"
	"caregate/fhir"
	"caregate/gateway"
	"caregate/ledger"
)

// consulting is a house whose clinic and stranger may ask, over a real socket; the bearer
// token of a partner is its id.
func consulting(t *testing.T) (*house, string) {
	t.Helper()
	h := newHouse(t, func(o *gateway.Options) {
		for _, p := range o.Partners {
			if p.ID != "cmo" {
				p.Codecs[cdshooks.Protocol] = cdshooks.Codec{}
			}
		}
	})
	h.introduce()
	handler := cdshooks.New(cdshooks.Config{Partner: func(r *http.Request) (string, bool) {
		return strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	}}, h.Consult)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return h, server.URL + cdshooks.Path + "/" + cdshooks.Service
}

// question is a context of the hook.
type question map[string]any

func (q question) with(name string, value any) question {
	out := question{name: value}
	for k, v := range q {
		if k != name {
			out[k] = v
		}
	}
	return out
}

type pair struct {
	System string `json:"system,omitempty"`
	Value  string `json:"value"`
}

// about asks about the sample child and shows some records of it.
func about(t *testing.T, extra ...string) question {
	t.Helper()
	sent, err := fhir.Parse([]byte(flow(t, "01-medication-consult/01-fhir-consult-request-transaction.json")))
	if err != nil {
		t.Fatal(err)
	}
	content := fhir.NewResource("Bundle").SetText("type", "collection")
	for _, r := range fhir.Entries(sent) {
		if slices.Contains([]string{"Condition", "Observation", "MedicationRequest"}, r.ResourceType()) {
			content.Add("entry", fhir.NewObject().Set("resource", r))
		}
	}
	for _, text := range extra {
		add(t, content, text)
	}
	return question{
		"patientId": []pair{{"https://soc.example.org/id/il-dcfs-id", "90000017"}}, "purposeOfUse": []string{"TREAT"},
		"content": json.RawMessage(content.JSON()),
	}
}

// card is what callers read of an answer.
type card struct {
	Cards []struct {
		Summary, Detail string
		Extension       struct {
			Decision, BasedOn string
			Obligations       []struct {
				ID         struct{ System, Code string }
				Parameters struct {
					ExceptAnyOfCodes []struct{ System, Code string }
				}
			}
			Content json.RawMessage
		}
	}
}

// ask calls the service and returns the status and the bytes of the answer.
func ask(t *testing.T, url, partner string, q question, headers ...string) (int, []byte) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"hook": cdshooks.Service, "hookInstance": "6bc883b2-b795-4dcb-b661-34884a31d472", "context": q})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+partner)
	for _, name := range headers {
		r.Header.Set(name, "false")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, text
}

// summary is the decision of an answer that has one.
func summary(t *testing.T, status int, text []byte) string {
	t.Helper()
	var c card
	if status != http.StatusOK || json.Unmarshal(text, &c) != nil || len(c.Cards) != 1 {
		t.Fatalf("answered %d %s", status, text)
	}
	if c.Cards[0].Summary != c.Cards[0].Extension.Decision {
		t.Errorf("summary %s, decision %s", c.Cards[0].Summary, c.Cards[0].Extension.Decision)
	}
	return c.Cards[0].Summary
}

const (
	recordHIV = `{"resourceType":"Condition","id":"canary-hiv","subject":{"reference":"Patient/child-il-1"},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"B20","display":"Canary seven"}]}}`
	nobody    = "90099999"
)

func TestConsultReleasesWhatTheConsentPermits(t *testing.T) {
	t.Parallel()
	h, url := consulting(t)
	h.sign()
	status, text := ask(t, url, "clinic", about(t, recordHIV))
	if got := summary(t, status, text); got != "CONSENT_PERMIT" {
		t.Fatalf("%s: %s", got, text)
	}
	var c card
	_ = json.Unmarshal(text, &c)
	x := c.Cards[0].Extension
	if !strings.Contains(string(x.Content), "F90.2") || strings.Contains(string(text), "canary") || strings.Contains(string(text), "Canary") {
		t.Errorf("content %s", x.Content)
	}
	if x.BasedOn != consult || len(x.Obligations) != 1 || x.Obligations[0].ID.Code != "REDACT" || len(x.Obligations[0].Parameters.ExceptAnyOfCodes) == 0 {
		t.Errorf("extension %+v", x)
	}
	if _, err := fhir.Parse(x.Content); err != nil {
		t.Error(err)
	}
	child, err := h.Child(t.Context(), "https://soc.example.org/id/il-dcfs-id|90000017")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := h.ledger.EventsOf(t.Context(), child)
	rows = slices.DeleteFunc(rows, func(r ledger.AuditRow) bool { return r.Kind != "consult" })
	if err != nil || len(rows) != 1 || rows[0].Outcome != "0" || rows[0].Partner != "clinic" || rows[0].Child == "" {
		t.Errorf("audited %+v", rows)
	}
	account, err := h.Account(t.Context(), child)
	account = slices.DeleteFunc(account, func(d gateway.Disclosure) bool { return d.Via != "consultation" })
	sum := sha256.Sum256(text)
	if err != nil || len(account) != 1 || account[0].Partner != "clinic" || account[0].SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("accounted %+v %v", account, err)
	}
	if _, text := ask(t, url, "stranger", about(t)); strings.Contains(string(text), "F90.2") {
		t.Error("a stranger was shown content")
	}
	if account, _ := h.Account(t.Context(), child); len(account) != 1 {
		t.Errorf("what was refused is accounted: %+v", account)
	}
}

// What a caller says about consents and switches changes no byte of the answer.
func TestConsultBelievesNothing(t *testing.T) {
	t.Parallel()
	h, url := consulting(t)
	mine := json.RawMessage(flow(t, "06-consent-lifecycle/01-fhir-consent-active.json"))
	if status, text := ask(t, url, "clinic", about(t).with("consent", []json.RawMessage{mine})); summary(t, status, text) != "NO_CONSENT" {
		t.Errorf("a consent of the caller counted: %s", text)
	}
	h.sign()
	_, want := ask(t, url, "clinic", about(t, recordHIV))
	for name, q := range map[string]question{
		"consents": about(t, recordHIV).with("consent", []any{}),
		"category": about(t, recordHIV).with("category", []any{map[string]string{"system": "x", "code": "none"}}),
		"actor":    about(t, recordHIV).with("actor", []pair{{"", "Organization/psych-clinic"}}),
		"purpose":  about(t, recordHIV).with("purposeOfUse", "TREAT"),
		"switches": about(t, recordHIV).with("emergency", true).with("role", "guardian"),
	} {
		if _, got := ask(t, url, "clinic", q, "CDS-Redaction-Enabled", "CDS-Confidence-Threshold"); !bytes.Equal(got, want) {
			t.Errorf("%s changed the answer to %s", name, got)
		}
	}
}

// An unknown child, a child without a consent for this partner and a child of whom all is
// withheld for a protected reason: the same bytes.
func TestConsultSaysNoMoreThanNoConsent(t *testing.T) {
	t.Parallel()
	h, url := consulting(t)
	_, want := ask(t, url, "stranger", about(t).with("patientId", []pair{{"https://soc.example.org/id/il-dcfs-id", nobody}}))
	if got := summary(t, http.StatusOK, want); got != "NO_CONSENT" {
		t.Fatal(got)
	}
	protected := about(t)
	protected["content"] = json.RawMessage(`{"resourceType":"Bundle","type":"collection","entry":[{"resource":` + recordHIV + `}]}`)
	same := func(name, partner string, q question) {
		t.Helper()
		if _, got := ask(t, url, partner, q); !bytes.Equal(got, want) {
			t.Errorf("%s: %s", name, got)
		}
	}
	same("no consent on file", "clinic", about(t))
	h.sign()
	same("a consent for somebody else", "stranger", about(t))
	same("a protected record alone", "clinic", protected)
	same("another birth date", "clinic", about(t, `{"resourceType":"Patient","id":"child-il-1","identifier":[{"system":"https://soc.example.org/id/il-dcfs-id","value":"90000017"}],"name":[{"family":"Nobody"}],"birthDate":"2001-01-01"}`))
	same("an identifier that nobody registered", "clinic", about(t).with("patientId", []pair{{"urn:x", "90000017"}}))
	same("two children", "clinic", about(t).with("patientId", []pair{{"https://soc.example.org/id/il-dcfs-id", "90000017"}, {"", "Patient/unknown"}}))
	same("an empty Bundle", "clinic", about(t).with("content", json.RawMessage(`{"resourceType":"Bundle","type":"collection"}`)))
	if _, got := ask(t, url, "clinic", about(t)); summary(t, http.StatusOK, got) != "CONSENT_PERMIT" {
		t.Errorf("the twin: %s", got)
	}
	if _, got := ask(t, url, "clinic", about(t).with("patientId", []pair{{"", "Patient/child-il-1"}})); summary(t, http.StatusOK, got) != "CONSENT_PERMIT" {
		t.Errorf("by a known reference: %s", got)
	}
}

// Two questions that differ only in a record withheld for a protected reason have one answer.
func TestConsultDoesNotTellAProtectedRecord(t *testing.T) {
	t.Parallel()
	h, url := consulting(t)
	h.sign()
	_, without := ask(t, url, "clinic", about(t))
	if _, with := ask(t, url, "clinic", about(t, recordHIV)); !bytes.Equal(with, without) {
		t.Errorf("%s\n%s", without, with)
	}
	plain := strings.NewReplacer("canary-hiv", "obs-new", "Condition", "Observation", "http://hl7.org/fhir/sid/icd-10-cm", "http://loinc.org", "B20", "29463-7", "Canary seven", "Body weight").Replace(recordHIV)
	if _, with := ask(t, url, "clinic", about(t, plain)); !strings.Contains(string(with), "obs-new") {
		t.Errorf("the twin, a record that nothing protects, does not arrive: %s", with)
	}
}

func TestConsultRefusesOtherActorsAndPurposes(t *testing.T) {
	t.Parallel()
	h, url := consulting(t)
	h.sign()
	cases := map[string]struct {
		partner string
		q       question
		status  int
		want    string
	}{
		"its own":               {"clinic", about(t).with("actor", []pair{{"", "Organization/psych-clinic"}}), 200, "CONSENT_PERMIT"},
		"another organisation":  {"stranger", about(t).with("actor", []pair{{"", "Organization/psych-clinic"}}), 403, ""},
		"one of several":        {"clinic", about(t).with("actor", []pair{{"", "Organization/psych-clinic"}, {"", "Organization/il-dcfs"}}), 403, ""},
		"a system of its own":   {"clinic", about(t).with("actor", []pair{{"urn:x", "Organization/psych-clinic"}}), 403, ""},
		"registered purpose":    {"clinic", about(t).with("purposeOfUse", []any{map[string]string{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT"}}), 200, "CONSENT_PERMIT"},
		"no purpose":            {"clinic", about(t).with("purposeOfUse", nil), 200, "CONSENT_PERMIT"},
		"another purpose":       {"clinic", about(t).with("purposeOfUse", []string{"HRESCH"}), 200, "CONSENT_DENY"},
		"several purposes":      {"clinic", about(t).with("purposeOfUse", []string{"TREAT", "HPAYMT"}), 200, "CONSENT_DENY"},
		"purpose of a system":   {"clinic", about(t).with("purposeOfUse", []any{map[string]string{"system": "urn:x", "code": "TREAT"}}), 200, "CONSENT_DENY"},
		"no purpose registered": {"dcfs", about(t), 200, "CONSENT_DENY"},
		"a class":               {"clinic", about(t).with("class", []any{map[string]string{"code": "Observation"}}), 200, "CONSENT_PERMIT"},
		"no such class":         {"clinic", about(t).with("class", []any{map[string]string{"code": "PsychNotes"}}), 200, "CONSENT_DENY"},
		"may not ask at all":    {"cmo", about(t), 403, ""},
		"nobody":                {"", about(t), 401, ""},
	}
	for name, c := range cases {
		status, text := ask(t, url, c.partner, c.q)
		if c.partner == "" && status == http.StatusForbidden {
			status = http.StatusUnauthorized // the test's own credentials
		}
		if status != c.status || c.want != "" && summary(t, status, text) != c.want {
			t.Errorf("%s: %d %s", name, status, text)
		}
		if c.want != "CONSENT_PERMIT" && strings.Contains(string(text), "F90") {
			t.Errorf("%s: shows content", name)
		}
	}
	if _, text := ask(t, url, "clinic", cases["a class"].q); strings.Contains(string(text), `"Condition"`) {
		t.Error("a class that was not asked for is there")
	}
}

// Without content the answer is the decision alone, about normal records.
func TestConsultWithoutContent(t *testing.T) {
	t.Parallel()
	h, url := consulting(t)
	h.sign()
	q := about(t)
	delete(q, "content")
	status, text := ask(t, url, "clinic", q)
	if summary(t, status, text) != "CONSENT_PERMIT" || strings.Contains(string(text), "content") || strings.Contains(string(text), "sample") || strings.Contains(string(text), "child-il-1") {
		t.Errorf("%s", text)
	}
	if status, text := ask(t, url, "stranger", q); summary(t, status, text) != "NO_CONSENT" {
		t.Errorf("a stranger: %s", text)
	}
}

// A denial is told where a consent in force forbids what nothing protects, and for nothing else.
func TestConsultTellsAPlainDenial(t *testing.T) {
	t.Parallel()
	h, url := consulting(t)
	h.sign()
	no, err := fhir.Parse([]byte(flow(t, "06-consent-lifecycle/01-fhir-consent-active.json")))
	if err != nil {
		t.Fatal(err)
	}
	no.SetText("id", "consent-no").Set("provision", fhir.NewObject().SetText("type", "deny").
		Set("class", fhir.NewArray(fhir.NewObject().SetText("system", "http://hl7.org/fhir/resource-types").SetText("code", "Observation"))))
	h.post("guardian", "PUT Consent/consent-no", string(no.JSON()), adapters.CodeAccepted)
	only := func(class string) question { return about(t).with("class", []any{map[string]string{"code": class}}) }
	if status, text := ask(t, url, "clinic", only("Observation")); summary(t, status, text) != "CONSENT_DENY" {
		t.Errorf("denied: %s", text)
	}
	if status, text := ask(t, url, "clinic", only("Condition")); summary(t, status, text) != "CONSENT_PERMIT" {
		t.Errorf("the twin, another class: %s", text)
	}
}

// An answer holds the gate like a send: a withdrawal is answered when none can be under way any more.
func TestWithdrawalWaitsForConsultations(t *testing.T) {
	t.Parallel()
	h, url := consulting(t)
	h.sign()
	permit, ack := h.Consult(t.Context(), adapters.Consultation{
		Partner: "clinic", Patient: []adapters.Identifier{{System: "https://soc.example.org/id/il-dcfs-id", Value: "90000017"}},
	})
	if ack.Code != adapters.CodeAccepted {
		t.Fatalf("%+v", ack)
	}
	h.revoke()
	if by := permit.Release().WriteBy; time.Now().Before(by) {
		t.Errorf("withdrawn %v before the answer must have left", time.Until(by))
	}
	if status, text := ask(t, url, "clinic", about(t)); summary(t, status, text) != "NO_CONSENT" {
		t.Errorf("after the withdrawal: %s", text)
	}
}

// A caller's labels may raise and not lower.
func TestConsultLabelsOnlyRaise(t *testing.T) {
	t.Parallel()
	h, url := consulting(t)
	h.sign()
	lowered := strings.Replace(recordHIV, `"subject"`, `"meta":{"security":[{"system":"`+consent.SystemConfidentiality+`","code":"N"}]},"subject"`, 1)
	if _, text := ask(t, url, "clinic", about(t, lowered)); strings.Contains(string(text), "canary-hiv") {
		t.Error("a label of the caller lowered what the tables say")
	}
	unknown := `{"resourceType":"Observation","id":"raised","meta":{"security":[{"system":"urn:x","code":"SECRET"}]},"status":"final","subject":{"reference":"Patient/child-il-1"},"code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]}}`
	if _, text := ask(t, url, "clinic", about(t, unknown)); strings.Contains(string(text), `"raised"`) {
		t.Error("an unknown label did not withhold")
	}
}

// The example of docs/cds-hooks.md is answered as it stands there.
func TestConsultAsDocumented(t *testing.T) {
	t.Parallel()
	h, url := consulting(t)
	h.sign()
	doc, err := os.ReadFile("../docs/cds-hooks.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(doc, -1)
	var asked struct{ Context question }
	var want, got any
	if len(blocks) != 2 || json.Unmarshal(blocks[0][1], &asked) != nil || json.Unmarshal(blocks[1][1], &want) != nil {
		t.Fatal("the example cannot be read")
	}
	_, text := ask(t, url, "clinic", asked.Context)
	if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("answered %s", text)
	}
}
