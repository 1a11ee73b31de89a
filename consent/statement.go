package consent

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"caregate/fhir"
)

// The kinds of statements about a child that enter decisions (docs/fhir, one extension each).
const (
	StatedCustody      = "custody"            // who decides for the child
	StatedAgency       = "responsible-agency" // legally responsible, 20 USC 1232g(b)(1)(L)
	StatedEmancipation = "emancipation"
	StatedMinor        = "minor-statement" // the child is informed, or objects
	StatedJoint        = "joint-consent"   // who must all sign
	StatedAddress      = "address-allowed" // who may have a confidential address
	StatedPlacement    = "placement"       // who cares for the child now
	StatedOrder        = "court-order"
	StatedFlag         = "flag" // address-confidential, endangerment
)

// ExtensionStatement begins the url of the extension that carries a statement; its kind ends it.
const ExtensionStatement = "http://systems-of-care.example/fhir/StructureDefinition/"

// Origin says where a fact is from.
type Origin struct {
	By       string `json:"by,omitempty"`       // the partner, or the operator, who stated it
	Evidence string `json:"evidence,omitempty"` // reference of the document that proves it
	SHA256   string `json:"sha256,omitempty"`   // of that document
	Witness  string `json:"witness,omitempty"`
	Received string `json:"received,omitempty"` // when the document came in, where that was said
}

// Statement is one dated fact about a child as somebody stated it.
type Statement struct {
	Kind       string   `json:"kind"`
	ID         string   `json:"id"`                // the same statement again has the same one; ending it names it
	Code       string   `json:"code,omitempty"`    // custody status; informed, objects; effect of an order; flag
	Persons    []string `json:"persons,omitempty"` // holders, signers, carers, recipients, whom a flag is about
	Scope      []string `json:"scope,omitempty"`   // domains; of an order also types and labels
	Start      string   `json:"start,omitempty"`   // local dates, inclusive; "" is open
	End        string   `json:"end,omitempty"`
	Part2      bool     `json:"part2,omitempty"` // an order that meets 42 CFR part 2 subpart E
	Of         string   `json:"of,omitempty"`    // whose statement an operator changes; "" is an own one
	Unreadable bool     `json:"unreadable,omitempty"`
	Origin     Origin   `json:"origin"`

	Path     string    `json:"-"` // of the extension
	Ended    bool      `json:"-"` // the resource that says it is withdrawn
	Problems []Problem `json:"-"` // what could not be read, without values
}

// statementForm is what one kind of statement may and must say.
type statementForm struct {
	kind, on            string // the resource type that it stands on
	code, person, scope string // the names of its parts; "" has none
	codes               []string
	needsPerson         bool
	needsScope          bool
}

var statementForms = []statementForm{
	{kind: StatedCustody, on: "Patient", code: "status", codes: []string{CustodyParents, CustodyJoint, CustodySole, CustodyState, CustodyGuardian}, person: "holder", needsPerson: true},
	{kind: StatedAgency, on: "Patient", person: "agency", needsPerson: true},
	{kind: StatedEmancipation, on: "Patient"},
	{kind: StatedMinor, on: "Patient", code: "says", codes: []string{MinorInformed, MinorObjects}, scope: "domain"},
	{kind: StatedJoint, on: "Patient", person: "signer", needsPerson: true, scope: "domain", needsScope: true},
	{kind: StatedAddress, on: "Patient", person: "recipient", needsPerson: true},
	{kind: StatedPlacement, on: "Patient", person: "carer", needsPerson: true},
	{kind: StatedOrder, on: "DocumentReference", code: "effect", codes: []string{OrderRestricts, OrderAuthorizes}, person: "recipient", scope: "scope"},
	{kind: StatedFlag, on: "Flag", code: "code", codes: []string{FlagAddress, FlagEndangerment}, person: "person"},
}

// The codes of statements.
const (
	CustodyParents   = "parents"        // the holders have full authority, as have others on file
	CustodyJoint     = "joint"          // the same, shared by order
	CustodySole      = "sole"           // the holders and nobody else
	CustodyState     = "state-custody"  // the holder cares for the child; parents keep their authority
	CustodyGuardian  = "state-guardian" // the State, or whom it names, and nobody else
	MinorInformed    = "informed"
	MinorObjects     = "objects"
	OrderRestricts   = "restrict"
	OrderAuthorizes  = "authorize"
	FlagAddress      = "address-confidential"
	FlagEndangerment = "endangerment"
)

// StatementKinds lists the kinds of statements with the resource type that each stands on.
func StatementKinds() map[string]string {
	on := map[string]string{}
	for _, f := range statementForms {
		on[f.kind] = f.on
	}
	return on
}

// StatementsFrom reads the statements that stand on a resource. One with problems is
// marked unreadable: the caller keeps it if it restricts, and refuses it if not.
func StatementsFrom(r *fhir.Node) []Statement {
	var out []Statement
	for i, ext := range r.Get("extension").Items() {
		for _, f := range statementForms {
			if f.on == r.ResourceType() && ext.Get("url").Text() == ExtensionStatement+f.kind {
				s := f.read(ext, fmt.Sprintf("%s.extension[%d]", f.on, i))
				s.Ended = withdrawnStatus(r)
				s.ID = s.identity(r, ext.Get("id").Text())
				out = append(out, s)
			}
		}
	}
	tellApart(out)
	return out
}

