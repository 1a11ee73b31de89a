package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// supported names the resource types of the flows and those they refer to: they get a struct
// and full validation. Every other type travels as the generic lossless node.
var supported = strings.Fields(`Account AdverseEvent AllergyIntolerance Appointment AppointmentResponse AuditEvent
Basic Binary BodyStructure Bundle CarePlan CareTeam ClaimResponse ClinicalImpression Communication CommunicationRequest
Composition Condition Consent Contract Coverage DetectedIssue Device DeviceMetric DeviceRequest DiagnosticReport
DocumentManifest DocumentReference Encounter Endpoint EpisodeOfCare FamilyMemberHistory Flag Goal Group
HealthcareService ImagingStudy Immunization ImmunizationRecommendation List Location Media Medication
MedicationAdministration MedicationDispense MedicationRequest MedicationStatement MessageHeader NutritionOrder
Observation OperationOutcome Organization Parameters Patient Person Practitioner PractitionerRole Procedure
Provenance Questionnaire QuestionnaireResponse RelatedPerson RequestGroup RiskAssessment Schedule ServiceRequest
Slot Specimen Subscription Substance Task VisionPrescription`)

type element struct {
	name    string // without [x]
	min     int
	many    bool
	choice  bool
	types   []string // codes of datatypes, or the path of a backbone element
	targets []string // resource types of a Reference; empty means any
	binding string   // key of a required, enumerable value set
	short   string
}

type structure struct {
	path     string // "Patient", "Patient.contact"
	kind     string // primitive, datatype, resource
	doc      string
	elements []element
}

type valueSet struct {
	key, goName string
	codes       []string // "system code" in the order of the value set
}

type model struct {
	structures []structure
	valueSets  map[string]*valueSet
	resources  []string // every concrete R4 resource type
}

func (d *definitions) model() (*model, error) {
	m := &model{valueSets: map[string]*valueSet{}}
	byID := map[string]structureDefinition{}
	for _, s := range d.structures {
		byID[s.ID] = s
		if s.Kind == "resource" && !s.Abstract {
			m.resources = append(m.resources, s.ID)
		}
	}
	slices.Sort(m.resources)
	wanted, done := append([]string{"Element", "BackboneElement", "Extension"}, supported...), map[string]bool{}
	for len(wanted) > 0 {
		id := wanted[0]
		wanted = wanted[1:]
		s, ok := byID[id]
		if done[id] || s.Kind == "primitive-type" || id == "Resource" {
			continue
		}
		if !ok {
			return nil, fmt.Errorf("no StructureDefinition %s", id)
		}
		done[id] = true
		for _, st := range d.split(s, m) {
			m.structures = append(m.structures, st)
			for _, e := range st.elements {
				for _, t := range e.types {
					if !strings.Contains(t, ".") {
						wanted = append(wanted, t)
					}
				}
			}
		}
	}
	slices.SortStableFunc(m.structures, func(a, b structure) int {
		return strings.Compare(root(a.path), root(b.path))
	})
	return m, nil
}

func root(path string) string {
	first, _, _ := strings.Cut(path, ".")
	return first
}

// split turns one StructureDefinition into the structure itself and one for each backbone element.
func (d *definitions) split(s structureDefinition, m *model) []structure {
	all := d.elements(s)
	kind := map[string]string{"resource": "resource"}[s.Kind]
	out := []structure{{path: s.ID, kind: kind, doc: sentence(s.Description)}}
	at := map[string]int{s.ID: 0}
	for i, e := range all[1:] {
		parent, name := e.Path[:strings.LastIndex(e.Path, ".")], e.Path[strings.LastIndex(e.Path, ".")+1:]
		el := element{
			name: strings.TrimSuffix(name, "[x]"), choice: strings.HasSuffix(name, "[x]"),
			min: e.Min, many: e.Max != "1", short: e.Short,
		}
		isBackbone := i+2 < len(all) && strings.HasPrefix(all[i+2].Path, e.Path+".")
		switch {
		case e.ContentReference != "":
			el.types = []string{e.ContentReference[strings.Index(e.ContentReference, "#")+1:]}
		case isBackbone:
			el.types = []string{e.Path}
			at[e.Path] = len(out)
			out = append(out, structure{path: e.Path, kind: "backbone", doc: sentence(e.Short)})
		default:
			d.fillTypes(&el, e, m)
		}
		switch { // HL7 writes these types in an extension that says less than the prose (R4 2.26.3.1, 2.1.5)
		case s.Kind == "resource" && e.Path == s.ID+".id":
			el.types = []string{"id"}
		case e.Path == "Extension.url":
			el.types = []string{"uri"}
		}
		p := at[parent]
		out[p].elements = append(out[p].elements, el)
	}
	return out
}

func (d *definitions) fillTypes(el *element, e elementDefinition, m *model) {
	for _, t := range e.Type {
		code := t.Code
		if strings.HasPrefix(code, "http://hl7.org/fhirpath/") {
			code = "string" // Element.id and Extension.url carry no extensions of their own
		}
		el.types = append(el.types, code)
		if code != "Reference" {
			continue
		}
		for _, p := range t.TargetProfile {
			el.targets = append(el.targets, p[strings.LastIndex(p, "/")+1:])
		}
	}
	if slices.Contains(el.targets, "Resource") {
		el.targets = nil
	}
	slices.Sort(el.targets)
	if e.Binding.Strength == "required" {
		el.binding = d.bind(e.Binding.ValueSet, m)
	}
}

// sentence cuts a definition to its first sentence.
func sentence(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if strings.HasPrefix(s, "Base StructureDefinition for ") {
		_, s, _ = strings.Cut(s, ": ")
	}
	for i := 0; i+2 < len(s); i++ {
		if s[i] == '.' && s[i+1] == ' ' && unicode.IsUpper(rune(s[i+2])) {
			s = s[:i]
		}
	}
	return strings.TrimRight(s, ". ")
}

// exported turns "birthDate", "Patient.contact" or "entered-in-error" into a Go name.
func exported(s string) string {
	var b strings.Builder
	up := true
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			up = true
			continue
		}
		if up {
			r = unicode.ToUpper(r)
		}
		up = false
		b.WriteRune(r)
	}
	return b.String()
}
