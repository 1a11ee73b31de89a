package translate

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"caregate/fhir"
)

// TestTables: every map, code table, segment table and condition that a table names is there.
func TestTables(t *testing.T) {
	t.Parallel()
	m, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	rules := []string{"new", "element", "contained", "ref", "text", "unsaid", "bool", "coding", "number"}
	for _, set := range []map[string]*table{m.segments, m.datatypes} {
		for _, table := range set {
			for _, r := range table.rows {
				if !slices.Contains(rules, r.mapName) && m.converterFor(r.mapName) == nil {
					t.Errorf("%s-%d: no map %q", table.name, r.field, r.mapName)
				}
				if slices.Contains([]string{"code", "CNE"}, r.mapName) && m.codes[r.arg0()] == nil {
					t.Errorf("%s-%d: no code table %q", table.name, r.field, r.arg0())
				}
				if r.source == "" {
					t.Errorf("%s-%d: no source", table.name, r.field)
				}
			}
		}
	}
	for _, s := range m.structures {
		for _, r := range s.rows {
			if r.table != "*" && m.segments[r.table] == nil {
				t.Errorf("%s %s: no table %q", s.name, r.segment, r.table)
			}
		}
	}
	for _, e := range m.events {
		if m.structures[e.structure] == nil {
			t.Errorf("%s^%s: no structure %q", e.code, e.trigger, e.structure)
		}
	}
	for _, c := range m.codes {
		for _, r := range c.rows {
			if r.way != "<>" && r.way != ">" && r.way != "<" || r.fhir == "" {
				t.Errorf("code table %s: row %q", c.name, r.code)
			}
		}
	}
	if rows, err := Rows(); err != nil || len(rows) < 150 {
		t.Errorf("coverage: %d rows, %v", len(rows), err)
	}
	deviations, err := Deviations()
	if err != nil || len(deviations) < 30 {
		t.Errorf("deviations: %d, %v", len(deviations), err)
	}
	for _, d := range deviations {
		if d.Where == "" || d.Ours == "" || d.Reason == "" {
			t.Errorf("deviation %q has no reason", d.Where)
		}
	}
}

func TestDTM(t *testing.T) {
	t.Parallel()
	maps, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ zone, kind, v2, want, issue string }{
		{"", "dateTime", "2016", "2016", ""},
		{"", "dateTime", "201603", "2016-03", ""},
		{"", "dateTime", "20160309", "2016-03-09", ""},
		{"", "dateTime", "20160309101112-0500", "2016-03-09T10:11:12-05:00", ""},
		{"", "dateTime", "20160309101112.1234+0000", "2016-03-09T10:11:12.1234Z", ""},
		{"", "dateTime", "201603091011+0000", "2016-03-09T10:11:00Z", ""},
		{"", "dateTime", "2016030910+0000", "2016-03-09", IssuePrecision},
		{"", "dateTime", "20160309101112", "2016-03-09", IssueNoZone},
		{"America/Chicago", "dateTime", "20160309101112", "2016-03-09T10:11:12-06:00", ""},
		{"America/Chicago", "dateTime", "20160709101112", "2016-07-09T10:11:12-05:00", ""},
		{"America/Chicago", "dateTime", "20260308023000", "2026-03-08", IssueZone},
		{"America/Chicago", "dateTime", "20261101013000", "2026-11-01", IssueZone},
		{"Etc/UTC", "dateTime", "20160309101112", "2016-03-09T10:11:12Z", ""},
		{"", "dateTime", "20160309101112+1530", "2016-03-09", IssueBadDate},
		{"", "date", "20160309101112", "2016-03-09", ""},
		{"", "date", "19761325", "", IssueBadDate},
		{"", "date", "00000000", "", IssueBadDate},
		{"", "date", "20130229", "", IssueBadDate},
		{"", "date", "2016-03-09", "", IssueBadDate},
		{"", "date", "20161", "", IssueBadDate},
		{"", "instant", "20160309", "", IssuePrecision},
		{"", "instant", "201603091011+0000", "", IssuePrecision},
		{"", "instant", "20160309101112", "", IssueNoZone},
		{"", "instant", "20160309101112+0000", "2016-03-09T10:11:12Z", ""},
	} {
		j := &job{p: &Profile{Zone: c.zone}, maps: maps, wayBack: true}
		n := dtmConverter{}.to(&call{j: j, args: []string{c.kind}, location: "X"}, textValue(c.v2))
		issue := ""
		if len(j.issues) > 0 {
			issue = j.issues[0].Code
		}
		if n.Text() != c.want || issue != c.issue {
			t.Errorf("%s as %s in %q: %q %q, want %q %q", c.v2, c.kind, c.zone, n.Text(), issue, c.want, c.issue)
		}
	}
}

