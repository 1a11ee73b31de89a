package gateway_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"caregate/adapters"
	"caregate/consent"
	"caregate/fhir"
	"caregate/gateway"
	"caregate/ledger"
)

// part is one part of a statement: kind of value, name, value.
type part [3]string

func ref(name, value string) part  { return part{"valueReference", name, value} }
func word(name, value string) part { return part{"valueCode", name, value} }
func day(name, value string) part  { return part{"valueDate", name, value} }

// extensionOf writes a statement as its published extension.
func extensionOf(kind string, parts ...part) string {
	var list []string
	for _, p := range parts {
		value := fmt.Sprintf("%q", p[2])
		switch p[0] {
		case "valueReference":
			value = fmt.Sprintf(`{"reference":%q}`, p[2])
		case "valueBoolean":
			value = p[2]
		}
		list = append(list, fmt.Sprintf(`{"url":%q,%q:%s}`, p[1], p[0], value))
	}
	return fmt.Sprintf(`{"url":%q,"extension":[%s]}`, consent.ExtensionStatement+kind, strings.Join(list, ","))
}

// aged is a flow with the child of 14, who has a say.
func aged(body string) string { return strings.ReplaceAll(body, "2016-03-09", "2012-03-09") }

// said is a message of one partner that states things about the child.
func (h *house) said(kind string, parts ...part) string {
	h.t.Helper()
	ext := extensionOf(kind, parts...)
	switch consent.StatementKinds()[kind] {
	case "DocumentReference":
		return bundleOf(`{"resourceType":"DocumentReference","id":"order-1","status":"current","subject":{"reference":"Patient/child-il-1"},"content":[{"attachment":{"title":"order"}}],"extension":[` + ext + `]}`)
	case "Flag":
		return bundleOf(`{"resourceType":"Flag","id":"flag-1","status":"active","code":{"text":"flag"},"subject":{"reference":"Patient/child-il-1"},"extension":[` + ext + `]}`)
	}
	bundle, err := fhir.Parse([]byte(flow(h.t, "00-cast/cast-il-transaction.json")))
	if err != nil {
		h.t.Fatal(err)
	}
	for _, r := range fhir.Entries(bundle) {
		if r.ResourceType() == "Patient" {
			stated, err := fhir.Parse([]byte(ext))
			if err != nil {
				h.t.Fatal(err)
			}
			return aged(bundleOf(string(r.Add("extension", stated).JSON())))
		}
	}
	h.t.Fatal("no Patient in the cast")
	return ""
}

func bundleOf(resources ...string) string {
	var entries []string
	for _, r := range resources {
		n, _ := fhir.Parse([]byte(r))
		entries = append(entries, fmt.Sprintf(`{"resource":%s,"request":{"method":"PUT","url":%q}}`, r, n.Ref()))
	}
	return `{"resourceType":"Bundle","type":"transaction","entry":[` + strings.Join(entries, ",") + `]}`
}

func (h *house) state(kind string, parts ...part) {
	h.t.Helper()
	h.post("dcfs", "POST /", h.said(kind, parts...), adapters.CodeAccepted)
}

// teenager is a house with a child of 14 and a form that the State guardian signed.
func teenager(t *testing.T, change func(*gateway.Options)) *house {
	t.Helper()
	h := newHouse(t, change)
	h.post("dcfs", "POST /", aged(withGuardian(t, flow(t, "00-cast/cast-il-transaction.json"))), adapters.CodeAccepted)
	h.sign()
	return h
}

func (h *house) consults() string {
	h.t.Helper()
	return h.post("cmo", "POST /", aged(flow(h.t, "01-medication-consult/01-fhir-consult-request-transaction.json")), adapters.CodeAccepted).MessageID
}

const (
	guardian = "RelatedPerson/guardian-state-1"
	parent   = "RelatedPerson/parent-1"
	atClinic = "Organization/psych-clinic"
)

// statement is one thing that a partner states; each case below has a twin that differs in one fact.
type statement struct {
	kind  string
	parts []part
}

func say(kind string, parts ...part) statement { return statement{kind, parts} }

var informed = say(consent.StatedMinor, word("says", "informed"))

