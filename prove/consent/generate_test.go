package consent

import (
	"fmt"

	"pgregory.net/rapid"
)

// generator draws scenarios out of few names, so that consents, orders, guardians and records
// often speak of the same thing. What is common in life is common here: most consents are
// signed by someone who may, and most name the recipient who asks.
type generator struct{ t *rapid.T }

type object = map[string]any

const terminology = "http://terminology.hl7.org/CodeSystem/"

var (
	mother, father, foster = "RelatedPerson/mother", "RelatedPerson/father", "RelatedPerson/foster"
	state, clinic, school  = "Organization/state", "Organization/clinic", "Organization/school"
	child                  = "Patient/kid"
	legalLabels            = []string{"FERPA", "REPORTER-ID", "CPS-INVEST", "STI-CARE", "REPRODUCTIVE-CARE"}
	sensitive              = []string{"42CFRPart2", "SUD", "OPIOIDUD", "PSY", "MH", "BH", "PSYTHPN", "HIV", "STD", "SPI", "ADOL", "FERPA", "REPORTER-ID", "CPS-INVEST", "STI-CARE", "REPRODUCTIVE-CARE"}
)

func (g generator) one(label string, from ...string) string {
	return rapid.SampledFrom(from).Draw(g.t, label)
}

// mostly is the first in percent of the draws, else one of the others.
func (g generator) mostly(label, first string, percent int, others ...string) string {
	if g.often(label+" usual", percent) {
		return first
	}
	return g.one(label, others...)
}

// often is true in percent of the draws.
func (g generator) often(label string, percent int) bool {
	return rapid.IntRange(1, 100).Draw(g.t, label) <= percent
}

func (g generator) some(label string, most int, from ...string) []any {
	var out []any
	for _, s := range rapid.SliceOfNDistinct(rapid.SampledFrom(from), 0, most, rapid.ID[string]).Draw(g.t, label) {
		out = append(out, s)
	}
	return out
}

func (g generator) number(label string, low, high int) int {
	return rapid.IntRange(low, high).Draw(g.t, label)
}

// scenario draws one.
func (g generator) scenario() object {
	doc := object{
		"id": "drawn", "jurisdiction": g.one("jurisdiction", "US-IL", "US-IL", "US-NJ", "US"),
		"timezone": g.one("zone", "America/Chicago", "America/New_York"),
		"asOf":     g.one("now", "2026-03-01T15:00:00Z", "2026-03-01T05:59:59Z", "2026-03-09T03:59:59Z", "2026-07-01T12:00:00Z"),
		"patient":  g.patient(), "guardians": g.guardians(), "request": g.request(),
		"policy": object{"implicit": g.one("implicit", "deny", "basic-normal"), "guardianConsentLapsesAtMajority": g.often("lapses", 80)},
	}
	var consents, resources []any
	if g.often("ordinary", 75) {
		consents = append(consents, g.ordinary())
	}
	for i := range g.number("consents", 0, 2) {
		consents = append(consents, g.consent(fmt.Sprint("c", i)))
	}
	for i := range g.number("records", 1, 4) {
		resources = append(resources, g.record(fmt.Sprint("r", i)))
	}
	doc["consents"], doc["resources"] = consents, resources
	return doc
}

func (g generator) patient() object {
	p := object{
		"id":        "kid",
		"birthDate": g.one("born", "2019-05-05", "2016-03-09", "2014-03-02", "2014-03-01", "2013-07-04", "2012-03-15", "2010-03-01", "2010-02-27", "2008-03-01", "2008-02-29", "2004-01-01"),
	}
	for _, name := range []string{"minorInformed", "minorObjects", "emancipated"} {
		p[name] = g.often(name, map[string]int{"minorInformed": 60, "minorObjects": 20, "emancipated": 4}[name])
	}
	if g.often("joint", 12) {
		p["jointConsentRequired"] = object{g.one("of", "all", "health", "mental-health"): []any{mother, father}}
	}
	if g.often("orders", 12) {
		p["courtOrders"] = []any{g.order()}
	}
	if g.often("flagged", 10) {
		p["flags"] = []any{"address-confidential"}
		p["addressAllowed"] = g.some("allowed", 1, clinic, "Practitioner/psych")
	}
	if g.often("agency", 20) {
		p["legallyResponsibleAgency"] = state
	}
	return p
}

