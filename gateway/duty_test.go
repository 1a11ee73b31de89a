package gateway

import (
	"strings"
	"testing"
	"time"

	"caregate/policy"
)

// TestDuties: duties after a release become work, those before it that nobody knows stop it,
// and the word to a guardian carries no content.
func TestDuties(t *testing.T) {
	t.Parallel()
	g := &Gateway{Options: Options{Zone: time.UTC}, partners: map[string]Partner{"clinic": {Owner: "desk"}}}
	v := &verdict{AsOf: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Decision: policy.Decision{
		Resources: []policy.ResourceDecision{{Ref: "Condition/secret"}},
		Obligations: []policy.Obligation{
			{ID: "AUDIT", Phase: "after"},
			{ID: "BREAK-GLASS-AUDIT", Phase: "after", Target: []string{"Condition/secret"}},
			{ID: "NOTIFY-GUARDIAN", Phase: "after", Target: []string{"RelatedPerson/mother"}},
			{ID: "NOTIFY-PRIVACY-OFFICER", Phase: "after"},
			{ID: "REQUEST-COSIGN", Phase: "after", Target: []string{"RelatedPerson/father"}},
		},
	}}
	released, declined := g.duties(v, "clinic.fhir", true), g.duties(v, "clinic.fhir", false)
	if len(released) != 4 || len(declined) != 2 {
		t.Fatalf("%d duties after a release, %d after none: %+v", len(released), len(declined), released)
	}
	for _, w := range released {
		if w.Owner != "desk" || strings.Contains(w.Remedy, "secret") {
			t.Errorf("%+v", w)
		}
		if want := map[string]string{"notify-guardian": "RelatedPerson/mother", "break-glass-review": "2026-11-08", "request-cosign": "RelatedPerson/father"}[w.Kind]; !strings.Contains(w.Remedy, want) {
			t.Errorf("%s does not name %s", w.Remedy, want)
		}
	}
	if _, err := notices(&asked{}, v.Decision.Obligations); err != nil {
		t.Error(err)
	}
	for _, o := range []policy.Obligation{{ID: "ENCRYPT", Phase: "before"}, {ID: "ENCRYPT", Phase: "after"}, {ID: "NOTIFY-GUARDIAN", Phase: "before"}} {
		if _, err := notices(&asked{}, []policy.Obligation{o}); err == nil {
			t.Errorf("%s %s does not stop the release", o.ID, o.Phase)
		}
	}
}
