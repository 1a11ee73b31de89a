package consent

import (
	"slices"
	"strconv"
	"time"

	"caregate/fhir"
)

// The published form of an approval of psychotropic medication: a Consent of scope treatment
// and this category, with ExtensionMedicationApproval on the provision that permits.
const (
	SystemConsentCategory       = "http://systems-of-care.example/fhir/CodeSystem/consent-category"
	CategoryPsychotropic        = "psychotropic-medication"
	ExtensionMedicationApproval = "http://systems-of-care.example/fhir/StructureDefinition/medication-approval"
)

// The request types of Illinois form CFS 431-A.
const (
	MedicationNew       = "new"
	MedicationIncrease  = "increase"
	MedicationRenewal   = "renewal"
	MedicationContinue  = "continue-new-to-dcfs"
	MedicationEmergency = "one-time-emergency" // given already; told afterwards
)

// Asked is what a message asks to be done with a medication. The gateway finds it out; a
// record of a medication that is only told about has none.
type Asked struct {
	Ordered      bool   // a MedicationRequest to be carried out; false: the form that asks for its approval
	Psychotropic bool   // or not known to be another medicine
	Type         string // request type of the form that came with it, "" without one
}

// Medication is what stands on file for one medication that is asked for.
type Medication struct {
	Asked
	PRN       bool // to be taken as needed
	Approvals []Approval
}

// Approval is what one Consent to medication says of one order.
type Approval struct {
	Consent, Path string
	Permit        bool // false denies
	Names         bool // speaks of this very order (provision.data)
	Covers        bool // the same medication, dose, route and request type
	Lacks         string
	State         string // ApprovalInForce, ApprovalNotYet or ApprovalEnded
	Evidence      bool
	Days          int // whole local days since it was given
	Agents        []Agent

	unread bool // active, and cannot be read in full
}

// The states of an approval at the instant of a decision.
const (
	ApprovalInForce = "in-force"
	ApprovalNotYet  = "not-yet"
	ApprovalEnded   = "ended" // run out or withdrawn
)

// Agent is one who gave an approval: as what, and whether with authority over health or
// mental health on the day it was given and now.
type Agent struct {
	Relationships  []string
	AtSigning, Now bool
}

// IsMedicationApproval reports whether a Consent is about treatment with psychotropic
// medication. It says nothing about disclosure.
func IsMedicationApproval(n *fhir.Node) bool {
	return n.ResourceType() == "Consent" && hasCoding(n.Get("scope"), SystemConsentScope, "treatment") &&
		slices.ContainsFunc(items(n.Get("category")), func(c *fhir.Node) bool {
			return hasCoding(c, SystemConsentCategory, CategoryPsychotropic)
		})
}

func hasCoding(concept *fhir.Node, system, code string) bool {
	for c := range codings(concept) {
		if c == (coding{system, code}) {
			return true
		}
	}
	return false
}

func items(n *fhir.Node) []*fhir.Node {
	var out []*fhir.Node
	for _, item := range n.Items() {
		out = append(out, item)
	}
	return out
}

// medication states what stands on file for a resource that is asked for; nil for any other.
func (e *evaluation) medication(it *item) *Medication {
	if it.asked == nil {
		return nil
	}
	m := &Medication{Asked: *it.asked, PRN: asNeeded(it.node)}
	if !m.Ordered {
		return m
	}
	order := orderedDrug(it.node, it.asked.Type)
	for _, filed := range e.req.Consents {
		n := filed.Node
		if IsMedicationApproval(n) && e.req.Child.Is(reference(n.Get("patient"))) {
			m.Approvals = append(m.Approvals, e.approvals(n, it.ref, order)...)
		}
	}
	return m
}

// approvals reads the provisions of one Consent to medication. One that cannot be read covers nothing.
func (e *evaluation) approvals(n *fhir.Node, ref string, order drug) []Approval {
	given, err := parseDate(n.Get("dateTime").Text())
	base := Approval{Consent: n.Ref(), State: ApprovalInForce, Evidence: evidenced(n)}
	base.unread = n.Get("status").Text() == "active" && (err != nil || modifier(n, "Consent") != "")
	switch {
	case base.unread || n.Get("status").Text() != "active":
		base.State = ApprovalEnded
	case e.req.AsOf.Before(given.start(e.zone)):
		base.State = ApprovalNotYet
	default:
		base.Days = daysBetween(given.start(e.zone), e.req.AsOf, e.zone)
	}
	if err == nil {
		for _, p := range n.Get("performer").Items() {
			base.Agents = append(base.Agents, e.agent(reference(p), given.start(e.zone)))
		}
	}
	root := n.Get("provision")
	out := []Approval{e.approval(base, root, root, "provision", ref, order)}
	for i, p := range root.Get("provision").Items() {
		out = append(out, e.approval(base, p, root, "provision.provision["+strconv.Itoa(i)+"]", ref, order))
	}
	return out
}

