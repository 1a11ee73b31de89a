package consent

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	law "caregate/consent"
	"caregate/fhir"
	"caregate/prove/proof"
)

// dwelling is one child with canaries in its address and in its name; label "address" is flagged.
type dwelling struct{ *flock }

// placed is the State's message about where the child lives now, for the school.
func (d dwelling) placed(t *testing.T) []byte {
	t.Helper()
	bundle := parse(t, proof.Flow(t, "07-placement-change/02-fhir-placement-transaction.json"))
	for _, r := range fhir.Entries(bundle) {
		switch r.ResourceType() {
		case "Patient":
			r.Set("address", d.address(t))
			r.Set("telecom", d.telephone(t))
		case "RelatedPerson":
			if r.ID() == "kin-caregiver-1" {
				r.Set("name", parse(t, fmt.Appendf(nil, `{"v":[{"family":%q,"given":[%q]}]}`, d.n("contact family"), d.n("contact given"))).Get("v"))
				r.Set("address", d.address(t))
				r.Set("telecom", d.telephone(t))
			}
		}
	}
	return d.child.Of(bundle.JSON())
}

func (d dwelling) address(t *testing.T) *fhir.Node {
	return parse(t, fmt.Appendf(nil, `{"v":[{"use":"home","line":["12 %s Lane"],"city":%q,"state":"IL","postalCode":"60601"}]}`, d.s("line"), d.s("city"))).Get("v")
}

func (d dwelling) telephone(t *testing.T) *fhir.Node {
	return parse(t, fmt.Appendf(nil, `{"v":[{"system":"phone","value":%q,"use":"home"}]}`, d.s("telephone"))).Get("v")
}

// flagged is what the State says of the child whose address is confidential.
func (d dwelling) flagged(t *testing.T) []byte {
	t.Helper()
	bundle := parse(t, proof.Cast(t))
	flag := parse(t, []byte(`{"resourceType":"Flag","id":"flag-of-child-il-1","status":"active","code":{"text":"address"},"subject":{"reference":"Patient/child-il-1"}}`))
	flag.Add("extension", statement(law.StatedFlag, "code", "valueCode", law.FlagAddress))
	if d.stays() {
		bundle.Add("entry", fhir.NewObject().Set("resource", flag).Set("request", fhir.NewObject().SetText("method", "PUT").SetText("url", flag.Ref())))
	}
	return d.child.Of(bundle.JSON())
}

// transaction is the consult request: the address in the Patient, a contact, and in words.
func (d dwelling) transaction(t *testing.T, order string) []byte {
	t.Helper()
	bundle := parse(t, d.flock.transaction(t, order))
	for _, r := range fhir.Entries(bundle) {
		switch r.ResourceType() {
		case "Patient":
			r.Set("address", d.address(t))
			r.Set("telecom", d.telephone(t))
			r.Set("contact", parse(t, fmt.Appendf(nil, `{"v":[{"name":{"family":%q},"address":{"line":["12 %s Lane"],"city":%q},"telecom":[{"system":"phone","value":%q}]}]}`, d.s("patient contact"), d.s("line"), d.s("city"), d.s("telephone"))).Get("v"))
		case "ServiceRequest":
			r.Set("note", parse(t, fmt.Appendf(nil, `{"v":[{"text":"Lives at 12 %s Lane."},{"text":%q}]}`, d.s("line"), d.n("order note"))).Get("v"))
		}
	}
	return bundle.JSON()
}

// message is the REF^I12: PID-11, NK1-4, telephones, and a note.
func (d dwelling) message(t *testing.T, order string) []byte {
	t.Helper()
	text := string(d.child.Referral(t, order, order))
	text = strings.ReplaceAll(text, "100 Example Foster Ln^^Chicago", "12 "+d.s("line")+" Lane^^"+d.s("city"))
	text = strings.ReplaceAll(text, "^PRN^PH^^1^312^5550101", "^PRN^PH^^^^^^^^^"+d.s("telephone"))
	text = strings.ReplaceAll(text, "PSY^Psychiatric^HL70281", "MED^Medical^HL70281")
	var out []string
	for segment := range strings.SplitSeq(strings.TrimRight(text, "\r"), "\r") {
		switch segment[:3] {
		case "RF1":
			segment = strings.Join(strings.Split(segment, "|")[:10], "|")
		case "DG1", "OBX", "NTE":
			continue
		}
		out = append(out, segment)
	}
	out = append(out, "NTE|1|P|"+d.n("note"), "NTE|2|P|Lives at 12 "+d.s("line")+" Lane", "OBX|1|TX|29463-7^"+d.n("OBX-3.2")+"^LN||"+d.n("OBX-5")+"||||||F|||20261026")
	return []byte(strings.Join(out, "\r") + "\r")
}

