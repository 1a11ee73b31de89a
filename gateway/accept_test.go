package gateway_test

import (
	"strings"
	"testing"
	"time"

	"caregate/adapters"
	"caregate/gateway"
	"caregate/ledger"
)

func TestUnknownChildIsHeldAndReprocessed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	ack := h.post("cmo", "POST /", flow(t, "01-medication-consult/01-fhir-consult-request-transaction.json"), adapters.CodeHeld)
	items, err := h.Work(t.Context(), ledger.WorkOpen)
	if err != nil || len(items) != 1 || items[0].Kind != "identity" {
		t.Fatalf("work: %+v, %v", items, err)
	}
	h.introduce()
	h.sign()
	again, err := h.Resolve(t.Context(), items[0].ID, "", "the state has introduced the child")
	if err != nil || again.Code != adapters.CodeAccepted || again.MessageID != ack.MessageID {
		t.Fatalf("resolved: %+v, %v", again, err)
	}
	h.ends(ack.MessageID, ledger.DeliveryCompleted)
}

func TestIdentifierAloneIdentifiesNobody(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		old, new string
		want     adapters.Code
	}{
		"all agree":         {"", "", adapters.CodeAccepted},
		"other birth date":  {`"birthDate": "2016-03-09"`, `"birthDate": "2016-03-10"`, adapters.CodeHeld},
		"other family name": {`"family": "Zztest",`, `"family": "Zzother",`, adapters.CodeHeld},
		"unknown number":    {`"value": "90000017"`, `"value": "90000018"`, adapters.CodeHeld},
		"foreign assigner":  {`"https://soc.example.org/id/il-dcfs-id"`, `"https://elsewhere.example/id"`, adapters.CodeHeld},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			h.introduce()
			body := flow(t, "01-medication-consult/01-fhir-consult-request-transaction.json")
			if c.old != "" && !strings.Contains(body, c.old) {
				t.Fatalf("sample lacks %s", c.old)
			}
			h.post("cmo", "POST /", strings.ReplaceAll(body, c.old, c.new), c.want)
		})
	}
}

func TestDuplicateIsAnsweredAndNotDeliveredTwice(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.introduce()
	h.sign()
	first := h.refer()
	if second := h.refer(); second != first {
		t.Errorf("a resend became message %s beside %s", second, first)
	}
	h.ends(first, ledger.DeliveryCompleted)
	if n := len(h.clinic.received()); n != 1 {
		t.Fatalf("clinic received %d messages, want 1", n)
	}
}

// A consent withdrawn, given and withdrawn again in the same bytes is withdrawn: the last copy is no copy.
func TestWithdrawnAgainIsNoCopy(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *gateway.Options) { o.Partners[1].Duplicates = gateway.Duplicates{Window: time.Hour} })
	h.introduce()
	h.sign()
	h.revoke()
	h.sign()
	h.ends(h.refer(), ledger.DeliveryCompleted)
	h.revoke()
	if withdrawn := h.inForce(); withdrawn != 0 {
		t.Errorf("%d consents are in force after the second withdrawal", withdrawn)
	}
	h.sign()
	if given := h.inForce(); given != 1 {
		t.Errorf("%d consents are in force after the third form", given)
	}
	before := h.messages()
	h.sign()
	if after := h.messages(); after != before {
		t.Errorf("the same form again is stored: %d messages, then %d", before, after)
	}
}

// inForce counts the active consents among the decision inputs of the child.
func (h *house) inForce() (n int) {
	h.t.Helper()
	inputs, _, err := h.ledger.Inputs(h.t.Context(), h.only())
	if err != nil {
		h.t.Fatal(err)
	}
	for _, in := range inputs {
		if in.Kind == "consent" && strings.Contains(string(in.Body), `"active"`) {
			n++
		}
	}
	return n
}

