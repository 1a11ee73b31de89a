package reference

import (
	"encoding/json"
	"slices"
	"sort"
	"strings"
	"time"
)

// fromR5 writes a form of R5 as one of R4: a provision is an exception to what stands around it.
func fromR5(c Object) Object {
	if c["subject"] == nil || c["patient"] != nil {
		return c
	}
	var grantees []any
	for _, g := range objects(c["grantee"]) {
		role := Object{"coding": []any{Object{"system": terminology + "v3-ParticipationType", "code": "IRCP"}}}
		grantees = append(grantees, Object{"role": role, "reference": g})
	}
	var turn func(p Object, kind string, named bool) Object
	turn = func(p Object, kind string, named bool) Object {
		out := Object{"type": kind}
		if named = named || p["actor"] != nil; !named && kind == "permit" && grantees != nil {
			out["actor"] = grantees // a permit that names nobody is for the grantees
		}
		for _, name := range criteria {
			if p[name] != nil {
				out[name] = p[name]
			}
		}
		var classes, children []any
		for _, t := range objects(p["resourceType"]) {
			classes = append(classes, Object{"system": "http://hl7.org/fhir/resource-types", "code": t["code"]})
		}
		for _, child := range objects(p["provision"]) {
			children = append(children, turn(child, map[string]string{"permit": "deny", "deny": "permit"}[kind], named))
		}
		if classes != nil {
			out["class"] = classes
		}
		if out["provision"] = children; p["expression"] != nil {
			out["modifierExtension"] = []any{Object{}}
		}
		return out
	}
	return Object{
		"resourceType": "Consent", "id": c["id"], "status": c["status"], "category": c["category"], "patient": c["subject"],
		"scope":    Object{"coding": []any{Object{"system": terminology + "consentscope", "code": "patient-privacy"}}},
		"dateTime": c["date"], "performer": c["grantor"], "policy": []any{c["policyBasis"]}, "sourceReference": first(c["sourceReference"]),
		"provision": turn(Object{"period": c["period"], "provision": c["provision"]}, text(c["decision"]), false),
	}
}

func first(v any) any {
	if all := objects(v); len(all) > 0 {
		return all[0]
	}
	return nil
}

// state is convention 1: "usable", "idle" (says nothing now), "unreadable" (blocks).
func (s *scene) state(c Object) string {
	patient := reference(c["patient"])
	if patient != "" && strings.HasPrefix(patient, "Patient/") && patient != s.self() {
		return "idle"
	}
	status := text(c["status"])
	if slices.Contains([]string{"draft", "proposed", "rejected", "inactive", "entered-in-error"}, status) {
		return "idle"
	}
	scoped, private := false, false
	for _, coding := range objects(object(c["scope"])["coding"]) {
		scoped = scoped || text(coding["code"]) != ""
		private = private || (text(coding["system"]) == terminology+"consentscope" && text(coding["code"]) == "patient-privacy")
	}
	given, _, dated := s.span(text(c["dateTime"]))
	root := object(c["provision"])
	switch {
	case status != "active" || !scoped || len(objects(c["category"])) == 0 || patient != s.self():
		return "unreadable"
	case len(objects(c["policy"])) == 0 && len(object(c["policyRule"])) == 0:
		return "unreadable"
	case c["implicitRules"] != nil || mentions(c, "modifierExtension"):
		return "unreadable"
	case !private:
		return "idle"
	case !dated || len(root) == 0 || kindOf(c) == "" || !s.sound(root, kindOf(c)):
		return "unreadable"
	case s.now.Before(given):
		return "idle"
	}
	period := object(root["period"])
	if !s.within(text(period["start"]), text(period["end"]), s.now) {
		return "idle"
	}
	return "usable"
}

