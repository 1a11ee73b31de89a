package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"caregate/adapters"
	"caregate/consent"
	"caregate/fhir"
	"caregate/gateway"
	"caregate/ledger"
	"caregate/queue"
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

// clock is a wall clock that a test sets.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time { return asOf.Add(time.Since(start) + time.Duration(c.offset.Load())) }

func (c *clock) set(offset time.Duration) { c.offset.Store(int64(offset)) }

// onLedger opens a house on a ledger with these options; every part reads its clock.
func onLedger(t *testing.T, o ledger.Options) *house {
	t.Helper()
	o.KEK, o.Writer = make([]byte, 32), "test"
	l, err := ledger.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	h := newHouse(t, func(g *gateway.Options) {
		g.Ledger, g.Now, g.Schedule = l, o.Now, queue.NewHeap(queue.Options{Now: o.Now})
	})
	h.ledger = l
	return h
}

// A clock that is set back does not stop what waits.
func TestClockSetBackStopsNothing(t *testing.T) {
	t.Parallel()
	var c clock
	h := onLedger(t, ledger.Options{Dir: t.TempDir(), Now: c.now})
	h.introduce()
	h.sign()
	h.clinic.respond(refuse)
	tried := h.refer()
	for len(h.clinic.received()) == 0 {
		time.Sleep(time.Millisecond)
	}
	c.set(-2 * time.Hour)
	h.clinic.respond(nil)
	h.ends(tried, ledger.DeliveryCompleted)
}

// A revocation is answered within the life of a gate row, also when the clock was set back.
func TestClockSetBackDelaysNoRevocation(t *testing.T) {
	t.Parallel()
	var c clock
	h := onLedger(t, ledger.Options{Dir: t.TempDir(), Now: c.now})
	h.introduce()
	h.sign()
	_, epoch, err := h.ledger.Inputs(t.Context(), h.only())
	if err != nil {
		t.Fatal(err)
	}
	crashed := ledger.Reading{Child: h.only(), Epoch: epoch, Holder: "a process that died", GateUntil: c.now().Add(gateway.GateExpiry / 2)}
	if err := h.ledger.Admit(t.Context(), crashed); err != nil {
		t.Fatal(err)
	}
	c.set(-2 * time.Hour)
	answered := make(chan struct{})
	go func() {
		h.revoke()
		close(answered)
	}()
	select {
	case <-answered:
	case <-time.After(2 * gateway.GateExpiry):
		t.Fatal("the revocation is not answered")
	}
}

// However long the commit of an intent takes, nothing may leave after the gate row it made.
func TestSlowCommitShortensTheSend(t *testing.T) {
	t.Parallel()
	var c clock
	var began atomic.Int64
	h := onLedger(t, ledger.Options{Dir: t.TempDir(), Now: c.now, BeforeCommit: func() error {
		began.Store(time.Now().UnixNano())
		time.Sleep(50 * time.Millisecond)
		return nil
	}})
	h.introduce()
	h.sign()
	writable := make(chan time.Duration, 1)
	h.clinic.respond(func(_ context.Context, r adapters.Release) (adapters.Receipt, error) {
		writable <- r.WriteBy.Sub(time.Unix(0, began.Load()))
		return adapters.Receipt{Answer: "200"}, nil
	})
	h.ends(h.refer(), ledger.DeliveryCompleted)
	if got, most := <-writable, gateway.GateExpiry-2*time.Second; got > most {
		t.Errorf("may write until %v after its commit began, the gate row allows %v", got, most)
	}
}

// Authority over somebody else does not become authority over the child of the message.
func TestAuthorityIsOverTheChildOfTheMessage(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		patient string
		want    adapters.Code
	}{
		"the child":        {`{"reference":"Patient/child-il-1"}`, adapters.CodeAccepted},
		"an unknown child": {`{"reference":"Patient/another"}`, adapters.CodeHeld},
		"an address":       {`{"reference":"https://ehr.example/fhir/Patient/another"}`, adapters.CodeHeld},
		"an identifier":    {`{"identifier":{"value":"another"}}`, adapters.CodeHeld},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			h.introduce()
			uncle := `{"resourceType":"RelatedPerson","id":"uncle","patient":` + c.patient + `,"extension":[{"url":"` + consent.ExtensionGuardianAuthority + `","extension":[{"url":"domain","valueCode":"all"}]}]}`
			h.post("dcfs", "POST /", with(t, withGuardian(t, flow(t, "00-cast/cast-il-transaction.json")), uncle), c.want)
			inputs, _, err := h.ledger.Inputs(t.Context(), h.only())
			if err != nil {
				t.Fatal(err)
			}
			has := slices.ContainsFunc(inputs, func(in ledger.InputVersion) bool { return in.Key == "RelatedPerson/uncle" })
			if has != (c.want == adapters.CodeAccepted) {
				t.Errorf("authority on file: %v", has)
			}
		})
	}
}