// only is the one child of the house.
func (h *house) only() string {
	h.t.Helper()
	child, err := h.Child(h.t.Context(), "https://soc.example.org/id/il-dcfs-id|90000017")
	if err != nil {
		h.t.Fatal(err)
	}
	return child
}

func (h *house) messages() int {
	h.t.Helper()
	messages, err := h.ledger.MessagesOf(h.t.Context(), h.only())
	if err != nil {
		h.t.Fatal(err)
	}
	return len(messages)
}

func TestStatusIsForPartiesAndInOrder(t *testing.T) {
	t.Parallel()
	status := func(t *testing.T, name, change string) string {
		body := flow(t, "01-medication-consult/"+name)
		if change != "" {
			body = strings.Replace(body, `"status": "accepted"`, `"status": "`+change+`"`, 1)
		}
		return `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + body + `,"request":{"method":"PUT","url":"Task/task-medconsult-1"}}]}`
	}
	h := newHouse(t, nil)
	h.introduce()
	h.sign()
	h.ends(h.refer(), ledger.DeliveryCompleted)
	h.post("stranger", "POST /", status(t, "09-fhir-task-accepted-update.json", ""), adapters.CodeHeld)
	h.post("clinic", "POST /", status(t, "09-fhir-task-accepted-update.json", "completed"), adapters.CodeHeld)

	accepted := h.post("clinic", "POST /", status(t, "09-fhir-task-accepted-update.json", ""), adapters.CodeAccepted)
	h.ends(accepted.MessageID, ledger.DeliveryCompleted)
	progress := h.post("clinic", "POST /", status(t, "09-fhir-task-accepted-update.json", "in-progress"), adapters.CodeAccepted)
	h.ends(progress.MessageID, ledger.DeliveryCompleted)
	late := h.post("clinic", "POST /", strings.Replace(status(t, "09-fhir-task-accepted-update.json", ""), "2026-10-28T13:00:00Z", "2026-10-28T13:30:00Z", 1), adapters.CodeAccepted)
	e, err := h.Explain(t.Context(), late.MessageID)
	if err != nil || len(e.Destinations) != 0 || len(e.Work) != 1 || e.Work[0].Kind != "out-of-order" {
		t.Fatalf("late status: %+v, %v", e, err)
	}
}

func TestMalformedConsentIsRefusedWhenFiled(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.introduce()
	bad := strings.Replace(flow(t, "06-consent-lifecycle/01-fhir-consent-active.json"), `"type": "permit"`, `"type": "deny-not"`, 1)
	ack := h.Accept(t.Context(), adapters.Inbound{Partner: "guardian", Protocol: "fhirrest", Interaction: "PUT " + consult, Raw: []byte(bad), Received: asOf})
	if ack.Code.Row().HTTP < 400 || len(ack.Issues) == 0 {
		t.Fatalf("answered %s %+v", ack.Code, ack.Issues)
	}
}

func TestCorrectStopsAndListsRecipients(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.introduce()
	h.sign()
	id := h.refer()
	h.ends(id, ledger.DeliveryCompleted)
	other := strings.NewReplacer("90000017", "90000025", "child-il-1", "child-il-2", "Rowan", "Emery", "900000177", "900000185", "T7190334", "T7190335", "604822", "604823", "guardian-state-1", "guardian-state-2").Replace(flow(t, "00-cast/cast-il-transaction.json"))
	h.post("dcfs", "POST /", other, adapters.CodeAccepted)
	to, err := h.Child(t.Context(), "https://soc.example.org/id/il-dcfs-id|90000025")
	if err != nil {
		t.Fatal(err)
	}
	c, err := h.Correct(t.Context(), id, to)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Recipients) != 1 || c.Recipients[0] != "clinic" {
		t.Errorf("recipients %v, want the clinic", c.Recipients)
	}
	if got := h.child(id); got != to {
		t.Errorf("message belongs to %s, want %s", got, to)
	}
}

func TestReadIsDecidedLikeADelivery(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.introduce()
	h.sign()
	h.ends(h.refer(), ledger.DeliveryCompleted)
	permit, ack := h.Read(t.Context(), "clinic", "Condition", "cond-adhd")
	if ack.Code != adapters.CodeAccepted || !strings.Contains(string(permit.Release().Body), "F90.2") {
		t.Fatalf("read: %+v %s", ack, permit.Release().Body)
	}
	if permit, ack := h.Read(t.Context(), "stranger", "Condition", "cond-adhd"); ack.Code != adapters.CodeUnknownKey || permit.Valid() {
		t.Errorf("a stranger was answered %s", ack.Code)
	}
	if _, ack := h.Read(t.Context(), "stranger", "Condition", "no-such"); ack.Code != adapters.CodeUnknownKey {
		t.Errorf("not existing and not allowed differ: %s", ack.Code)
	}
}

// A clinic that answers by another protocol speaks of the same Task under another id; the
// care organisation hears of its own.
func TestStatusKeepsTheIdsOfTheReferral(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.introduce()
	h.sign()
	h.ends(h.refer(), ledger.DeliveryCompleted)
	task := strings.NewReplacer("task-medconsult-1", "their-task", "child-il-1", "child-il-1").Replace(flow(t, "01-medication-consult/09-fhir-task-accepted-update.json"))
	body := `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + task + `,"request":{"method":"PUT","url":"Task/their-task"}}]}`
	id := h.post("clinic", "POST /", body, adapters.CodeAccepted).MessageID
	h.ends(id, ledger.DeliveryCompleted)
	told := h.clinic.received()
	last := string(told[len(told)-1].Body)
	if !strings.Contains(last, `"id":"task-medconsult-1"`) || strings.Contains(last, "their-task") {
		t.Error("the status names a Task that the care organisation does not know")
	}
	for _, known := range []string{`"resourceType":"Patient"`, `"resourceType":"ServiceRequest"`} {
		if strings.Contains(last, known) {
			t.Errorf("the status would overwrite the receiver's %s", known)
		}
	}
}

