package consent

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"caregate/fhir"
	"caregate/prove/proof"
)

// extra is a record by which two runs differ: protected by 42 CFR part 2 as by the minor's
// own right, or an immunization that the consent merely does not name.
var extra = map[string]string{
	"part 2":           `{"resourceType":"Observation","id":"extra","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"42CFRPart2"}]},"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8302-2"}]},"subject":{"reference":"PATIENT"}}`,
	"reporter":         `{"resourceType":"Observation","id":"extra","meta":{"security":[{"system":"http://systems-of-care.example/fhir/CodeSystem/legal-label","code":"REPORTER-ID"}]},"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8302-2"}]},"subject":{"reference":"PATIENT"}}`,
	"child protection": `{"resourceType":"Observation","id":"extra","meta":{"security":[{"system":"http://systems-of-care.example/fhir/CodeSystem/legal-label","code":"CPS-INVEST"}]},"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8302-2"}]},"subject":{"reference":"PATIENT"}}`,
	"unknown label":    `{"resourceType":"Observation","id":"extra","meta":{"security":[{"system":"urn:local","code":"SECRET"}]},"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8302-2"}]},"subject":{"reference":"PATIENT"}}`,
	"not protected":    `{"resourceType":"Immunization","id":"extra","status":"completed","vaccineCode":{"coding":[{"system":"http://hl7.org/fhir/sid/cvx","code":"03"}]},"occurrenceDateTime":"2020-01-01","patient":{"reference":"PATIENT"}}`,
}

// volatile are ids and times that our side or the transport makes anew in every run, also of
// two equal ones, and the entries of an answer that has one for each entry of the request.
var volatile = regexp.MustCompile(`m_[0-9A-Za-z]+|\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)|"(Date|X-Request-Id)":\[[^\]]*\]|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|CG[A-Z2-7]{16}|\|20\d{12}\+0000\||({"response":{"status":"200 OK"}},)+`)

// outside is everything that reaches a parent or a partner in one run.
func outside(t *testing.T, record string) map[string]string {
	t.Helper()
	const child = proof.Child(1)
	s, w := served(t, child, true)
	bundle, err := fhir.Parse(child.Of(proof.Flow(t, "01-medication-consult/01-fhir-consult-request-transaction.json")))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range fhir.Entries(bundle) {
		if r.ResourceType() == "ServiceRequest" { // the service for which both clinics are asked
			r.Add("category", fhir.NewObject().Add("coding", fhir.NewObject().SetText("code", "PSY")))
		}
	}
	if record != "" {
		add(t, bundle, record)
	}
	cmo := s.As("cmo")
	status, _, answer, err := cmo.Send(http.MethodPost, "", bundle.JSON())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{"answer to the sender": fmt.Sprint(status, " ", string(answer))}
	id := messageOf(t, s)
	settled(t, s, id)
	for i, r := range w.Lakeside.Received() {
		out[fmt.Sprint("body to lakeside ", i)] = string(r.Body)
	}
	for i, b := range w.Northside.Received() {
		out[fmt.Sprint("body to northside ", i)] = string(b)
	}
	for _, to := range []string{"lakeside", "northside", "cmo", "school"} {
		out["explanation to "+to] = tell(t, s, id, "--to", to)
	}
	out["explanation to the guardian"] = tell(t, s, id, "--for", "parent", "--as", "RelatedPerson/guardian-state-c1")
	out["explanation to a parent"] = tell(t, s, id, "--for", "parent", "--lang", "es", "--as", "RelatedPerson/parent-c1")
	for _, path := range []string{"/Observation/extra", "/Immunization/extra"} {
		code, _, body, err := s.As("lakeside").Send(http.MethodGet, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		out["read "+path] = fmt.Sprint(code, " ", string(body))
	}
	s.Stop()
	for name, text := range out {
		out[name] = volatile.ReplaceAllString(text, "-")
	}
	return out
}

func add(t *testing.T, bundle *fhir.Node, record string) {
	t.Helper()
	for _, r := range fhir.Entries(bundle) {
		if r.ResourceType() == "Patient" {
			record = strings.ReplaceAll(record, "PATIENT", r.Ref())
		}
	}
	resource, err := fhir.Parse([]byte(record))
	if err != nil {
		t.Fatal(err)
	}
	bundle.Add("entry", fhir.NewObject().Set("resource", resource).
		Set("request", fhir.NewObject().SetText("method", "PUT").SetText("url", resource.Ref())))
}

// messageOf is our id of the one referral that the child has.
func messageOf(t *testing.T, s *proof.Served) string {
	t.Helper()
	out, errs, exit := s.Run(true, "--json", "explain", "--child", "https://soc.example.org/id/il-dcfs-id|900000170001")
	var all struct {
		Messages []struct{ Message, Partner string }
	}
	if err := json.Unmarshal([]byte(out), &all); exit != 0 || err != nil {
		t.Fatalf("explain --child: %d %v %s", exit, err, errs)
	}
	for _, m := range all.Messages {
		if m.Partner == "cmo" {
			return m.Message
		}
	}
	t.Fatalf("the referral is not there: %s", out)
	return ""
}

func tell(t *testing.T, s *proof.Served, id string, args ...string) string {
	t.Helper()
	out, errs, exit := s.Run(true, append([]string{"--json", "explain", id}, args...)...)
	if exit != 0 {
		t.Fatalf("explain %s: %s", args, errs)
	}
	return out
}

// TestProtectedRecordsDoNotShow: two runs that differ only in a record withheld for a
// protected reason give byte-identical answers to the sender, the recipients and the
// family; the twin, withheld for an open reason, shows in what is explained and nowhere else.
func TestProtectedRecordsDoNotShow(t *testing.T) {
	t.Parallel()
	without := outside(t, "")
	if without["body to lakeside 0"] == "" || without["body to northside 0"] == "" {
		t.Fatalf("nothing was delivered: %s", without)
	}
	names := slices.Sorted(maps.Keys(extra))
	if !proof.Full() {
		names = []string{"not protected", "part 2"}
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			with := outside(t, extra[name])
			var differ []string
			for where, text := range with {
				if text != without[where] {
					differ = append(differ, where)
				}
			}
			slices.Sort(differ)
			if len(with) != len(without) {
				t.Errorf("%d answers, without the record %d", len(with), len(without))
			}
			want := []string(nil)
			if name == "not protected" {
				want = []string{"explanation to cmo", "explanation to lakeside", "explanation to northside", "explanation to the guardian"}
			}
			if !slices.Equal(differ, want) {
				t.Errorf("differ: %s, want %s", differ, want)
				for _, where := range differ {
					t.Logf("%s with:\n%s\nwithout:\n%s", where, with[where], without[where])
				}
			}
			figure(t, 4, "told of a record withheld: "+name, len(with), "differ", len(differ))
		})
	}
}
