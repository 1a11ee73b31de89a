package translate

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"caregate/fhir"
)

// TestConsentStatus reads CON-11 by table 0498: unknown is never active, limited is a base of deny,
// bypassed is no consent, and without the partner's table nothing is one.
func TestConsentStatus(t *testing.T) {
	t.Parallel()
	m := readMessage(t, filepath.Join(goldenDir, "adt-a04-consents.hl7"))
	p := flowProfile(t)
	statuses := func(p Profile) (out []string, flags, forms int) {
		for _, n := range fhir.Entries(toFHIR(t, m, p).Bundle) {
			switch n.ResourceType() {
			case "Consent":
				out = append(out, n.Get("status").Text()+" "+n.At("provision.type").Text())
			case "Flag":
				flags++
			case "DocumentReference":
				forms++
			}
		}
		return out, flags, forms
	}
	have, flags, forms := statuses(p)
	want := []string{"proposed ", "active ", "rejected ", "inactive ", "active deny", "proposed ", "proposed ", "active "}
	if !slices.Equal(have, want) || flags != 1 || forms != 0 {
		t.Errorf("consents %q, %d flags, %d forms; want %q, 1, 0", have, flags, forms, want)
	}
	p.Codes = nil
	if have, flags, forms := statuses(p); len(have) != 0 || flags != 0 || forms != 9 {
		t.Errorf("without the partner's table: consents %q, %d flags, %d forms", have, flags, forms)
	}
	p.Codes = map[string]Codes{"0498.status": {"SIGNED": "active"}}
	if have, _, _ := statuses(p); !slices.Contains(have, "active ") || have[6] != "active " {
		t.Errorf("the partner's own code is not read: %q", have)
	}
}

// TestVisitStatus: the trigger says what became of the visit.
func TestVisitStatus(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"adt-a03": "finished", "adt-a11": "cancelled", "adt-a13": "in-progress"} {
		r := toFHIR(t, readMessage(t, filepath.Join(goldenDir, name+".hl7")), flowProfile(t))
		if got := resource(t, r.Bundle, "Encounter").Get("status").Text(); got != want {
			t.Errorf("%s: Encounter.status %q, want %q", name, got, want)
		}
	}
}

// TestMerge: the number that goes is an inactive Patient that points to the one that stays,
// under the id that a message about the old number gave it.
func TestMerge(t *testing.T) {
	t.Parallel()
	m := readMessage(t, filepath.Join(goldenDir, "adt-a40.hl7"))
	p := flowProfile(t)
	var stays, gone []*fhir.Node
	for _, n := range fhir.Entries(toFHIR(t, m, p).Bundle) {
		switch {
		case n.ResourceType() != "Patient":
		case n.Get("link") != nil:
			gone = append(gone, n)
		default:
			stays = append(stays, n)
		}
	}
	if len(stays) != 2 || len(gone) != 2 {
		t.Fatalf("%d stay, %d go", len(stays), len(gone))
	}
	for i, n := range gone {
		if n.Get("active").Text() != "false" || n.At("link[0].type").Text() != "replaced-by" || n.At("link[0].other.reference").Text() != stays[i].Ref() {
			t.Errorf("%d: the old number is not replaced by the new one", i)
		}
	}
	if got := gone[0].Get("identifier").Len(); got != 3 {
		t.Errorf("%d numbers of MRG-1 are kept, want 3", got)
	}
	earlier := strings.Replace(string(readMessage(t, filepath.Join(goldenDir, "adt-a31.hl7")).Encode()), "90000017^", "80000001^", 1)
	r := toFHIR(t, parse(t, earlier), p)
	if resource(t, r.Bundle, "Patient").ID() != gone[0].ID() {
		t.Error("the old number has another id than before")
	}
}

// TestRestrictions: what protects a child or a visit is a label of it, and what is taken away is none.
func TestRestrictions(t *testing.T) {
	t.Parallel()
	r := toFHIR(t, readMessage(t, filepath.Join(goldenDir, "adt-a08-restrictions.hl7")), flowProfile(t))
	for name, want := range map[string]string{
		"MessageHeader": "R", "Patient": "DEMO NODSCLCD PSY R PRS", "Encounter": "LOCIS CEL R",
	} {
		var have []string
		for _, l := range resource(t, r.Bundle, name).At("meta.security").Items() {
			have = append(have, l.Get("code").Text())
		}
		slices.Sort(have)
		wanted := strings.Fields(want)
		slices.Sort(wanted)
		if !slices.Equal(have, wanted) {
			t.Errorf("%s is labelled %v, want %v", name, have, wanted)
		}
	}
}