func TestPhones(t *testing.T) {
	t.Parallel()
	maps, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	for v2, want := range map[string]string{
		"^PRN^PH^^1^312^5550101":              "phone +1 312 5550101 home",
		"^WPN^PH^^1^312^5550101^22":           "phone +1 312 5550101 X22 work",
		"^WPN^PH^^^^^^^^^(626)555-1234":       "phone (626)555-1234 work",
		"(555)555-2004^^PH":                   "phone (555)555-2004 ",
		"^NET^Internet^zz@example.org":        "email zz@example.org ",
		"^PRN^CP^^^312^5550101":               "phone 312 5550101 home",
		"^^CP^^^312^5550101":                  "phone 312 5550101 mobile",
		"^PRN^PH":                             "",
		"zz@example.org^NET^Internet":         "email zz@example.org ",
		"^WPN^FX^^1^312^5550199^^call before": "fax +1 312 5550199 work",
	} {
		c := &call{j: &job{p: &Profile{}, maps: maps}}
		n := xtnConverter{}.to(c, parseValue(v2))
		got := ""
		if n != nil {
			got = strings.Join([]string{n.Get("system").Text(), n.Get("value").Text(), n.Get("use").Text()}, " ")
		}
		if got != want {
			t.Errorf("%s: %q, want %q", v2, got, want)
		}
	}
}

func TestProfile(t *testing.T) {
	t.Parallel()
	p, err := LoadProfile(nil)
	if err != nil || !p.Trace || p.Version != "2.5.1" || !p.allows("REF_I12") {
		t.Errorf("the empty profile is %+v, %v", p, err)
	}
	for _, text := range []string{"zone: Mars/Olympus", "zone: Local", "zonne: UTC", "identifiers: 7"} {
		if _, err := LoadProfile([]byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	p, err = LoadProfile([]byte("structures: [RRI_I12]\ntrace: false\n"))
	if err != nil || p.Trace || p.allows("REF_I12") || !p.allows("RRI_I12") {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := ToFHIR(readMessage(t, goldenDir+"/ref-i12.hl7"), p); err == nil {
		t.Error("a structure that the profile does not allow was read")
	}
}

// TestSSN stays out unless the profile lets it in.
func TestSSN(t *testing.T) {
	t.Parallel()
	m := strings.Replace(string(readMessage(t, goldenDir+"/ref-i13.hl7").Encode()), "20160309|M", "20160309|M|||||||||||900112222", 1)
	for _, allowed := range []bool{false, true} {
		p := flowProfile(t)
		p.SSN = allowed
		r := toFHIR(t, parse(t, m), p)
		if found := strings.Contains(string(r.Bundle.JSON()), "900112222"); found != allowed {
			t.Errorf("ssn %v: found %v", allowed, found)
		}
		if issues := fhir.Validate(r.Bundle); len(issues) > 0 {
			t.Errorf("ssn %v: %v", allowed, issues)
		}
	}
}

func TestIsBase64(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "=", "A", "AA", "AAA", "AAAA", "AA==", "AAA=", "A===", "====", "AA=A", "AA==AAAA", "A+/9", "A-_9", "AAAA=", "\x00AAA", "AA@A", "[AAA", "{AAA"} {
		_, err := base64.StdEncoding.DecodeString(text)
		if want := err == nil && text != ""; isBase64(text) != want {
			t.Errorf("%q: %t", text, !want)
		}
	}
}
