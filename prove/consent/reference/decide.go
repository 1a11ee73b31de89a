// Package reference decides consent scenarios slowly and plainly, written from the conventions
// alone: it shares no code with the consent engine and the law bundles, so that a fault of one
// is seen by the other. docs/consent.md states the conventions that the comments number.
package reference

import (
	"slices"
	"strings"
	"time"
)

// Object is one JSON object of a scenario.
type Object = map[string]any

// Answer is what goes and what stays, in the form of a scenario's expectation.
type Answer struct {
	Decision         string
	Withheld         []string // "Type/id"
	RedactedElements []string // "Type/id#element"
}

// scene is one scenario, read.
type scene struct {
	doc          Object
	patient      Object
	request      Object
	to           Object
	zone         *time.Location
	now          time.Time
	age          int
	adult        bool
	jurisdiction string
	usable       []Object // consents in force
	blocked      bool     // one that nobody can read is on file
}

// Decide answers a scenario.
func Decide(doc Object) Answer {
	s := read(doc)
	a := Answer{Withheld: []string{}, RedactedElements: []string{}}
	released := s.released()
	for i, r := range objects(doc["resources"]) {
		ref := self(r)
		if !released[i] {
			a.Withheld = append(a.Withheld, ref)
			continue
		}
		for _, element := range s.hidden(r) {
			a.RedactedElements = append(a.RedactedElements, ref+"#"+element)
		}
	}
	slices.Sort(a.Withheld)
	slices.Sort(a.RedactedElements)
	switch {
	case len(a.Withheld) == len(objects(doc["resources"])):
		a.Decision = "deny"
	case len(a.Withheld)+len(a.RedactedElements) > 0:
		a.Decision = "permit-with-redaction"
	default:
		a.Decision = "permit"
	}
	return a
}

// released decides the records of the child, then what only goes along with them: the people
// and places of the system of care, and what speaks of records that go.
func (s *scene) released() []bool {
	all := objects(s.doc["resources"])
	out, records := make([]bool, len(all)), map[string]bool{}
	for i, r := range all {
		if !slices.Contains(alongside, text(r["resourceType"])) {
			out[i] = s.goes(r)
			records[self(r)] = out[i]
		}
	}
	for i, r := range all {
		if !slices.Contains(alongside, text(r["resourceType"])) || !slices.Contains(out, true) || !s.plain(r) {
			continue
		}
		out[i] = true
		if text(r["resourceType"]) == "Provenance" {
			targets := objects(r["target"])
			out[i] = len(targets) > 0 && !slices.ContainsFunc(targets, func(t Object) bool { return !records[reference(t)] })
		}
	}
	return out
}

var alongside = []string{"Organization", "Practitioner", "PractitionerRole", "Location", "Provenance"}

// plain tells whether a record that states no patient says nothing that needs protection.
func (s *scene) plain(r Object) bool {
	if unknownLabel(r) || len(labelsOf(r)) > 0 || rankOf(r) > rank["N"] || len(objects(r["contained"])) > 0 {
		return false
	}
	return !slices.ContainsFunc(s.usable, func(c Object) bool { return s.denies(c, r) })
}

func self(r Object) string { return text(r["resourceType"]) + "/" + text(r["id"]) }

// own tells whether a record is the child's and speaks of nobody else's.
func (s *scene) own(r Object) bool {
	if slices.ContainsFunc(objects(r["contained"]), func(c Object) bool {
		ref := reference(c["subject"])
		return strings.HasPrefix(ref, "Patient/") && ref != s.self()
	}) {
		return false
	}
	return self(r) == s.self() || reference(r["subject"]) == s.self() || reference(r["patient"]) == s.self()
}

func read(doc Object) *scene {
	s := &scene{doc: doc, patient: object(doc["patient"]), request: object(doc["request"]), jurisdiction: text(doc["jurisdiction"])}
	s.to = object(s.request["recipient"])
	s.zone, _ = time.LoadLocation(text(doc["timezone"]))
	s.now, _ = time.Parse(time.RFC3339Nano, text(doc["asOf"]))
	s.age = s.ageAt(s.now)
	s.adult = s.age >= 18 || s.patient["emancipated"] == true
	for _, c := range objects(doc["consents"]) {
		c = fromR5(c)
		switch s.state(c) {
		case "usable":
			s.usable = append(s.usable, c)
		case "unreadable":
			s.blocked = true
		}
	}
	return s
}

