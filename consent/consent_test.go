package consent

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"caregate/fhir"

	"github.com/google/go-cmp/cmp"
)

func parse(t testing.TB, text string) *fhir.Node {
	t.Helper()
	n, err := fhir.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func sample(t testing.TB, name string) *fhir.Node {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(text))
}

func TestCheckAcceptsTheSamples(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"01-fhir-consent-active.json", "03-fhir-consent-partial-psych-notes-withheld.json",
		"04-fhir-consent-ferpa.json", "05-fhir-consent-nj-parent.json",
	} {
		if problems := Check(sample(t, "../testdata/flows/06-consent-lifecycle/"+name)); problems != nil {
			t.Errorf("%s: %v", name, problems)
		}
	}
	for _, n := range fhir.Entries(sample(t, "../testdata/flows/01-medication-consult/22-consent-decision-modified-transaction.json")) {
		if n.ResourceType() == "Consent" && Check(n) != nil {
			t.Errorf("treatment consent: %v", Check(n))
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(c *fhir.Node)
		path   string
	}{
		{"unknown status", func(c *fhir.Node) { c.SetText("status", "on") }, "Consent.status"},
		{"no status", func(c *fhir.Node) { c.Remove("status") }, "Consent.status"},
		{"no scope", func(c *fhir.Node) { c.Remove("scope") }, "Consent.scope"},
		{"no category", func(c *fhir.Node) { c.Remove("category") }, "Consent.category"},
		{"no patient", func(c *fhir.Node) { c.Remove("patient") }, "Consent.patient"},
		{"no policy", func(c *fhir.Node) { c.Remove("policy") }, "Consent.policy"},
		{"no date", func(c *fhir.Node) { c.Remove("dateTime") }, "Consent.dateTime"},
		{"time without zone", func(c *fhir.Node) { c.SetText("dateTime", "2026-10-20T15:00:00") }, "Consent.dateTime"},
		{"no provision", func(c *fhir.Node) { c.Remove("provision") }, "Consent.provision"},
		{"no root type", func(c *fhir.Node) { c.Get("provision").Remove("type") }, "Consent.provision.type"},
		{"unknown root type", func(c *fhir.Node) { c.Get("provision").SetText("type", "allow") }, "Consent.provision.type"},
		{"nested without type", func(c *fhir.Node) { c.At("provision.provision[0]").Remove("type") }, "Consent.provision.provision[0].type"},
		{"unreadable period", func(c *fhir.Node) { c.At("provision.period").SetText("end", "soon") }, "Consent.provision.period"},
		{"period the wrong way round", func(c *fhir.Node) { c.At("provision.period").SetText("end", "2020-01-01") }, "Consent.provision.period"},
		{"implicit rules", func(c *fhir.Node) { c.SetText("implicitRules", "urn:x") }, "Consent.implicitRules"},
		{"modifier extension", func(c *fhir.Node) {
			c.At("provision.provision[0].actor[1]").Set("modifierExtension", fhir.NewArray(fhir.NewObject().SetText("url", "urn:x")))
		}, "Consent.provision.provision[0].actor[1].modifierExtension"},
		{"actor without reference", func(c *fhir.Node) { c.At("provision.provision[0].actor[1]").Remove("reference") }, "Consent.provision.provision[0].actor[1]"},
		{"actor by name only", func(c *fhir.Node) {
			c.At("provision.provision[0].actor[1]").Set("reference", fhir.NewObject().SetText("display", "The Clinic"))
		}, "Consent.provision.provision[0].actor"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := sample(t, "../testdata/flows/06-consent-lifecycle/01-fhir-consent-active.json")
			tt.change(c)
			problems := Check(c)
			if !slices.ContainsFunc(problems, func(p Problem) bool { return p.Path == tt.path }) {
				t.Errorf("problems %v, want one at %s", problems, tt.path)
			}
			for _, p := range problems {
				if strings.Contains(p.Text, "child-il-1") || strings.Contains(p.Text, "soon") {
					t.Errorf("problem carries a value: %s", p.Text)
				}
			}
			if c.Get("status").Text() == "active" {
				c.SetText("status", "inactive")
				if Check(c) != nil {
					t.Error("an inactive consent is refused")
				}
			}
		})
	}
}