func TestStatementsDecide(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		said []statement
		goes bool
	}{
		"nothing said":                                {goes: false}, // 14, not known to be informed
		"minor informed":                              {[]statement{informed}, true},
		"minor informed, long ago":                    {[]statement{say(consent.StatedMinor, word("says", "informed"), day("end", "2026-10-01"))}, false},
		"minor informed about school":                 {[]statement{say(consent.StatedMinor, word("says", "informed"), word("domain", "education"))}, false},
		"minor objects":                               {[]statement{informed, say(consent.StatedMinor, word("says", "objects"))}, false},
		"minor objected":                              {[]statement{informed, say(consent.StatedMinor, word("says", "objects"), day("end", "2026-10-31"))}, true},
		"joint, signed by all":                        {[]statement{informed, say(consent.StatedJoint, word("domain", "all"), ref("signer", guardian))}, true},
		"joint, one missing":                          {[]statement{informed, say(consent.StatedJoint, word("domain", "all"), ref("signer", guardian), ref("signer", parent))}, false},
		"joint, not narrowed by another":              {[]statement{informed, say(consent.StatedJoint, word("domain", "all"), ref("signer", parent)), say(consent.StatedJoint, word("domain", "mental-health"), ref("signer", guardian))}, false},
		"order restricts the clinic":                  {[]statement{informed, say(consent.StatedOrder, word("effect", "restrict"), ref("recipient", atClinic))}, false},
		"order restricts another":                     {[]statement{informed, say(consent.StatedOrder, word("effect", "restrict"), ref("recipient", "Organization/school"))}, true},
		"order restricts other records":               {[]statement{informed, say(consent.StatedOrder, word("effect", "restrict"), ref("recipient", atClinic), word("scope", "education"))}, true},
		"order authorizes":                            {[]statement{say(consent.StatedOrder, word("effect", "authorize"), ref("recipient", atClinic), word("scope", "mental-health"))}, true},
		"order authorized until yesterday":            {[]statement{say(consent.StatedOrder, word("effect", "authorize"), ref("recipient", atClinic), word("scope", "mental-health"), day("end", "2026-10-31"))}, false},
		"custody of the guardian":                     {[]statement{informed, say(consent.StatedCustody, word("status", "state-guardian"), ref("holder", guardian))}, true},
		"custody of somebody else alone":              {[]statement{informed, say(consent.StatedCustody, word("status", "sole"), ref("holder", parent))}, false},
		"custody of somebody else, ended":             {[]statement{informed, say(consent.StatedCustody, word("status", "sole"), ref("holder", parent), day("end", "2026-10-15"))}, true},
		"custody of somebody else when it was signed": {[]statement{informed, say(consent.StatedCustody, word("status", "sole"), ref("holder", parent), day("end", "2026-10-31"))}, false},
		"custody of parents, not theirs only":         {[]statement{informed, say(consent.StatedCustody, word("status", "parents"), ref("holder", parent))}, true},
		"emancipated":                                 {[]statement{informed, say(consent.StatedEmancipation, day("start", "2026-10-01"))}, false},
		"emancipated from tomorrow":                   {[]statement{informed, say(consent.StatedEmancipation, day("start", "2026-11-02"))}, true},
		"endangered by the guardian":                  {[]statement{informed, say(consent.StatedFlag, word("code", "endangerment"), ref("person", guardian))}, false},
		"endangered by somebody else":                 {[]statement{informed, say(consent.StatedFlag, word("code", "endangerment"), ref("person", parent))}, true},
		"endangered by nobody says whom":              {[]statement{informed, say(consent.StatedFlag, word("code", "endangerment"))}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := teenager(t, nil)
			for _, s := range c.said {
				h.state(s.kind, s.parts...)
			}
			d := h.settled(h.consults())
			if withheld := withheldOf(d)["Condition/cond-adhd"]; withheld == c.goes {
				t.Errorf("goes: %v, want %v\n%s", !withheld, c.goes, decisions(d))
			}
		})
	}
}

