package fhir_test

import (
	"testing"

	"caregate/fhir"
)

func TestLead(t *testing.T) {
	n, err := fhir.Parse([]byte(`{"code":"a","resourceType":"Basic","status":"b","id":"c","meta":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"resourceType":"Basic","id":"c","meta":{},"code":"a","status":"b"}`
	for range 2 { // what leads already stays
		if got := string(n.Lead("resourceType", "id", "language", "meta").JSON()); got != want {
			t.Errorf("got %s, not %s", got, want)
		}
	}
}