// approval reads one provision; its period is that of the root where it states none.
func (e *evaluation) approval(a Approval, p, root *fhir.Node, path, ref string, order drug) Approval {
	period := p.Get("period")
	if period == nil {
		period = root.Get("period")
	}
	a.Path, a.Permit = path, p.Get("type").Text() == "permit"
	for _, d := range p.Get("data").Items() {
		a.Names = a.Names || reference(d.Get("reference")) == ref
	}
	when, err := parsePeriod(period)
	switch {
	case !a.Permit && (a.unread || err != nil && a.State == ApprovalInForce):
		a.State = ApprovalInForce // a denial that cannot be read stands
	case a.State != ApprovalInForce:
	case err != nil || when.over(e.req.AsOf, e.zone):
		a.State = ApprovalEnded
	case when.notYet(e.req.AsOf, e.zone):
		a.State = ApprovalNotYet
	}
	a.Lacks = order.beyond(p)
	a.Covers = a.Permit && a.Lacks == ""
	return a
}

func evidenced(n *fhir.Node) bool {
	if n.Get("sourceAttachment").Len() > 0 || n.Get("sourceReference").Len() > 0 {
		return true
	}
	return slices.ContainsFunc(items(n.Get("verification")), func(v *fhir.Node) bool { return v.Get("verified").Text() == "true" })
}

// agent looks up as what somebody approved.
func (e *evaluation) agent(ref string, given time.Time) Agent {
	decides := func(at time.Time) bool {
		return e.req.holds(ref, []string{DomainMentalHealth}, at) || e.req.holds(ref, []string{DomainHealth}, at)
	}
	a := Agent{AtSigning: decides(given), Now: decides(e.req.AsOf)}
	for _, held := range e.req.Authorities {
		if held.Holder == ref && inForce(held.Start, held.End, e.req.AsOf, e.zone, false) && !slices.Contains(a.Relationships, held.Relationship) {
			a.Relationships = append(a.Relationships, held.Relationship)
		}
	}
	return a
}

// care lists as what others than parents answer for the child today: relationships of the
// authorities in force, and "agency" where an agency is legally responsible. Days that cannot be read count.
func (e *evaluation) care() []string {
	var out []string
	for _, a := range e.req.Authorities {
		if inForce(a.Start, a.End, e.req.AsOf, e.zone, true) && !slices.Contains(out, a.Relationship) {
			out = append(out, a.Relationship)
		}
	}
	if status := e.req.Child.LegalStatus; status != "" && !slices.Contains(out, status) {
		out = append(out, status)
	}
	if e.req.Child.ResponsibleAgency != "" {
		out = append(out, "agency")
	}
	return out
}

// daysBetween counts the midnights between two instants where the child lives.
func daysBetween(from, to time.Time, zone *time.Location) int {
	day := func(t time.Time) time.Time {
		y, m, d := t.In(zone).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(day(to).Sub(day(from)).Hours() / 24)
}

// medicationDates are the instants at which an approval may begin or end; days are counted, so every midnight is one.
func (e *evaluation) medicationDates(consider func(time.Time)) {
	if !slices.ContainsFunc(e.req.Resources, func(r Resource) bool { return r.Asked != nil }) {
		return
	}
	y, m, d := e.req.AsOf.In(e.zone).Date()
	consider(time.Date(y, m, d+1, 0, 0, 0, 0, e.zone))
	for _, filed := range e.req.Consents {
		if !IsMedicationApproval(filed.Node) {
			continue
		}
		if given, err := parseDate(filed.Node.Get("dateTime").Text()); err == nil {
			consider(given.start(e.zone))
		}
		root := filed.Node.Get("provision")
		for _, p := range append(items(root.Get("provision")), root) {
			if when, err := parsePeriod(p.Get("period")); err == nil {
				when.bounds(e.zone, consider)
			}
		}
	}
}
