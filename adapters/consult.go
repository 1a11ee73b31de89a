package adapters

import "caregate/fhir"

// Consultation is one question of a partner: may it have records of a child, for a purpose.
// Partner is proved by the transport. Nothing in it is a fact: consents, roles and switches
// that a caller sends along are not even here.
type Consultation struct {
	Partner  string
	Patient  []Identifier // all that are known have to be of one child; a literal reference has no System
	Purposes []string     // v3-ActReason codes; empty asks for the registered one
	Actors   []Identifier // empty asks for the partner itself
	Classes  []string     // resource types at most; empty: all
	Content  *fhir.Node   // Bundle to be redacted; nil asks for the decision alone
}

// Identifier is a business identifier.
type Identifier struct{ System, Value string }
