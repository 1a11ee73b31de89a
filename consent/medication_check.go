package consent

import (
	"strconv"
	"strings"
	"time"

	"caregate/fhir"
)

// QuestionnairePsychotropic is the canonical, without version, of the form that asks for
// approval of psychotropic medication: the fields of Illinois form CFS 431-A.
const QuestionnairePsychotropic = "https://soc.example.org/fhir/Questionnaire/psychotropic-consent"

// MaxApprovalDays is the longest that an approval may be asked for and given (CFS 431-A:
// at most 180 days).
const MaxApprovalDays = 180

// IsMedicationForm reports whether a resource is a filled form that asks for approval.
func IsMedicationForm(n *fhir.Node) bool {
	url, _, _ := strings.Cut(n.Get("questionnaire").Text(), "|")
	return n.ResourceType() == "QuestionnaireResponse" && url == QuestionnairePsychotropic
}

// MedicationType is the request type that a filled form states, "" when it states none or several.
func MedicationType(form *fhir.Node) string {
	kinds := map[string]bool{}
	kind := ""
	for _, group := range groups(form, "request") {
		kind = answer(group, "request.type").At("valueCoding.code").Text()
		kinds[kind] = true
	}
	if len(kinds) != 1 {
		return ""
	}
	return kind
}

// CheckMedicationForm answers what a filled form lacks of what CFS 431-A asks for. Whoever
// approves would send it back; so it is refused when it is filed.
func CheckMedicationForm(n *fhir.Node) []Problem {
	c := &formCheck{}
	c.required(n, "requestor", "requestor.name", "requestor.email", "requestor.phone")
	c.required(n, "youth", "youth.name", "youth.dob", "youth.placementType", "youth.placementName")
	c.required(n, "prescriber", "prescriber.name", "prescriber.specialty", "prescriber.phone")
	for _, g := range groups(n, "youth") {
		if id := said(g, "youth.dcfsId"); id != "" && (len(id) != 8 || strings.HasSuffix(id, "00")) {
			c.problem("youth.dcfsId", "has 8 characters and does not end in 00")
		}
	}
	for _, g := range groups(n, "prescriber") {
		if strings.Contains(strings.ToLower(said(g, "prescriber.specialty")), "resident") {
			c.problem("prescriber.specialty", "the prescriber is an attending or a fellow, never a resident")
		}
	}
	for _, g := range groups(n, "current") {
		if said(g, "current.name") != "" && said(g, "current.dose") == "" {
			c.problem("current.dose", "is required for every current medication")
		}
	}
	c.requests(n)
	if MedicationType(n) != MedicationEmergency { // told afterwards, without clinical information
		c.required(n, "clinical", "clinical.psychDx", "clinical.symptoms")
		for _, g := range groups(n, "clinical") {
			if acronym(said(g, "clinical.psychDx")) {
				c.problem("clinical.psychDx", "is written out, without acronyms")
			}
		}
	}
	return c.problems
}

type formCheck struct{ problems []Problem }

func (c *formCheck) problem(linkID, text string) {
	c.problems = append(c.problems, Problem{"QuestionnaireResponse.item(" + linkID + ")", text})
}

func (c *formCheck) required(n *fhir.Node, group string, ids ...string) {
	found := groups(n, group)
	if len(found) == 0 {
		c.problem(group, "is required")
		return
	}
	for _, g := range found {
		for _, id := range ids {
			if said(g, id) == "" {
				c.problem(id, "is required")
			}
		}
	}
}

// kinds are the request types of the form.
var kinds = map[string]bool{
	MedicationNew: true, MedicationIncrease: true, MedicationRenewal: true, MedicationContinue: true, MedicationEmergency: true,
}

func (c *formCheck) requests(n *fhir.Node) {
	c.required(n, "request", "request.name", "request.form")
	emergencies := 0
	list := groups(n, "request")
	for _, g := range list {
		kind := answer(g, "request.type").At("valueCoding.code").Text()
		if !kinds[kind] {
			c.problem("request.type", "is new, increase, renewal, continue-new-to-dcfs or one-time-emergency")
		}
		if kind == MedicationEmergency {
			emergencies++
			continue
		}
		c.doses(g)
		if saysPRN(said(g, "request.name")) || saysPRN(said(g, "request.form")) {
			c.problem("request.name", "medication as needed (PRN) is not approved (89 Ill. Adm. Code 325.30(c))")
		}
	}
	if emergencies > 0 && emergencies < len(list) {
		c.problem("request.type", "a one-time emergency is told on a form of its own")
	}
}