// goes follows the order of convention 10: the first that has something to say decides.
func (s *scene) goes(r Object) bool {
	labels := labelsOf(r)
	has := func(code string) bool { return slices.Contains(labels, code) }
	if !s.own(r) || unknownLabel(r) {
		return false
	}
	protects := s.is("orgType", "child-protection")
	if has("REPORTER-ID") && !protects {
		return false
	}
	if text(s.request["legalBasis"]) == "mandated-report" && protects {
		return !has("42CFRPart2") && !has("PSYTHPN")
	}
	if s.glassBroken() && !has("PSYTHPN") && !has("CPS-INVEST") && !has("REPORTER-ID") {
		return true
	}
	switch s.court(r, labels) {
	case "restricts":
		return false
	case "authorizes":
		return true
	}
	if has("CPS-INVEST") && !protects {
		return false
	}
	if has("CPS-INVEST") && len(without(labels, "CPS-INVEST", "REPORTER-ID")) == 0 {
		return true
	}
	if len(labels) == 1 && has("FERPA") && s.educationException(r) {
		return true
	}
	domains := domainsOf(labels)
	if text(s.request["purpose"]) == "PATRQT" && text(s.to["ref"]) == s.self() && !has("PSYTHPN") &&
		(s.adult || s.mayConsentAlone(domains, s.age)) {
		return true
	}
	if text(s.request["purpose"]) == "FAMRQT" && !s.adult {
		if said := s.representative(labels, domains); said != "" {
			return said == "goes"
		}
	}
	if s.cares(r, labels, domains) {
		return true
	}
	if len(s.usable) == 0 && !s.blocked {
		return s.implicit(r, labels)
	}
	return s.consented(r, labels, domains)
}

func (s *scene) self() string { return "Patient/" + text(s.patient["id"]) }

func (s *scene) is(name, value string) bool { return text(s.to[name]) == value }

// glassBroken is convention 13 without the labels that it never opens.
func (s *scene) glassBroken() bool {
	purpose := text(s.request["purpose"])
	entitled := s.to["clinician"] == true || (s.is("orgType", "crisis-response") && text(s.request["legalBasis"]) == "dispatch")
	return (purpose == "BTG" || purpose == "ETREAT") && s.request["emergency"] == true && text(s.request["justification"]) != "" && entitled
}

// court looks for an order in force about this recipient; a restriction comes first.
func (s *scene) court(r Object, labels []string) string {
	said := ""
	has := func(code string) bool { return slices.Contains(labels, code) }
	for _, o := range objects(s.patient["courtOrders"]) {
		named := slices.Contains(texts(o["recipients"]), text(s.to["ref"])) || slices.Contains(texts(o["recipients"]), text(s.to["organization"]))
		if !named || !s.within(text(o["start"]), text(o["end"]), s.now) || !reaches(o, r, labels) {
			continue
		}
		if text(o["effect"]) != "authorize" {
			return "restricts"
		}
		if !has("PSYTHPN") && (!has("42CFRPart2") || o["part2Order"] == true) {
			said = "authorizes"
		}
	}
	return said
}

// reaches: an order without a scope speaks of everything, as the scenarios have it.
func reaches(o, r Object, labels []string) bool {
	scope := texts(o["scope"])
	in := func(name string) bool { return slices.Contains(scope, name) }
	if o["scope"] == nil || in("all") || in(text(r["resourceType"])) || slices.ContainsFunc(labels, in) {
		return true
	}
	domains := domainsOf(labels)
	if text(o["effect"]) == "authorize" {
		return !slices.ContainsFunc(domains, func(d string) bool { return !in(d) })
	}
	return slices.ContainsFunc(domains, in)
}

func (s *scene) educationException(r Object) bool {
	agency := text(s.patient["legallyResponsibleAgency"])
	caseworker := s.is("orgType", "child-welfare") && s.is("role", "caseworker") && agency != "" && s.is("organization", agency)
	official := s.is("role", "school-official") && s.request["legitimateEducationalInterest"] == true &&
		reference(r["custodian"]) != "" && s.is("organization", reference(r["custodian"]))
	return caseworker || official
}

// representative is convention 16 for one who asks as the child's personal representative: "goes", "stays", or nothing to say.
func (s *scene) representative(labels, domains []string) string {
	known, endangers, authority := false, false, false
	for _, holder := range []string{text(s.to["ref"]), text(s.to["organization"])} {
		for _, g := range objects(s.doc["guardians"]) {
			if holder != "" && text(g["ref"]) == holder {
				known = true
				endangers = endangers || g["endangerment"] == true
			}
		}
		authority = authority || s.holds(holder, domains, s.now)
	}
	switch {
	case endangers:
		return "stays"
	case known && s.minorAlone(domains):
		return "stays"
	case !authority:
		return ""
	case slices.Contains(labels, "PSYTHPN") || s.guardianBarred(labels, domains):
		return "stays"
	}
	return "goes"
}

// minorAlone: care that the minor consents to alone, and parents have no access to (45 CFR 164.502(g)(3)(i)).
func (s *scene) minorAlone(domains []string) bool {
	for _, d := range domains {
		limit, exists := s.consentAge(d)
		informed := d == "mental-health" && s.jurisdiction == "US-IL"
		if exists && !informed && !slices.Contains([]string{"sud", "sti", "reproductive"}, d) && !s.adult && (s.age < 0 || s.age >= limit) {
			return true
		}
	}
	return false
}

// implicit is convention 17.
func (s *scene) implicit(r Object, labels []string) bool {
	return text(object(s.doc["policy"])["implicit"]) == "basic-normal" && text(s.request["purpose"]) == "TREAT" &&
		s.to["clinician"] == true && rankOf(r) <= rank["N"] && len(labels) == 0
}

