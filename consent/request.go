// Package consent turns filed FHIR Consents, guardian authority and one request into
// facts per resource: which provision of which consent permits or denies it, who signed
// it and with what authority, and what is missing. It is pure: no clock, no I/O, no law.
// The law over these facts is package policy.
package consent

import (
	"time"

	"caregate/fhir"
)

// Request is everything one decision depends on. Purpose, role, organisation type, legal
// basis and emergency come from the partner's registration and the route, never from a message.
type Request struct {
	Jurisdiction    string         // "US", "US-IL" or "US-NJ"
	Zone            *time.Location // the child's time zone; nil is UTC
	AsOf            time.Time      // the instant of the decision
	Child           Child
	Authorities     []Authority
	Consents        []Filed
	Action          string // v2 consentaction code; "disclose" for a delivery
	Purpose         string // v3-ActReason code
	Recipient       Recipient
	Emergency       bool
	Justification   string // free text of the person who breaks the glass; only its presence counts
	LegalBasis      string // "", "mandated-report", "dispatch"
	Resources       []Resource
	Implicit        string      // ImplicitDeny or ImplicitBasicNormal
	LapseAtMajority bool        // a guardian's consent ends when the child comes of age
	AskWitness      bool        // a form has to be witnessed where the law says so (740 ILCS 110/5(a))
	Statements      []Statement // taken with Take
}

// The implicit policies that apply when no usable consent is on file (IHE PCF 1.1).
const (
	ImplicitDeny        = "deny"
	ImplicitBasicNormal = "basic-normal"
)

// Child is the person whose records are asked for.
type Child struct {
	Ref               string   // "Patient/kid"
	Refs              []string // further references that are this same child
	BirthDate         string   // FHIR date
	Emancipated       bool
	MinorInformed     bool
	MinorObjects      bool
	LegalStatus       string
	JointRequired     map[string][]string // domain or "all" -> references that must all have signed
	CourtOrders       []Order
	Flags             []string // "address-confidential"
	AddressAllowed    []string // recipients or organisations that may have the address
	ResponsibleAgency string   // agency legally responsible for the child, 20 USC 1232g(b)(1)(L)
	Carers            []string // who cares for the child now, by placement

	endangering []string // whom a flag names
	endangered  bool     // by somebody whom the flag does not name
}

// Order is a court order that restricts or authorises a disclosure.
type Order struct {
	ID         string
	Effect     string   // "restrict" or "authorize"; anything else restricts
	Recipients []string // references of recipients or organisations
	Scope      []string // "all", a domain or a resource type; an authorisation without scope authorises nothing
	Start, End string   // local dates, inclusive; "" is open
	Part2      bool     // meets 42 CFR part 2 subpart E
}

// Authority is one guardian's authority over a child's records in some domains and days.
type Authority struct {
	Holder       string   // "RelatedPerson/x" or "Organization/y"
	Relationship string   // "parent", "state-guardian", "foster-parent", ...
	Domains      []string // all, health, mental-health, sud, hiv, education, child-welfare, ordinary-care
	Basis        string   // "court order", "parental rights intact", ...
	Start, End   string   // local dates, inclusive; "" is open
	Endangerment bool     // 45 CFR 164.502(g)(5): need not be treated as representative
	Evidence     string   // reference of the document that proves it
	Source       string   // where the gateway has it from
	Origin       Origin
}

// Filed is one Consent as the ledger keeps it.
type Filed struct {
	Node    *fhir.Node
	Version string

	compiled *directive
}

// File compiles a Consent once, for decisions that will use it many times.
func File(n *fhir.Node, version string) Filed {
	f := Filed{Node: n, Version: version}
	f.compiled = compile(f)
	return f
}

func (f Filed) directive() *directive {
	if f.compiled != nil {
		return f.compiled
	}
	return compile(f)
}

// Identifier is a business identifier of a recipient.
type Identifier struct{ System, Value string }

// Recipient is who asks, as registered.
type Recipient struct {
	Ref, Organization   string
	Ancestors           []string // partOf chain of the organisation
	OrgType, Role       string
	Clinician           bool
	MemberOf            []string // groups and care teams
	Identifiers         []Identifier
	Intermediary        bool // passes records on to others: a health information exchange, 42 CFR 2.11
	EducationalInterest bool // legitimate educational interest, 34 CFR 99.31(a)(1)
}

// Resource is one resource of the delivery with its labels already in meta.security
// (or DocumentReference.securityLabel).
type Resource struct {
	Ref   string // "Type/id"
	Node  *fhir.Node
	Asked *Asked // what the message asks to be done with a medication; nil for every record
}
