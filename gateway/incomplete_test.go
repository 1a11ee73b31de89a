package gateway_test

import (
	"strings"
	"testing"

	"caregate/adapters"
	"caregate/fhir"
	"caregate/ledger"
)

const mayBeIncomplete = "This may not be the whole record"

// TestNoneIsNotSaidBesideOneWithheld: "no known allergy" goes beside an allergy that goes, and
// stays beside one that is withheld. Every delivery for treatment says that it may be incomplete.
func TestNoneIsNotSaidBesideOneWithheld(t *testing.T) {
	t.Parallel()
	for name, withheld := range map[string]bool{"one withheld": true, "one released": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			h.introduce()
			h.sign()
			h.ends(h.post("cmo", "POST /", withAllergy(t, withheld), adapters.CodeAccepted).MessageID, ledger.DeliveryCompleted)
			body := string(h.clinic.received()[0].Body)
			if said := strings.Contains(body, "716186003"); said == withheld {
				t.Errorf("says that there is no allergy: %v, beside one withheld: %v", said, withheld)
			}
			if strings.Contains(body, `"extra"`) == withheld {
				t.Errorf("the allergy itself went: %v", !withheld)
			}
			if !strings.Contains(body, mayBeIncomplete) {
				t.Error("the delivery does not say that it may be incomplete")
			}
		})
	}
}

func withAllergy(t *testing.T, protected bool) string {
	t.Helper()
	body := withRecord(t, flow(t, "01-medication-consult/01-fhir-consult-request-transaction.json"), protected)
	bundle, err := fhir.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range bundle.Get("entry").Items() {
		r := entry.Get("resource")
		if r.ID() != "extra" {
			continue
		}
		r.SetText("resourceType", "AllergyIntolerance").Remove("status")
		r.Remove("vaccineCode")
		r.Remove("occurrenceDateTime")
		r.Set("code", fhir.NewObject().Add("coding", fhir.NewObject().SetText("system", "http://snomed.info/sct").SetText("code", "91936005")))
		entry.Get("request").SetText("url", "AllergyIntolerance/extra")
	}
	return string(bundle.JSON())
}
