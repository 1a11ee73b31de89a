package policy_test

import (
	"testing"

	"caregate/policy"
)

// A repeat keeps its key while the decision stands: another form on file that decided
// nothing is no other decision, another form that permits it is.
func TestDigestIsOfWhatDecided(t *testing.T) {
	t.Parallel()
	decision := func(permits string, onFile ...string) policy.Decision {
		return policy.Decision{
			Law: map[string]string{"us": "1"}, Consents: onFile,
			Resources: []policy.ResourceDecision{{Ref: "Condition/c", Reasons: []policy.Reason{{Rule: "CON-01", Code: "consent", Consent: permits}}}},
		}
	}
	first := decision("Consent/a", "Consent/a@1").Digest()
	if decision("Consent/a", "Consent/a@1", "Consent/b@1").Digest() != first {
		t.Error("a consent that decided nothing makes another decision")
	}
	if decision("Consent/b", "Consent/a@1").Digest() == first {
		t.Error("another consent permits it, and the decision is called the same")
	}
}
