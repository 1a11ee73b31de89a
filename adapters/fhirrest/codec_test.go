package fhirrest_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"caregate/adapters"
	"caregate/adapters/fhirrest"
	"caregate/fhir"
)

func inbound(interaction string, raw []byte) adapters.Inbound {
	return adapters.Inbound{Partner: "clinic", Protocol: fhirrest.Protocol, ContentType: "application/fhir+json", Interaction: interaction, Raw: raw}
}

// TestFlows decodes every Bundle and Consent of the flows, and renders what it read.
func TestFlows(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob(filepath.Join("..", "..", "testdata", "flows", "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		root, err := fhir.Parse(data)
		if err != nil {
			continue // not FHIR: a state's or CSA's own JSON
		}
		interaction := "POST /"
		switch typ := root.Get("type").Text(); {
		case root.ResourceType() == "Consent":
			interaction = "PUT " + root.Ref()
		case root.ResourceType() != "Bundle" || typ != "transaction" && typ != "message":
			continue
		}
		read++
		decoded, err := fhirrest.Codec{}.Decode(inbound(interaction, data))
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
			continue
		}
		for _, codec := range []fhirrest.Codec{{}, {Message: true, FullURL: "https://gateway.example.org/fhir"}} {
			encoded, err := codec.Encode(adapters.Outbound{Bundle: decoded.Bundle, Key: "k", Event: decoded.Event, Created: time.Unix(1_790_000_000, 0)})
			if err != nil {
				t.Errorf("%s: %v", filepath.Base(name), err)
				continue
			}
			again := parse(t, encoded.Body)
			for _, issue := range fhir.Validate(again) {
				t.Errorf("%s rendered: %s %s", filepath.Base(name), issue.Path, issue.Text)
			}
			if _, err := codec.Decode(inbound("POST /", encoded.Body)); err != nil {
				t.Errorf("%s: we refuse what we render: %v", filepath.Base(name), err)
			}
		}
	}
	if read < 12 {
		t.Errorf("only %d of %d flow files were read", read, len(names))
	}
}

func TestDecodeIdentity(t *testing.T) {
	t.Parallel()
	cases := []struct {
		file, interaction, event, control string
		placers                           []string
	}{
		{"01-medication-consult/16-fhir-message-bundle.json", "POST /", "message:I12", "SOCGW0000001", nil},
		{"01-medication-consult/01-fhir-consult-request-transaction.json", "POST /", "transaction", "", nil},
		{"02-school-educational-needs/02-fhir-answer-transaction.json", "POST /", "transaction", "", []string{"TASK-EDNNEEDS-1"}},
		{"06-consent-lifecycle/01-fhir-consent-active.json", "PUT Consent/consent-consult", "PUT Consent", "", nil},
		{"06-consent-lifecycle/01-fhir-consent-active.json", "PUT Consent/602f2f88c343a0b2", "PUT Consent", "", nil},
		{"06-consent-lifecycle/01-fhir-consent-active.json", "POST Consent", "POST Consent", "", nil},
	}
	for _, c := range cases {
		decoded, err := fhirrest.Codec{}.Decode(inbound(c.interaction, flow(t, c.file)))
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		if decoded.Event != c.event || !strings.HasPrefix(decoded.ControlID, c.control) || decoded.ControlID == "" {
			t.Errorf("%s: event %q, control id %q", c.file, decoded.Event, decoded.ControlID)
		}
		if c.control == "" && len(decoded.ControlID) != 32 {
			t.Errorf("%s: control id of %d characters", c.file, len(decoded.ControlID))
		}
		if c.placers != nil && !slices.Equal(decoded.Placers, c.placers) {
			t.Errorf("%s: placers %v", c.file, decoded.Placers)
		}
	}
}

const anonymous = `{"resourceType":"Bundle","type":"transaction","identifier":{"value":"M1"},"entry":[` +
	`{"fullUrl":"urn:uuid:0d9a1f6a-0000-4000-8000-000000000001","resource":{"resourceType":"Patient","name":[{"family":"Zztest"}]},"request":{"method":"POST","url":"Patient"}},` +
	`{"fullUrl":"https://soc.example.org/fhir/Organization/o1","resource":{"resourceType":"Organization","id":"o1","name":"Zztest"},"request":{"method":"PUT","url":"Organization/o1"}},` +
	`{"fullUrl":"urn:uuid:0d9a1f6a-0000-4000-8000-000000000002","resource":{"resourceType":"ServiceRequest","status":"active","intent":"order",` +
	`"subject":{"reference":"urn:uuid:0d9a1f6a-0000-4000-8000-000000000001"},"requester":{"reference":"https://soc.example.org/fhir/Organization/o1"},` +
	`"performer":[{"reference":"https://elsewhere.example.org/fhir/Organization/o1"}],"identifier":[{"type":{"coding":[{"code":"PLAC"}]},"value":"P1"}]},"request":{"method":"POST","url":"ServiceRequest"}}]}`