// settled waits until a delivery is over, one way or the other.
func (h *house) settled(message string) gateway.Destination {
	h.t.Helper()
	var d gateway.Destination
	h.until(func() bool {
		e, err := h.Explain(h.t.Context(), message)
		if err != nil || len(e.Destinations) == 0 {
			h.t.Fatalf("message %s: %v, %d deliveries", message, err, len(e.Destinations))
		}
		d = e.Destinations[0]
		return d.State == ledger.DeliveryDenied || d.State == ledger.DeliveryCompleted || d.State == ledger.DeliveryHeld
	})
	return d
}

func withheldOf(d gateway.Destination) map[string]bool {
	out := map[string]bool{}
	for _, r := range d.Attempts[len(d.Attempts)-1].Resources {
		out[r.Ref] = r.Withheld
	}
	return out
}

// A statement that arrives while a delivery waits decides it: a restriction stops it, the end of one lets it go.
func TestStatementsDecideWhatWaits(t *testing.T) {
	t.Parallel()
	restrict := []part{word("effect", "restrict"), ref("recipient", atClinic)}
	sole := []part{word("status", "sole"), ref("holder", parent), day("start", "2026-10-01")}
	cases := map[string]struct {
		then statement
		goes bool
	}{
		"restricted":             {say(consent.StatedOrder, restrict...), false},
		"restricted elsewhere":   {say(consent.StatedOrder, word("effect", "restrict"), ref("recipient", "Organization/school")), true},
		"custody moves":          {say(consent.StatedCustody, sole...), false},
		"custody moved and back": {say(consent.StatedCustody, append(sole, day("end", "2026-10-15"))...), true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := teenager(t, nil)
			h.state(informed.kind, informed.parts...)
			h.clinic.respond(refuse)
			id := h.consults()
			h.until(func() bool { return len(h.clinic.received()) >= 1 })
			h.state(c.then.kind, c.then.parts...)
			h.clinic.respond(nil)
			sent := len(h.clinic.received())
			d := h.settled(id)
			if withheld := withheldOf(d)["Condition/cond-adhd"]; withheld == c.goes {
				t.Errorf("goes: %v, want %v\n%s", !withheld, c.goes, decisions(d))
			}
			for _, r := range h.clinic.received()[sent:] {
				if strings.Contains(string(r.Body), "F90.2") != c.goes {
					t.Errorf("the record is in what left after the answer: %v", !c.goes)
				}
			}
		})
	}
}

// A restriction ends when its sender says on which day, and not before.
func TestEndingAnOrder(t *testing.T) {
	t.Parallel()
	h := teenager(t, nil)
	h.state(informed.kind, informed.parts...)
	h.state(consent.StatedOrder, word("effect", "restrict"), ref("recipient", atClinic))
	h.ends(h.consults(), ledger.DeliveryDenied)
	h.state(consent.StatedOrder, word("effect", "restrict"), ref("recipient", atClinic), day("end", "2026-10-31"))
	again := strings.Replace(aged(flow(t, "01-medication-consult/01-fhir-consult-request-transaction.json")), `"Ritalin`, `"Ritalin `, 1)
	id := h.post("cmo", "POST /", again+"\n", adapters.CodeAccepted).MessageID
	h.ends(id, ledger.DeliveryCompleted)
}

func TestWhoMayState(t *testing.T) {
	t.Parallel()
	words := map[gateway.Assertion][]string{
		gateway.AssertAuthority:      {consent.StatedOrder, consent.StatedCustody, consent.StatedMinor, consent.StatedFlag, consent.StatedPlacement},
		gateway.AssertOrder:          {consent.StatedOrder},
		gateway.AssertCustody:        {consent.StatedCustody, consent.StatedFlag, consent.StatedPlacement},
		gateway.AssertMinorStatement: {consent.StatedMinor},
		gateway.AssertConsent:        {},
	}
	says := map[string][]part{
		consent.StatedOrder:     {word("effect", "restrict")},
		consent.StatedCustody:   {word("status", "parents"), ref("holder", parent)},
		consent.StatedMinor:     {word("says", "objects")},
		consent.StatedFlag:      {word("code", "address-confidential")},
		consent.StatedPlacement: {ref("carer", "RelatedPerson/foster-parent-1")},
	}
	for assertion, may := range words {
		t.Run(string(assertion), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, func(o *gateway.Options) { o.Partners[2].Asserts = map[gateway.Assertion]bool{assertion: true} })
			h.post("dcfs", "POST /", aged(flow(t, "00-cast/cast-il-transaction.json")), adapters.CodeAccepted)
			for kind, parts := range says {
				ack := h.Accept(t.Context(), adapters.Inbound{Partner: "cmo", Protocol: "fhirrest", ContentType: "application/fhir+json", Interaction: "POST /", Raw: []byte(h.said(kind, parts...)), Received: asOf})
				if filed := h.filed(kind) > 0; filed != slices.Contains(may, kind) {
					t.Errorf("%s filed: %v (%s %+v)", kind, filed, ack.Code, ack.Issues)
				}
			}
		})
	}
}

