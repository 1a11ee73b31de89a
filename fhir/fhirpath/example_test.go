package fhirpath_test

import (
	"fmt"

	"caregate/fhir"
	"caregate/fhir/fhirpath"
)

func ExampleExpr_Eval() {
	n, err := fhir.Parse([]byte(`{"resourceType":"Observation","status":"final","valueQuantity":{"value":20.0,"unit":"kg"}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	weight, err := fhirpath.Compile("Observation.value.ofType(Quantity).value")
	if err != nil {
		fmt.Println(err)
		return
	}
	values, err := weight.Eval(n)
	fmt.Println(values[0].Text(), err)
	// Output: 20.0 <nil>
}