// hidden is convention 14.
func (s *scene) hidden(r Object) []string {
	if len(texts(s.patient["flags"])) == 0 {
		return nil
	}
	for _, ref := range texts(s.patient["addressAllowed"]) {
		if s.is("ref", ref) || s.is("organization", ref) {
			return nil
		}
	}
	var out []string
	if kind := text(r["resourceType"]); kind == "Patient" || kind == "RelatedPerson" {
		for _, element := range []string{"address", "telecom", "contact"} {
			if r[element] != nil {
				out = append(out, element)
			}
		}
	}
	return out
}

// consentAge is convention 12: from which age a minor may consent to such care alone.
func (s *scene) consentAge(domain string) (int, bool) {
	ages := map[string]map[string]int{
		"US-IL": {"sud": 12, "mental-health": 12, "hiv": 12, "sti": 12, "reproductive": 0},
		"US-NJ": {"sud": 0, "mental-health": 16, "hiv": 13, "sti": 0, "reproductive": 0},
	}
	age, exists := ages[s.jurisdiction][domain]
	return age, exists
}

func (s *scene) mayConsentAlone(domains []string, age int) bool {
	for _, d := range domains {
		if limit, exists := s.consentAge(d); !exists || age < limit {
			return false
		}
	}
	return true
}

// ageAt is convention 9: whole years on the local day.
func (s *scene) ageAt(at time.Time) int {
	born, err := time.Parse(time.DateOnly, text(s.patient["birthDate"]))
	if err != nil {
		return -1
	}
	local := at.In(s.zone)
	age := local.Year() - born.Year()
	if local.Before(time.Date(born.Year()+age, born.Month(), born.Day(), 0, 0, 0, 0, s.zone)) {
		age--
	}
	return age
}

// holds tells whether a guardian has authority for every domain at an instant.
func (s *scene) holds(holder string, domains []string, at time.Time) bool {
	for _, d := range domains {
		has := false
		for _, g := range objects(s.doc["guardians"]) {
			named := slices.Contains(texts(g["authority"]), "all") || slices.Contains(texts(g["authority"]), d) ||
				((d == "sti" || d == "reproductive") && slices.Contains(texts(g["authority"]), "health"))
			has = has || (text(g["ref"]) == holder && named && g["endangerment"] != true && s.within(text(g["start"]), text(g["end"]), at))
		}
		if !has {
			return false
		}
	}
	return holder != ""
}

// guardianBarred: why the signature of a guardian with authority may not count, conventions 12 and 16.
func (s *scene) guardianBarred(labels, domains []string) bool {
	illinoisMind := s.jurisdiction == "US-IL" && slices.Contains(domains, "mental-health")
	lapses := object(s.doc["policy"])["guardianConsentLapsesAtMajority"] == true
	switch {
	case s.adult && (lapses || illinoisMind || slices.Contains(labels, "FERPA")):
		return true
	case s.age < 0 && s.patient["emancipated"] != true:
		return true
	case !s.adult && slices.ContainsFunc(domains, s.releasesAlone):
		return true
	case !s.adult && illinoisMind && s.age >= 12 && s.patient["minorObjects"] == true:
		return true
	case !s.adult && illinoisMind && s.age >= 12 && s.patient["minorInformed"] != true && !s.within("2024-01-01", "2025-08-14", s.now):
		return true
	}
	return false
}

// releasesAlone: care whose record only the minor may release.
func (s *scene) releasesAlone(domain string) bool {
	age, exists := s.consentAge(domain)
	return exists && s.age >= age && slices.Contains([]string{"sud", "sti", "reproductive"}, domain)
}

// within: days without a time are whole local days, inclusive; an open end is open.
func (s *scene) within(start, end string, at time.Time) bool {
	from, _, okFrom := s.span(start)
	_, to, okTo := s.span(end)
	return (start == "" || (okFrom && !at.Before(from))) && (end == "" || (okTo && at.Before(to)))
}

// span is the stretch of a FHIR date or dateTime, the end exclusive.
func (s *scene) span(value string) (from, to time.Time, ok bool) {
	if at, err := time.Parse(time.RFC3339Nano, value); err == nil {
		return at, at.Add(1), true
	}
	for layout, add := range map[string][3]int{time.DateOnly: {0, 0, 1}, "2006-01": {0, 1, 0}, "2006": {1, 0, 0}} {
		if day, err := time.ParseInLocation(layout, value, s.zone); err == nil {
			return day, day.AddDate(add[0], add[1], add[2]), true
		}
	}
	return from, to, false
}

func without(list []string, drop ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(drop, s) })
}

func object(v any) Object { o, _ := v.(Object); return o }

func objects(v any) []Object {
	var out []Object
	list, _ := v.([]any)
	for _, item := range list {
		if o, ok := item.(Object); ok {
			out = append(out, o)
		}
	}
	return out
}

func text(v any) string { s, _ := v.(string); return s }

func texts(v any) []string {
	var out []string
	list, _ := v.([]any)
	for _, item := range list {
		out = append(out, text(item))
	}
	return out
}

func reference(v any) string {
	ref, _, _ := strings.Cut(text(object(v)["reference"]), "/_history/")
	return ref
}
