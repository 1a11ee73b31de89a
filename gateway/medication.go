package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"time"

	"caregate/adapters"
	"caregate/consent"
	"caregate/fhir"
	"caregate/ledger"
	"caregate/policy"
)

// noticeOfEmergency is the time for telling the consent unit in writing that a medication was
// given in an emergency (89 Ill. Adm. Code 325.50(b): within one week of its initial administration).
const noticeOfEmergency = 7 * 24 * time.Hour

// The ways in which an order of medication does not leave.
var (
	errUnapproved = errors.New("held: the medication waits for approval")
	errRefused    = errors.New("the medication may not be given as ordered")
)

// ordersMedication reports whether a message asks that a medication be given: a
// MedicationRequest or the form that asks for its approval, as what a Task is about or
// without any other order. In every other message a medication is a record.
func ordersMedication(bundle *fhir.Node) bool {
	focus := map[string]bool{}
	tasks, medications := 0, []string{}
	for _, r := range fhir.Entries(bundle) {
		switch r.ResourceType() {
		case "ServiceRequest":
			return false
		case "Task":
			tasks++
			focus[r.At("focus.reference").Text()] = true
		case "MedicationRequest":
			medications = append(medications, r.Ref())
		case "QuestionnaireResponse":
			if consent.IsMedicationForm(r) {
				medications = append(medications, r.Ref())
			}
		}
	}
	for _, ref := range medications {
		if tasks == 0 || focus[ref] {
			return true
		}
	}
	return false
}

// ended are the states of a MedicationRequest that ask for nothing any more.
var ended = map[string]bool{"on-hold": true, "cancelled": true, "completed": true, "entered-in-error": true, "stopped": true}

// medications marks what a message about medication asks for.
func (g *Gateway) medications(a *asked, r *consent.Request) {
	if a.out.Kind != string(KindMedication) {
		return
	}
	for i, res := range r.Resources {
		switch res.Node.ResourceType() {
		case "MedicationRequest":
			if !ended[res.Node.Get("status").Text()] {
				r.Resources[i].Asked = &consent.Asked{Ordered: true, Psychotropic: g.Labeler.Psychotropic(res.Node), Type: a.request}
			}
		case "QuestionnaireResponse", "Task":
			if res.Node.ResourceType() == "QuestionnaireResponse" && !consent.IsMedicationForm(res.Node) {
				continue // a record like any other
			}
			r.Resources[i].Asked = &consent.Asked{Psychotropic: true, Type: a.request}
		}
	}
}

// requestTypeOf is the type of request that the form in a message states, "" without one.
func requestTypeOf(bundle *fhir.Node) string {
	for _, r := range fhir.Entries(bundle) {
		if consent.IsMedicationForm(r) {
			return consent.MedicationType(r)
		}
	}
	return ""
}

// medicationOf answers why a message about medication does not leave as a whole: an order
// does not go without what it orders.
func medicationOf(d policy.Decision) error {
	if needs := d.MedicationEnds(); needs != "" {
		return fmt.Errorf("%w: %s", errRefused, needs)
	}
	if needs := d.MedicationWaits(); needs != "" {
		return fmt.Errorf("%w: %s", errUnapproved, needs)
	}
	return nil
}

// assertMedication refuses forms that whoever approves would send back, and says of an
// emergency by when it has to be told.
func (g *Gateway) assertMedication(m *inspection) {
	for _, r := range fhir.Entries(m.decoded.Bundle) {
		if !consent.IsMedicationForm(r) {
			continue
		}
		for _, p := range consent.CheckMedicationForm(r) {
			m.refuse(adapters.CodeBusinessRule, adapters.Issue{Location: p.Path, Code: adapters.CodeBusinessRule, Text: p.Text})
		}
		if consent.MedicationType(r) == consent.MedicationEmergency && m.code == adapters.CodeAccepted {
			m.lacks = append(m.lacks, ledger.NewWork{
				Kind: WorkMedication, Owner: m.partner.Owner, Partner: m.partner.ID,
				Remedy: "medication was given in an emergency: the consent unit must have it in writing by " +
					m.in.Received.Add(noticeOfEmergency).In(g.Zone).Format(time.DateOnly) + " (89 Ill. Adm. Code 325.50(b)); resolve when it has decided",
			})
		}
	}
}

// WorkMedication is the kind of work item of a medication that was given before it was approved.
const WorkMedication = "medication-emergency"

// checkConsent answers what is wrong with a Consent that is filed.
func checkConsent(r *fhir.Node) []consent.Problem {
	problems := consent.Check(r)
	if consent.IsMedicationApproval(r) {
		problems = append(problems, consent.CheckMedicationApproval(r)...)
	}
	return problems
}