// kindOf is convention 2: the base rule.
func kindOf(c Object) string {
	if kind := object(c["provision"])["type"]; kind != nil {
		return text(kind)
	}
	for _, coding := range objects(object(c["policyRule"])["coding"]) {
		if text(coding["system"]) == terminology+"v3-ActCode" {
			switch text(coding["code"]) {
			case "OPTIN":
				return "permit"
			case "OPTOUT":
				return "deny"
			}
		}
	}
	return ""
}

// sound tells whether a provision and all below it can be read.
func (s *scene) sound(p Object, kind string) bool {
	if kind != "permit" && kind != "deny" {
		return false
	}
	for _, name := range []string{"period", "dataPeriod"} {
		period := object(p[name])
		from, _, okFrom := s.span(text(period["start"]))
		_, to, okTo := s.span(text(period["end"]))
		if (text(period["start"]) != "" && !okFrom) || (text(period["end"]) != "" && !okTo) || (okFrom && okTo && !from.Before(to)) {
			return false
		}
	}
	for _, a := range objects(p["actor"]) {
		if a["role"] == nil || a["reference"] == nil {
			return false
		}
	}
	for _, d := range objects(p["data"]) {
		if text(d["meaning"]) == "" || reference(d["reference"]) == "" {
			return false
		}
	}
	if kind == "deny" && slices.ContainsFunc(objects(p["securityLabel"]), func(l Object) bool { return !known(l) }) {
		return false // a denial that nobody could keep to
	}
	for _, child := range objects(p["provision"]) {
		if !s.sound(child, text(child["type"])) {
			return false
		}
	}
	return true
}

func mentions(v any, name string) bool {
	switch v := v.(type) {
	case Object:
		if list, ok := v[name].([]any); ok && len(list) > 0 {
			return true
		}
		for _, child := range v {
			if mentions(child, name) {
				return true
			}
		}
	case []any:
		for _, child := range v {
			if mentions(child, name) {
				return true
			}
		}
	}
	return false
}

// word is what one consent says of a record.
type word struct {
	consent Object
	kind    string
	rule    Object // with the criteria that it inherits
	root    bool   // it is the root that speaks
}

var criteria = []string{"period", "actor", "action", "securityLabel", "purpose", "class", "code", "dataPeriod", "data"}

// speak is convention 3: the deepest match, and among siblings a denial.
func (s *scene) speak(c, p, inherited Object, kind, labelsBy string, r Object, root bool) *word {
	rule := Object{}
	for _, name := range criteria {
		if rule[name] = inherited[name]; p[name] != nil {
			rule[name] = p[name]
		}
	}
	if p["securityLabel"] != nil {
		labelsBy = kind
	}
	var below *word
	for _, child := range objects(p["provision"]) {
		if w := s.speak(c, child, rule, text(child["type"]), labelsBy, r, false); w != nil && (below == nil || w.kind == "deny") {
			below = w
		}
	}
	if below == nil && s.matches(rule, kind, labelsBy, r) {
		below = &word{c, kind, rule, root}
	}
	return below
}

// matches asks every criterion of a rule: a permit must be certain, a denial need only be possible.
func (s *scene) matches(rule Object, kind, labelsBy string, r Object) bool {
	permit := kind == "permit"
	period := object(rule["period"])
	if !s.within(text(period["start"]), text(period["end"]), s.now) {
		return false
	}
	some := func(name string, fits func(Object) bool) bool {
		return rule[name] == nil || slices.ContainsFunc(objects(rule[name]), fits)
	}
	return some("actor", s.addresses) &&
		some("purpose", func(p Object) bool {
			return text(p["system"]) == terminology+"v3-ActReason" && covers(text(s.request["purpose"]), text(p["code"]))
		}) &&
		some("action", func(a Object) bool {
			return holdsCoding(a, terminology+"consentaction", text(s.request["action"]))
		}) &&
		classMatches(rule, permit, r) &&
		some("code", func(concept Object) bool { return sameCode(concept, r, permit) }) &&
		some("data", func(d Object) bool { return related(d, r, permit) }) &&
		s.labelsMatch(rule, permit, labelsBy == "permit", r) &&
		s.dated(rule, permit, r)
}

