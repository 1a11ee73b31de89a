package policy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"caregate/fhir"
)

func labeler(t testing.TB) *Labeler {
	t.Helper()
	l, err := LoadLabeler(Labels())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func flow(t testing.TB, name string) *fhir.Node {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "testdata", "flows", name))
	if err != nil {
		t.Fatal(err)
	}
	n, err := fhir.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// labelsOf is the codes of a resource, sorted and joined.
func labelsOf(n *fhir.Node) string {
	var codes []string
	for _, s := range fhir.SecurityLabels(n) {
		codes = append(codes, s.Code)
	}
	slices.Sort(codes)
	return strings.Join(codes, " ")
}

func TestLabelsOfTheFlows(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"Condition/cond-adhd":                             "PSY R",
		"Condition/cond-ptsd":                             "PSY R",
		"MedicationRequest/med-methylphenidate":           "PSY R",
		"MedicationRequest/med-proposal-1":                "PSY R",
		"AllergyIntolerance/allergy-none":                 "N",
		"Observation/obs-weight":                          "N",
		"Observation/obs-height":                          "N",
		"ServiceRequest/sr-medconsult-1":                  "PSY R",
		"ServiceRequest/sr-ednneeds-1":                    "N",
		"ServiceRequest/sr-mrss-1":                        "MH R",
		"Task/task-ednneeds-1":                            "N",
		"Patient/child-il-1":                              "N",
		"RelatedPerson/guardian-state-1":                  "N",
		"Organization/psych-clinic":                       "N",
		"PractitionerRole/psychiatrist-role":              "N",
		"DocumentReference/doc-consult-note":              "PSY R",
		"DocumentReference/doc-iep-1":                     "FERPA R",
		"QuestionnaireResponse/qr-ednneeds-1":             "FERPA N",
		"QuestionnaireResponse/qr-psychotropic-consent-1": "PSY R",
		"CarePlan/icp-1":                                  "MH R",
		"Goal/goal-sleep":                                 "R",
		"CareTeam/careteam-1":                             "PSY R", // it names a psychiatrist
		"Communication/comm-school-1":                     "R",
		"Appointment/cft-meeting-1":                       "N",
	}
	files, err := filepath.Glob("../testdata/flows/0[0-7]*/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no flow payloads: %v", err)
	}
	l := labeler(t)
	seen := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bundle, err := fhir.Parse(text)
		if err != nil || bundle.ResourceType() == "" {
			continue // the wire forms of other standards lie beside the FHIR ones
		}
		l.Label(bundle)
		for _, n := range resourcesOf(bundle) {
			if w, listed := want[n.Ref()]; listed {
				seen[n.Ref()] = true
				if got := labelsOf(n); got != w {
					t.Errorf("%s in %s: labels %q, want %q", n.Ref(), filepath.Base(file), got, w)
				}
			}
			if carried(n).rank == 0 {
				t.Errorf("%s in %s has no confidentiality", n.Ref(), filepath.Base(file))
			}
		}
	}
	for ref := range want {
		if !seen[ref] {
			t.Errorf("%s was not seen", ref)
		}
	}
}

// resourcesOf is the entries of a Bundle, or the one resource.
func resourcesOf(n *fhir.Node) []*fhir.Node {
	if n.ResourceType() != "Bundle" {
		return []*fhir.Node{n}
	}
	var out []*fhir.Node
	for _, r := range fhir.Entries(n) {
		out = append(out, r)
	}
	return out
}

// A Task about a psychiatric referral is as protected as the referral, where both travel together.
func TestTaskTakesOnItsRequest(t *testing.T) {
	t.Parallel()
	bundle := flow(t, consultRequest)
	labeler(t).Label(bundle)
	for _, n := range fhir.Entries(bundle) {
		if n.ResourceType() == "Task" && labelsOf(n) != "N PSY R" {
			t.Errorf("labels %q", labelsOf(n))
		}
	}
}

func TestLabelRules(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, resource, want string }{
		{"substance use by code", `{"resourceType":"Condition","code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"F11.20"}]}}`, "OPIOIDUD R SUD"},
		{"HIV by code", `{"resourceType":"Condition","code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"B20"}]}}`, "HIV R"},
		{"asthma by code", `{"resourceType":"Condition","code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"J45.909"}]}}`, "N"},
		{"unknown code", `{"resourceType":"Condition","code":{"coding":[{"system":"urn:local","code":"1"}]}}`, "R"},
		{"no code", `{"resourceType":"Observation"}`, "R"},
		{"unknown medication", `{"resourceType":"MedicationRequest","medicationCodeableConcept":{"text":"zzz 5 mg"}}`, "PSY R"},
		{"ordinary medication by name", `{"resourceType":"MedicationRequest","medicationCodeableConcept":{"text":"Albuterol inhaler"}}`, "N"},
		{"ordinary medication with a telling note", `{"resourceType":"MedicationRequest","medicationCodeableConcept":{"text":"albuterol"},"note":[{"text":"after an overdose"}]}`, "R SUD"},
		{"an ordinary word in a note makes nothing normal", `{"resourceType":"Condition","note":[{"text":"given ibuprofen"}]}`, "R"},
		{"the sender's label stays", `{"resourceType":"Condition","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"V"}]},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"J45"}]}}`, "V"},
		{"the higher is added", `{"resourceType":"Condition","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"F32.1"}]}}`, "N PSY R"},
	}
	l := labeler(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, err := fhir.Parse([]byte(tt.resource))
			if err != nil {
				t.Fatal(err)
			}
			l.Label(n)
			if got := labelsOf(n); got != tt.want {
				t.Errorf("labels %q, want %q", got, tt.want)
			}
			before := string(n.JSON())
			l.Label(n)
			if string(n.JSON()) != before {
				t.Error("labelling twice differs from once")
			}
		})
	}
}

func TestLabelTablesAreChecked(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]string{
		"unknown label":  "resource-type,Patient,Q,x\n",
		"missing column": "resource-type,Patient,N\n",
		"no labels":      "resource-type,Patient,,x\n",
		"no type":        "http://loinc.org,1,N,x\n",
	} {
		if _, err := LoadLabeler(fstest.MapFS{"a.csv": {Data: []byte(row)}}); err == nil {
			t.Errorf("%s: the table was accepted", name)
		}
	}
	if _, err := LoadLabeler(fstest.MapFS{"a.csv": {Data: []byte("resource-type,Patient,N,x\n")}}); err != nil {
		t.Errorf("a good table was refused: %v", err)
	}
}