// A partner's own label opens nothing unless its profile says so: a medication that nobody
// coded stays restricted, whatever its sender calls it.
func TestLabelOfAPartnerLowersNothing(t *testing.T) {
	t.Parallel()
	for may, want := range map[bool]bool{false: false, true: true} {
		t.Run(fmt.Sprintf("may lower %v", may), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, func(o *gateway.Options) {
				o.Partners[2].Asserts = map[gateway.Assertion]bool{gateway.AssertLabel: may}
			})
			h.introduce()
			h.sign()
			body := with(t, flow(t, "01-medication-consult/01-fhir-consult-request-transaction.json"),
				`{"resourceType":"MedicationRequest","id":"uncoded","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]},"status":"active","intent":"order","subject":{"reference":"Patient/child-il-1"},"authoredOn":"2026-10-01","medicationCodeableConcept":{"text":"as told by telephone"}}`)
			h.ends(h.post("cmo", "POST /", body, adapters.CodeAccepted).MessageID, ledger.DeliveryCompleted)
			bundle, err := fhir.Parse(h.clinic.received()[0].Body)
			if err != nil {
				t.Fatal(err)
			}
			var labels []string
			for _, r := range fhir.Entries(bundle) {
				if r.ID() == "uncoded" {
					for _, l := range fhir.SecurityLabels(r) {
						labels = append(labels, l.Code)
					}
				}
			}
			if protected := slices.Contains(labels, "PSY"); protected == want {
				t.Errorf("labels as released: %v", labels)
			}
		})
	}
}

// The id of a resource is its sender's own text and may name a child: it is nowhere in clear,
// also when the resource was read.
func TestIDsAreNotStoredInClear(t *testing.T) {
	t.Parallel()
	const id = "zz-test-jane-2016-03-09"
	var c clock
	dir := t.TempDir()
	h := onLedger(t, ledger.Options{Dir: dir, Now: c.now})
	h.introduce()
	h.sign()
	weight := `{"resourceType":"Observation","id":"` + id + `","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},"subject":{"reference":"Patient/child-il-1"},"effectiveDateTime":"2026-10-01","valueQuantity":{"value":31,"unit":"kg"}}`
	h.ends(h.post("cmo", "POST /", with(t, flow(t, "01-medication-consult/01-fhir-consult-request-transaction.json"), weight), adapters.CodeAccepted).MessageID, ledger.DeliveryCompleted)
	if _, ack := h.Read(t.Context(), "clinic", "Observation", id); ack.Code != adapters.CodeAccepted {
		t.Fatalf("read: %+v", ack)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("nothing to scan: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(id)) {
			t.Errorf("%s holds it in clear", filepath.Base(file))
		}
	}
}

// A message that waits because nobody knows whose it is can be corrected like any other.
func TestCorrectGivesAnUnknownChildsMessageAChild(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.introduce()
	h.sign()
	body := strings.ReplaceAll(flow(t, "01-medication-consult/01-fhir-consult-request-transaction.json"), `"value": "90000017"`, `"value": "90000018"`)
	held := h.post("cmo", "POST /", body, adapters.CodeHeld)
	if _, err := h.Correct(t.Context(), held.MessageID, h.only()); err != nil {
		t.Fatal(err)
	}
	h.ends(held.MessageID, ledger.DeliveryCompleted)
}

// One form is one child's: the same id for another child does not give it to both.
func TestConsentStaysWithItsChild(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.introduce()
	h.post("dcfs", "POST /", transaction(t, "", `{"resourceType":"Patient","id":"another","identifier":[{"system":"https://soc.example.org/id/il-dcfs-id","value":"90000099"}],"name":[{"use":"official","family":"Zzother"}],"birthDate":"2015-01-01"}`), adapters.CodeAccepted)
	h.sign()
	h.sign() // the same form for the same child again is fine
	moved := strings.ReplaceAll(flow(t, "06-consent-lifecycle/01-fhir-consent-active.json"), "Patient/child-il-1", "Patient/another")
	h.post("guardian", "PUT "+consult, moved, adapters.CodeHeld)
	h.post("guardian", "PUT Consent/of-its-own", strings.Replace(moved, `"consent-consult"`, `"of-its-own"`, 1), adapters.CodeAccepted)
	h.revoke()
	if n := h.inForce(); n != 0 {
		t.Errorf("%d consents of the first child are in force", n)
	}
}
