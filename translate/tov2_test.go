package translate

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"caregate/fhir"
	"caregate/hl7v2"
)

func readBundle(t *testing.T, name string) *fhir.Node {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../testdata/flows", name))
	if err != nil {
		t.Fatal(err)
	}
	n, err := fhir.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// clinicProfile is how the sample gateway writes to the sample clinic.
func clinicProfile(t *testing.T) Profile {
	t.Helper()
	p := flowProfile(t)
	p.Sending = Party{Application: "SOCGW^1.3.6.1.4.1.21367.2026.1^ISO", Facility: "SOCAGENCY"}
	p.Receiving = Party{Application: "PSYEHR", Facility: "ZZCLINIC"}
	p.Processing, p.AcceptAck, p.ApplicationAck, p.Country, p.Charset = "T", "AL", "AL", "USA", "UNICODE UTF-8"
	return p
}

var sent = Meta{
	Event: "REF^I12", ControlID: "SOCGW0000001", Created: time.Date(2026, 10, 27, 14, 6, 0, 0, time.UTC),
	OriginPartner: "cmo", OriginControlID: "CMO000004411",
}

func render(t *testing.T, bundle *fhir.Node, p Profile, m Meta) (*hl7v2.Message, []Issue) {
	t.Helper()
	raw, issues, err := ToV2(bundle, p, m)
	if err != nil {
		t.Fatal(err)
	}
	out, err := hl7v2.Parse(raw)
	if err != nil {
		t.Fatalf("not a message: %v", err)
	}
	return out, issues
}

// TestReferralToClinic: what came from the care organisation leaves as the sample that
// was written by hand, with the referral number of the sender and the trace.
func TestReferralToClinic(t *testing.T) {
	t.Parallel()
	p := clinicProfile(t)
	in := toFHIR(t, readMessage(t, filepath.Join(goldenDir, "ref-i12.hl7")), p)
	out, issues := render(t, in.Bundle, p, sent)
	if len(issues) > 0 {
		t.Errorf("issues: %v", issues)
	}
	want, err := os.ReadFile("../testdata/flows/01-medication-consult/02-ref-i12.hl7")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("\n", "\r", "SOC-2026-004411^SOCGW^1.3.6.1.4.1.21367.2026.1^ISO",
		"SOC-2026-004411^CMOEHR^1.3.6.1.4.1.21367.2026.30^ISO").Replace(strings.TrimRight(string(want), "\r\n"))
	if got := string(out.Encode()); got != text+"\rZCG|cmo|CMO000004411\r" {
		t.Errorf("got\n%s\nwant\n%s", strings.ReplaceAll(got, "\r", "\n"), strings.ReplaceAll(text, "\r", "\n"))
	}
}

// answer is a FHIR partner's Task update with the resources that it is about.
func answer(t *testing.T, status string) *fhir.Node {
	t.Helper()
	task := readBundle(t, "01-medication-consult/09-fhir-task-accepted-update.json")
	task.Set("status", fhir.NewString(status))
	bundle := fhir.NewResource("Bundle").Add("entry", fhir.NewObject().Set("resource", task))
	for _, n := range fhir.Entries(readBundle(t, "01-medication-consult/01-fhir-consult-request-transaction.json")) {
		if slices.Contains([]string{"ServiceRequest", "Patient", "PractitionerRole", "Practitioner"}, n.ResourceType()) {
			bundle.Add("entry", fhir.NewObject().Set("resource", n))
		}
	}
	return bundle
}

// TestAnswerToState: a Task that a FHIR partner accepted becomes an RRI for the state.
func TestAnswerToState(t *testing.T) {
	t.Parallel()
	p := clinicProfile(t)
	p.SendIdentifiers = []string{"https://soc.example.org/id/il-dcfs-id"}
	m := Meta{Event: "RRI^I12", ControlID: "SOCGW0000411", Created: sent.Created, ReplyTo: "CMO000004411"}
	out, _ := render(t, answer(t, "accepted"), p, m)
	for path, want := range map[string]string{
		"MSH-9": "RRI^I12^RRI_I12", "MSH-10": "SOCGW0000411", "MSA-1": "AA", "MSA-2": "CMO000004411",
		"RF1-1": "A^Accepted^HL70283", "RF1-6": "SOC-2026-004411^SOCGW^1.3.6.1.4.1.21367.2026.1^ISO",
		"RF1-11": "PSY-88121^^1.3.6.1.4.1.21367.2026.40^ISO", "PRD-1.1": "RP", "PRD(2)-7": "9999999987^NPI",
		"PID-3": "90000017^^^IL-DCFS&1.3.6.1.4.1.21367.2026.10.1&ISO^SR", "PID-3[2]": "", "PID-7": "20160309",
		"PID-11": "", "PID-13": "", "DG1-3": "", "NTE-3": "", "OBX-3": "", "ZCG-2": "",
	} {
		if got := out.Get(path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	p.SendIdentifiers = nil
	if twin, _ := render(t, answer(t, "accepted"), p, m); twin.Get("PID-3[2].5") != "MA" {
		t.Error("without a list every identifier leaves")
	}
	m.ReplyTo = ""
	if twin, _ := render(t, answer(t, "accepted"), p, m); twin.First("MSA").Valid() {
		t.Error("an answer to nobody has no MSA")
	}
}

func TestStatusToV2(t *testing.T) {
	t.Parallel()
	m := Meta{Event: "RRI^I12", ControlID: "1", Created: sent.Created}
	for status, want := range map[string]string{
		"requested": "P^Pending^HL70283", "accepted": "A^Accepted^HL70283", "rejected": "R^Rejected^HL70283",
		"received":    "P^Pending^HL70283^received^^99FHIRTASK",
		"in-progress": "A^Accepted^HL70283^in-progress^^99FHIRTASK",
		"completed":   "A^Accepted^HL70283^completed^^99FHIRTASK",
		"cancelled":   "^^^cancelled^^99FHIRTASK",
		"on-hold":     "^^^on-hold^^99FHIRTASK",
	} {
		p := clinicProfile(t)
		out, _ := render(t, answer(t, status), p, m)
		if got := out.Get("RF1-1"); got != want {
			t.Errorf("%s: RF1-1 is %q, want %q", status, got, want)
		}
		again := toFHIR(t, out, p)
		if got := resource(t, again.Bundle, "Task").Get("status").Text(); got != status {
			t.Errorf("%s came back as %q", status, got)
		}
	}
	asked := answer(t, "in-progress")
	resource(t, asked, "Task").At("businessStatus.coding[0]").Set("code", fhir.NewString("5.2"))
	if out, _ := render(t, asked, clinicProfile(t), m); out.Get("RF1-1.1") != "" {
		t.Error("a cancellation request does not show that the referral was accepted")
	}
}

// TestRedacted: what is not in the Bundle is not in the message, and nothing asks to delete it.
func TestRedacted(t *testing.T) {
	t.Parallel()
	p := clinicProfile(t)
	in := toFHIR(t, readMessage(t, filepath.Join(goldenDir, "ref-i12.hl7")), p)
	r := fhir.Redaction{Withhold: map[string]bool{}, Elements: map[string][]string{}}
	for _, n := range fhir.Entries(in.Bundle) {
		switch n.ResourceType() {
		case "Condition", "RelatedPerson", "MedicationStatement":
			r.Withhold[n.Ref()] = true
		case "Patient":
			r.Elements[n.Ref()] = []string{"address", "telecom"}
		}
	}
	redacted, _ := fhir.Redact(in.Bundle, r)
	out, _ := render(t, redacted, p, sent)
	for _, gone := range []string{"DG1-3", "NK1-2", "PID-11", "PID-13", "OBX(3)-5"} {
		if out.Get(gone) != "" {
			t.Errorf("%s was withheld and is there", gone)
		}
	}
	for _, kept := range []string{"PID-5.1", "RF1-6.1", "AL1-3.2", "OBX-5"} {
		if out.Get(kept) == "" {
			t.Errorf("%s was not withheld and is gone", kept)
		}
	}
	if strings.Contains(string(out.Encode()), `""`) {
		t.Error("redaction asks the receiver to delete")
	}
}

// TestEdit changes one element of what came from v2: exactly its field changes.
func TestEdit(t *testing.T) {
	t.Parallel()
	p := flowProfile(t)
	for _, c := range []struct {
		resource, path, value string
		changed               []string
	}{
		{"Patient", "name[0].family", "Zzother", []string{"PID-5"}},
		{"Patient", "birthDate", "2016-03-10", []string{"PID-7"}},
		{"Patient", "gender", "female", []string{"PID-8"}},
		{"Patient", "address[0].city", "Evanston", []string{"PID-11"}},
		{"Patient", "telecom[0].value", "+1 847 5550160", []string{"PID-13"}},
		{"Patient", "identifier[1].value", "T0000001", []string{"PID-3"}},
		{"Task", "status", "accepted", []string{"RF1-1"}},
		{"ServiceRequest", "priority", "stat", []string{"RF1-2"}},
		{"ServiceRequest", "occurrencePeriod.end", "2027-05-01", []string{"RF1-8"}},
		{"ServiceRequest", "reasonCode[0].coding[0].display", "Other words", []string{"RF1-10"}},
		{"ServiceRequest", "code.coding[0].display", "Referral", []string{"OBR-4"}},
		{"ServiceRequest", "note[0].text", "Other question", []string{"NTE-3"}},
		{"RelatedPerson", "relationship[0].coding[1].display", "Foster mother", []string{"NK1-3"}},
		{"RelatedPerson", "name[0].family", "Zzother", []string{"NK1-2"}},
		{"Organization", "name", "Zztest other guardian", []string{"NK1(2)-13"}},
		{"Practitioner", "name[0].given[0]", "Robin", []string{"PRD-2"}},
		{"Condition", "onsetDateTime", "2026-03-02", []string{"DG1-5"}},
		{"AllergyIntolerance", "code.text", "Penicillin", []string{"AL1-3"}},
		{"Observation", "valueQuantity.value", "42.0", []string{"OBX-5"}},
		{"Observation", "status", "corrected", []string{"OBX-11"}},
		{"MedicationStatement", "medicationCodeableConcept.text", "none", []string{"OBX(3)-5"}},
	} {
		t.Run(c.resource+"."+c.path, func(t *testing.T) {
			t.Parallel()
			in := toFHIR(t, readMessage(t, filepath.Join(goldenDir, "ref-i12.hl7")), p)
			before, _ := render(t, in.Bundle, p, Meta{})
			edit(t, resource(t, in.Bundle, c.resource), c.path, c.value)
			after, _ := render(t, in.Bundle, p, Meta{})
			if got := differences(before, after); !slices.Equal(got, c.changed) {
				t.Errorf("changed %v, want %v", got, c.changed)
			}
		})
	}
}

func edit(t *testing.T, n *fhir.Node, path, value string) {
	t.Helper()
	i := strings.LastIndex(path, ".")
	parent, name := n, path
	if i >= 0 {
		parent, name = n.At(path[:i]), path[i+1:]
	}
	if list, _, isItem := strings.Cut(name, "["); isItem {
		parent.Set(list, fhir.NewArray(fhir.NewString(value)))
		return
	}
	if parent.Get(name) == nil {
		t.Fatalf("%s is not there to be edited", path)
	}
	if parent.Get(name).Kind() == fhir.Number {
		parent.Set(name, fhir.NewNumber(value))
		return
	}
	parent.Set(name, fhir.NewString(value))
}

// differences returns the fields in which two messages of the same segments differ.
func differences(a, b *hl7v2.Message) []string {
	var out []string
	for i := range max(a.Len(), b.Len()) {
		x, y := a.Segment(i), b.Segment(i)
		if x.Name() != y.Name() {
			return append(out, "segments")
		}
		for n := 1; n <= max(x.FieldCount(), y.FieldCount()); n++ {
			if x.Field(n).Raw() != y.Field(n).Raw() {
				out = append(out, hl7v2.Path{Segment: x.Name(), Sequence: x.Sequence(), Field: n}.String())
			}
		}
	}
	return out
}

const hostile = "a|b^c~d\\e&f\rPID|9\nOBX|\x0b\x1c\x0d\"\""

// TestInjection puts delimiters and line ends into every text of a Bundle: the message
// keeps its segments and fields, and each text comes back as it was.
func TestInjection(t *testing.T) {
	t.Parallel()
	p := clinicProfile(t)
	for _, source := range []string{"fhir", "v2"} {
		bundle := readBundle(t, "01-medication-consult/01-fhir-consult-request-transaction.json")
		if source == "v2" {
			bundle = toFHIR(t, readMessage(t, filepath.Join(goldenDir, "ref-i12.hl7")), p).Bundle
		}
		plain, _ := render(t, bundle, p, sent)
		poison(bundle)
		m := sent
		m.OriginControlID, m.ControlID = hostile, hostile
		evil, _ := render(t, bundle, p, m)
		if shape(evil) != shape(plain) {
			t.Errorf("%s: segments were %s, are %s", source, shape(plain), shape(evil))
		}
		for _, path := range []string{"PID-5.1", "PRD-2.1", "AL1-3.2", "NTE-3", "MSH-10", "ZCG-2", "PID-11.1"} {
			if plain.Get(path) != "" && evil.Get(path) != hostile {
				t.Errorf("%s: %s is %q", source, path, evil.Get(path))
			}
		}
	}
}

func shape(m *hl7v2.Message) string {
	var names []string
	for i := range m.Len() {
		names = append(names, m.Segment(i).Name())
	}
	return strings.Join(names, " ")
}

// poison replaces free texts, and what carriers hold, wherever they stand.
func poison(n *fhir.Node) {
	for name, child := range n.Members() {
		switch name {
		case "family", "text", "display", "city", "name", "valueString":
			if child.Kind() == fhir.String {
				n.Set(name, fhir.NewString(hostile))
				continue
			}
		case "given", "line", "suffix":
			n.Set(name, fhir.NewArray(fhir.NewString(hostile)))
			continue
		}
		poison(child)
	}
	for _, item := range n.Items() {
		poison(item)
	}
}

// TestForgedCarrier: a partner's Bundle may hold extensions that look like ours.
func TestForgedCarrier(t *testing.T) {
	t.Parallel()
	bundle := answer(t, "requested")
	child := resource(t, bundle, "Patient")
	addCarrier(child, "PID-5", "Zzforged^Name")
	addCarrier(child, "PID-18", "x|y\rOBX|1~z")
	ext := fhir.NewObject().SetText("url", Extensions+"segment").SetText("valueString", "OBX|1|ST|forged")
	bundle.Add("entry", fhir.NewObject().Set("resource", fhir.NewResource("Basic").Add("extension", ext)))
	p := clinicProfile(t)
	p.ZSegments = "send"
	out, _ := render(t, bundle, p, sent)
	if got := out.Get("PID-5.1"); got != "Zztest" {
		t.Errorf("PID-5 is %q: a carrier that does not agree with its element was believed", got)
	}
	if strings.Contains(shape(out), "OBX") {
		t.Errorf("segments are %s", shape(out))
	}
}

func TestMSHFromProfile(t *testing.T) {
	t.Parallel()
	p := clinicProfile(t)
	p.Zone, p.DTM = "America/Chicago", DTMForm{Precision: "minute", NoOffset: true}
	out, _ := render(t, answer(t, "accepted"), p, sent)
	if got := out.Get("MSH-7"); got != "202610270906" {
		t.Errorf("MSH-7 is %q", got)
	}
	if got := out.Get("RF1-9"); got != "202610270905" {
		t.Errorf("RF1-9 is %q", got)
	}
	p.Zone = ""
	if out, _ := render(t, answer(t, "accepted"), p, sent); out.Get("RF1-9") != "20261027" {
		t.Errorf("without a zone and offset RF1-9 is %q", out.Get("RF1-9"))
	}
	p.Structures = []string{"RRI_I12"}
	if _, _, err := ToV2(answer(t, "accepted"), p, sent); err == nil {
		t.Error("a structure that the profile does not allow was rendered")
	}
}