func (g generator) order() object {
	return object{
		"id": "o1", "effect": g.one("effect", "restrict", "authorize", "authorize"), "recipients": []any{g.one("of", clinic, "Practitioner/psych", mother, school)},
		"start": g.one("from", "2025-01-01", "2026-03-01", "2026-03-02"), "part2Order": g.often("subpart E", 40),
	}
}

func (g generator) guardians() []any {
	authority := func(label string) []any {
		if g.often(label+" has all", 80) {
			return []any{"all"}
		}
		return g.some(label+" has", 4, "health", "mental-health", "sud", "hiv", "education", "ordinary-care")
	}
	out := []any{
		object{"ref": mother, "relationship": "parent", "authority": authority("mother"), "start": "2004-01-01"},
		object{"ref": father, "relationship": "parent", "authority": authority("father"), "start": g.one("father from", "2004-01-01", "2026-02-01")},
		object{"ref": foster, "relationship": "foster-parent", "authority": []any{"ordinary-care"}, "start": "2025-01-01"},
	}
	if g.often("state", 30) {
		out = append(out, object{"ref": state, "relationship": "state-guardian", "authority": []any{"all"}, "start": "2025-06-01"})
	}
	first := out[g.number("who", 0, len(out)-1)].(object)
	if g.often("ended", 15) {
		first["end"] = g.one("until", "2026-02-28", "2026-03-01")
	}
	if g.often("endangers", 6) {
		first["endangerment"] = true
	}
	return out
}

// request draws who asks for what: a clinic most of the time.
func (g generator) request() object {
	to := object{
		"ref": "Practitioner/psych", "organization": clinic, "organizationAncestors": []any{"Organization/system"}, "orgType": "clinic",
		"role": "psychiatrist", "clinician": true, "memberOf": []any{"CareTeam/team"},
		"identifiers": []any{object{"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"}},
	}
	r := object{"action": "disclose", "purpose": g.mostly("purpose", "TREAT", 75, "COC", "HPAYMT", "HRESCH"), "recipient": to}
	switch g.mostly("who asks", "clinic", 55, "emergency", "crisis", "parent", "parent", "child", "school", "caseworker", "report") {
	case "emergency":
		r["purpose"], r["emergency"], r["justification"] = g.one("glass", "BTG", "ETREAT", "TREAT"), g.often("emergency", 80), g.one("why", "unconscious", "")
	case "crisis":
		to["clinician"], to["orgType"] = false, "crisis-response"
		r["purpose"], r["emergency"], r["justification"], r["legalBasis"] = "ETREAT", true, "call", g.one("basis", "dispatch", "")
	case "parent":
		to["ref"], to["organization"], to["clinician"], to["orgType"], r["purpose"] = g.one("parent", mother, father, foster, "Practitioner/worker"), g.one("of", "", state), false, "", "FAMRQT"
	case "child":
		to["ref"], to["organization"], to["clinician"], r["purpose"] = child, "", false, "PATRQT"
	case "school":
		to["ref"], to["organization"], to["orgType"], to["role"], to["clinician"] = "Practitioner/teacher", school, "school", "school-official", false
		r["legitimateEducationalInterest"] = g.often("interest", 70)
	case "caseworker":
		to["ref"], to["organization"], to["orgType"], to["role"], to["clinician"] = "Practitioner/worker", g.one("of", state, "Organization/other"), "child-welfare", "caseworker", false
	case "report":
		to["orgType"], to["clinician"], r["legalBasis"] = "child-protection", false, g.one("basis", "mandated-report", "")
	}
	return r
}

func (g generator) labels(label string, most int) []any {
	var out []any
	for _, code := range g.some(label, most, sensitive...) {
		out = append(out, labelOf(code.(string)))
	}
	return out
}

