// Package policy decides each delivery: law written as dated, cited data and Rego over the
// facts of package consent. Go and Rego must both allow; anything undefined, failing, late
// or unknown withholds.
package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"caregate/consent"
)

// The effects of a decision.
const (
	Permit              = "permit"
	PermitWithRedaction = "permit-with-redaction"
	Deny                = "deny"
)

// Decision is the answer for one delivery, resource by resource.
type Decision struct {
	ID          string             `json:"id"` // of this decision: the same facts under the same law give the same one
	Effect      string             `json:"effect"`
	Resources   []ResourceDecision `json:"resources"`
	Obligations []Obligation       `json:"obligations,omitempty"`
	Law         map[string]string  `json:"law"`                 // bundle -> revision
	Consents    []string           `json:"consents,omitempty"`  // "Consent/c1@version" in force for this child
	ValidUntil  time.Time          `json:"validUntil,omitzero"` // from this instant on decide again; zero is never
}

// ResourceDecision says whether one resource goes, without which elements, and why.
type ResourceDecision struct {
	Ref       string   `json:"ref"`
	Withheld  bool     `json:"withheld"`
	Protected string   `json:"protected,omitempty"` // why of its being cut only the privacy officer is told: "reason", "label"; "" for none
	Redact    []string `json:"redact,omitempty"`    // element paths
	Reasons   []Reason `json:"reasons"`
}

// Reason is one rule that spoke, with its source and what would have changed it.
type Reason struct {
	Rule    string `json:"rule"`
	Code    string `json:"code"`
	Cite    string `json:"cite,omitempty"`
	Text    string `json:"text,omitempty"`
	Consent string `json:"consent,omitempty"`
	Path    string `json:"path,omitempty"`  // of the provision
	Needs   string `json:"needs,omitempty"` // nearest missing item in plain words
	Words   string `json:"words,omitempty"` // all of it, for the reader of an explanation; never in a decision
}

// Obligation is a duty that goes with a disclosure.
type Obligation struct {
	ID      string   `json:"id"`
	Phase   string   `json:"phase"` // "before" or "after" the delivery
	Target  []string `json:"target,omitempty"`
	TextRef string   `json:"textRef,omitempty"`
	Text    string   `json:"text,omitempty"` // the notice that has to travel with the release
}

// Faulty reports whether nothing goes because the law could not be followed, so that nobody
// decided against it: it can be decided again once the fault is repaired.
func (d Decision) Faulty() bool {
	return d.Effect == Deny && slices.ContainsFunc(d.Resources, func(rd ResourceDecision) bool {
		return slices.ContainsFunc(rd.Reasons, func(r Reason) bool { return r.Code == codePolicyError })
	})
}

// finish derives the effect and the ID from what was decided.
func (d *Decision) finish(r *consent.Request) {
	released, cut := 0, false
	for _, rd := range d.Resources {
		if rd.Withheld {
			cut = true
			continue
		}
		released++
		cut = cut || len(rd.Redact) > 0
	}
	switch {
	case released == 0:
		d.Effect = Deny
	case cut:
		d.Effect = PermitWithRedaction
	default:
		d.Effect = Permit
	}
	sum := sha256.Sum256([]byte(d.Digest() + "|" + r.AsOf.UTC().Format(time.RFC3339Nano) + "|" + r.Child.Ref + "|" + r.Recipient.Ref + "|" + r.Recipient.Organization + "|" + r.Purpose))
	d.ID = "d-" + hex.EncodeToString(sum[:12])
}

// Digest is a SHA-256 over everything that a change of decision would change: what goes,
// without which elements, under which duties, by which law and which provisions. Neither the
// ID, the wording of reasons, ValidUntil nor a consent on file that decided nothing is part,
// so that a repeat of an unchanged decision has the same one.
func (d Decision) Digest() string {
	order := make([]int, len(d.Resources))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(d.Resources[a].Ref, d.Resources[b].Ref) })
	text := make([]byte, 0, 256*len(order))
	codes := map[sharedReasons][]byte{} // records of one group share their reasons
	for _, i := range order {
		rd := &d.Resources[i]
		text = strconv.AppendQuote(text, rd.Ref)
		text = strconv.AppendBool(append(text, ' '), rd.Withheld)
		text = appendQuoted(text, slices.Sorted(slices.Values(rd.Redact)))
		text = append(append(text, codesOf(rd.Reasons, codes)...), '\n')
	}
	h := sha256.New()
	_, _ = h.Write(text) // a hash does not fail
	enc := json.NewEncoder(h)
	_ = enc.Encode(d.Obligations)
	_ = enc.Encode(d.Law)
	return hex.EncodeToString(h.Sum(nil))
}

// sharedReasons tells lists apart by where they stand in memory.
type sharedReasons struct {
	first *Reason
	n     int
}

// codesOf writes what reasons point at, in an order of its own, once for each group of records.
func codesOf(reasons []Reason, known map[sharedReasons][]byte) []byte {
	if len(reasons) == 0 {
		return nil
	}
	key := sharedReasons{&reasons[0], len(reasons)}
	if text, ok := known[key]; ok {
		return text
	}
	lines := make([]string, len(reasons))
	for i, r := range reasons {
		lines[i] = r.Rule + "|" + r.Code + "|" + r.Consent + "|" + r.Path
	}
	slices.Sort(lines)
	text := appendQuoted(nil, lines)
	known[key] = text
	return text
}

func appendQuoted(text []byte, list []string) []byte {
	text = append(text, '[')
	for _, s := range list {
		text = strconv.AppendQuote(text, s)
	}
	return append(text, ']')
}