// systemMedicationDecision is the code system of Task.businessStatus of whoever approves.
const systemMedicationDecision = "https://soc.example.org/id/consent-decision"

// decidesMedication keeps a denial as a decision input: a Task says it, and a Consent that
// denies the orders of the request is what decisions read.
func (g *Gateway) decidesMedication(ctx context.Context, m *inspection) error {
	if !m.medication {
		return nil
	}
	_, asked, err := g.stored(ctx, m.origin.ID)
	if err != nil {
		return err
	}
	for _, task := range fhir.Entries(m.decoded.Bundle) {
		if task.ResourceType() != "Task" || !deniesMedication(task) {
			continue
		}
		if !m.partner.Asserts[AssertConsent] {
			m.issues = append(m.issues, adapters.Issue{Location: "Task.businessStatus", Code: adapters.CodeForbidden, Text: "told on, not acted upon: this partner may not decide about medication (asserts: consent)"})
			continue
		}
		denial := denialOf(task, asked, m.in.Received)
		m.stated = append(m.stated, ledger.Input{Kind: inputConsent, Key: denial.Ref(), Body: denial.JSON()})
	}
	return nil
}

func deniesMedication(task *fhir.Node) bool {
	for _, c := range task.At("businessStatus.coding").Items() {
		if c.Get("system").Text() == systemMedicationDecision && c.Get("code").Text() == "denied" {
			return true
		}
	}
	return false
}

// denialOf writes a denial as a Consent of the published form. It is about the child of the
// request, and counts from its receipt on where it states no instant.
func denialOf(task, request *fhir.Node, received time.Time) *fhir.Node {
	text := func(name, value string) *fhir.Node { return fhir.NewObject().SetText(name, value) }
	concept := func(system, code string) *fhir.Node {
		return fhir.NewObject().Set("coding", fhir.NewArray(text("system", system).SetText("code", code)))
	}
	provision, child := text("type", "deny"), task.Get("for")
	for _, r := range fhir.Entries(request) {
		if r.ResourceType() == "MedicationRequest" {
			provision.Add("data", text("meaning", "instance").Set("reference", text("reference", r.Ref())))
			child = r.Get("subject")
		}
	}
	return fhir.NewResource("Consent").SetText("id", "denial-"+task.ID()).SetText("status", "active").
		Set("scope", concept(consent.SystemConsentScope, "treatment")).
		Set("category", fhir.NewArray(concept(consent.SystemConsentCategory, consent.CategoryPsychotropic))).
		Set("patient", child.Clone()).
		SetText("dateTime", cmp.Or(task.Get("lastModified").Text(), received.UTC().Format(time.RFC3339))).
		Set("performer", fhir.NewArray(task.Get("owner").Clone())).
		Set("sourceReference", text("reference", task.Ref())).
		Set("policy", fhir.NewArray(text("uri", systemMedicationDecision))).
		Set("provision", provision)
}

// reconsider puts back in its place what waits for an approval, once something changed that
// may be one. child "" is every child: after a start, for what a crash left behind.
func (g *Gateway) reconsider(ctx context.Context, child string) {
	g.reconsiderSome(ctx, child, func(ledger.Delivery) bool { return true })
}

// reconsiderOutdated does it for orders whose decision no longer stands: its time is over, such as
// that before an approval begins, or it was made by other law.
func (g *Gateway) reconsiderOutdated(ctx context.Context) {
	law, now := g.law.Load().Revision(), g.Now()
	g.reconsiderSome(ctx, "", func(d ledger.Delivery) bool {
		v, _, err := g.recorded(ctx, d.ID)
		until := v.Decision.ValidUntil
		return err == nil && (!until.IsZero() && !now.Before(until) || !maps.Equal(law, v.Decision.Law))
	})
}

func (g *Gateway) reconsiderSome(ctx context.Context, child string, which func(ledger.Delivery) bool) {
	held, err := g.Ledger.FindDeliveries(ctx, ledger.DeliveryFilter{State: ledger.DeliveryHeld, Subject: child})
	var ids []string
	for _, d := range held {
		if strings.HasPrefix(d.Reason, errUnapproved.Error()) && which(d) {
			ids = append(ids, d.ID)
		}
	}
	if err == nil && len(ids) > 0 {
		var lanes []ledger.LaneDue
		lanes, err = g.Ledger.Requeue(ctx, ids, []ledger.Event{{Kind: "reconsidered", Partner: "operator", Outcome: "0"}})
		g.wake(ctx, lanes)
	}
	if err != nil {
		g.Log.Error("orders that wait for approval not looked at again, they will be at the next start", slog.Any("error", err))
	}
}