// labelsMatch: a list that a rule of the other kind wrote is read in the way that discloses less.
func (s *scene) labelsMatch(rule Object, permit, byPermit bool, r Object) bool {
	if rule["securityLabel"] == nil {
		return true
	}
	listed := objects(rule["securityLabel"])
	switch {
	case permit && byPermit:
		return labelsPermit(listed, r)
	case permit:
		return labelsPermit(listed, r) && labelsDeny(listed, r)
	case byPermit:
		return labelsPermit(listed, r) || labelsDeny(listed, r)
	}
	return labelsDeny(listed, r)
}

// classMatches: a permit names the record's type and every type that it holds, a denial any of them.
func classMatches(rule Object, permit bool, r Object) bool {
	if rule["class"] == nil {
		return true
	}
	named := func(kind string) bool {
		return slices.ContainsFunc(objects(rule["class"]), func(c Object) bool {
			return text(c["system"]) == "http://hl7.org/fhir/resource-types" && text(c["code"]) == kind
		})
	}
	foreign := slices.ContainsFunc(objects(rule["class"]), func(c Object) bool { return text(c["system"]) != "http://hl7.org/fhir/resource-types" })
	every, any := named(text(r["resourceType"])), named(text(r["resourceType"]))
	for _, c := range objects(r["contained"]) {
		if kind := text(c["resourceType"]); !slices.Contains(alongside, kind) {
			every, any = every && named(kind), any || named(kind)
		}
	}
	if permit {
		return every
	}
	return any || foreign
}

// addresses is convention 6.
func (s *scene) addresses(a Object) bool {
	if !holdsCoding(object(a["role"]), terminology+"v3-ParticipationType", "IRCP") {
		return false
	}
	ref := reference(a["reference"])
	if ref != "" && (s.is("ref", ref) || s.is("organization", ref) || slices.Contains(texts(s.to["organizationAncestors"]), ref) || slices.Contains(texts(s.to["memberOf"]), ref)) {
		return true
	}
	id := object(object(a["reference"])["identifier"])
	return text(id["value"]) != "" && slices.ContainsFunc(objects(s.to["identifiers"]), func(have Object) bool {
		return text(have["system"]) == text(id["system"]) && text(have["value"]) == text(id["value"])
	})
}

// covers is convention 5.
func covers(asked, listed string) bool {
	above := map[string]string{"BTG": "ETREAT", "ETREAT": "TREAT", "COC": "TREAT", "CAREMGT": "TREAT"}
	for ; asked != ""; asked = above[asked] {
		if asked == listed {
			return true
		}
	}
	return false
}

func holdsCoding(concept Object, system, code string) bool {
	return slices.ContainsFunc(objects(concept["coding"]), func(c Object) bool {
		return text(c["system"]) == system && text(c["code"]) == code
	})
}

func sameCode(concept, r Object, permit bool) bool {
	codings := objects(concept["coding"])
	if len(codings) == 0 && !permit {
		return true
	}
	return slices.ContainsFunc(codings, func(c Object) bool {
		return text(c["code"]) != "" && holdsCoding(object(r["code"]), text(c["system"]), text(c["code"]))
	})
}

func related(d, r Object, permit bool) bool {
	ref, self := reference(d["reference"]), text(r["resourceType"])+"/"+text(r["id"])
	switch text(d["meaning"]) {
	case "instance":
		return self == ref
	case "related", "dependents":
		return self == ref || points(r, ref)
	case "authoredby":
		return points(object(r["recorder"]), ref) || points(object(r["asserter"]), ref)
	}
	return !permit
}

