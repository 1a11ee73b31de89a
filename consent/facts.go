package consent

import "time"

// Facts is what Go computes for a decision; the law is applied to it.
type Facts struct {
	LocalDate  string // the day of the decision where the child lives
	Age        int    // whole years, -1 when the birth date is unknown
	Adult      bool
	Unreadable []Unreadable // active consents of this child that cannot be processed
	Usable     int          // consents that were used
	Signatures []Signature
	Of         map[string]int // resource reference -> index in Signatures
	ValidUntil time.Time      // the next instant at which these facts may change; zero is never
}

// Unreadable says why an active Consent could not be processed.
type Unreadable struct{ Consent, Reason string }

// Signature is the facts shared by all resources that no rule can tell apart.
type Signature struct{ Refs []string }
