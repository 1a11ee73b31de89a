package fhir

import (
	"path/filepath"
	"testing"
)

// The sample payloads of the flows are valid R4, but for two known mistakes.
func TestFlowsValidate(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob(filepath.Join("..", "testdata", "flows", "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	// R4 admits no Organization as a participant of an appointment; the samples name a school district.
	wrong := map[string]string{
		"02-fhir-cft-appointment.json":     "Appointment.participant[6].actor.reference",
		"03-fhir-cft-school-declines.json": "AppointmentResponse.actor.reference",
	}
	checked := 0
	for _, name := range names {
		n, err := Parse(readFile(t, name))
		if err != nil || r4().types[n.ResourceType()] == nil {
			continue // files of other formats
		}
		checked++
		for _, issue := range Validate(n) {
			if wrong[filepath.Base(name)] == issue.Path {
				continue
			}
			t.Errorf("%s: %s %s: %s", filepath.Base(name), issue.Path, issue.Code, issue.Text)
		}
	}
	if checked < 20 {
		t.Errorf("only %d resources checked", checked)
	}
}
