// Package translate turns HL7 v2 messages into FHIR R4 Bundles and back. The maps are
// data (tables/*.tsv, one per segment, datatype, code system and message structure)
// that one small engine reads in both directions. Its law: never a confident wrong
// value; what is not understood is absent, kept beside, and named in an Issue.
package translate

import (
	"time"

	"caregate/fhir"
)

// Result is what ToFHIR made of one message, with every valued leaf accounted for.
type Result struct {
	Bundle *fhir.Node // transaction Bundle, the first entry is the MessageHeader
	Issues []Issue    // what was unknown or ambiguous, located, free of values
	Leaves []Leaf     // one for each valued leaf of the message, in message order

	Unmapped []Unmapped // codes that a person has to say the meaning of, by the profile's holdCodes
}

// Class says where a leaf of a message went.
type Class string

// The classes of full accounting. A leaf that stands at its FHIR target and comes
// back from there is mapped, even where the original text is carried beside it.
const (
	Mapped  Class = "mapped"  // it stands at a declared FHIR target
	Carried Class = "carried" // it travels in an extension, one field per carrier
	Unread  Class = "issue"   // it is in the issue list only
)

// Leaf is one valued leaf of a message and where it went.
type Leaf struct {
	Path   string `json:"path"`             // "PID-3[2].4.2"; a second NK1 is "NK1(2)-2.1"
	Class  Class  `json:"class"`            // mapped, carried or issue
	Target string `json:"target,omitempty"` // FHIR element, "Patient.identifier"; "" for an issue
}

// Issue is one located problem. It never carries a value of the message.
type Issue struct {
	Location string `json:"location"` // "PID-3[2].4", or "Bundle.entry[3].resource.status" on the way to v2
	Code     string `json:"code"`     // one of the Issue* constants
	Text     string `json:"text"`     // what was not understood and what became of it, in plain words
}

// The codes of an Issue.
const (
	IssueUnmapped   = "unmapped"         // no table says what this segment or resource means
	IssueNoCode     = "unknown-code"     // a code that no table of the partner has
	IssueNoSystem   = "unknown-system"   // a namespace or code system that is not registered
	IssueBadDate    = "invalid-date"     // not a date or time of HL7 v2
	IssueNoZone     = "zone-missing"     // a local time without an offset and no zone in the profile
	IssueZone       = "zone-ambiguous"   // a local time that the zone skips or has twice
	IssuePrecision  = "precision"        // the target needs more precision than was sent
	IssueBadValue   = "invalid-value"    // not of its datatype
	IssueDelete     = "delete-indicator" // the sender asks to delete what is stored ("" in v2)
	IssueNoKey      = "key-missing"      // no business key: the resource was not made
	IssueNoAssigner = "assigner-missing" // a number without the authority that gave it
	IssueReview     = "review"           // what was sent needs a person to read it
	IssueWithheld   = "withheld"         // the profile does not let this in or out
	IssueTooLong    = "too-long"         // longer than the partner takes: cut, or not sent
	IssueNotCarried = "not-rendered"     // a FHIR element that has no place in the v2 message
)

// Meta is what the message to be rendered says about itself. The same Meta and
// Bundle give the same bytes.
type Meta struct {
	Event           string    // "REF^I12", "RRI^I12"
	ControlID       string    // MSH-10, at most 20 characters
	Created         time.Time // MSH-7
	ReplyTo         string    // MSA-2: the control id that this message answers; "" writes no MSA
	OriginPartner   string    // ZCG-1: id of the partner who sent the original
	OriginControlID string    // ZCG-2: the original's MSH-10 or Bundle.identifier
}
