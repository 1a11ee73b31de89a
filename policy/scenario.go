package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"caregate/consent"
	"caregate/fhir"
)

// Scenario is one consent case as lawyers and testers write it: facts, consents, request,
// records and what should come of it. testdata/consent and `caregate consent decide` use it.
type Scenario struct {
	ID           string             `json:"id"`
	Tags         []string           `json:"tags,omitempty"`
	Prose        string             `json:"prose"`
	Jurisdiction string             `json:"jurisdiction"`
	Timezone     string             `json:"timezone"` // IANA
	AsOf         time.Time          `json:"asOf"`
	Patient      ScenarioPatient    `json:"patient"`
	Guardians    []ScenarioGuardian `json:"guardians"`
	Consents     []json.RawMessage  `json:"consents"` // FHIR R4, some malformed on purpose
	Request      ScenarioRequest    `json:"request"`
	Resources    []json.RawMessage  `json:"resources"` // FHIR R4, labels in meta.security
	Policy       struct {
		Implicit        string `json:"implicit"`
		LapseAtMajority bool   `json:"guardianConsentLapsesAtMajority"`
		AskWitness      bool   `json:"witnessRequired"` // on forms where the law asks for one
	} `json:"policy"`
	Expected    ScenarioAnswer `json:"expected"`
	Contestable bool           `json:"contestable,omitempty"`
}

// ScenarioPatient is the child of a scenario.
type ScenarioPatient struct {
	ID                string              `json:"id"`
	BirthDate         string              `json:"birthDate"`
	LegalStatus       string              `json:"legalStatus"`
	Emancipated       bool                `json:"emancipated"`
	MinorInformed     bool                `json:"minorInformed"`
	MinorObjects      bool                `json:"minorObjects"`
	JointRequired     map[string][]string `json:"jointConsentRequired"`
	CourtOrders       []ScenarioOrder     `json:"courtOrders"`
	Flags             []string            `json:"flags"`
	AddressAllowed    []string            `json:"addressAllowed"`
	ResponsibleAgency string              `json:"legallyResponsibleAgency"`
	Placements        []ScenarioPlacement `json:"placements"`
}

// ScenarioPlacement says who cares for the child on some days.
type ScenarioPlacement struct {
	Carer string `json:"carer"`
	Start string `json:"start"`
	End   string `json:"end"`
}

// ScenarioOrder is a court order; one without scope speaks of every record.
type ScenarioOrder struct {
	ID         string   `json:"id"`
	Effect     string   `json:"effect"`
	Recipients []string `json:"recipients"`
	Scope      []string `json:"scope"`
	Start      string   `json:"start"`
	End        string   `json:"end"`
	Part2      bool     `json:"part2Order"`
}

// ScenarioGuardian is one row of authority.
type ScenarioGuardian struct {
	Ref          string   `json:"ref"`
	Relationship string   `json:"relationship"`
	Authority    []string `json:"authority"`
	Basis        string   `json:"basis"`
	Start        string   `json:"start"`
	End          string   `json:"end"`
	Endangerment bool     `json:"endangerment"`
}

// ScenarioRequest is who asks, for what.
type ScenarioRequest struct {
	Action    string `json:"action"`
	Purpose   string `json:"purpose"`
	Recipient struct {
		Ref          string   `json:"ref"`
		Organization string   `json:"organization"`
		Ancestors    []string `json:"organizationAncestors"`
		OrgType      string   `json:"orgType"`
		Role         string   `json:"role"`
		Clinician    bool     `json:"clinician"`
		MemberOf     []string `json:"memberOf"`
		Intermediary bool     `json:"intermediary"`
		Identifiers  []struct {
			System string `json:"system"`
			Value  string `json:"value"`
		} `json:"identifiers"`
	} `json:"recipient"`
	Emergency           bool   `json:"emergency"`
	Justification       string `json:"justification"`
	LegalBasis          string `json:"legalBasis"`
	EducationalInterest bool   `json:"legitimateEducationalInterest"`
	// Medications are the resources that ask for a medication to be given.
	Medications []ScenarioMedication `json:"medications"`
}

// ScenarioMedication says what is asked: see consent.Asked.
type ScenarioMedication struct {
	Ref          string `json:"ref"`
	Ordered      bool   `json:"ordered"`
	Psychotropic bool   `json:"psychotropic"`
	Type         string `json:"type"`
}

// ScenarioAnswer is the part of a decision that scenarios state.
type ScenarioAnswer struct {
	ID               string            `json:"id,omitempty"`
	Decision         string            `json:"decision"`
	Withheld         []string          `json:"withheld"`         // "Type/id", sorted
	RedactedElements []string          `json:"redactedElements"` // "Type/id#element", sorted
	Obligations      []string          `json:"obligations"`
	Reasons          map[string]string `json:"reasons"` // reference -> reason code
}