// TestAddressCanaries is point 4 for a confidential address: the element goes, wherever it is
// repeated, and the child's record arrives; also at the school's Ed-Fi interface.
func TestAddressCanaries(t *testing.T) {
	t.Parallel()
	sc := newScene(t)
	sc.flocks = nil
	var dwellings []dwelling
	for i, label := range []string{"", "address"} {
		dwellings = append(dwellings, dwelling{newFlock(proof.Child(2*i+1), label, false)}, dwelling{newFlock(proof.Child(2*i+2), label, false)})
	}
	for i, d := range dwellings {
		sc.settle(d, i%2 == 1)
	}
	got := map[string][]byte{}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if len(sc.w.Lakeside.Received()) >= 4 && len(sc.w.Northside.Received()) >= 4 && len(sc.w.EdFi.Received()) >= 4 {
			time.Sleep(time.Second) // a contact is more than one request
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d, %d and %d arrived\n%s", len(sc.w.Lakeside.Received()), len(sc.w.Northside.Received()), len(sc.w.EdFi.Received()), sc.s.Log())
		}
	}
	for _, r := range sc.w.Lakeside.Received() {
		got["FHIR"] = append(got["FHIR"], r.Body...)
	}
	for _, r := range sc.w.EdFi.Received() {
		got["Ed-Fi"] = append(got["Ed-Fi"], r.Path+string(r.Body)...)
	}
	got["MLLP"] = bytes.Join(sc.w.Northside.Received(), []byte("\n"))
	for i := range 2 { // by FHIR, by v2: first the twin, whose places are what the formats carry
		judgeDwellings(t, got, dwellings[i].flock, dwellings[i+2].flock)
	}
	sc.s.Stop()
}

// settle introduces the child, files the consents, and sends its messages.
func (sc *scene) settle(d dwelling, v2 bool) {
	proof.MustSend(sc.t, sc.s.As("dcfs"), "POST", "", d.flagged(sc.t))
	for _, clinic := range clinics {
		body, ref := d.permits(sc.t, clinic)
		proof.MustSend(sc.t, sc.s.As("guardian"), "PUT", "/"+ref, body)
	}
	sc.permitSchool(d)
	order := fmt.Sprintf("HOME%04d", d.child)
	if v2 {
		wire, err := proof.Dial(sc.s.Addresses.MLLP["cmo"])
		if err != nil {
			sc.t.Fatal(err)
		}
		defer wire.Close()
		if answer, err := wire.Exchange(d.message(sc.t, order), 20*time.Second); err != nil || answer.AcknowledgmentCode != "CA" {
			sc.t.Fatalf("%+v, %v", answer, err)
		}
	} else if status, _, answer, err := sc.s.As("cmo").Send("POST", "", d.transaction(sc.t, order)); err != nil || status != http.StatusOK {
		sc.t.Fatalf("%d, %v: %s", status, err, answer)
	}
	proof.MustSend(sc.t, sc.s.As("dcfs"), "POST", "", d.placed(sc.t))
}

// permitSchool files the guardian's consent for the school, with the contacts of the child.
func (sc *scene) permitSchool(d dwelling) {
	form := parse(sc.t, proof.Flow(sc.t, "06-consent-lifecycle/04-fhir-consent-ferpa.json"))
	form.SetText("id", fmt.Sprint("consent-ferpa-", d.child))
	for _, kind := range []string{"Patient", "RelatedPerson"} {
		form.At("provision.provision[0]").Add("class", fhir.NewObject().SetText("system", "http://hl7.org/fhir/resource-types").SetText("code", kind))
	}
	proof.MustSend(sc.t, sc.s.As("guardian"), "PUT", "/"+form.Ref(), d.child.Of(form.JSON()))
}

func judgeDwellings(t *testing.T, got map[string][]byte, twin, flagged *flock) {
	t.Helper()
	for _, adapter := range slices.Sorted(maps.Keys(got)) {
		one := map[string][]byte{adapter: got[adapter]}
		seen := sightings(slices.Concat(slices.Collect(maps.Values(twin.withheld)), slices.Collect(maps.Values(twin.neighbour)),
			slices.Collect(maps.Values(flagged.withheld)), slices.Collect(maps.Values(flagged.neighbour))), one)
		hits, missing, expected, twins := 0, 0, 0, 0
		for place, c := range flagged.withheld {
			if seen[c] && slices.Contains([]string{"line", "city", "telephone", "patient contact"}, place) {
				hits++
				t.Errorf("%s: the %s of a confidential address arrived", adapter, place)
			}
			if seen[twin.withheld[place]] {
				twins++
			}
		}
		for place, c := range flagged.neighbour {
			if seen[twin.neighbour[place]] {
				expected++
				if !seen[c] {
					missing++
					t.Errorf("%s: %s beside a confidential address is missing", adapter, place)
				}
			}
		}
		if twins == 0 || expected == 0 {
			t.Errorf("%s: the twin shows %d and %d", adapter, twins, expected)
		}
		figure(t, 4, "confidential address, "+adapter, len(flagged.withheld)+len(flagged.neighbour), "withheld that arrived", hits, "neighbours expected", expected, "neighbours missing", missing, "twin's canaries seen", twins, "bytes scanned", len(got[adapter]))
	}
}
