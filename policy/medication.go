package policy

import (
	"caregate/consent"
	"caregate/fhir"

	"github.com/open-policy-agent/opa/v1/ast"
)

// The codes that the medication rules give: those that wait for an approval, and those that end an order.
var (
	medicationWaits = map[string]bool{"psychotropic-approval-missing": true, "psychotropic-approval-ended": true}
	medicationEnds  = map[string]bool{"psychotropic-prn": true, "psychotropic-denied": true, "psychotropic-modified": true}
)

// MedicationWaits answers what an ordered medication still needs, "" when none waits.
func (d Decision) MedicationWaits() string { return d.medicationNeeds(medicationWaits) }

// MedicationEnds answers why an ordered medication may never go as it is, "" when none ends.
func (d Decision) MedicationEnds() string { return d.medicationNeeds(medicationEnds) }

func (d Decision) medicationNeeds(codes map[string]bool) string {
	for _, rd := range d.Resources {
		for _, r := range rd.Reasons {
			if rd.Withheld && codes[r.Code] {
				return r.Needs
			}
		}
	}
	return ""
}

// Psychotropic reports whether a MedicationRequest is for a psychotropic medication, or for
// one that no table knows to be another (89 Ill. Adm. Code 325.20). Only what the medication
// is called counts, not what it is for.
func (l *Labeler) Psychotropic(n *fhir.Node) bool {
	f := finding{}
	read := func(concept *fhir.Node) {
		f.concepts(l, concept)
		f.medication(l, concept)
	}
	read(n.Get("medicationCodeableConcept"))
	for _, c := range n.Get("contained").Items() {
		if "#"+c.ID() == n.At("medicationReference.reference").Text() {
			read(c.Get("code"))
		}
	}
	for _, lb := range f.labels {
		if lb.code == "PSY" || lb.code == "MH" || lb.code == "BH" {
			return true
		}
	}
	return !f.known
}

func medication(m *consent.Medication) *ast.Term {
	if m == nil {
		return ast.NullTerm()
	}
	return obj(
		"ordered", flag(m.Ordered),
		"psychotropic", flag(m.Psychotropic),
		"prn", flag(m.PRN),
		"type", str(m.Type),
		"approvals", list(m.Approvals, approvalTerm),
	)
}

func approvalTerm(a consent.Approval) *ast.Term {
	return obj(
		"consent", str(a.Consent),
		"path", str(a.Path),
		"permit", flag(a.Permit),
		"names", flag(a.Names),
		"covers", flag(a.Covers),
		"lacks", str(a.Lacks),
		"state", str(a.State),
		"evidence", flag(a.Evidence),
		"days", num(a.Days),
		"agents", list(a.Agents, agentTerm),
	)
}

func agentTerm(a consent.Agent) *ast.Term {
	return obj("relationships", keys(a.Relationships), "at_signing", flag(a.AtSigning), "now", flag(a.Now))
}
