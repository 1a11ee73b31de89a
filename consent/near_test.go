package consent_test

import (
	"strings"
	"testing"
	"time"

	"caregate/consent"
	"caregate/fhir"
	"caregate/testdata/flows"
)

// A withdrawn form that would have permitted it says more than what another form lacks.
func TestNearestNamesTheWithdrawnConsent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ status, want string }{
		"in force":  {"active", ""},
		"withdrawn": {"inactive", "needs Consent/consent-consult to be active; its status is inactive"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := consent.Request{
				Jurisdiction: "US-IL", Zone: time.UTC, AsOf: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), Action: "disclose", Purpose: "TREAT",
				Child:     consent.Child{Ref: "Patient/child-il-1", BirthDate: "2016-03-09"},
				Recipient: consent.Recipient{Ref: "Organization/psych-clinic", Organization: "Organization/psych-clinic"},
				Consents: []consent.Filed{
					filed(t, "06-consent-lifecycle/04-fhir-consent-ferpa.json", "active"),
					filed(t, "06-consent-lifecycle/01-fhir-consent-active.json", c.status),
				},
			}
			resource, err := fhir.Parse([]byte(`{"resourceType":"Condition","id":"c","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]},"subject":{"reference":"Patient/child-il-1"}}`))
			if err != nil {
				t.Fatal(err)
			}
			res := consent.Resource{Ref: "Condition/c", Node: resource}
			r.Resources = []consent.Resource{res}
			if got := r.Evaluate().Nearest(res).Needs; got != c.want {
				t.Errorf("needs %q, want %q", got, c.want)
			}
		})
	}
}

func filed(t *testing.T, name, status string) consent.Filed {
	t.Helper()
	text, err := flows.Files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	node, err := fhir.Parse([]byte(strings.Replace(string(text), `"status": "active"`, `"status": "`+status+`"`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	return consent.Filed{Node: node, Version: "1"}
}