// TestIdsAndReferences holds that entries without id get the same one every time, another
// for another partner, and that only references to entries are rewritten.
func TestIdsAndReferences(t *testing.T) {
	t.Parallel()
	decode := func(partner, raw string) adapters.Decoded {
		in := inbound("POST /", []byte(raw))
		in.Partner = partner
		decoded, err := fhirrest.Codec{}.Decode(in)
		if err != nil {
			t.Fatal(err)
		}
		return decoded
	}
	first := decode("clinic", anonymous)
	if !bytes.Equal(first.Bundle.JSON(), decode("clinic", anonymous).Bundle.JSON()) {
		t.Error("the same message got other ids")
	}
	patient, order := first.Bundle.At("entry[0].resource"), first.Bundle.At("entry[2].resource")
	if len(patient.ID()) != 36 || patient.ID() == order.ID() {
		t.Errorf("ids %q and %q", patient.ID(), order.ID())
	}
	if patient.ID() == decode("district", anonymous).Bundle.At("entry[0].resource").ID() {
		t.Error("two partners share an id")
	}
	if patient.ID() != decode("clinic", strings.Replace(anonymous, "Zztest", "Zztestnew", 1)).Bundle.At("entry[0].resource").ID() {
		t.Error("the corrected message with the same identifier names another resource")
	}
	got := []string{order.At("subject.reference").Text(), order.At("requester.reference").Text(), order.At("performer[0].reference").Text()}
	want := []string{patient.Ref(), "Organization/o1", "https://elsewhere.example.org/fhir/Organization/o1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !slices.Equal(first.Placers, []string{"P1"}) {
		t.Errorf("placers %v", first.Placers)
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	entry := func(resource, method, url string) string {
		return fmt.Sprintf(`{"resource":%s,"request":{"method":%q,"url":%q}}`, resource, method, url)
	}
	transaction := func(entries ...string) string {
		return `{"resourceType":"Bundle","type":"transaction","entry":[` + strings.Join(entries, ",") + `]}`
	}
	const patient = `{"resourceType":"Patient","id":"a"}`
	consent := string(flow(t, "06-consent-lifecycle/01-fhir-consent-active.json"))
	cases := []struct {
		name, interaction, raw string
		code                   adapters.Code
		location               string
	}{
		{"not JSON", "POST /", `{`, adapters.CodeMalformed, "byte 1"},
		{"name twice", "POST /", `{"resourceType":"Bundle","resourceType":"Bundle"}`, adapters.CodeMalformed, "byte 24"},
		{"batch", "POST /", `{"resourceType":"Bundle","type":"batch"}`, adapters.CodeUnsupportedType, "Bundle.type"},
		{"bare resource", "POST /", patient, adapters.CodeUnsupportedType, "resourceType"},
		{"empty", "POST /", `{"resourceType":"Bundle","type":"transaction"}`, adapters.CodeMissing, "Bundle.entry"},
		{"put without id", "POST /", transaction(entry(`{"resourceType":"Patient"}`, "PUT", "Patient/a")), adapters.CodeMissing, "Bundle.entry[0].resource.id"},
		{"put elsewhere", "POST /", transaction(entry(patient, "PUT", "Patient/b")), adapters.CodeBusinessRule, "Bundle.entry[0].request.url"},
		{"conditional put", "POST /", transaction(entry(patient, "PUT", "Patient?identifier=1")), adapters.CodeBusinessRule, "Bundle.entry[0].request.url"},
		{"post elsewhere", "POST /", transaction(entry(patient, "POST", "Task")), adapters.CodeBusinessRule, "Bundle.entry[0].request.url"},
		{"delete", "POST /", transaction(entry(patient, "PUT", "Patient/a"), `{"request":{"method":"DELETE","url":"Patient/b"}}`), adapters.CodeUnsupportedType, "Bundle.entry[1].request.method"},
		{"if none exist", "POST /", transaction(`{"resource":` + patient + `,"request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=1"}}`), adapters.CodeUnsupportedType, "Bundle.entry[0].request.ifNoneExist"},
		{"same resource twice", "POST /", transaction(entry(patient, "PUT", "Patient/a"), entry(patient, "PUT", "Patient/a")), adapters.CodeDuplicate, "Bundle.entry[1].resource.id"},
		{"fullUrl of another", "POST /", transaction(`{"fullUrl":"https://x.example.org/fhir/Patient/b",` + entry(patient, "PUT", "Patient/a")[1:]), adapters.CodeBusinessRule, "Bundle.entry[0].fullUrl"},
		{"lost reference", "POST /", transaction(entry(`{"resourceType":"Task","id":"t","status":"requested","intent":"order","for":{"reference":"urn:uuid:0d9a1f6a-0000-4000-8000-000000000009"}}`, "PUT", "Task/t")), adapters.CodeBusinessRule, "Bundle.entry[0].resource.for.reference"},
		{"required missing", "POST /", transaction(entry(`{"resourceType":"Task","id":"t","intent":"order"}`, "PUT", "Task/t")), adapters.CodeMissing, "Bundle.entry[0].resource.status"},
		{"code of no value set", "POST /", transaction(entry(`{"resourceType":"Patient","id":"a","gender":"boy"}`, "PUT", "Patient/a")), adapters.CodeTableValue, "Bundle.entry[0].resource.gender"},
		{"not a date", "POST /", transaction(entry(`{"resourceType":"Patient","id":"a","birthDate":"09/03/2016"}`, "PUT", "Patient/a")), adapters.CodeDataType, "Bundle.entry[0].resource.birthDate"},
		{"message without header", "POST /", `{"resourceType":"Bundle","type":"message","entry":[{"fullUrl":"urn:uuid:0d9a1f6a-0000-4000-8000-000000000001","resource":` + patient + `}]}`, adapters.CodeMissing, "Bundle.entry[0].resource"},
		{"identifier too long", "POST /", strings.Replace(anonymous, `"M1"`, `"`+strings.Repeat("M", 300)+`"`, 1), adapters.CodeDataType, "Bundle.identifier.value"},
		{"consent of another id", "PUT Consent/other", consent, adapters.CodeBusinessRule, "Consent.id"},
		{"consent without id", "PUT Consent/consent-consult", strings.Replace(consent, `"id": "consent-consult",`, "", 1), adapters.CodeMissing, "Consent.id"},
		{"no consent", "PUT Consent/a", patient, adapters.CodeUnsupportedType, "resourceType"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := fhirrest.Codec{}.Decode(inbound(c.interaction, []byte(c.raw)))
			var refusal *adapters.Refusal
			if !errors.As(err, &refusal) {
				t.Fatalf("not refused: %v", err)
			}
			if !slices.ContainsFunc(refusal.Issues, func(i adapters.Issue) bool { return i.Code == c.code && i.Location == c.location }) {
				t.Errorf("got %+v, want %s at %s", refusal.Issues, c.code, c.location)
			}
		})
	}
}