// tellApart gives restrictions of one kind that stand on one resource without ids of their own
// different ones: one must not replace the other. What releases has to be named by its sender,
// so that it can be ended.
func tellApart(list []Statement) {
	count := map[[2]string]int{}
	for i := range list {
		count[[2]string{list[i].Kind, list[i].ID}]++
	}
	for i := range list {
		s := &list[i]
		if count[[2]string{s.Kind, s.ID}] < 2 {
			continue
		}
		if s.Restricts() {
			sum := sha256.Sum256(fmt.Appendf(nil, "%q|%q|%q|%q|%q", s.Code, s.Persons, s.Scope, s.Start, s.End))
			s.ID += "." + hex.EncodeToString(sum[:8])
		} else {
			s.problem(s.Path, "stands beside another of its kind: needs an id of its own")
		}
	}
}

// withdrawnStatus: the document or flag itself says that it counts no more.
func withdrawnStatus(r *fhir.Node) bool {
	status := r.Get("status").Text()
	return status == "entered-in-error" || (r.ResourceType() == "Flag" && status == "inactive")
}

func (f statementForm) read(ext *fhir.Node, path string) Statement {
	s := Statement{Kind: f.kind, Path: path}
	for i, part := range ext.Get("extension").Items() {
		if text := f.take(&s, part); text != "" {
			s.problem(fmt.Sprintf("%s.extension[%d]", path, i), text)
		}
	}
	f.check(&s, path)
	return s
}

// take reads one part; it answers why it cannot.
func (f statementForm) take(s *Statement, part *fhir.Node) string {
	name := part.Get("url").Text()
	switch {
	case name == "":
		return "needs a url"
	case name == f.code:
		return oneText(&s.Code, part.Get("valueCode").Text())
	case name == f.person:
		return oneMore(&s.Persons, reference(part.Get("valueReference")))
	case name == f.scope:
		return oneMore(&s.Scope, part.Get("valueCode").Text())
	case name == "part2" && f.kind == StatedOrder:
		s.Part2 = part.Get("valueBoolean").Text() == "true"
		return ""
	case name == "start":
		return oneText(&s.Start, part.Get("valueDate").Text())
	case name == "end":
		return oneText(&s.End, part.Get("valueDate").Text())
	}
	return s.takeOrigin(name, part)
}

func (s *Statement) takeOrigin(name string, part *fhir.Node) string {
	switch name {
	case "evidence":
		return oneText(&s.Origin.Evidence, reference(part.Get("valueReference")))
	case "sha256":
		return oneText(&s.Origin.SHA256, part.Get("valueString").Text())
	case "witness":
		return oneText(&s.Origin.Witness, part.Get("valueString").Text())
	case "received":
		return oneText(&s.Origin.Received, part.Get("valueDateTime").Text())
	case "by":
		return oneText(&s.Origin.By, part.Get("valueString").Text())
	case "of":
		return oneText(&s.Of, part.Get("valueString").Text())
	}
	return "is no part of this statement"
}

func oneText(to *string, value string) string {
	switch {
	case value == "":
		return "has no value that can be read"
	case *to != "":
		return "stands twice"
	}
	*to = value
	return ""
}

func oneMore(to *[]string, value string) string {
	if value == "" {
		return "has no value that can be read"
	}
	*to = append(*to, value)
	return ""
}

func (f statementForm) check(s *Statement, path string) {
	if f.code != "" && !slices.Contains(f.codes, s.Code) {
		s.problem(path, "needs the part "+f.code+" with one of "+strings.Join(f.codes, ", "))
	}
	if len(s.Persons) == 0 && (f.needsPerson || s.Kind == StatedOrder && s.Code == OrderAuthorizes) {
		s.problem(path, "needs the part "+f.person)
	}
	if len(s.Scope) == 0 && (f.needsScope || s.Kind == StatedOrder && s.Code == OrderAuthorizes) {
		s.problem(path, "needs the part "+f.scope)
	}
	if f.scope == "domain" && slices.ContainsFunc(s.Scope, func(d string) bool { return !slices.Contains(domains, d) }) {
		s.problem(path, "the part domain is not a known code")
	}
	if _, err := newPeriod(s.Start, s.End); err != nil {
		s.problem(path, "start or end: "+err.Error())
	}
	if at := s.Origin.Received; at != "" {
		if _, err := time.Parse(time.RFC3339, at); err != nil {
			s.problem(path, "the part received is not an instant with a zone")
		}
	}
}

func (s *Statement) problem(path, text string) {
	s.Problems = append(s.Problems, Problem{path, text})
	s.Unreadable = true
}

// identity names a statement, so that saying it again, or saying when it ends, is about the
// same one: the extension's id, the resource's, or what it says apart from its end and origin.
func (s *Statement) identity(r *fhir.Node, id string) string {
	if r.ResourceType() != "Patient" {
		return strings.TrimSuffix(r.Ref()+"#"+id, "#")
	}
	if id != "" {
		return id
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q|%q|%q|%q|%q", s.Kind, s.Code, s.Persons, s.Scope, s.Start))
	return hex.EncodeToString(sum[:8])
}

// Restricts reports whether a statement can only narrow what is released. Such a one counts
// even where it cannot be read in full; one that may release counts only when it can.
func (s *Statement) Restricts() bool {
	switch s.Kind {
	case StatedOrder:
		return s.Code != OrderAuthorizes
	case StatedMinor:
		return s.Code != MinorInformed
	case StatedJoint, StatedFlag:
		return true
	}
	return false
}

// Narrows reports whether filing the statement can only narrow: a restriction that goes on, or a release that ends.
func (s *Statement) Narrows() bool {
	return s.Restricts() == (s.End == "" && !s.Ended) && s.Kind != StatedCustody && s.Kind != StatedEmancipation
}
