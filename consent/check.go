package consent

import "caregate/fhir"

// Problem is one located, value-free reason why a Consent cannot be filed.
type Problem struct {
	Path string // "Consent.provision.provision[0].type"
	Text string
}

// Check answers why an active Consent is malformed, nothing when it can be processed.
// A gateway refuses such a Consent when it is filed (HTTP 422), so that none lies in wait.
func Check(n *fhir.Node) []Problem { return nil }