func points(v any, ref string) bool {
	switch v := v.(type) {
	case Object:
		if reference(v) == ref {
			return true
		}
		for _, child := range v {
			if points(child, ref) {
				return true
			}
		}
	case []any:
		for _, child := range v {
			if points(child, ref) {
				return true
			}
		}
	}
	return false
}

// dated is convention 8.
func (s *scene) dated(rule Object, permit bool, r Object) bool {
	if rule["dataPeriod"] == nil {
		return true
	}
	from, to, ok := s.span(text(r["recordedDate"]))
	if !ok {
		return !permit
	}
	period := object(rule["dataPeriod"])
	start, _, hasStart := s.span(text(period["start"]))
	_, end, hasEnd := s.span(text(period["end"]))
	if permit {
		return (!hasStart || !from.Before(start)) && (!hasEnd || !to.After(end))
	}
	return (!hasStart || to.After(start)) && (!hasEnd || from.Before(end))
}

// consented is conventions 4, 11 and 15: no denial, and a permit without defect.
func (s *scene) consented(r Object, labels, domains []string) bool {
	if s.blocked {
		return false
	}
	var permits []*word
	for _, c := range s.usable {
		root := object(c["provision"])
		w := s.speak(c, root, Object{}, kindOf(c), kindOf(c), r, true)
		switch {
		case w == nil:
		case w.kind == "permit":
			permits = append(permits, w)
		case !w.root || !residual(root):
			return false
		}
	}
	for _, w := range permits {
		if s.valid(w, permits, labels, domains) {
			return true
		}
	}
	return false
}

// residual is convention 4: the rest of an opt-in.
func residual(root Object) bool {
	for _, name := range criteria[1:] {
		if root[name] != nil {
			return false
		}
	}
	return anyPermit(root)
}

func anyPermit(p Object) bool {
	return slices.ContainsFunc(objects(p["provision"]), func(child Object) bool {
		return text(child["type"]) == "permit" || anyPermit(child)
	})
}

// valid tells whether a permit counts for the record.
func (s *scene) valid(w *word, all []*word, labels, domains []string) bool {
	if !evident(w.consent) || !s.named(w, labels) || !s.formal(w, labels, domains) {
		return false
	}
	given, _, _ := s.span(text(w.consent["dateTime"]))
	byChild, byGuardian := false, false
	for _, p := range objects(w.consent["performer"]) {
		ref := reference(p)
		if ref == s.self() {
			age := s.ageAt(given)
			byChild = byChild || age >= 18 || s.patient["emancipated"] == true || s.mayConsentAlone(domains, age)
		}
		byGuardian = byGuardian || (s.holds(ref, domains, given) && s.holds(ref, domains, s.now))
	}
	if byChild {
		return true
	}
	return byGuardian && !s.guardianBarred(labels, domains) && s.jointly(w, all, domains)
}

func evident(c Object) bool {
	if len(object(c["sourceReference"])) > 0 || len(object(c["sourceAttachment"])) > 0 {
		return true
	}
	return slices.ContainsFunc(objects(c["verification"]), func(v Object) bool { return v["verified"] == true })
}

// witnessed: somebody other than who signed stands on the form as its witness.
func witnessed(c Object) bool {
	other := func(who string) bool {
		return who != "" && !slices.ContainsFunc(objects(c["performer"]), func(p Object) bool { return reference(p) == who })
	}
	if slices.ContainsFunc(objects(c["verification"]), func(v Object) bool { return v["verified"] == true && other(reference(v["verifiedWith"])) }) {
		return true
	}
	return slices.ContainsFunc(objects(c["extension"]), func(e Object) bool {
		return text(e["url"]) == "http://systems-of-care.example/fhir/StructureDefinition/witness" && (other(text(e["valueString"])) || other(reference(e["valueReference"])))
	})
}