// A read holds the gate like a send: a withdrawal is answered when its answer cannot be under way any more.
func TestWithdrawalWaitsForReads(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.introduce()
	h.sign()
	h.ends(h.refer(), ledger.DeliveryCompleted)
	permit, ack := h.Read(t.Context(), "clinic", "Condition", "cond-adhd")
	if ack.Code != adapters.CodeAccepted {
		t.Fatalf("read: %+v", ack)
	}
	h.revoke()
	if by := permit.Release().WriteBy; time.Now().Before(by) {
		t.Errorf("withdrawn %v before the answer to the read must have left", time.Until(by))
	}
	if _, ack := h.Read(t.Context(), "clinic", "Condition", "cond-adhd"); ack.Code != adapters.CodeUnknownKey {
		t.Errorf("a read after the withdrawal was answered %s", ack.Code)
	}
}

func TestOtherContentUnderAUsedIDIsRefusedAndKept(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.introduce()
	h.sign()
	body := strings.Replace(flow(t, "01-medication-consult/01-fhir-consult-request-transaction.json"), `"type": "transaction"`, `"type": "transaction", "identifier": {"system": "urn:x", "value": "B-1"}`, 1)
	first := h.post("cmo", "POST /", body, adapters.CodeAccepted).MessageID
	h.ends(first, ledger.DeliveryCompleted)
	other := strings.Replace(body, "Sleep onset", "Onset of sleep", 1)
	ack := h.post("cmo", "POST /", other, adapters.CodeDuplicate)
	raw, err := h.ledger.Raw(t.Context(), ack.MessageID)
	if err != nil || string(raw) != other {
		t.Fatalf("what was refused is not kept: %v", err)
	}
	if n := len(h.clinic.received()); n != 1 {
		t.Errorf("%d deliveries, want the first alone", n)
	}
}