func (h *house) filed(kind string) (n int) {
	h.t.Helper()
	inputs, _, err := h.ledger.Inputs(h.t.Context(), h.only())
	if err != nil {
		h.t.Fatal(err)
	}
	for _, in := range inputs {
		if in.Kind == "statement" && strings.HasPrefix(in.Key, kind+"|") && !in.Ended {
			n++
		}
	}
	return n
}

// What cannot be read restricts, and releases nothing; its sender hears where it is wrong.
func TestUnreadableStatements(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		said statement
		want adapters.Code
		goes bool
	}{
		"order of unknown effect":         {say(consent.StatedOrder, word("effect", "suspend"), ref("recipient", "Organization/school")), adapters.CodeAccepted, false},
		"order with a part nobody knows":  {say(consent.StatedOrder, word("effect", "restrict"), ref("recipient", "Organization/school"), word("unless", "x")), adapters.CodeAccepted, false},
		"authorisation without scope":     {say(consent.StatedOrder, word("effect", "authorize"), ref("recipient", atClinic)), adapters.CodeBusinessRule, true},
		"joint consent of nobody":         {say(consent.StatedJoint, word("domain", "health")), adapters.CodeAccepted, false},
		"minor says something else":       {say(consent.StatedMinor, word("says", "perhaps")), adapters.CodeAccepted, false},
		"custody of unknown status":       {say(consent.StatedCustody, word("status", "shared"), ref("holder", parent)), adapters.CodeBusinessRule, true},
		"placement without carer":         {say(consent.StatedPlacement, day("start", "2026-10-01")), adapters.CodeBusinessRule, true},
		"a partner's change of another's": {say(consent.StatedPlacement, ref("carer", parent), part{"valueString", "of", "cmo"}), adapters.CodeBusinessRule, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := teenager(t, nil)
			h.state(informed.kind, informed.parts...)
			ack := h.post("dcfs", "POST /", h.said(c.said.kind, c.said.parts...), c.want)
			if len(ack.Issues) == 0 || !strings.Contains(ack.Issues[0].Location, "extension[") {
				t.Errorf("issues %+v, want one with its place", ack.Issues)
			}
			d := h.settled(h.consults())
			if withheld := withheldOf(d)["Condition/cond-adhd"]; withheld == c.goes {
				t.Errorf("goes: %v, want %v\n%s", !withheld, c.goes, decisions(d))
			}
		})
	}
}

// An order about a child who is not known to be this one is looked at by a person first.
func TestOrderOfAnotherChildIsHeld(t *testing.T) {
	t.Parallel()
	h := teenager(t, nil)
	body := h.said(consent.StatedOrder, word("effect", "restrict"))
	cast, _ := fhir.Parse([]byte(h.said(consent.StatedMinor, word("says", "informed"))))
	doc, _ := fhir.Parse([]byte(strings.Replace(body, "Patient/child-il-1", "Patient/somebody", 1)))
	var all []string
	for _, b := range []*fhir.Node{cast, doc} {
		for _, r := range fhir.Entries(b) {
			all = append(all, string(r.JSON()))
		}
	}
	h.post("dcfs", "POST /", bundleOf(all...), adapters.CodeHeld)
	h.post("dcfs", "POST /", body, adapters.CodeAccepted) // its twin names the child
}