// named is convention 11: labels that the permit must name itself.
func (s *scene) named(w *word, labels []string) bool {
	reached := names(sensitivities(objects(w.rule["securityLabel"])), labels)
	for _, l := range labels {
		must := l == "42CFRPart2" || slices.Contains(substances, l) || slices.Contains([]string{"PSYTHPN", "REPORTER-ID", "CPS-INVEST"}, l) ||
			(l == "HIV" && s.jurisdiction != "US") || (slices.Contains(minds, l) && s.jurisdiction == "US-IL")
		if must && !slices.Contains(reached, l) {
			return false
		}
	}
	return true
}

// formal is the rest of convention 11.
func (s *scene) formal(w *word, labels, domains []string) bool {
	toWhom := len(objects(w.rule["actor"])) > 0 && len(objects(w.rule["purpose"])) > 0
	what := len(sensitivities(objects(w.rule["securityLabel"]))) > 0 || len(objects(w.rule["class"])) > 0 || len(objects(w.rule["code"])) > 0 || len(objects(w.rule["data"])) > 0
	if slices.Contains(labels, "PSYTHPN") && !notesAlone(object(w.consent["provision"]), kindOf(w.consent), nil) {
		return false
	}
	if slices.Contains(domains, "sud") && !toWhom {
		return false
	}
	if slices.Contains(labels, "FERPA") && (!toWhom || !what) {
		return false
	}
	if s.jurisdiction == "US-IL" && slices.Contains(domains, "mental-health") {
		given, _, _ := s.span(text(w.consent["dateTime"]))
		sameDay := given.In(s.zone).Format(time.DateOnly) == s.now.In(s.zone).Format(time.DateOnly)
		asked := object(s.doc["policy"])["witnessRequired"] == true
		return toWhom && (text(object(w.rule["period"])["end"]) != "" || sameDay) && (!asked || witnessed(w.consent))
	}
	return true
}

// notesAlone: every permit of the form names psychotherapy notes and nothing else.
func notesAlone(p Object, kind string, inherited []Object) bool {
	listed := inherited
	if p["securityLabel"] != nil {
		listed = objects(p["securityLabel"])
	}
	if kind == "permit" && !slices.Equal(sensitivities(listed), []string{"PSYTHPN"}) {
		return false
	}
	for _, child := range objects(p["provision"]) {
		if !notesAlone(child, text(child["type"]), listed) {
			return false
		}
	}
	return true
}

// jointly is convention 15: who must sign has signed, on this form or on one that says the same.
func (s *scene) jointly(w *word, all []*word, domains []string) bool {
	var required []string
	asked := object(s.patient["jointConsentRequired"])
	for _, d := range domains {
		refs, named := asked[d]
		if !named {
			refs = asked["all"]
		}
		required = append(required, texts(refs)...)
	}
	for _, ref := range required {
		signed := slices.ContainsFunc(all, func(other *word) bool {
			given, _, _ := s.span(text(other.consent["dateTime"]))
			return evident(other.consent) && sameForm(other.consent, w.consent) && s.holds(ref, domains, given) && s.holds(ref, domains, s.now) &&
				slices.ContainsFunc(objects(other.consent["performer"]), func(p Object) bool { return reference(p) == ref })
		})
		if !signed {
			return false
		}
	}
	return true
}

func sameForm(a, b Object) bool {
	return sorted(a["policy"]) == sorted(b["policy"]) && sorted(a["policyRule"]) == sorted(b["policyRule"]) && sorted(a["provision"]) == sorted(b["provision"])
}

// sorted writes a value without regard to the order of its lists.
func sorted(v any) string {
	list, isList := v.([]any)
	if !isList {
		if o, ok := v.(Object); ok {
			fields := Object{}
			for name, child := range o {
				fields[name] = sorted(child)
			}
			out, _ := json.Marshal(fields)
			return string(out)
		}
		out, _ := json.Marshal(v)
		return string(out)
	}
	var parts []string
	for _, item := range list {
		parts = append(parts, sorted(item))
	}
	sort.Strings(parts)
	return strings.Join(parts, ",")
}
