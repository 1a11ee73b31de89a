package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// runCases decides the golden cases and compares. A change of law that changes a case states
// the new answer in a case of the same file name beside it; otherwise it does not come into force.
func (t *Tested) runCases(ctx context.Context, e *Engine, f Files) error {
	for _, base := range f.in(CasesFolder) {
		if !strings.HasSuffix(base, ".yaml") {
			continue
		}
		name := path.Join(CasesFolder, base)
		s, err := readCase(f[name])
		if err != nil {
			t.Failures = append(t.Failures, Problem{File: name, Text: "not a case: " + err.Error()})
			continue
		}
		if _, loaded := e.jurisdictions[s.Jurisdiction]; s.Contestable || !loaded {
			t.Skipped++
			continue
		}
		t.Cases++
		if difference := e.grade(ctx, s); difference != "" {
			t.Failures = append(t.Failures, Problem{
				File: name,
				Text: difference + ": correct the law, or state the new answer in a case of this name",
			})
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

func readCase(text []byte) (*Scenario, error) {
	doc, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, fmt.Errorf("not valid YAML: %s", firstLine(err))
	}
	var s Scenario
	if err := json.Unmarshal(doc, &s); err != nil {
		return nil, fmt.Errorf("a key has another form than a case has")
	}
	if s.ID == "" || s.Expected.Decision == "" {
		return nil, fmt.Errorf("it needs an id and what is expected")
	}
	return &s, nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// grade is "" where the decision is the one that the case states, and otherwise the first difference in words.
func (e *Engine) grade(ctx context.Context, s *Scenario) string {
	r, err := s.Facts()
	if err != nil {
		return err.Error()
	}
	got, want := e.Decide(ctx, r).Answer(""), s.Expected
	if got.Decision != want.Decision {
		return fmt.Sprintf("the decision is %s, the case says %s", got.Decision, want.Decision)
	}
	for _, ref := range want.Withheld {
		if !slices.Contains(got.Withheld, ref) {
			return ref + " is released, the case withholds it"
		}
	}
	for _, ref := range got.Withheld {
		if !slices.Contains(want.Withheld, ref) {
			return fmt.Sprintf("%s is withheld (%s), the case releases it", ref, got.Reasons[ref])
		}
	}
	elements := slices.Sorted(slices.Values(want.RedactedElements))
	if !slices.Equal(got.RedactedElements, elements) {
		return fmt.Sprintf("the elements %v are removed, the case says %v", got.RedactedElements, elements)
	}
	return duties(got, want)
}

// duties compares obligations, of which there may be more, and the reasons that the case states.
func duties(got, want ScenarioAnswer) string {
	for _, id := range want.Obligations {
		if !slices.Contains(got.Obligations, id) {
			return "the obligation " + id + " is missing"
		}
	}
	for ref, code := range want.Reasons {
		if got.Reasons[ref] != code {
			return fmt.Sprintf("the reason for %s is %s, the case says %s", ref, got.Reasons[ref], code)
		}
	}
	return ""
}
