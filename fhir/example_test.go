package fhir_test

import (
	"fmt"

	"caregate/fhir"
)

func ExampleParse() {
	n, err := fhir.Parse([]byte(`{"resourceType":"Patient","id":"p1","multipleBirthInteger":2,"x":1.10}`))
	fmt.Println(n.Ref(), string(n.JSON()), err)
	_, err = fhir.Parse([]byte(`{"status":"active","Status":"draft"}`))
	fmt.Println(err)
	// Output:
	// Patient/p1 {"resourceType":"Patient","id":"p1","multipleBirthInteger":2,"x":1.10} <nil>
	// member name appears twice in different case at /Status (byte 27)
}

func ExampleDecode() {
	n, err := fhir.Parse([]byte(`{"resourceType":"Task","status":"requested","intent":"order","x-partner":[1.0]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	task, err := fhir.Decode[fhir.Task](n)
	if err != nil {
		fmt.Println(err)
		return
	}
	task.Status = fhir.TaskStatusAccepted
	edited, err := fhir.Encode(&task)
	fmt.Println(string(edited.JSON()), err)
	// Output: {"resourceType":"Task","status":"accepted","intent":"order","x-partner":[1.0]} <nil>
}

func ExampleValidate() {
	n, err := fhir.Parse([]byte(`{"resourceType":"Patient","gender":"girl","birthDate":"2016-02-30"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, issue := range fhir.Validate(n) {
		fmt.Println(issue.Path, issue.Code, issue.Text)
	}
	// Output:
	// Patient.gender code-invalid code is not in the required value set
	// Patient.birthDate value value is not a valid date
}

func ExampleRedact() {
	bundle, err := fhir.Parse([]byte(`{"resourceType":"Bundle","type":"collection","entry":[
		{"resource":{"resourceType":"Condition","id":"c1","code":{"text":"Kleptomania"},"subject":{"reference":"Patient/p1"}}},
		{"resource":{"resourceType":"Task","id":"t1","status":"requested","intent":"order",
			"reasonReference":{"reference":"Condition/c1"},"note":[{"text":"because of kleptomania"},{"text":"urgent"}]}}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	left, dropped := fhir.Redact(bundle, fhir.Redaction{Withhold: map[string]bool{"Condition/c1": true}})
	for _, resource := range fhir.Entries(left) {
		fmt.Println(string(resource.JSON()))
	}
	for _, d := range dropped {
		fmt.Println(d.Ref, d.Element, d.Reason)
	}
	// Output:
	// {"resourceType":"Task","id":"t1","status":"requested","intent":"order","note":[{"text":"urgent"}]}
	// Condition/c1  withheld
	// Task/t1 reasonReference trace
	// Task/t1 note[0].text trace
	// Task/t1 note[0] dependent
}
