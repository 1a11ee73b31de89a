package consent

import (
	"bytes"
	"encoding/base64"
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

// The labels under which a record is withheld. Each has a twin: the same records without it,
// or with a consent that names it.
var (
	withheldLabels = []string{"SUD", "PSY", "HIV", "PSYTHPN", "FERPA", "CPS-INVEST", "REPORTER-ID", "STI-CARE"}
	consentable    = []string{"PSY", "HIV"}
)

// flock is the canaries of one child: of the records that are withheld, and of their neighbours.
type flock struct {
	child     proof.Child
	label     string            // "" for none
	named     bool              // the consent names the label
	withheld  map[string]string // canary by place
	neighbour map[string]string
}

func newFlock(c proof.Child, label string, named bool) *flock {
	return &flock{child: c, label: label, named: named, withheld: map[string]string{}, neighbour: map[string]string{}}
}

// stays reports whether the records that carry canaries are to be withheld.
func (f *flock) stays() bool { return f.label != "" && !f.named }

// leaves reports the places that go with what is withheld: a Provenance of it, and what was
// ordered because of it.
func (f *flock) leaves(place string) bool {
	return f.stays() && (place == "provenance id" || place == "agent display") || f.label == "SUD DG1" && !strings.HasPrefix(place, "DG1")
}

// bird is one way to plant: s for what is withheld, n for what arrives.
type bird func(place string) string

func (f *flock) s(place string) string {
	return plant(f.withheld, place, fmt.Sprint(f.child, f.label, f.named, "withheld"))
}

func (f *flock) n(place string) string {
	return plant(f.neighbour, place, fmt.Sprint(f.child, f.label, f.named, "neighbour"))
}

func plant(in map[string]string, place, salt string) string {
	if in[place] == "" {
		in[place] = proof.Canary(salt + place)
	}
	return in[place]
}

// record is an Observation with a canary in every kind of place.
func record(c bird, child, label string) string {
	return fmt.Sprintf(`{"resourceType":"Observation","id":%q%s,
 "text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\" title=\"%s\"><p>%s</p></div>"},
 "contained":[{"resourceType":"Organization","id":"in","name":%q}],
 "extension":[{"url":"urn:x-plain","valueString":%q},{"url":"urn:x-nested","extension":[{"url":"part","valueString":%q}]},
  {"url":"urn:x-attached","valueAttachment":{"contentType":"text/plain","data":%q,"url":"https://soc.example.org/files/%s","title":%q}}],
 "identifier":[{"system":"urn:x-record","value":%q,"assigner":{"display":%q}}],
 "status":"final","code":{"id":%q,"coding":[{"system":"urn:x-codes","code":%q,"display":%q}],"text":%q},
 "subject":{"reference":"Patient/%s"},"effectiveDateTime":"2026-10-26","performer":[{"reference":"#in"}],
 "valueString":%q,"note":[{"authorString":%q,"text":"They say %s often."}],
 "component":[{"code":{"text":%q},"valueString":%q}]}`,
		c("id"), meta(label), c("narrative attribute"), c("narrative"), c("contained"), c("extension"), c("nested extension"),
		base64.StdEncoding.EncodeToString([]byte("file of "+c("extension attachment")+".")), c("extension attachment url"), c("extension attachment title"),
		c("identifier"), c("identifier assigner"), c("element id"), c("code"), c("code display"), c("code text"), child,
		c("value"), c("note author"), c("note"), c("component code"), c("component value"))
}

// document is a DocumentReference with a canary in every kind of place.
func document(c bird, child, label string) string {
	return fmt.Sprintf(`{"resourceType":"DocumentReference","id":%q%s,"identifier":[{"system":"urn:x-document","value":%q}],
 "status":"current","type":{"text":%q},"subject":{"reference":"Patient/%s"},"author":[{"display":%q}],"description":%q,
 "content":[{"attachment":{"contentType":"text/plain","data":%q,"url":"https://soc.example.org/documents/%s","title":%q}}]}`,
		c("document id"), meta(label), c("document identifier"), c("document type"), child, c("document author"), c("document description"),
		base64.StdEncoding.EncodeToString([]byte("x"+c("attachment data")+" is what it says")), c("attachment url"), c("attachment title"))
}

func meta(label string) string {
	system := law.LabelSystem(label)
	if system == "" {
		return ""
	}
	return fmt.Sprintf(`,"meta":{"security":[{"system":%q,"code":"R"},{"system":%q,"code":%q}]}`, law.SystemConfidentiality, system, label)
}

// pointers are records that name both: what they say of their own arrives.
func (f *flock) pointers(child string) []string {
	s, n := f.s, f.n
	both := func(wrap string) string {
		return fmt.Sprintf(`{%q:{"reference":"Observation/%s","display":%q}},{%q:{"reference":"Observation/%s","display":%q}}`,
			wrap, s("id"), s("reference display"), wrap, n("id"), n("reference display"))
	}
	return []string{
		fmt.Sprintf(`{"resourceType":"List","id":%q,"status":"current","mode":"working","title":%q,"subject":{"reference":"Patient/%s"},"entry":[%s]}`, n("list id"), n("list title"), child, both("item")),
		fmt.Sprintf(`{"resourceType":"CarePlan","id":%q,"status":"active","intent":"plan","title":%q,"subject":{"reference":"Patient/%s"},"activity":[{"reference":{"reference":"ServiceRequest/%s","display":%q}},{"reference":{"reference":"ServiceRequest/sr-medconsult-1","display":%q}}]}`, n("plan id"), n("plan title"), child, s("order id"), s("activity display"), n("activity display")),
		fmt.Sprintf(`{"resourceType":"Provenance","id":%q,"target":[{"reference":"Observation/%s","display":%q},{"reference":"Observation/%s"}],"recorded":"2026-10-26T10:00:00Z","agent":[{"who":{"display":%q}}]}`, n("provenance id"), s("id"), s("target display"), n("id"), n("agent display")),
		fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final","code":{"text":%q},"subject":{"reference":"Patient/%s"},
 "text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">It repeats %s.</div>"},
 "focus":[{"type":"Observation","identifier":{"system":"urn:x-record","value":%q},"display":%q}],
 "derivedFrom":[{"reference":"https://soc.example.org/fhir/Observation/%s/_history/2"},{"reference":"DocumentReference/%s","display":%q}],
 "note":[{"text":"As %s said."},{"text":%q}],"valueString":%q}`, n("second id"), n("second code"), child, s("narrative"), s("identifier"), s("logical display"), s("id"), s("document id"), s("document display"), s("value"), n("second note"), n("second value")),
	}
}

// transaction is the consult request with the records beside it.
func (f *flock) transaction(t *testing.T, order string) []byte {
	t.Helper()
	bundle := parse(t, proof.Flow(t, "01-medication-consult/01-fhir-consult-request-transaction.json"))
	bundle.Get("entry").KeepItems(func(e *fhir.Node) bool {
		switch e.Get("resource").ResourceType() {
		case "Condition", "MedicationRequest", "Consent", "Task":
			return false
		}
		return true
	})
	child := "child-il-1"
	for _, r := range fhir.Entries(bundle) {
		if r.ResourceType() != "ServiceRequest" {
			continue
		}
		for _, name := range []string{"reasonReference", "note", "supportingInfo", "category", "reasonCode"} {
			r.Remove(name)
		}
		r.Set("code", parse(t, []byte(`{"v":{"coding":[{"system":"http://loinc.org","code":"57133-1"}],"text":"Referral note"}}`)).Get("v"))
		r.Set("supportingInfo", parse(t, fmt.Appendf(nil, `{"v":[{"reference":"Observation/%s","display":%q},{"reference":"Observation/%s","display":%q}]}`, f.s("id"), f.s("supporting display"), f.n("id"), f.n("supporting display"))).Get("v"))
		r.Set("note", parse(t, fmt.Appendf(nil, `{"v":[{"text":%q}]}`, f.n("order note"))).Get("v"))
	}
	add := func(text string) {
		r := parse(t, []byte(text))
		bundle.Add("entry", fhir.NewObject().SetText("fullUrl", "https://soc.example.org/fhir/"+r.Ref()).Set("resource", r).
			Set("request", fhir.NewObject().SetText("method", "PUT").SetText("url", r.Ref())))
	}
	add(record(f.s, child, f.label))
	add(document(f.s, child, f.label))
	add(fmt.Sprintf(`{"resourceType":"ServiceRequest","id":%q%s,"status":"active","intent":"plan","code":{"coding":[{"system":"urn:x-codes","code":%q}],"text":%q},"subject":{"reference":"Patient/%s"}}`, f.s("order id"), meta(f.label), f.s("order code"), f.s("order text"), child))
	add(record(f.n, child, ""))
	add(document(f.n, child, ""))
	for _, text := range f.pointers(child) {
		add(text)
	}
	bundle.Set("link", parse(t, fmt.Appendf(nil, `{"v":[{"relation":"related","url":"https://soc.example.org/fhir/Observation/%s"}]}`, f.s("id"))).Get("v"))
	return f.child.Of(bytes.ReplaceAll(bundle.JSON(), []byte("SOC-2026-004411"), []byte(order)))
}

// message is the care organisation's REF^I12 with records that are withheld by their codes.
func (f *flock) message(t *testing.T, order string) []byte {
	t.Helper()
	s, n := f.s, f.n
	code, word := "29463-7", ""
	switch f.label {
	case "HIV":
		code = "56888-1"
	case "PSY":
		code = "44261-6"
	case "SUD":
		word = "opioid use, "
	}
	diagnosis := "J45.20"
	hidden := s
	if f.label == "SUD DG1" { // what is ordered because of it is of its kind, and goes with it
		diagnosis, hidden = "F10.20", n
	}
	base := strings.Split(strings.TrimRight(string(f.child.Referral(t, order, order)), "\r"), "\r")
	var out []string
	for _, segment := range base {
		switch segment[:3] {
		case "DG1", "NTE", "OBX":
			continue
		case "RF1":
			fields := strings.Split(segment, "|")
			segment = strings.Join(fields[:10], "|")
			segment = strings.Replace(segment, "PSY^Psychiatric^HL70281", "MED^Medical^HL70281", 1)
		case "AL1":
			if f.label == "" || f.label == "SUD DG1" {
				out = append(out, "DG1|1||"+diagnosis+"^"+s("DG1-3.2")+"^I10C|"+s("DG1-4")+"|20260301|W")
			}
			out = append(out, "DG1|2||J45.20^"+n("DG1-3.2")+"^I10C|"+n("DG1-4")+"|20260301|W")
		}
		out = append(out, segment)
	}
	out = append(out,
		"NTE|1|P|"+n("NTE-3 of OBR"),
		"OBX|1|TX|"+code+"^"+hidden("OBX-3.2")+"^LN||"+word+hidden("OBX-5")+"~\\X"+strings.ToUpper(fmt.Sprintf("%x", hidden("OBX-5 escaped")))+"\\||||||F|||20261026||"+"^"+hidden("OBX-16"),
		"NTE|1|P|"+hidden("NTE-3 of OBX"),
		"OBX|2|TX|29463-7^"+n("OBX-3.2")+"^LN||"+n("OBX-5")+"||||||F|||20261026",
		"NTE|1|P|"+n("NTE-3 of a neighbour"),
	)
	out = append(out, "ZZS|1|"+s("Z segment"))
	return []byte(strings.Join(out, "\r") + "\r")
}

func parse(t *testing.T, text []byte) *fhir.Node {
	t.Helper()
	n, err := fhir.Parse(text)
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return n
}

// permits is the guardian's consent for one clinic: normal and restricted records of every
// kind in the message, and what the label covers where the consent names it.
func (f *flock) permits(t *testing.T, clinic string) (body []byte, ref string) {
	body, ref = f.child.Consent(t, clinic)
	form := parse(t, body)
	p := form.At("provision.provision[0]")
	for _, kind := range []string{"List", "CarePlan", "Provenance", "Basic"} {
		p.Add("class", fhir.NewObject().SetText("system", "http://hl7.org/fhir/resource-types").SetText("code", kind))
	}
	p.Get("securityLabel").KeepItems(func(l *fhir.Node) bool { return l.Get("system").Text() == law.SystemConfidentiality })
	if f.label == "FERPA" || f.label == "STI-CARE" { // a complete consent for a child of ten permits it: here it denies it
		p.Add("provision", parse(t, fmt.Appendf(nil, `{"type":"deny","securityLabel":[{"system":%q,"code":%q}]}`, law.LabelSystem(f.label), f.label)))
	}
	if f.named {
		p.Add("securityLabel", fhir.NewObject().SetText("system", law.LabelSystem(f.label)).SetText("code", f.label))
	}
	return form.JSON(), ref
}

// sightings scans what the partners got, and returns which canaries stand in it.
func sightings(canaries []string, got map[string][]byte) map[string]bool {
	seen := map[string]bool{}
	for found := range proof.NewSearch(canaries).In(got) {
		seen[found.Canary] = true
	}
	return seen
}

// scene is one gateway, its partners, and the children whose messages pass through.
type scene struct {
	t       *testing.T
	w       *proof.Town
	s       *proof.Served
	flocks  []*flock
	answers [][]byte // to the senders
}

func newScene(t *testing.T) *scene {
	w := proof.NewTown(t)
	dir := proof.WriteConfig(t)
	proof.Edit(t, dir, "routes.yaml", "services: [PSY]", `services: [MED, "57133-1"]`)
	proof.Edit(t, dir, "partners/northside.yaml", "charset: UNICODE UTF-8", "charset: UNICODE UTF-8\n      zSegments: send")
	proof.Edit(t, dir, "partners/cmo.yaml", "charset: UNICODE UTF-8", "charset: UNICODE UTF-8\n      zSegments: carry")
	proof.Edit(t, dir, "partners/lakeside.yaml", "endpoints:", "reads: TREAT\nendpoints:")
	s := proof.NewServed(t, dir, w.Environment(), false)
	s.Start()
	sc := &scene{t: t, w: w, s: s}
	next := func(label string, named bool) {
		sc.flocks = append(sc.flocks, newFlock(proof.Child(len(sc.flocks)+1), label, named))
	}
	next("", false)
	for _, label := range withheldLabels {
		next(label, false)
	}
	for _, label := range consentable {
		next(label, true)
	}
	return sc
}

// play sends the child's message; each clinic gets one.
func (sc *scene) play(f *flock, v2 bool) {
	f.child.Introduce(sc.t, sc.s)
	for _, clinic := range clinics {
		body, ref := f.permits(sc.t, clinic)
		proof.MustSend(sc.t, sc.s.As("guardian"), "PUT", "/"+ref, body)
	}
	order := fmt.Sprintf("ORDER%04d", f.child)
	if !v2 {
		status, _, answer, err := sc.s.As("cmo").Send("POST", "", f.transaction(sc.t, order))
		if err != nil || status != http.StatusOK {
			sc.t.Fatalf("%d, %v: %s", status, err, answer)
		}
		sc.answers = append(sc.answers, answer)
		return
	}
	wire, err := proof.Dial(sc.s.Addresses.MLLP["cmo"])
	if err != nil {
		sc.t.Fatal(err)
	}
	defer wire.Close()
	if answer, err := wire.Exchange(f.message(sc.t, order), 20*time.Second); err != nil || answer.AcknowledgmentCode != "CA" {
		sc.t.Fatalf("%+v, %v", answer, err)
	}
}

// received waits until both clinics have one message for each child, and returns all bytes.
func (sc *scene) received() map[string][]byte {
	sc.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); len(sc.w.Lakeside.Received()) < len(sc.flocks) || len(sc.w.Northside.Received()) < len(sc.flocks); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			out, _, _ := sc.s.Run(true, "work", "list")
			told, _, _ := sc.s.Run(true, "explain", "cmo/ORDER0001")
			sc.t.Fatalf("%d and %d of %d arrived\n%s\n%s\n%s", len(sc.w.Lakeside.Received()), len(sc.w.Northside.Received()), len(sc.flocks), out, told, sc.s.Log())
		}
	}
	var web []byte
	for _, r := range sc.w.Lakeside.Received() {
		web = append(web, r.Body...)
	}
	return map[string][]byte{"FHIR": web, "MLLP": bytes.Join(sc.w.Northside.Received(), []byte("\n")), "answers": bytes.Join(sc.answers, []byte("\n"))}
}

// reads asks for every record as the clinic; what is withheld is not found.
func (sc *scene) reads() (body []byte, found, hidden int) {
	for _, f := range sc.flocks {
		for _, c := range []bird{f.s, f.n} {
			for _, ref := range []string{"Observation/" + c("id"), "DocumentReference/" + c("document id")} {
				status, _, answer, err := sc.s.As("lakeside").Send("GET", "/"+ref, nil)
				if err != nil {
					sc.t.Fatal(err)
				}
				if status == http.StatusOK {
					found++
				} else {
					hidden++
				}
				body = append(body, answer...)
			}
		}
	}
	return body, found, hidden
}

// TestCanaries is point 4: of what is withheld nothing arrives, of its neighbours everything
// that the format can carry.
func TestCanaries(t *testing.T) {
	t.Parallel()
	for _, v2 := range []bool{false, true} {
		t.Run(map[bool]string{false: "FHIR in", true: "v2 in"}[v2], func(t *testing.T) {
			t.Parallel()
			sc := newScene(t)
			if v2 {
				sc.flocks = []*flock{newFlock(1, "", false), newFlock(2, "SUD", false), newFlock(3, "HIV", false), newFlock(4, "PSY", false), newFlock(5, "HIV", true), newFlock(6, "SUD DG1", false)}
			}
			for _, f := range sc.flocks {
				sc.play(f, v2)
			}
			got := sc.received()
			if !v2 {
				got["reads"], _, _ = sc.reads()
			}
			sc.judge(got)
			sc.s.Stop()
		})
	}
}

func (sc *scene) judge(got map[string][]byte) {
	size := 0
	for _, text := range got {
		size += len(text)
	}
	carried := map[string]map[string]bool{} // by adapter: the places of neighbours that the first child's message shows
	for _, name := range slices.Sorted(maps.Keys(got)) {
		carried[name] = map[string]bool{}
		seen := sightings(slices.Collect(maps.Values(sc.flocks[0].neighbour)), map[string][]byte{name: got[name]})
		for place, c := range sc.flocks[0].neighbour {
			carried[name][place] = seen[c]
		}
	}
	planted, hits, missing, expected, twins := 0, 0, 0, 0, 0
	for _, f := range sc.flocks {
		for name, text := range got {
			planted += len(f.withheld)
			there := sightings(slices.Collect(maps.Values(f.withheld)), map[string][]byte{name: text})
			near := sightings(slices.Collect(maps.Values(f.neighbour)), map[string][]byte{name: text})
			for place, c := range f.withheld {
				switch {
				case f.stays() && there[c]:
					hits++
					sc.t.Errorf("%s: %s of %s, a withheld record, arrived", name, place, f.label)
				case there[c]:
					twins++
				case !f.stays() && name == "FHIR":
					sc.t.Logf("the twin's %s did not arrive (%s)", place, f.label)
				}
			}
			for place, c := range f.neighbour {
				if !carried[name][place] || f.leaves(place) {
					continue
				}
				if expected++; !near[c] {
					missing++
					sc.t.Errorf("%s: %s of a neighbour of %s is missing", name, place, f.label)
				}
			}
		}
	}
	if twins == 0 {
		sc.t.Error("the scan saw no twin")
	}
	for name, places := range carried {
		n := 0
		for _, yes := range places {
			if yes {
				n++
			}
		}
		figure(sc.t, 4, sc.t.Name()+", places carried by "+name, len(places), "carried", n, "bytes", len(got[name]))
	}
	figure(sc.t, 4, sc.t.Name(), planted, "withheld that arrived", hits, "neighbours expected", expected, "neighbours missing", missing, "twins' canaries seen", twins, "bytes scanned", size, "places", len(sc.flocks[0].withheld)+len(sc.flocks[0].neighbour))
}