// TestAllowedTwins are the refusals above with the one fault mended.
func TestAllowedTwins(t *testing.T) {
	t.Parallel()
	consent := string(flow(t, "06-consent-lifecycle/01-fhir-consent-active.json"))
	for name, c := range map[string][2]string{
		"transaction":            {"POST /", anonymous},
		"identifier of 200":      {"POST /", strings.Replace(anonymous, `"M1"`, `"`+strings.Repeat("M", 200)+`"`, 1)},
		"consent by its id":      {"PUT Consent/consent-consult", consent},
		"consent created":        {"POST Consent", consent},
		"consent without any id": {"POST Consent", strings.Replace(consent, `"id": "consent-consult",`, "", 1)},
		"message":                {"POST /", string(flow(t, "01-medication-consult/16-fhir-message-bundle.json"))},
	} {
		if _, err := (fhirrest.Codec{}).Decode(inbound(c[0], []byte(c[1]))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	decoded, err := fhirrest.Codec{}.Decode(inbound("POST /", []byte(anonymous)))
	if err != nil {
		t.Fatal(err)
	}
	out := adapters.Outbound{
		Bundle: decoded.Bundle, Key: "d_1.1", Event: "REF^I12", ReplyTo: "THEIRS1", Created: time.Date(2026, 10, 27, 14, 0, 0, 0, time.UTC),
		Notices: []string{"42 CFR part 2 prohibits unauthorized disclosure of these records."},
	}
	for name, c := range map[string]struct {
		codec fhirrest.Codec
		want  map[string]string
	}{
		"transaction": {fhirrest.Codec{}, map[string]string{
			"type": "transaction", "identifier.value": "urn:caregate:key:d_1.1", "timestamp": "2026-10-27T14:00:00Z",
			"entry[0].request.method": "PUT", "entry[0].request.url": decoded.Bundle.At("entry[0].resource").Ref(),
			"entry[0].fullUrl":              fhirrest.DefaultFullURL + "/" + decoded.Bundle.At("entry[0].resource").Ref(),
			"meta.security[0].code":         "NORDSCLCD",
			"meta.extension[0].valueString": out.Notices[0],
		}},
		"message": {fhirrest.Codec{Message: true, FullURL: "https://gateway.example.org/fhir/"}, map[string]string{
			"type": "message", "entry[0].resource.resourceType": "MessageHeader", "entry[0].resource.eventCoding.code": "I12",
			"entry[0].resource.response.identifier": "THEIRS1", "entry[0].request.method": "",
			"entry[0].resource.focus[0].reference": decoded.Bundle.At("entry[2].resource").Ref(),
			"entry[1].fullUrl":                     "https://gateway.example.org/fhir/" + decoded.Bundle.At("entry[0].resource").Ref(),
		}},
	} {
		encoded, err := c.codec.Encode(out)
		if err != nil {
			t.Fatal(err)
		}
		bundle := parse(t, encoded.Body)
		for path, want := range c.want {
			if got := bundle.At(path).Text(); got != want {
				t.Errorf("%s: %s is %q, want %q", name, path, got, want)
			}
		}
		for _, issue := range fhir.Validate(bundle) {
			t.Errorf("%s: %s %s", name, issue.Path, issue.Text)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("POST /", []byte(anonymous))
	f.Add("PUT Consent/c", []byte(`{"resourceType":"Consent","id":"c","status":"active","scope":{"text":"x"},"category":[{"text":"x"}]}`))
	f.Add("POST /", []byte(`{"resourceType":"Bundle","type":"message","entry":[{"fullUrl":"urn:uuid:1","resource":{"resourceType":"MessageHeader","eventCoding":{"code":"I12"},"source":{"endpoint":"urn:x"}}}]}`))
	f.Fuzz(func(t *testing.T, interaction string, raw []byte) {
		decoded, err := fhirrest.Codec{}.Decode(inbound(interaction, raw))
		if err != nil {
			var refusal *adapters.Refusal
			if !errors.As(err, &refusal) || len(refusal.Issues) == 0 {
				t.Errorf("refused without a place: %v", err)
			}
			return
		}
		encoded, err := fhirrest.Codec{}.Encode(adapters.Outbound{Bundle: decoded.Bundle, Key: "k"})
		if err != nil {
			t.Fatalf("what was decoded cannot be rendered: %v", err)
		}
		if _, err := (fhirrest.Codec{}).Decode(inbound("POST /", encoded.Body)); err != nil {
			t.Fatalf("we refuse what we render: %v", err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	raw := flow(b, "01-medication-consult/01-fhir-consult-request-transaction.json")
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := (fhirrest.Codec{}).Decode(inbound("POST /", raw)); err != nil {
			b.Fatal(err)
		}
	}
}

// TestConsentOfR5 files a form of R5, alone and in a Bundle: what the gateway keeps is R4, and
// a form that is neither is refused.
func TestConsentOfR5(t *testing.T) {
	t.Parallel()
	const form = `{"resourceType":"Consent","id":"c1","status":"active","category":[{"text":"release"}],"subject":{"reference":"Patient/sam"},` +
		`"date":"2026-09-01","grantor":[{"reference":"RelatedPerson/mother"}],"decision":"deny",` +
		`"provision":[{"purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"TREAT"}]}]}`
	bundle := `{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:5b1f7a52-1c5a-4f4e-9a44-0d2f1f0b7c11","resource":` + form +
		`,"request":{"method":"PUT","url":"Consent/c1"}}]}`
	for interaction, body := range map[string]string{"PUT Consent/c1": form, "POST /": bundle} {
		decoded, err := fhirrest.Codec{}.Decode(inbound(interaction, []byte(body)))
		if err != nil {
			t.Fatalf("%s: %v", interaction, err)
		}
		for _, c := range fhir.Entries(decoded.Bundle) {
			if c.At("provision.type").Text() != "deny" || c.At("provision.provision[0].type").Text() != "permit" || c.At("patient.reference").Text() != "Patient/sam" {
				t.Errorf("%s: %s", interaction, c.JSON())
			}
		}
	}
	mixed := strings.Replace(form, `"decision"`, `"patient":{"reference":"Patient/sam"},"decision"`, 1)
	if _, err := (fhirrest.Codec{}).Decode(inbound("PUT Consent/c1", []byte(mixed))); err == nil {
		t.Error("a form that is half R4 and half R5 was taken")
	}
}
