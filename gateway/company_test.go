package gateway

import (
	"testing"

	"caregate/fhir"
	"caregate/policy"
)

// Where only "none known" would go, and it stays, nothing goes: no empty delivery that says so.
func TestNothingGoesAlongWithNothing(t *testing.T) {
	t.Parallel()
	bundle, err := fhir.Parse([]byte(`{"resourceType":"Bundle","type":"collection","entry":[
{"resource":{"resourceType":"AllergyIntolerance","id":"a"}},
{"resource":{"resourceType":"AllergyIntolerance","id":"none","code":{"text":"NKDA"}}},
{"resource":{"resourceType":"Organization","id":"o"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	decision := func(withheld bool) *policy.Decision {
		return &policy.Decision{Effect: policy.PermitWithRedaction, Resources: []policy.ResourceDecision{
			{Ref: "AllergyIntolerance/a", Withheld: withheld},
			{Ref: "AllergyIntolerance/none"},
			{Ref: "Organization/o", Reasons: []policy.Reason{{Code: "administrative-context"}}},
		}}
	}
	d := decision(true)
	withoutNil(bundle, d)
	if d.Effect != policy.Deny || !d.Resources[2].Withheld {
		t.Errorf("%s, %+v", d.Effect, d.Resources)
	}
	d = decision(false)
	withoutNil(bundle, d)
	if d.Effect == policy.Deny || d.Resources[2].Withheld {
		t.Errorf("%s, %+v", d.Effect, d.Resources)
	}
}
