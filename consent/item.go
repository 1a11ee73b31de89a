package consent

import (
	"slices"
	"strings"
	"time"

	"caregate/fhir"
)

// item is what a decision reads of one resource.
type item struct {
	ref, kind string
	within    []string // types of contained resources that may say something about a person
	labels    labelSet
	codes     []coding
	refs      []string // every reference it makes
	authors   []string
	dates     []*fhir.Node // date and Period elements, the most telling first
	custodian string
	node      *fhir.Node
	asked     *Asked
	patient   string // whose it is: patientChild, patientOther, patientNone or patientUnknown

	crisisPlan bool
}

// Whose record a resource is.
const (
	patientChild   = "child"
	patientOther   = "other"   // it speaks of some other patient
	patientNone    = "none"    // it makes no statement about any patient
	patientUnknown = "unknown" // it names a patient in a way that cannot be resolved
)

// patientElements are the elements of the R4 patient compartment that say whose a resource is.
var patientElements = []string{"patient", "subject", "for", "beneficiary", "individual", "policyHolder", "subscriber"}

// participantElements are lists or single elements whose actor may be the patient.
var participantElements = []string{"participant", "actor", "member", "agent", "target", "link", "entity"}

// whoseElements are both, those of the compartment first.
var whoseElements = slices.Concat(patientElements, participantElements)

var authorElements = []string{"author", "recorder", "asserter", "requester", "performer", "informationSource", "prescriber", "sender", "source"}

// dateElements are read in this order; the first that is there dates the record.
var dateElements = []string{
	"effectiveDateTime", "effectivePeriod", "effectiveInstant", "occurrenceDateTime", "occurrencePeriod",
	"performedDateTime", "performedPeriod", "recordedDate", "authoredOn", "date", "period", "servicedDate",
	"servicedPeriod", "onsetDateTime", "onsetPeriod", "authored", "issued", "sent", "start", "created", "recorded", "lastModified",
}

func newItem(r Resource, child *Child) *item {
	n := r.Node
	it := &item{ref: r.Ref, node: n, asked: r.Asked, kind: n.ResourceType(), labels: resourceLabels(n), custodian: reference(n.Get("custodian"))}
	for _, name := range []string{"code", "type", "medicationCodeableConcept", "vaccineCode"} {
		for c := range codings(n.Get(name)) {
			it.codes = append(it.codes, c)
		}
	}
	it.refs = references(n, make([]string, 0, 4))
	it.within = personal(n.Get("contained"))
	for _, name := range authorElements {
		it.authors = references(n.Get(name), it.authors)
	}
	for _, name := range dateElements {
		if d := n.Get(name); d != nil {
			it.dates = append(it.dates, d)
		}
	}
	it.patient = it.whose(n, child)
	it.crisisPlan = isCrisisPlan(n)
	return it
}

// SystemRecordType is the project's code system of kinds of records that no standard code tells apart.
const SystemRecordType = "http://systems-of-care.example/fhir/CodeSystem/record-type"

// isCrisisPlan: a CarePlan by its category, a document by its type.
func isCrisisPlan(n *fhir.Node) bool {
	if n.ResourceType() == "DocumentReference" {
		return codedCrisisPlan(n.Get("type"))
	}
	for _, concept := range n.Get("category").Items() {
		if n.ResourceType() == "CarePlan" && codedCrisisPlan(concept) {
			return true
		}
	}
	return false
}

func codedCrisisPlan(concept *fhir.Node) bool {
	for c := range codings(concept) {
		if c == (coding{SystemRecordType, "crisis-plan"}) {
			return true
		}
	}
	return false
}

// References lists the references that stand anywhere below the node, without versions.
func References(n *fhir.Node) []string { return references(n, nil) }

// references lists every reference below a node.
func references(n *fhir.Node, out []string) []string {
	if r := n.Get("reference"); r.Kind() == fhir.String {
		out = append(out, reference(n))
	}
	for _, m := range n.Members() {
		if m.Kind() >= fhir.Array {
			out = references(m, out)
		}
	}
	for _, m := range n.Items() {
		out = references(m, out)
	}
	return out
}

// whose says whether the record is the child's. One other patient anywhere in the elements
// that name patients makes it another's: a record of two children is not released for one.
func (it *item) whose(n *fhir.Node, child *Child) string {
	if it.kind == "Patient" {
		if child.Is(it.ref) {
			return patientChild
		}
		return patientOther
	}
	named, found := false, patientNone
	var room [4]string
	for i, name := range whoseElements {
		element := n.Get(name)
		if element == nil {
			continue
		}
		named = named || i < len(patientElements)
		for _, ref := range references(element, room[:0]) {
			switch {
			case child.Is(ref):
				if found == patientNone {
					found = patientChild
				}
			case isPatient(ref):
				found = patientOther
			}
		}
	}
	for _, c := range n.Get("contained").Items() {
		if inner := (&item{ref: c.Ref(), kind: c.ResourceType()}); inner.whose(c, child) == patientOther {
			return patientOther
		}
	}
	// What describes the system of care says nothing about a person, and holds nothing that does.
	if found == patientNone && (named || len(it.within) > 0) {
		return patientUnknown
	}
	return found
}

// impersonal are the types that say nothing about a person: contained in a record they go with it.
var impersonal = []string{
	"Device", "Endpoint", "HealthcareService", "Location", "Medication", "OperationOutcome", "Organization", "Practitioner", "PractitionerRole", "Questionnaire", "Substance",
}

// personal lists the types of contained resources that may say something about a person. Being
// contained must not carry them past a consent that does not name their class.
func personal(contained *fhir.Node) []string {
	var out []string
	for _, c := range contained.Items() {
		if t := c.ResourceType(); !slices.Contains(impersonal, t) {
			out = append(out, t)
		}
	}
	return out
}

func isPatient(ref string) bool {
	return strings.HasPrefix(ref, "Patient/") || strings.Contains(ref, "/Patient/")
}

// Is reports whether a reference names this child.
func (c *Child) Is(ref string) bool {
	return ref != "" && (ref == c.Ref || slices.Contains(c.Refs, ref))
}

// spans are the dates of the record as stretches of time; unreadable ones are left out.
func (it *item) spans(zone *time.Location) []span {
	var out []span
	for _, n := range it.dates {
		if s, ok := spanOf(n, zone); ok {
			out = append(out, s)
		}
	}
	return out
}

func spanOf(n *fhir.Node, zone *time.Location) (span, bool) {
	if n.Kind() == fhir.String {
		d, err := parseDate(n.Text())
		if err != nil {
			return span{}, false
		}
		return span{d.start(zone), d.end(zone)}, true
	}
	p, err := parsePeriod(n)
	if err != nil || p == nil {
		return span{}, false
	}
	s := span{to: time.Date(9999, 12, 31, 0, 0, 0, 0, zone)} // an open end reaches past every period that has one
	if p.from != nil {
		s.from = p.from.start(zone)
	}
	if p.to != nil {
		s.to = p.to.end(zone)
	}
	return s, true
}