// Facts turns a scenario into a request. A Consent that is no FHIR JSON is one that nobody can
// read, and blocks; such a record has a label that nobody knows, and stays.
func (s *Scenario) Facts() (consent.Request, error) {
	zone, err := time.LoadLocation(s.Timezone)
	if err != nil {
		return consent.Request{}, fmt.Errorf("timezone: %w", err)
	}
	r := consent.Request{
		Jurisdiction: s.Jurisdiction, Zone: zone, AsOf: s.AsOf, Child: s.Patient.child(),
		Action: s.Request.Action, Purpose: s.Request.Purpose, Recipient: s.Request.to(),
		Emergency: s.Request.Emergency, Justification: s.Request.Justification, LegalBasis: s.Request.LegalBasis,
		Implicit: s.Policy.Implicit, LapseAtMajority: s.Policy.LapseAtMajority, AskWitness: s.Policy.AskWitness,
	}
	for _, g := range s.Guardians {
		r.Authorities = append(r.Authorities, consent.Authority{
			Holder: g.Ref, Relationship: g.Relationship, Domains: g.Authority, Basis: g.Basis,
			Start: g.Start, End: g.End, Endangerment: g.Endangerment, Source: s.ID,
		})
	}
	r.Take(s.Patient.placements())
	for _, raw := range s.Consents {
		n, err := fhir.Parse(raw)
		if err != nil {
			n = fhir.NewResource("Consent")
		}
		r.Consents = append(r.Consents, consent.File(n, "1"))
	}
	for i, raw := range s.Resources {
		n, err := fhir.Parse(raw)
		if err != nil {
			n, err = unreadable(raw)
		}
		if err != nil {
			return r, fmt.Errorf("resources[%d]: %w", i, err)
		}
		r.Resources = append(r.Resources, consent.Resource{Ref: n.Ref(), Node: n, Asked: s.Request.asked(n.Ref())})
	}
	return r, nil
}

// unreadable stands for a record that is no FHIR JSON: its type and id, and a label that no law knows.
func unreadable(raw json.RawMessage) (*fhir.Node, error) {
	var head struct {
		ResourceType string `json:"resourceType"`
		ID           string `json:"id"`
	}
	if err := json.Unmarshal(raw, &head); err != nil || head.ResourceType == "" || head.ID == "" {
		return nil, fmt.Errorf("has no readable type and id")
	}
	label := fhir.NewObject().SetText("system", "urn:unreadable").SetText("code", "unreadable")
	return fhir.NewResource(head.ResourceType).SetText("id", head.ID).
		Set("meta", fhir.NewObject().Set("security", fhir.NewArray(label))), nil
}

func (p *ScenarioPatient) placements() []consent.Statement {
	var list []consent.Statement
	for _, one := range p.Placements {
		list = append(list, consent.Statement{Kind: consent.StatedPlacement, Persons: []string{one.Carer}, Start: one.Start, End: one.End})
	}
	return list
}

func (p *ScenarioPatient) child() consent.Child {
	c := consent.Child{
		Ref: "Patient/" + p.ID, BirthDate: p.BirthDate, Emancipated: p.Emancipated, MinorInformed: p.MinorInformed,
		MinorObjects: p.MinorObjects, LegalStatus: p.LegalStatus, JointRequired: p.JointRequired, Flags: p.Flags,
		AddressAllowed: p.AddressAllowed, ResponsibleAgency: p.ResponsibleAgency,
	}
	for _, o := range p.CourtOrders {
		scope := o.Scope
		if scope == nil {
			scope = []string{consent.DomainAll}
		}
		c.CourtOrders = append(c.CourtOrders, consent.Order{
			ID: o.ID, Effect: o.Effect, Recipients: o.Recipients, Scope: scope, Start: o.Start, End: o.End, Part2: o.Part2,
		})
	}
	return c
}

func (q *ScenarioRequest) asked(ref string) *consent.Asked {
	at := slices.IndexFunc(q.Medications, func(m ScenarioMedication) bool { return m.Ref == ref })
	if at < 0 {
		return nil
	}
	m := q.Medications[at]
	return &consent.Asked{Ordered: m.Ordered, Psychotropic: m.Psychotropic, Type: m.Type}
}

func (q *ScenarioRequest) to() consent.Recipient {
	to := consent.Recipient{
		Ref: q.Recipient.Ref, Organization: q.Recipient.Organization, Ancestors: q.Recipient.Ancestors,
		OrgType: q.Recipient.OrgType, Role: q.Recipient.Role, Clinician: q.Recipient.Clinician,
		MemberOf: q.Recipient.MemberOf, EducationalInterest: q.EducationalInterest, Intermediary: q.Recipient.Intermediary,
	}
	for _, id := range q.Recipient.Identifiers {
		to.Identifiers = append(to.Identifiers, consent.Identifier{System: id.System, Value: id.Value})
	}
	return to
}

// Answer is a decision in the form that scenarios state.
func (d Decision) Answer(id string) ScenarioAnswer {
	a := ScenarioAnswer{ID: id, Decision: d.Effect, Withheld: []string{}, RedactedElements: []string{}, Obligations: []string{}, Reasons: map[string]string{}}
	for _, rd := range d.Resources {
		if rd.Withheld {
			a.Withheld = append(a.Withheld, rd.Ref)
		}
		for _, element := range rd.Redact {
			a.RedactedElements = append(a.RedactedElements, rd.Ref+"#"+element)
		}
		if len(rd.Reasons) > 0 {
			a.Reasons[rd.Ref] = rd.Reasons[0].code()
		}
	}
	for _, o := range d.Obligations {
		a.Obligations = append(a.Obligations, o.ID)
	}
	slices.Sort(a.Withheld)
	slices.Sort(a.RedactedElements)
	return a
}

// code is the reason's code; a permit by consent names the consent, as scenarios do.
func (r Reason) code() string {
	if r.Code == "consent" && len(r.Consent) > len("Consent/") {
		return "consent:" + r.Consent[len("Consent/"):]
	}
	return r.Code
}
