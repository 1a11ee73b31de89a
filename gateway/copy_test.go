package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"caregate/adapters"
	"caregate/ledger"
)

// TestCopyOfConsentGoesAlong: since 16 February 2026 the consent itself goes with a record
// under 42 CFR part 2, and with no other.
func TestCopyOfConsentGoesAlong(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		code   string
		copied bool
	}{
		"substance use":    {"F11.20", true},
		"no substance use": {"F90.2", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			h.introduce()
			form := strings.Replace(flow(t, "06-consent-lifecycle/01-fhir-consent-active.json"), `"securityLabel": [`, `"securityLabel": [{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"SUD"},`, 1)
			h.post("guardian", "PUT "+consult, form, adapters.CodeAccepted)
			referral := strings.Replace(flow(t, "01-medication-consult/01-fhir-consult-request-transaction.json"), `"code": "F90.2"`, fmt.Sprintf(`"code": %q`, c.code), 1)
			d := h.ends(h.post("cmo", "POST /", referral, adapters.CodeAccepted).MessageID, ledger.DeliveryCompleted)
			body := string(h.clinic.received()[0].Body)
			if got := strings.Contains(body, `"resourceType":"Consent"`); got != c.copied {
				t.Errorf("the consent goes along: %t, want %t\n%s", got, c.copied, decisions(d))
			}
			if got := strings.Contains(strings.Join(h.clinic.received()[0].Notices, "\n"), "SHA-256"); got != c.copied {
				t.Errorf("the hash is told: %t, want %t", got, c.copied)
			}
		})
	}
}