func (c *formCheck) doses(g *fhir.Node) {
	least, most := amount(g, "request.minDose"), amount(g, "request.maxDose")
	if most <= 0 {
		c.problem("request.maxDose", "is required: the highest daily dose")
	}
	if least > most {
		c.problem("request.minDose", "is not more than the highest daily dose")
	}
	if days := amount(g, "request.days"); days < 1 || days > MaxApprovalDays {
		c.problem("request.days", "is required, from 1 to "+strconv.Itoa(MaxApprovalDays))
	}
}

// groups are the groups of a linkId at the top of a form.
func groups(form *fhir.Node, linkID string) []*fhir.Node {
	var out []*fhir.Node
	for _, item := range form.Get("item").Items() {
		if item.Get("linkId").Text() == linkID {
			out = append(out, item)
		}
	}
	return out
}

func answer(group *fhir.Node, linkID string) *fhir.Node {
	for _, item := range group.Get("item").Items() {
		if item.Get("linkId").Text() == linkID {
			return item.Get("answer").Item(0)
		}
	}
	return nil
}

func said(group *fhir.Node, linkID string) string {
	a := answer(group, linkID)
	return strings.TrimSpace(a.Get("valueString").Text() + a.Get("valueDate").Text())
}

func amount(group *fhir.Node, linkID string) float64 {
	a := answer(group, linkID)
	return max(number(a.Get("valueDecimal")), number(a.Get("valueInteger")))
}

// acronym finds a word of two to five capitals.
func acronym(s string) bool {
	for w := range strings.FieldsSeq(s) {
		w = strings.Trim(w, ".,;:()/")
		if len(w) >= 2 && len(w) <= 5 && strings.ToUpper(w) == w && strings.ToLower(w) != w && strings.Trim(w, "IVX") != "" {
			return true
		}
	}
	return false
}

// CheckMedicationApproval answers why an approval of psychotropic medication cannot be filed:
// it would cover nothing, and the orders that wait for it would wait in silence.
func CheckMedicationApproval(n *fhir.Node) []Problem {
	if n.Get("status").Text() != "active" {
		return nil
	}
	var out []Problem
	problem := func(path, text string) { out = append(out, Problem{path, text}) }
	given, err := parseDate(n.Get("dateTime").Text())
	if err != nil {
		problem("Consent.dateTime", "is required: the date of the decision")
	}
	if n.Get("performer").Len() == 0 {
		problem("Consent.performer", "needs who gave the approval")
	}
	if !evidenced(n) {
		problem("Consent.source", "needs the signed decision, or its verification")
	}
	if path := modifier(n, "Consent"); path != "" {
		problem(path, "carries a modifier extension that is not understood")
	}
	root := n.Get("provision")
	check := func(path string, p *fhir.Node) {
		for _, text := range provisionProblems(p, root, given, err == nil) {
			problem(path, text)
		}
	}
	check("Consent.provision", root)
	for i, p := range root.Get("provision").Items() {
		check("Consent.provision.provision["+strconv.Itoa(i)+"]", p)
	}
	return out
}

// provisionProblems checks one permit: which medication, up to which dose, until when.
func provisionProblems(p, root *fhir.Node, given date, dated bool) []string {
	var out []string
	if p != root && p.Get("provision").Len() > 0 {
		out = append(out, "is nested too deeply")
	}
	switch p.Get("type").Text() {
	case "permit":
	case "deny":
		if (p != root || p.Get("code").Len() > 0) && p.Get("data").Len() == 0 {
			out = append(out, "needs the order that it denies as data")
		}
		return out
	default:
		return append(out, "needs the type permit or deny")
	}
	if p.Get("code").Len() == 0 {
		out = append(out, "needs the medication as code")
	}
	if t := approvalTerms(p); t.maximum == nil || number(t.maximum.Get("value")) <= 0 || unitOf(t.maximum) == "" {
		out = append(out, "needs the highest daily dose, see "+ExtensionMedicationApproval)
	}
	period := p.Get("period")
	if period == nil {
		period = root.Get("period")
	}
	when, err := parsePeriod(period)
	switch {
	case err != nil || when == nil || when.to == nil:
		out = append(out, "needs the period for which it is given")
	case dated && daysBetween(given.start(time.UTC), when.to.start(time.UTC), time.UTC) >= MaxApprovalDays:
		out = append(out, "is given for "+strconv.Itoa(MaxApprovalDays)+" days at most")
	}
	return out
}
