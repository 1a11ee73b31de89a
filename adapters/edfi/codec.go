// Package edfi tells a school's Ed-Fi API who a child's contacts are and where the child
// lives, and nothing else: its codec reads only named elements of Patient and
// RelatedPerson, so nothing clinical has a path into a rendered plan.
package edfi

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"caregate/adapters"
	"caregate/fhir"
)

// PlanType is the media type of a rendered plan: an ordered list of Ed-Fi requests.
const PlanType = "application/vnd.caregate.edfi-plan+json"

// DefaultDataPath is where Ed-Fi ODS/API serves the core resources of data standard 3 and later.
const DefaultDataPath = "/data/v3/ed-fi"

// NothingToSay is the text of the CodeBusinessRule refusal for a Bundle without any contact
// or address of a child: not a fault, the destination simply has no use for it.
const NothingToSay = "nothing for this destination"

// Codec is the adapters.Codec of one Ed-Fi deployment.
type Codec struct {
	StudentSystem           string      `yaml:"studentSystem"`           // Patient.identifier.system of studentUniqueId
	ContactSystem           string      `yaml:"contactSystem"`           // RelatedPerson.identifier.system of contactUniqueId; "" for none
	EducationOrganizationID int64       `yaml:"educationOrganizationId"` // the district
	DataPath                string      `yaml:"dataPath"`                // "" for DefaultDataPath
	ConfidentialAddresses   bool        `yaml:"confidentialAddresses"`   // doNotPublishIndicator on every address (foster placement)
	Zone                    string      `yaml:"zone"`                    // IANA zone in which "today" ends a period; "" for UTC
	Descriptors             Descriptors `yaml:"descriptors"`
}

var _ adapters.Codec = Codec{}

// Decode refuses: nothing comes in from Ed-Fi by this codec.
func (c Codec) Decode(adapters.Inbound) (adapters.Decoded, error) {
	return adapters.Decoded{}, unfit(adapters.CodeUnsupportedType, "message", "Ed-Fi change queries are not read")
}

func unfit(code adapters.Code, location, text string) error {
	return &adapters.Refusal{Code: code, Issues: []adapters.Issue{{Location: location, Code: code, Text: text}}}
}

// Check returns every fault of the configuration: missing names and descriptors that are none.
func (c Codec) Check() []error {
	var faults []error
	if c.StudentSystem == "" {
		faults = append(faults, fmt.Errorf("studentSystem is missing: the identifier system of studentUniqueId"))
	}
	if c.EducationOrganizationID <= 0 {
		faults = append(faults, fmt.Errorf("educationOrganizationId is missing"))
	}
	if _, err := time.LoadLocation(c.Zone); err != nil {
		faults = append(faults, fmt.Errorf("zone is not an IANA time zone"))
	}
	return append(faults, c.Descriptors.check()...)
}

// Encode renders contacts, their associations and the current addresses of the one child
// in the Bundle, in that order, as a plan of upserts. It refuses with
//   - CodeBusinessRule and NothingToSay where the Bundle holds neither,
//   - CodeUnknownKey where the child has no studentUniqueId here (identity work),
//   - CodeConfiguration where a code has no descriptor: never a guess,
//   - CodeMissing where Ed-Fi requires what the Bundle lacks,
//   - CodeBusinessRule where redisclosure notices must travel: Ed-Fi has no place for them.
func (c Codec) Encode(out adapters.Outbound) (adapters.Encoded, error) {
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		return adapters.Encoded{}, unfit(adapters.CodeConfiguration, "zone", "not an IANA time zone")
	}
	p := plan{codec: c, today: out.Created.In(zone).Format(time.DateOnly)}
	if p.codec.DataPath == "" {
		p.codec.DataPath = DefaultDataPath
	}
	patient, at, err := child(out.Bundle)
	if err != nil {
		return adapters.Encoded{}, err
	}
	if err := p.student(patient, at); err != nil {
		return adapters.Encoded{}, err
	}
	p.contacts(out.Bundle, patient, at)
	p.association(patient, at)
	switch {
	case len(p.issues) > 0:
		return adapters.Encoded{}, &adapters.Refusal{Code: p.issues[0].Code, Issues: p.issues}
	case len(p.steps) == 0:
		return adapters.Encoded{}, unfit(adapters.CodeBusinessRule, "Bundle.entry", NothingToSay)
	case len(out.Notices) > 0:
		return adapters.Encoded{}, unfit(adapters.CodeBusinessRule, "Bundle", "a redisclosure notice must travel, and Ed-Fi carries none")
	}
	body := fhir.NewObject().Set("steps", fhir.NewArray(p.steps...))
	return adapters.Encoded{ContentType: PlanType, Body: body.JSON()}, nil
}