func TestAuthorityFrom(t *testing.T) {
	t.Parallel()
	got, err := AuthorityFrom(sample(t, "../docs/fhir/RelatedPerson-guardian-example.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Authority{{
		Holder: "RelatedPerson/guardian-state-1", Relationship: "GUARD", Domains: []string{"all"}, Basis: "State guardian",
		Start: "2025-11-20", Evidence: "DocumentReference/guardianship-order", Source: "RelatedPerson/guardian-state-1",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for name, parts := range map[string]string{
		"no domain":       `{"url":"start","valueDate":"2025-11-20"}`,
		"unknown domain":  `{"url":"domain","valueCode":"everything"}`,
		"unreadable date": `{"url":"domain","valueCode":"all"},{"url":"end","valueDate":"tomorrow"}`,
	} {
		n := parse(t, `{"resourceType":"RelatedPerson","id":"x","extension":[{"url":"`+ExtensionGuardianAuthority+`","extension":[`+parts+`]}]}`)
		if a, err := AuthorityFrom(n); err == nil {
			t.Errorf("%s: read as %+v", name, a)
		}
	}
	if a, err := AuthorityFrom(parse(t, `{"resourceType":"RelatedPerson","id":"x"}`)); a != nil || err != nil {
		t.Errorf("a person without the extension: %v, %v", a, err)
	}
}

func TestDatesInTheChildsZone(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("America/Chicago")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, start, end, at string
		want                 bool
	}{
		{"first instant of the first day", "2026-03-08", "", "2026-03-08T06:00:00Z", true},
		{"one nanosecond before it", "2026-03-08", "", "2026-03-08T05:59:59.999999999Z", false},
		{"last instant of a day that clocks go forward", "", "2026-03-08", "2026-03-09T04:59:59.999999999Z", true},
		{"the day after it", "", "2026-03-08", "2026-03-09T05:00:00Z", false},
		{"last instant of a day that clocks go back", "", "2026-11-01", "2026-11-02T05:59:59.999999999Z", true},
		{"the day after it", "", "2026-11-01", "2026-11-02T06:00:00Z", false},
		{"month as an end", "", "2026-02", "2026-03-01T05:59:59Z", true},
		{"year as an end", "", "2026", "2027-01-01T06:00:00Z", false},
		{"instant, inclusive", "", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z", true},
		{"a nanosecond after the instant", "", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000000001Z", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339Nano, tt.at)
			if err != nil {
				t.Fatal(err)
			}
			if got := inForce(tt.start, tt.end, at, zone, false); got != tt.want {
				t.Errorf("in force: %t", got)
			}
		})
	}
	if inForce("x", "", time.Now(), zone, false) || !inForce("x", "", time.Now(), zone, true) {
		t.Error("an unreadable date must end a permit and keep a restriction")
	}
}

func TestAge(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		birth, at string
		want      int
	}{
		{"2008-02-29", "2026-02-28T23:00:00Z", 17},
		{"2008-02-29", "2026-03-01T00:00:00Z", 18},
		{"2014-11-01", "2026-10-31T23:59:59Z", 11},
		{"2014-11-01", "2026-11-01T00:00:00Z", 12},
		{"2014", "2026-11-01T00:00:00Z", -1},
		{"", "2026-11-01T00:00:00Z", -1},
	} {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := ageOn(tt.birth, at, time.UTC); got != tt.want {
			t.Errorf("born %s, on %s: %d, want %d", tt.birth, tt.at, got, tt.want)
		}
	}
}

func TestLabelMarks(t *testing.T) {
	t.Parallel()
	set := func(codes ...string) labelSet {
		var s labelSet
		for _, c := range codes {
			s.add(coding{LabelSystem(c), c})
		}
		return s
	}
	for _, tt := range []struct {
		name   string
		list   []string
		record []string
		permit bool
		want   bool
	}{
		{"R covers N", []string{"R"}, []string{"N"}, true, true},
		{"N does not cover R", []string{"N"}, []string{"R"}, true, false},
		{"a denial of R reaches V", []string{"R"}, []string{"V"}, false, true},
		{"a denial of R spares N", []string{"R"}, []string{"N"}, false, false},
		{"SUD covers opioid use", []string{"R", "SUD"}, []string{"R", "OPIOIDUD"}, true, true},
		{"opioid use does not cover SUD", []string{"R", "OPIOIDUD"}, []string{"R", "SUD"}, true, false},
		{"BH covers psychiatry", []string{"BH"}, []string{"R", "PSY"}, true, true},
		{"every sensitivity must be covered", []string{"R", "PSY"}, []string{"R", "PSY", "HIV"}, true, false},
		{"a list of sensitivities speaks only of records that have one", []string{"FERPA"}, []string{"N"}, true, false},
		{"part 2 and its substance use are one", []string{"R", "SUD"}, []string{"R", "42CFRPart2", "SUD"}, true, true},
		{"a denial of SUD reaches part 2", []string{"SUD"}, []string{"R", "42CFRPart2"}, false, true},
		{"an unlabelled record counts as restricted", []string{"N"}, nil, true, false},
	} {
		l := &listed{set: set(tt.list...), byPermit: tt.permit}
		if got := l.matches(set(tt.record...), tt.permit); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}