// labelOf is one label of the closed list.
func labelOf(code string) object {
	system := terminology + "v3-ActCode"
	for _, legal := range legalLabels {
		if code == legal {
			system = "http://systems-of-care.example/fhir/CodeSystem/legal-label"
		}
	}
	return object{"system": system, "code": code}
}

func confidentiality(code string) object {
	return object{"system": terminology + "v3-Confidentiality", "code": code}
}

func concept(system, code string) object {
	return object{"coding": []any{object{"system": system, "code": code}}}
}

func ref(to string) object { return object{"reference": to} }

// record draws one record of the child, now and then of another.
func (g generator) record(id string) object {
	r := object{
		"resourceType": g.one("kind", "Condition", "Condition", "Observation", "DocumentReference", "MedicationRequest"), "id": id,
		"subject": ref(g.mostly("whose", child, 93, "Patient/other")),
		"code":    concept("http://snomed.info/sct", g.one("code", "195967001", "35489007")),
	}
	if g.often("dated", 80) {
		r["recordedDate"] = g.one("recorded", "2026-02-10", "2025-06-01", "2024-12-31T23:30:00-06:00")
	}
	security := []any{confidentiality(g.one("confidentiality", "N", "N", "N", "R", "V", "L"))}
	if g.often("sensitive", 40) {
		security = append(security, g.labels("labels", 2)...)
	}
	if g.often("unknown label", 3) {
		security = append(security, object{"code": "PSY"})
	}
	r["meta"] = object{"security": security}
	if g.often("kept", 20) {
		r["custodian"] = ref(g.one("by", school, clinic))
	}
	if g.often("visit", 30) {
		r["encounter"] = ref(g.one("visit of", "Encounter/e1", "Encounter/e2"))
	}
	if g.often("written by", 30) {
		r["recorder"] = ref(g.one("author", "Practitioner/psych", "Practitioner/other"))
	}
	if id == "r0" && g.often("the child itself", 15) {
		return object{
			"resourceType": "Patient", "id": "kid", "address": []any{object{"city": "Pekin"}}, "telecom": []any{object{"value": "555"}},
			"meta": object{"security": []any{confidentiality("N")}},
		}
	}
	return r
}

// consent draws one form.
func (g generator) consent(id string) object {
	c := object{
		"resourceType": "Consent", "id": id, "status": g.mostly("status", "active", 93, "inactive", "proposed", "rejected"),
		"scope":    concept(terminology+"consentscope", g.mostly("scope", "patient-privacy", 95, "treatment")),
		"category": []any{concept("http://loinc.org", "59284-0")},
		"patient":  ref(g.mostly("of", child, 95, "Patient/other")),
		"dateTime": g.mostly("given", "2026-01-05T10:00:00-06:00", 80, "2026-01-05", "2025-09-01", "2026-03-01", "2026-03-01T08:59:00-06:00", "2026-04-01"),
		"policy":   []any{object{"uri": "urn:form"}},
	}
	signers := []any{ref(g.mostly("signer", mother, 80, father, foster, state, child))}
	if g.often("two sign", 25) {
		signers = append(signers, ref(father))
	}
	if g.often("somebody signed", 96) {
		c["performer"] = signers
	}
	switch g.mostly("evidence", "source", 88, "verified", "none") {
	case "source":
		c["sourceReference"] = ref("DocumentReference/form")
	case "verified":
		c["verification"] = []any{object{"verified": true}}
	}
	root := g.provision("", 0)
	if _, stated := root["type"]; !stated && g.often("rule", 80) {
		c["policyRule"] = concept(terminology+"v3-ActCode", g.one("rule is", "OPTIN", "OPTOUT"))
	}
	root["period"] = object{"start": g.mostly("from", "2025-09-01", 92, "2026-01-05", "2026-03-02"), "end": g.mostly("until", "2026-12-31", 90, "2026-03-01", "2026-02-28")}
	if period := root["period"].(object); period["start"].(string) > period["end"].(string) {
		period["end"] = "2026-12-31" // the wrong way round, a form could not be read at all
	}
	if g.often("open end", 15) {
		delete(root["period"].(object), "end")
	}
	c["provision"] = root
	return c
}