// child returns the one Patient of the Bundle and its place.
func child(bundle *fhir.Node) (patient *fhir.Node, at string, err error) {
	for i, resource := range fhir.Entries(bundle) {
		if resource.ResourceType() != "Patient" {
			continue
		}
		if patient != nil {
			return nil, "", unfit(adapters.CodeBusinessRule, fmt.Sprintf("Bundle.entry[%d].resource", i), "a plan is about one child; this Bundle is about several")
		}
		patient, at = resource, fmt.Sprintf("Bundle.entry[%d].resource", i)
	}
	if patient == nil {
		return nil, "", unfit(adapters.CodeBusinessRule, "Bundle.entry", NothingToSay)
	}
	return patient, at, nil
}

// plan is one Encode in work.
type plan struct {
	codec     Codec
	today     string // date of the delivery in the partner's zone
	studentID string
	steps     []*fhir.Node
	issues    []adapters.Issue
}

func (p *plan) refuse(code adapters.Code, location, text string) {
	p.issues = append(p.issues, adapters.Issue{Location: location, Code: code, Text: text})
}

func (p *plan) student(patient *fhir.Node, at string) error {
	for _, identifier := range patient.Get("identifier").Items() {
		if identifier.Get("system").Text() == p.codec.StudentSystem && !p.past(identifier) {
			p.studentID = identifier.Get("value").Text()
		}
	}
	if p.studentID != "" {
		return nil
	}
	if !speaksToSchool(patient) {
		return unfit(adapters.CodeBusinessRule, "Bundle.entry", NothingToSay)
	}
	return unfit(adapters.CodeUnknownKey, at+".identifier", "the child has no studentUniqueId of this deployment")
}

func speaksToSchool(patient *fhir.Node) bool {
	return patient.Get("address") != nil || patient.Get("telecom") != nil || patient.Get("contact") != nil
}

// step adds one upsert. lookup are the natural key's query parameters, by which the sender
// finds what the school has; existing steps change only what is there already.
func (p *plan) step(resource string, lookup []string, existing bool, body *fhir.Node) {
	step := fhir.NewObject().
		Set("method", fhir.NewString("POST")).
		Set("path", fhir.NewString(p.codec.DataPath+"/"+resource))
	key := fhir.NewObject()
	for i := 0; i+1 < len(lookup); i += 2 {
		key.Set(lookup[i], fhir.NewString(lookup[i+1]))
	}
	step.Set("key", key)
	if existing {
		step.Set("existing", fhir.NewBool(true))
	}
	p.steps = append(p.steps, step.Set("body", body))
}

// past reports whether an element's period is over on the day of the delivery. On its very
// last day an address or caregiver is already the old one: that is the day of the move.
// An end without a day is over only after its month or year.
func (p *plan) past(element *fhir.Node) bool {
	end := day(element.At("period.end").Text())
	if len(end) == len(time.DateOnly) {
		return end <= p.today
	}
	return end != "" && end < p.today[:len(end)]
}

// day is the date of a FHIR dateTime, as precise as it is given.
func day(dateTime string) string { return dateTime[:min(len(dateTime), len(time.DateOnly))] }

// codes yields the codes of a list of CodeableConcepts: "system|code" before "code".
func codes(concepts *fhir.Node) []string {
	var out []string
	for _, concept := range concepts.Items() {
		for _, coding := range concept.Get("coding").Items() {
			if code := coding.Get("code").Text(); code != "" {
				out = append(out, coding.Get("system").Text()+"|"+code, code)
			}
		}
	}
	return slices.Compact(out)
}

func joined(list *fhir.Node, from int) string {
	var parts []string
	for i, item := range list.Items() {
		if i >= from && item.Text() != "" {
			parts = append(parts, item.Text())
		}
	}
	return strings.Join(parts, " ")
}