// explain names every fact with its version, who said it, the document, its hash and its witness.
func TestFactsAreExplained(t *testing.T) {
	t.Parallel()
	h := teenager(t, nil)
	h.state(consent.StatedMinor, word("says", "informed"), part{"valueString", "witness", "RelatedPerson/witness-1"}, part{"valueDateTime", "received", "2026-10-30T09:00:00-05:00"})
	doc := `{"resourceType":"DocumentReference","id":"order-1","status":"current","subject":{"reference":"Patient/child-il-1"},"content":[{"attachment":{"data":"b3JkZXI="}}],"extension":[` +
		extensionOf(consent.StatedOrder, word("effect", "restrict"), ref("recipient", "Organization/school"), ref("evidence", "DocumentReference/order-1")) + `]}`
	h.post("dcfs", "POST /", bundleOf(doc), adapters.CodeAccepted)
	d := h.ends(h.consults(), ledger.DeliveryCompleted)
	found := map[string]gateway.Fact{}
	for _, f := range d.Attempts[0].Facts {
		kind, _, _ := strings.Cut(f.Key, "|")
		found[kind] = f
	}
	minor := found[consent.StatedMinor]
	if minor.By != "dcfs" || minor.Version != 1 || minor.Witness != "RelatedPerson/witness-1" || !minor.Received.Equal(time.Date(2026, 10, 30, 14, 0, 0, 0, time.UTC)) {
		t.Errorf("minor's statement: %+v", minor)
	}
	if order := found[consent.StatedOrder]; order.Evidence != "DocumentReference/order-1" || order.SHA256 != orderSHA256 {
		t.Errorf("order: %+v", order)
	}
	if found[guardian].Kind != "authority" || found[guardian].By != "dcfs" || found["child"].Kind != "child" {
		t.Errorf("facts: %+v", d.Attempts[0].Facts)
	}
}

// Statements enter decisions and go to nobody.
func TestStatementsAreNotSentOn(t *testing.T) {
	t.Parallel()
	h := teenager(t, nil)
	h.state(informed.kind, informed.parts...)
	ext, _ := fhir.Parse([]byte(extensionOf(consent.StatedPlacement, ref("carer", "RelatedPerson/foster-canary"))))
	bundle, _ := fhir.Parse([]byte(aged(flow(t, "01-medication-consult/01-fhir-consult-request-transaction.json"))))
	for _, r := range fhir.Entries(bundle) {
		if r.ResourceType() == "Patient" {
			r.Add("extension", ext)
		}
	}
	h.ends(h.post("cmo", "POST /", string(bundle.JSON()), adapters.CodeAccepted).MessageID, ledger.DeliveryCompleted)
	body := string(h.clinic.received()[0].Body)
	if !strings.Contains(body, `"resourceType":"Patient"`) || strings.Contains(body, "foster-canary") {
		t.Errorf("Patient released: %v, with the statement: %v", strings.Contains(body, `"resourceType":"Patient"`), strings.Contains(body, "foster-canary"))
	}
}

// A confidential address goes only to whom it may be told, for as long as that is so.
func TestAddressIsKept(t *testing.T) {
	t.Parallel()
	flagged := say(consent.StatedFlag, word("code", "address-confidential"))
	for name, c := range map[string]struct {
		said []statement
		kept bool
	}{
		"not flagged":             {nil, false},
		"flagged":                 {[]statement{flagged}, true},
		"flagged, allowed":        {[]statement{flagged, say(consent.StatedAddress, ref("recipient", atClinic))}, false},
		"flagged, once allowed":   {[]statement{flagged, say(consent.StatedAddress, ref("recipient", atClinic), day("end", "2026-10-31"))}, true},
		"flagged until yesterday": {[]statement{say(consent.StatedFlag, word("code", "address-confidential"), day("end", "2026-10-31"))}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := teenager(t, nil)
			h.state(informed.kind, informed.parts...)
			for _, s := range c.said {
				h.state(s.kind, s.parts...)
			}
			h.ends(h.consults(), ledger.DeliveryCompleted)
			body, err := fhir.Parse(h.clinic.received()[0].Body)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range fhir.Entries(body) {
				if r.ResourceType() == "Patient" && (r.Get("address") == nil) != c.kept {
					t.Errorf("address kept: %v, want %v", r.Get("address") == nil, c.kept)
				}
			}
		})
	}
}