// ordinary draws the form that most children have: the mother lets the clinic have the
// record for treatment, with what is sensitive in it or without.
func (g generator) ordinary() object {
	root := object{
		"type": "permit", "period": object{"start": "2025-09-01", "end": "2026-12-31"},
		"actor":   []any{object{"role": concept(terminology+"v3-ParticipationType", "IRCP"), "reference": ref(clinic)}},
		"purpose": []any{object{"system": terminology + "v3-ActReason", "code": "TREAT"}},
	}
	if g.often("named", 60) {
		root["securityLabel"] = []any{labelOf("SPI"), labelOf("SUD"), labelOf("42CFRPart2"), confidentiality("V")}
		if g.often("whole", 50) {
			root["securityLabel"] = []any{confidentiality("V")}
		}
	}
	signers := []any{ref(mother)}
	if g.often("both", 30) {
		signers = append(signers, ref(father))
	}
	return object{
		"resourceType": "Consent", "id": "ordinary", "status": "active", "scope": concept(terminology+"consentscope", "patient-privacy"),
		"category": []any{concept("http://loinc.org", "59284-0")}, "patient": ref(child), "dateTime": "2026-01-05",
		"policy": []any{object{"uri": "urn:form"}}, "performer": signers, "sourceReference": ref("DocumentReference/form"), "provision": root,
	}
}

// provision draws a rule and what stands below it.
func (g generator) provision(at string, depth int) object {
	p := object{}
	if g.often(at+"typed", 99) {
		p["type"] = g.mostly(at+"type", "permit", 84, "deny")
	}
	if g.often(at+"actor", 75-25*depth) {
		role := concept(terminology+"v3-ParticipationType", "IRCP")
		who := object{"role": role, "reference": ref(g.mostly(at+"to", clinic, 72, "Organization/system", "Practitioner/psych", "CareTeam/team", school, mother))}
		if g.often(at+"by number", 10) {
			who["reference"] = object{"identifier": object{"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"}}
		}
		p["actor"] = []any{who}
	}
	if g.often(at+"purpose", 70-20*depth) {
		p["purpose"] = []any{object{"system": terminology + "v3-ActReason", "code": g.mostly(at+"for", "TREAT", 80, "COC", "HPAYMT", "BTG")}}
	}
	if g.often(at+"labels", 22) {
		listed := g.labels(at+"names", 3)
		if len(listed) == 0 || g.often(at+"and up to", 40) {
			listed = append(listed, confidentiality(g.one(at+"confidentiality", "N", "R", "V")))
		}
		p["securityLabel"] = listed
	}
	if g.often(at+"class", 9) {
		p["class"] = []any{object{"system": "http://hl7.org/fhir/resource-types", "code": g.one(at+"kind", "Condition", "Observation", "DocumentReference")}}
	}
	if g.often(at+"code", 5) {
		p["code"] = []any{concept("http://snomed.info/sct", g.one(at+"code is", "195967001", "35489007"))}
	}
	if g.often(at+"action", 5) {
		p["action"] = []any{concept(terminology+"consentaction", g.one(at+"action is", "disclose", "access"))}
	}
	if g.often(at+"data", 5) {
		p["data"] = []any{object{"meaning": g.one(at+"meaning", "instance", "related", "authoredby"), "reference": ref(g.one(at+"datum", "Condition/r0", "Encounter/e1", "Practitioner/psych"))}}
	}
	if g.often(at+"dates", 5) {
		p["dataPeriod"] = object{"start": "2025-01-01", "end": g.one(at+"data until", "2025-12-31", "2026-12-31")}
	}
	if depth < 2 && g.often(at+"nested", 35-15*depth) {
		var list []any
		for i := range g.number(at+"children", 1, 2) {
			inner := g.provision(fmt.Sprint(at, i, "."), depth+1)
			if g.often(at+"dated child", 10) {
				inner["period"] = object{"end": g.one(at+"child until", "2026-02-28", "2026-12-31")}
			}
			list = append(list, inner)
		}
		p["provision"] = list
	}
	return p
}
