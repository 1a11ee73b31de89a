package consent

import (
	"slices"
	"testing"

	"caregate/policy"
	"caregate/prove/consent/reference"
)

// TestReferenceKnowsTheScenarios: the evaluator that shares no code with the engine answers
// the scenarios too; a reference that is wrong proves nothing.
func TestReferenceKnowsTheScenarios(t *testing.T) {
	t.Parallel()
	all, exact := rows(t), 0
	for _, r := range all {
		if got := reference.Decide(r.doc); agrees(r.want, got) {
			exact++
		} else {
			t.Errorf("%s: reference says %v, expected %s %v %v", r.id, got, r.want.Decision, r.want.Withheld, r.want.RedactedElements)
		}
	}
	figure(t, 2, "scenarios of the reference evaluator", len(all), "exact", exact)
}

func agrees(want policy.ScenarioAnswer, got reference.Answer) bool {
	slices.Sort(want.Withheld)
	slices.Sort(want.RedactedElements)
	return want.Decision == got.Decision && slices.Equal(want.Withheld, got.Withheld) && slices.Equal(want.RedactedElements, got.RedactedElements)
}