// GEN-08: by placement alone, the minimum, until it ends.
func TestCarerGetsTheMinimum(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  string
		goes bool
	}{"placed": {"2026-11-01", true}, "ended yesterday": {"2026-10-31", false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, func(o *gateway.Options) { o.Routes[0].Purpose = "CAREMGT" })
			h.introduce()
			body := strings.ReplaceAll(h.said(consent.StatedPlacement, ref("carer", atClinic), day("start", "2026-09-01"), day("end", c.end)), "2012-03-09", "2016-03-09")
			h.post("dcfs", "POST /", body, adapters.CodeAccepted)
			d := h.settled(h.refer())
			withheld := withheldOf(d)
			for record, minimum := range map[string]bool{"Condition/cond-adhd": true, "MedicationRequest/med-methylphenidate": true, "Observation/obs-weight": false, "ServiceRequest/sr-medconsult-1": false} {
				if withheld[record] == (minimum && c.goes) {
					t.Errorf("%s withheld: %v\n%s", record, withheld[record], decisions(d))
				}
			}
		})
	}
}

// IL-MH-03: a site may ask for a witness on the form; who signed it is none.
func TestWitnessWhereAskedFor(t *testing.T) {
	t.Parallel()
	form := flow(t, "06-consent-lifecycle/01-fhir-consent-active.json")
	witness := func(who string) string {
		return strings.Replace(form, `"status": "active"`, `"status": "active", "extension": [{"url": "`+consent.ExtensionWitness+`", "valueReference": {"reference": "`+who+`"}}]`, 1)
	}
	for name, c := range map[string]struct {
		asked bool
		form  string
		goes  bool
	}{
		"not asked for":      {false, form, true},
		"asked for, missing": {true, form, false},
		"asked for, there":   {true, witness("Practitioner/witness-1"), true},
		"asked for, signer":  {true, witness(guardian), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, func(o *gateway.Options) { o.AskWitness = c.asked })
			h.introduce()
			h.post("guardian", "PUT "+consult, c.form, adapters.CodeAccepted)
			d := h.settled(h.refer())
			if withheld := withheldOf(d)["Condition/cond-ptsd"]; withheld == c.goes {
				t.Errorf("goes: %v, want %v\n%s", !withheld, c.goes, decisions(d))
			}
		})
	}
}

// IL-MH-05: a withdrawal counts when it comes in, whatever day stands on it, and its witness is kept.
func TestWithdrawalCountsFromReceipt(t *testing.T) {
	t.Parallel()
	for _, dated := range []string{"2026-10-01T10:00:00-05:00", "2027-01-01T10:00:00-06:00"} {
		h := newHouse(t, nil)
		h.introduce()
		h.sign()
		h.clinic.respond(refuse)
		id := h.refer()
		h.until(func() bool { return len(h.clinic.received()) >= 1 })
		form := strings.NewReplacer(
			`"status": "active"`, `"status": "inactive", "extension": [{"url": "`+consent.ExtensionWitness+`", "valueString": "Practitioner/witness-2"}]`,
			`"dateTime": "2026-10-20T15:00:00Z"`, `"dateTime": "`+dated+`"`).Replace(flow(t, "06-consent-lifecycle/01-fhir-consent-active.json"))
		h.post("guardian", "PUT "+consult, form, adapters.CodeAccepted)
		sent := len(h.clinic.received())
		h.clinic.respond(nil)
		h.ends(id, ledger.DeliveryDenied)
		if after := len(h.clinic.received()); after != sent {
			t.Errorf("dated %s: %d left after the answer", dated, after-sent)
		}
		inputs, _, err := h.ledger.Inputs(t.Context(), h.only())
		if err != nil || !slices.ContainsFunc(inputs, func(in ledger.InputVersion) bool {
			return in.Kind == "consent" && strings.Contains(string(in.Body), "Practitioner/witness-2")
		}) {
			t.Errorf("the witness of the withdrawal is not kept (%v)", err)
		}
	}
}

// orderSHA256 is of the bytes "order".
const orderSHA256 = "3eeb7e96e59ce40f9cb1a089daba079fd699f6867a30f6634af8570967b2375a"
