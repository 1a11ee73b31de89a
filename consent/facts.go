package consent

import "time"

// Facts is what Go computes for a decision; the law is applied to it.
type Facts struct {
	LocalDate  string   // the day of the decision where the child lives
	Age        int      // whole years, -1 when the day of birth is unknown
	Adult      bool     // of age or emancipated
	Care       []string // as what others than parents answer for the child today
	Unreadable []Unused
	Unused     []Unused // consents of this child that are not in force
	Usable     []string // "Consent/c1@version" of those that are
	Signatures []Signature
	ValidUntil time.Time // the first instant at which these facts may change; zero is never

	evaluation *evaluation
}

// Unused says why a Consent was not used.
type Unused struct{ Consent, Code, Needs string }

// Signature is the facts that some resources share, so that no rule can tell them apart.
type Signature struct {
	Items           []int  // the resources, by their place in the request
	Kind            string // resource type, only where the record states no patient
	Patient         string // "child", "other", "none" or "unknown"
	Confidentiality string
	Labels          []string // sensitivity and legal labels
	UnknownLabel    bool
	Domains         []string
	OwnCustodian    bool   // the recipient's organisation keeps the record
	Carer           string // kind of record, only where the recipient cares for the child now
	Guardian        Guardian
	Notify          []string // guardians who may be told of an emergency release
	JointRequired   []string
	Orders          []AppliedOrder
	Medication      *Medication // of a resource that asks for a medication; nil for every record
	Grants          []Grant
	Denies          []Denial
}

// Guardian is the recipient seen as a guardian of the child.
type Guardian struct {
	Known        bool // recipient or its organisation is on file as guardian
	Authority    bool // in every domain of the record, now
	Endangerment bool
}

// AppliedOrder is a court order in force that speaks of this recipient and record.
type AppliedOrder struct {
	ID, Effect string // "restrict" or "authorize"
	Part2      bool
	Notes      bool // names psychotherapy notes
}

// Grant is a provision of a usable consent that permits the record to go.
type Grant struct {
	Consent, Path  string
	Evidence       bool // source[x] or verification
	Named          []string
	NotesAlone     bool // names psychotherapy notes and nothing else, in its own consent
	HasActor       bool
	HasPurpose     bool
	NamesRecipient bool // the recipient itself, not a group or an organisation above it
	NamesOthers    bool // a further recipient
	NamesRecords   bool // label, class, code or data
	HasExpiry      bool
	SameDay        bool // given on the day of the decision
	Witnessed      bool // the form names a witness
	Signers        []Signer
	Joint          []string // all with authority who signed this provision, here or word for word elsewhere
	Sound          bool     // evidence, and a signer whose authority may suffice: without it no law can permit
}

// Signer is one performer of a consent.
type Signer struct {
	Ref                string
	Child              bool // the child signed
	AuthorityAtSigning bool
	AuthorityNow       bool
	AgeAtSigning       int // of the child, in years
}

// Denial is a provision that forbids the record to go.
type Denial struct{ Consent, Path string }

// Near is the provision that came closest to permitting a record and what it lacks.
type Near struct{ Consent, Path, Needs string }
