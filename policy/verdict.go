package policy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"caregate/consent"
)

// The effects that the law may give to a group of records.
const (
	effectPermit   = "permit"
	effectWithhold = "withhold"
	effectContext  = "context"
	effectAttached = "attached"
)

// answer is what the law says, group by group.
type answer struct {
	Signatures map[string]groupAnswer `json:"signatures"`
	Redaction  map[string][]string    `json:"redaction"`
}

type groupAnswer struct {
	Effect  string   `json:"effect"`
	Stage   string   `json:"stage"`
	Reasons []Reason `json:"reasons"`
	Duties  []duty   `json:"duties"`
}

type duty struct {
	ID     string   `json:"id"`
	Target []string `json:"target"`
}

// readAnswer turns the law's document into an answer, the nearest reasons first. An answer is
// shared by all decisions that ask the same and never written to again.
func readAnswer(v any) (answer, error) {
	var a answer
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	if err != nil {
		return a, fmt.Errorf("the law gave an answer of another shape")
	}
	for _, g := range a.Signatures {
		slices.SortFunc(g.Reasons, nearestFirst(g.Reasons))
	}
	return a, nil
}

// verdict is the joint answer of Go and the law for one group.
type verdict struct {
	effect  string
	stage   string
	reasons []Reason
	duties  []duty

	labels    []string
	sensitive bool // its labels alone forbid to tell of it
}

// verdict checks the law's answer against what Go itself knows; anything that does not fit withholds.
func (e *Engine) verdict(s *consent.Signature, g groupAnswer) *verdict {
	v := &verdict{effect: g.Effect, stage: g.Stage, reasons: g.Reasons, duties: g.Duties}
	if fault := e.fault(s, g); fault != "" {
		return &verdict{effect: effectWithhold, reasons: []Reason{policyError(fault)}}
	}
	return v
}

// fault answers why the law's answer cannot be followed.
func (e *Engine) fault(s *consent.Signature, g groupAnswer) string {
	if len(g.Reasons) == 0 {
		return "the law says nothing about the record"
	}
	for _, r := range g.Reasons {
		if _, known := e.law.reasons[r.Code]; !known {
			return "the law gave a reason that is not known"
		}
	}
	for _, d := range g.Duties {
		if _, known := e.law.obligations[d.ID]; !known {
			return "the law imposed an obligation that is not known"
		}
	}
	switch g.Effect {
	case effectWithhold:
		return ""
	case effectPermit:
		return forbidden(s, g.Stage)
	case effectContext, effectAttached:
		if s.Patient != "none" || s.UnknownLabel || len(s.Labels) > 0 || len(s.Denies) > 0 {
			return "the law released as context what is not"
		}
		return ""
	}
	return "the law gave an effect that is not known"
}

// forbidden is Go's own veto over a permit of the law.
func forbidden(s *consent.Signature, stage string) string {
	switch {
	case s.Patient != "child":
		return "the law released a record that is not the child's"
	case s.UnknownLabel:
		return "the law released a record with an unknown label"
	case stage == "consent" && !consented(s):
		return "the law released by consent what no consent permits"
	case stage == "implicit" && len(s.Grants)+len(s.Denies)+len(s.Labels) > 0:
		return "the law released by the implicit policy what it does not cover"
	}
	return ""
}

func consented(s *consent.Signature) bool {
	return len(s.Denies) == 0 && slices.ContainsFunc(s.Grants, func(g consent.Grant) bool { return g.Sound })
}

// nearestFirst orders reasons so that the consent with the fewest defects comes first; ties go by text, so that the order is stable.
func nearestFirst(all []Reason) func(a, b Reason) int {
	defects := map[string]int{}
	for _, r := range all {
		defects[r.Consent+"#"+r.Path]++
	}
	return func(a, b Reason) int {
		return cmp.Or(
			cmp.Compare(defects[a.Consent+"#"+a.Path], defects[b.Consent+"#"+b.Path]),
			strings.Compare(a.Consent, b.Consent), strings.Compare(a.Path, b.Path),
			strings.Compare(a.Code, b.Code), strings.Compare(a.Rule, b.Rule), strings.Compare(a.Needs, b.Needs),
		)
	}
}
