package gateway_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"caregate/adapters"
	"caregate/adapters/fhirrest"
	"caregate/consent"
	"caregate/gateway"
	"caregate/ledger"
	"caregate/queue"
)

// ward is a house whose child is the State's ward. The care organisation orders medication
// from the clinic, and the consent unit is asked.
func ward(t *testing.T, change func(*gateway.Options)) *house {
	t.Helper()
	var sender *clinic
	h := newHouse(t, func(o *gateway.Options) {
		sender = o.Routes[0].Sender.(*clinic)
		o.Partners = append(o.Partners, gateway.Partner{
			ID: "unit", Codecs: map[string]adapters.Codec{"fhirrest": &fhirrest.Codec{}}, Asserts: map[gateway.Assertion]bool{gateway.AssertConsent: true},
			Recipient: consent.Recipient{Ref: "Organization/il-dcfs-consent-unit", Organization: "Organization/il-dcfs-consent-unit", OrgType: "consent-unit"},
		})
		route := func(name, to, purpose string, content ...string) {
			o.Routes = append(o.Routes, gateway.Route{
				Name: name, Kinds: []gateway.Kind{gateway.KindMedication}, From: []string{"cmo"}, To: to, Purpose: purpose, Content: content, Codec: &fhirrest.Codec{}, Sender: sender,
			})
		}
		route("order", "clinic", "TREAT", "MedicationRequest")
		route("approval", "unit", "TREAT")
		if change != nil {
			change(o)
		}
	})
	h.introduce()
	h.sign()
	h.tell(consent.StatedCustody, word("status", "state-guardian"), ref("holder", guardian), day("start", "2025-11-20"))
	return h
}

// orderOf is the sample request for approval with the order's daily dose in a form that can be compared.
func orderOf(t *testing.T, replace ...string) string {
	t.Helper()
	replace = append(replace, `"text": "5 mg by mouth twice daily"`, `"text": "5 mg by mouth twice daily", "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}`)
	body := flow(t, "01-medication-consult/21-consent-request-transaction.json")
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(body, replace[i]) {
			t.Fatalf("sample lacks %s", replace[i])
		}
		body = strings.ReplaceAll(body, replace[i], replace[i+1])
	}
	return body
}

// approval is the unit's decision: up to so many mg a day, for the named order where it names one.
func approval(status, by, given, end, names string, most int) string {
	data := ""
	if names != "" {
		data = fmt.Sprintf(`"data":[{"meaning":"instance","reference":{"reference":%q}}],`, names)
	}
	return fmt.Sprintf(`{"resourceType":"Consent","id":"approval","status":%q,
"scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"treatment"}]},
"category":[{"coding":[{"system":%q,"code":%q}]}],
"patient":{"reference":"Patient/child-il-1"},"dateTime":%q,"performer":[{"reference":%q}],
"sourceAttachment":{"title":"signed decision","url":"https://soc.example.org/forms/approval.pdf"},
"policy":[{"uri":"https://soc.example.org/policy/il-rule-325"}],
"provision":{"type":"deny","provision":[{"type":"permit","period":{"end":%q},%s
"code":[{"text":"methylphenidate immediate release oral tablet"}],
"extension":[{"url":%q,"extension":[{"url":"maximumDailyDose","valueQuantity":{"value":%d,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}}]}]}]}}`,
		status, consent.SystemConsentCategory, consent.CategoryPsychotropic, given, by, end, data, consent.ExtensionMedicationApproval, most)
}

// tell has the state say something of the child of 10.
func (h *house) tell(kind string, parts ...part) {
	h.t.Helper()
	h.post("dcfs", "POST /", strings.ReplaceAll(h.said(kind, parts...), "2012-03-09", "2016-03-09"), adapters.CodeAccepted)
}

func (h *house) orders(replace ...string) string {
	h.t.Helper()
	return h.post("cmo", "POST /", orderOf(h.t, replace...), adapters.CodeAccepted).MessageID
}

func (h *house) approves(body string) {
	h.t.Helper()
	h.post("unit", "PUT Consent/approval", body, adapters.CodeAccepted)
}

