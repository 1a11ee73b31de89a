package consent

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"caregate/policy"
	"caregate/prove/consent/reference"
)

// TestReferenceKnowsTheScenarios: the evaluator that shares no code with the engine answers
// the scenarios too; a reference that is wrong proves nothing.
func TestReferenceKnowsTheScenarios(t *testing.T) {
	t.Parallel()
	all, exact, outside := rows(t), 0, 0
	for _, r := range all {
		if beyond(r.doc) {
			outside++
			continue
		}
		if got := reference.Decide(r.doc); agrees(r.want, got) {
			exact++
		} else {
			t.Errorf("%s: reference says %v, expected %s %v %v", r.id, got, r.want.Decision, r.want.Withheld, r.want.RedactedElements)
		}
	}
	figure(t, 2, "scenarios of the reference evaluator", len(all), "exact", exact, "outsideTheReference", outside)
	if exact+outside != len(all) {
		t.Errorf("%d of %d", exact+outside, len(all))
	}
}

// beyond reports whether a row is about what the reference does not model: an order of
// medication, an intermediary, and the two labels of Illinois that the scenario table does not
// have. The engine answers these rows in TestScenarios like all others.
func beyond(doc reference.Object) bool {
	text, err := json.Marshal(doc)
	return err != nil || slices.ContainsFunc([]string{`"medications"`, `"intermediary"`, `"MH-SUMMARY"`, `"MINOR-COUNSELING"`}, func(mark string) bool {
		return strings.Contains(string(text), mark)
	})
}

func agrees(want policy.ScenarioAnswer, got reference.Answer) bool {
	slices.Sort(want.Withheld)
	slices.Sort(want.RedactedElements)
	return want.Decision == got.Decision && slices.Equal(want.Withheld, got.Withheld) && slices.Equal(want.RedactedElements, got.RedactedElements)
}