// TestSentEvent: what we send has the EVN and the PV1 that its structure wants.
func TestSentEvent(t *testing.T) {
	t.Parallel()
	m := readMessage(t, filepath.Join(goldenDir, "adt-a31.hl7"))
	r := toFHIR(t, m, flowProfile(t))
	for version, want := range map[string]string{"2.5.1": "EVN|A31|20260102030405+0000\r", "2.8": "EVN||20260102030405+0000\r"} {
		p := Profile{Version: version}
		created := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		bundle := r.Bundle.Clone()
		bundle.Get("entry").KeepItems(func(e *fhir.Node) bool { return e.Get("resource").ResourceType() == "Patient" })
		raw, _, err := ToV2(bundle, p, Meta{Event: "ADT^A31", ControlID: "1", Created: created})
		if err != nil || !strings.Contains(string(raw), want) || !strings.HasSuffix(string(raw), "|N\r") {
			t.Errorf("%s: %v\n%q", version, err, raw)
		}
		raw, _, err = ToV2(r.Bundle, p, Meta{Event: "ADT^A31", ControlID: "1", Created: created})
		if err != nil || strings.Count(string(raw), "\rPV1|") != 1 || strings.Count(string(raw), "\rEVN|") != 1 {
			t.Errorf("%s: %v\n%q", version, err, raw)
		}
	}
}

// TestOtherNumbersStay: where the profile lists the identifiers that may leave, no number of
// PID-2, PID-4, PID-18, PID-20 or PID-21 leaves, as an identifier or as it was carried.
func TestOtherNumbersStay(t *testing.T) {
	t.Parallel()
	raw := string(readMessage(t, goldenDir+"/adt-a31-person.hl7").Encode())
	odd := strings.NewReplacer("OLD-5^^^ZZPAPER", `""^^^ZZPAPER`, "ZZ1234567^IL", "^IL").Replace(raw)
	for _, text := range []string{raw, odd} {
		p := flowProfile(t)
		p.SendIdentifiers = []string{"https://soc.example.org/id/il-dcfs-id"}
		bundle := toFHIR(t, parse(t, text), p).Bundle
		out, _ := render(t, bundle, p, Meta{Event: "ADT^A31", ControlID: "1", Created: sent.Created})
		if got := out.Get("PID-3"); got != "90000017^^^IL-DCFS&1.3.6.1.4.1.21367.2026.10.1&ISO^SR" || out.Get("PID-3[2]") != "" {
			t.Errorf("PID-3 is %q", got)
		}
		for _, path := range []string{"PID-2", "PID-4", "PID-18", "PID-19", "PID-20", "PID-21"} {
			if got := out.Get(path); got != "" {
				t.Errorf("%s left as %q", path, got)
			}
		}
	}
}

// TestLimitedConsent denies until someone has read the exceptions, however the code was sent.
func TestLimitedConsent(t *testing.T) {
	t.Parallel()
	raw := string(readMessage(t, goldenDir+"/adt-a04-consents.hl7").Encode())
	for _, sent := range []string{"L", "L^Limited^HL70498", "7^Partly^L^L^Limited^HL70498"} {
		m := parse(t, strings.Replace(raw, "|||||L||20261103", "|||||"+sent+"||20261103", 1))
		limited := 0
		for _, n := range fhir.Entries(toFHIR(t, m, flowProfile(t)).Bundle) {
			if n.ResourceType() == "Consent" && n.At("identifier[0].value").Text() == "CF-5" {
				limited++
				if n.At("provision.type").Text() != "deny" {
					t.Errorf("CON-11 %s: status %s, provision %s", sent, n.Get("status").Text(), n.At("provision.type").Text())
				}
			}
		}
		if limited != 1 {
			t.Errorf("CON-11 %s: %d consents", sent, limited)
		}
	}
}

// TestRace: what a FHIR partner says of race comes as one repetition each; words that say
// more than the codes are a repetition of their own.
func TestRace(t *testing.T) {
	t.Parallel()
	const head = `{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-race","extension":[`
	const white = `{"url":"ombCategory","valueCoding":{"system":"urn:oid:2.16.840.1.113883.6.238","code":"2106-3","display":"White"}}`
	const apache = `{"url":"detailed","valueCoding":{"system":"urn:oid:2.16.840.1.113883.6.238","code":"1010-8","display":"Apache"}}`
	for ext, want := range map[string]string{
		head + white + `,{"url":"text","valueString":"White"}]}`:                        "2106-3^White^CDCREC",
		head + white + `,` + apache + `,{"url":"text","valueString":"white, Apache"}]}`: "2106-3^White^CDCREC~1010-8^Apache^CDCREC",
		head + white + `,{"url":"text","valueString":"Zz mixed"}]}`:                     "2106-3^White^CDCREC~^Zz mixed",
		head + `{"url":"text","valueString":"Zz mixed"}]}`:                              "^Zz mixed",
	} {
		patient, err := fhir.Parse([]byte(`{"resourceType":"Patient","id":"1","name":[{"family":"Zztest"}],"extension":[` + ext + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		bundle := fhir.NewResource("Bundle").SetText("type", "collection")
		bundle.Add("entry", fhir.NewObject().Set("resource", patient))
		out, _ := render(t, bundle, flowProfile(t), Meta{Event: "ADT^A31", ControlID: "1", Created: sent.Created})
		if got := out.First("PID").Field(10).Raw(); got != want {
			t.Errorf("PID-10 is %q, want %q", got, want)
		}
	}
}