// at waits until the delivery of a message to one destination is in a state.
func (h *house) at(message, destination, state string) gateway.Destination {
	h.t.Helper()
	var last gateway.Destination
	for range 400 {
		e, err := h.Explain(h.t.Context(), message)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, d := range e.Destinations {
			if d.Destination == destination {
				if last = d; d.State == state {
					return d
				}
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.t.Fatalf("delivery to %s is %s (%s), want %s\n%s", destination, last.State, last.Reason, state, decisions(last))
	return last
}

func (h *house) ordersAtClinic() int {
	n := 0
	for _, r := range h.clinic.received() {
		if r.Destination == "clinic" && strings.Contains(string(r.Body), "MedicationRequest") {
			n++
		}
	}
	return n
}

const (
	given = "2026-10-31T15:30:00Z"
	until = "2027-01-31"
	draft = "MedicationRequest/med-proposal-1"
)

// TestMedicationWaitsForTheConsentUnit: the order is held, the unit has the request at once,
// and what it decides is what becomes of the order.
func TestMedicationWaitsForTheConsentUnit(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		replace []string
		decides string
		state   string
		reason  string
	}{
		"approved":                       {decides: approval("active", guardian, given, until, "", 10), state: ledger.DeliveryCompleted},
		"approved for this order":        {decides: approval("active", guardian, given, until, draft, 10), state: ledger.DeliveryCompleted},
		"approved with a lower dose":     {decides: approval("active", guardian, given, until, draft, 5), state: ledger.DeliveryDenied, reason: "approved with a change"},
		"a lower dose of something else": {decides: approval("active", guardian, given, until, "", 5), state: ledger.DeliveryHeld, reason: "needs the approval"},
		"denied":                         {decides: "denied", state: ledger.DeliveryDenied, reason: "was denied"},
		"approved by the foster parent":  {decides: approval("active", "RelatedPerson/foster-parent-1", given, until, "", 10), state: ledger.DeliveryHeld, reason: "needs the approval"},
		"approved by the caseworker":     {decides: approval("active", "Practitioner/soc-clinician-1", given, until, "", 10), state: ledger.DeliveryHeld, reason: "needs the approval"},
		"approved in the 180 days":       {decides: approval("active", guardian, "2026-05-06T15:30:00Z", "2026-11-01", "", 10), state: ledger.DeliveryCompleted},
		"withdrawn":                      {decides: approval("inactive", guardian, given, until, "", 10), state: ledger.DeliveryHeld, reason: "has ended"},
		"of another form": {
			replace: []string{`"text": "methylphenidate immediate release 5 mg oral tablet"`, `"text": "methylphenidate extended release 5 mg oral tablet"`},
			decides: approval("active", guardian, given, until, "", 10), state: ledger.DeliveryHeld, reason: "needs the approval",
		},
		"nobody knows what it is": {
			replace: []string{`"text": "methylphenidate immediate release 5 mg oral tablet"`, `"text": "what was told by telephone"`},
			decides: approval("active", guardian, given, until, "", 10), state: ledger.DeliveryHeld, reason: "needs the approval",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := ward(t, nil)
			id := h.orders(c.replace...)
			h.at(id, "unit", ledger.DeliveryCompleted)
			h.at(id, "clinic", ledger.DeliveryHeld)
			if n := h.ordersAtClinic(); n != 0 {
				t.Fatalf("%d orders left before the approval", n)
			}
			if c.decides == "denied" {
				h.post("unit", "POST /", bundleOf(flow(t, "01-medication-consult/23-consent-decision-denied-task.json")), adapters.CodeAccepted)
			} else {
				h.approves(c.decides)
			}
			d := h.at(id, "clinic", c.state)
			if !strings.Contains(d.Reason, c.reason) {
				t.Errorf("reason %q does not say %q", d.Reason, c.reason)
			}
			if got, want := h.ordersAtClinic(), c.state == ledger.DeliveryCompleted; (got == 1) != want {
				t.Errorf("%d orders left, want %t", got, want)
			}
		})
	}
}

// Each is refused or goes without an approval, beside the order above that waits.
func TestMedicationThatNeedsNoDecision(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change  func(*gateway.Options)
		replace []string
		free    bool // the child is no ward
		state   string
	}{
		"as needed":                      {replace: []string{`"text": "5 mg by mouth twice daily"`, `"asNeededBoolean": true, "text": "5 mg by mouth twice daily"`}, state: ledger.DeliveryDenied},
		"an ordinary medicine":           {replace: []string{`methylphenidate immediate release 5 mg`, `amoxicillin 250 mg`}, state: ledger.DeliveryCompleted},
		"of a child who is not a ward":   {free: true, state: ledger.DeliveryCompleted},
		"emergency on an ordinary route": {replace: emergency, state: ledger.DeliveryHeld},
		"emergency":                      {replace: emergency, change: func(o *gateway.Options) { o.Routes[2].Purpose = "ETREAT" }, state: ledger.DeliveryCompleted},
		"as needed in an emergency": {
			replace: append([]string{`"text": "5 mg by mouth twice daily"`, `"asNeededBoolean": true, "text": "5 mg by mouth twice daily"`}, emergency...),
			change:  func(o *gateway.Options) { o.Routes[2].Purpose = "ETREAT" }, state: ledger.DeliveryDenied,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := ward(t, c.change)
			if c.free {
				h.tell(consent.StatedCustody, word("status", "state-guardian"), ref("holder", guardian), day("start", "2025-11-20"), day("end", "2026-10-30"))
			}
			id := h.orders(c.replace...)
			h.at(id, "clinic", c.state)
			told := false
			items, err := h.ledger.WorkItems(t.Context(), "open")
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range items {
				told = told || w.Kind == gateway.WorkMedication && strings.Contains(w.Remedy, "2026-11-08")
			}
			if want := len(c.replace) > 0 && strings.Contains(fmt.Sprint(c.replace), consent.MedicationEmergency); told != want {
				t.Errorf("the notice of an emergency is due: %t, want %t", told, want)
			}
		})
	}
}

var emergency = []string{`"code": "new",`, `"code": "` + consent.MedicationEmergency + `",`}

// TestApprovalFollowsTheChild: through a change of placement and of prescriber the approval
// stands; after 180 days, and once withdrawn, it does not.
func TestApprovalFollowsTheChild(t *testing.T) {
	t.Parallel()
	c := &clock{}
	h := ward(t, func(o *gateway.Options) { o.Now = c.now })
	h.approves(approval("active", guardian, given, "2027-04-28", "", 10))
	h.at(h.orders(), "clinic", ledger.DeliveryCompleted)

	h.tell(consent.StatedPlacement, ref("carer", "RelatedPerson/foster-parent-1"), day("end", "2026-10-30"))
	h.at(h.orders("PractitionerRole/psychiatrist-role", "PractitionerRole/another-prescriber", draft, "MedicationRequest/second", `"med-proposal-1"`, `"second"`, "TASK-MEDCONSENT-1", "TASK-2"), "clinic", ledger.DeliveryCompleted)

	c.offset.Store(int64(179*24*time.Hour - time.Second)) // 29 April: the day after the 180th
	d := h.at(h.orders(`"med-proposal-1"`, `"third"`, draft, "MedicationRequest/third", "TASK-MEDCONSENT-1", "TASK-3", "2026-11-05", "2027-04-29"), "clinic", ledger.DeliveryHeld)
	if !strings.Contains(d.Reason, "ended") {
		t.Errorf("reason %q", d.Reason)
	}
}

// An approval that begins later lets the order go when it begins.
func TestApprovalThatBeginsLater(t *testing.T) {
	t.Parallel()
	c := &clock{}
	l, err := ledger.Open(t.Context(), ledger.Options{Dir: t.TempDir(), KEK: make([]byte, 32), Now: c.now, Writer: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	h := ward(t, func(o *gateway.Options) {
		o.Ledger, o.Now, o.Schedule = l, c.now, queue.NewHeap(queue.Options{Now: c.now})
	})
	h.approves(strings.Replace(approval("active", guardian, given, until, "", 10), `"period":{`, `"period":{"start":"2026-11-03",`, 1))
	id := h.orders()
	h.at(id, "clinic", ledger.DeliveryHeld)
	c.offset.Store(int64(72 * time.Hour))
	h.at(id, "clinic", ledger.DeliveryCompleted)
}

// A denial that does not say when it was made, or of whom, is one.
func TestDenialWithoutItsInstant(t *testing.T) {
	t.Parallel()
	h := ward(t, nil)
	id := h.orders()
	h.at(id, "clinic", ledger.DeliveryHeld)
	body := bundleOf(flow(t, "01-medication-consult/23-consent-decision-denied-task.json"))
	without := regexp.MustCompile(`"lastModified":\s*"[^"]*",`).ReplaceAllString(body, "")
	if without == body {
		t.Fatal("the sample has no lastModified")
	}
	h.post("unit", "POST /", without, adapters.CodeAccepted)
	h.at(id, "clinic", ledger.DeliveryDenied)
}

// A form that the unit would send back is refused when it comes, with where and without values.
func TestMedicationFormIsChecked(t *testing.T) {
	t.Parallel()
	cases := map[string][]string{
		"a resident":     {"Child and adolescent psychiatry", "Psychiatry resident"},
		"an id of 00":    {"90000017", "90000000"},
		"181 days":       {`"valueInteger": 180`, `"valueInteger": 181`},
		"an acronym":     {"Attention-deficit hyperactivity disorder, combined type", "ADHD"},
		"no dose in use": {`"linkId": "current.dose"`, `"linkId": "current.note"`},
		"unknown type":   {`"code": "new",`, `"code": "sometimes",`},
	}
	h := ward(t, nil)
	for name, replace := range cases {
		ack := h.post("cmo", "POST /", orderOf(t, replace...), adapters.CodeBusinessRule)
		if len(ack.Issues) != 1 || !strings.HasPrefix(ack.Issues[0].Location, "QuestionnaireResponse.item(") || strings.Contains(ack.Issues[0].Text, replace[1]) {
			t.Errorf("%s: issues %+v", name, ack.Issues)
		}
	}
	h.at(h.orders(), "unit", ledger.DeliveryCompleted)
}

// An approval that nobody could follow is refused when it is filed.
func TestApprovalIsChecked(t *testing.T) {
	t.Parallel()
	h := ward(t, nil)
	for name, bad := range map[string]string{
		"for 181 days": approval("active", guardian, given, "2027-04-29", "", 10),
		"without dose": strings.Replace(approval("active", guardian, given, until, "", 10), "maximumDailyDose", "dose", 1),
		"unsigned":     strings.Replace(approval("active", guardian, given, until, "", 10), `"performer":[{"reference":"`+guardian+`"}],`, "", 1),
	} {
		if ack := h.post("unit", "PUT Consent/approval", bad, adapters.CodeBusinessRule); len(ack.Issues) == 0 {
			t.Errorf("%s: no issue", name)
		}
	}
	h.approves(approval("active", guardian, given, "2027-04-28", "", 10))
}
