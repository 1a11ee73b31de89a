package translate

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"caregate/fhir"
)

// datatypeSample are values of one datatype, with the arguments of its map.
type datatypeSample struct {
	kind string
	args []string
	raw  []string
}

var datatypeSamples = []datatypeSample{
	{"XPN", nil, []string{
		"Zztest^Rowan", "Zztest^Rowan^Q^Jr^Dr^MD^L", "Zztest^^Q", "^Rowan", "Zztest^Rowan^^Esq",
		"van Zz&van&Zz&de&Partner^Rowan^Quinn Lee^III^Dr^MD^A^I^CTX^20200101&20301231^F^20210101^20291231^PhD^Ro",
		"Zztest^Rowan^^^^^D^^^20200101103000&20301231", "Zztest^Rowan^^^^^NAV", "Zztest^Rowan^^^^^CURRENT",
	}},
	{"XAD", nil, []string{
		"1 Zz St^Apt 2^Testville^IL^60601^USA^H", "1 Zz St&Zz St&1^Apt 2^Testville", "&Zz St&1", "^Apt 2^Testville",
		"1 Zz St^Apt 2^Testville^IL^60601^USA^M^North^031^12.3^A^20200101&20301231^20210101^20291231^REASON^Y^N^C^Addressee^note^1^P^ID1&AGENCY",
		"1 Zz St^^Testville^^^^^^031&Cook&HL70289", "1 Zz St^^Testville^^^^L", "1 Zz St^^Testville^^^^O", "^^^^^^H", "^^^IL^^^^^^^^20200101",
	}},
	{"XTN", nil, []string{
		"(312)555-0101", "(312)555-0101^PRN^PH", "^PRN^PH^^1^312^5550101^22^call^x^7", "^WPN^FX^^^^^^^^^3125550199",
		"(312)555-0101^PRN^CP^zz@example.org^1^312^5550101^22^call^x^7^3125550101^20200101^20301231^E^P^S1&AGENCY^2",
		"^NET^Internet^zz@example.org", "zz@example.org^NET^Internet", "^^^zz@example.org", "^^CP^^^312^5550101", "^EMR^TDD^^^312^5550101",
		"^PRS^CP^^^312^5550101", "3125550101^^^^^^^^^^^3125550101", "^^PH^5550101",
	}},
	{"XTN", []string{"home"}, []string{"(312)555-0101", "(312)555-0101^PRN", "(312)555-0101^^CP", "^NET^X.400^zz@example.org", "^ORN^CP^^^312^5550101"}},
	{"CX", nil, []string{
		"17", "17^^^AGENCY", "17^^^AGENCY&1.2.3.4&ISO^SR", "17^^^OTHER&1.2.3.4&ISO^SR", "17^^^&1.2.3.4&ISO", "17^5^M11^LAB&11D0000000&CLIA^LR",
		"17^5^M10^HOSP&1.2.3&ISO^MR^FAC&2.3.4&ISO^20200101^20301231^IL&Illinois&HL70347^DMV^check^scheme", "^^^HOSP^MR", "17^^^&1.2.3", "17^^^HOSP&lab.example.org&DNS",
	}},
	{"CWE", nil, []string{
		"11", "^words", "11^Word^LN", "11^Word^L", "11^Word^99LAB", "11^Word", "^Word^L", "^^^11^Word^LN", "^words^^11^Word^LN", "^^^^^^^^text", "^words^^^^^^^text",
		"11^One^LN^12^Two^L^2.1^2^said^13^Three^SCT^3", "11^One^LN^12^Two^L^2.1^2^said^13^Three^SCT^3^2.16.840.1.113883.6.1^1.2.3^20200101^1.2.4^1.2.5^20210101^1.2.6^1.2.7^20220101",
		"11^One^^^^^^^^^^^^1.2.3.4", "11^One^I9^^^^9", "^^^^^^^^^13^Three^SCT",
	}},
	{"CWE", []string{"default", "v2-0203"}, []string{"MR", "MR^Number^HL70203", "MR^Number^L"}},
	{"CWE", []string{"0063.role"}, []string{"MTH^Mother^HL70063", "FCH^Foster child^HL70063^12^Two^L"}},
	{"XCN", []string{"Practitioner"}, []string{
		"17^Zztest^Avery^^^^MD^^&2.16.840.1.113883.4.6&ISO^^^^NPI", "^Zztest^Avery", "17", "17^^^^^^^^AGENCY", "^Zztest^Avery^^^^^^AGENCY&1.2.3.4&ISO^L^^^NPI",
		"17^van Zz&van&Zz^Avery^Q^Jr^Dr^MD^PV1^LAB&11D&CLIA^L^5^M10^LN^FAC&1.2&ISO^I^CTX^20200101&20300101^F^20210101^20290101^RN^IL^DMV^check^scheme",
	}},
	{"NDL", []string{"Practitioner"}, []string{"17&Zztest&Avery&&&Dr&MD&&AGENCY", "17&Zztest&Avery&Q&Jr&Dr&MD&T&LAB&1.2.9&ISO^20260101^20260102^POC^R1^B1^FAC^A^C^BLD^F1"}},
	{"organisation", nil, []string{
		"Agency", "Agency^L^^^^AGENCY^XX^^^17", "^^17", "Agency^D&Display&HL70204^3^5^M10^LAB&11D&CLIA^XX^FAC&1.2&ISO^A^17", "^^^^^^^^^17",
	}},
	{"XON", nil, []string{"Agency^L^^^^AGENCY^XX^^^17", "Agency^^17"}},
	{"PL", nil, []string{
		"POC^R1^B1", "POC&1.2.3&ISO^R1&R1ID&L^B1^FAC&1.2&ISO^A^C^BLD^F1^Words^17&LAB&1.2.9&ISO^AUTH&1.2.8&ISO", "^^^^^C", "POC^^^^^^^^^17^AUTH", "^^^^^^^^^17", "^^^FAC^^^^^Words^17&LAB",
	}},
	{"XTN", nil, []string{"78788788^^CP^5555^^^1111^^^^^2222", "(555)555-0123^HOME^JP:1^^1^555^5550123", "^^PH^^^312^5550101^^^^^8475550101"}},
	{"XTN", nil, []string{"^^^^^905", "^PRN^PH^^1^312", "^^^^^^^22"}},
	{"CWE", []string{"notext"}, []string{"11^One^LN^^^^^^said", "11^One^LN"}},
	{"PLN", nil, []string{"17", "17^NPI^L", "17^LN^IL^20301231"}},
	{"NM", nil, []string{"5", "5.0", "+5", "007", ".5", "5.", "-.5", "0"}},
	{"CWE", nil, []string{" 11^One^L", "two  parts^Words^L"}},
	{"DTM", []string{"instant"}, []string{"20260115", "202601151030", "202601151030-0500", "20260115103000", "20260115103000-0500"}},
	{"CQ", nil, []string{"2", "2^mg", "2^mg&milligram&UCUM", "2^&lbs", "2^mg&milligram&L&x&y&z&1&2&said"}},
	{"CQ", []string{"time"}, []string{"2^min", "2^hr", "1^d&Day&ANS+"}},
	{"minutes", nil, []string{"30^min", "2^hr", "120^s"}},
	{"occurrence", nil, []string{"2^h", "2^hr", "15^min&minute&L"}},
	{"RPT", nil, []string{"BID^^^^2^wk&week&UCUM", "Q&Every&L^HD^1^2.5^12^hr^IS^ACM^120^s^gts", "Once^^^^^^^PCM^30^min", "^^^^^^^C^45^s", "BID^^^^^^^XX"}},
	{"TM", nil, []string{"1030", "103015", "100000"}},
	{"DTM", []string{"dateTime"}, []string{"2026", "202601", "20260115", "202601151030", "20260115103000", "202601151030-0500", "20260115103000.25-0600", "20260115163000+0000"}},
	{"words", nil, []string{"COOK", "^Cook", "031^Cook^L", "031^Cook^L^32^Lake^99X^^^said"}},
}

// TestDatatypesComeBack turns a value of each datatype into FHIR and back: every component
// stands in an element or an extension of its own, and no carrier is needed.
func TestDatatypesComeBack(t *testing.T) {
	t.Parallel()
	maps, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range datatypeSamples {
		for _, raw := range c.raw {
			if back, written := thereAndBack(maps, c, raw); back != raw {
				t.Errorf("%s%v: %s came back as %s by %s", c.kind, c.args, raw, back, written)
			}
			for i := range parseValue(raw) {
				thereAndBack(maps, c, parseValue(raw).clear(i+1).String()) // must not panic
			}
		}
	}
}

// thereAndBack returns what comes back of a value, and what it was in FHIR.
func thereAndBack(maps *maps, c datatypeSample, raw string) (back, written string) {
	j := &job{maps: maps, wayBack: true, p: &Profile{
		Zone:        "America/Chicago",
		Identifiers: []Authority{{Namespace: "AGENCY", OID: "1.2.3.4", System: "https://id.example.org/agency", Type: "SR"}},
	}}
	to := &call{j: j, f: &frame{seg: &segment{name: "ZZZ"}}, args: c.args, location: "ZZZ-1", keep: true}
	n := maps.converterFor(c.kind).to(to, parseValue(raw))
	from := &call{j: j, f: to.f, args: c.args, beside: to.beside}
	if n != nil || to.beside != nil {
		back = maps.converterFor(c.kind).from(from, n).String()
	}
	return back, string(fhir.NewObject().Set("value", n).Set("_value", to.beside).JSON())
}

// TestZoneOfAResource: a time is local only where it still has the offset of the zone that
// the resource names, and never in the zone of the server.
func TestZoneOfAResource(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ time, zone, want string }{
		{"2026-01-15T10:30:00-06:00", "America/Chicago", "20260115103000"},
		{"2026-01-15T10:30:00-05:00", "America/Chicago", "20260115103000-0500"},
		{"2026-01-15T10:30:00Z", "Local", "20260115103000+0000"},
		{"2026-01-15T10:30:00Z", "../../etc/localtime", "20260115103000+0000"},
		{"2026-01-15T10:30:00Z", "", "20260115103000+0000"},
	} {
		beside := fhir.NewObject()
		extend(beside, zoneURL, "valueCode", fhir.NewString(c.zone))
		got := dtmConverter{}.from(&call{j: &job{p: &Profile{}, wayBack: true}, beside: beside}, fhir.NewString(c.time)).String()
		if got != c.want {
			t.Errorf("%s in %q came back as %s, want %s", c.time, c.zone, got, c.want)
		}
	}
}

// TestEditedParts: what was edited in FHIR has the last word over what stands beside it.
func TestEditedParts(t *testing.T) {
	t.Parallel()
	maps, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ kind, raw, path, value, want string }{
		{"XTN", "(312)555-0101^PRN^CP^^1^312^5550101^22", "value", "847 5550199", "^PRN^CP^^^^^^^^^847 5550199"},
		{"XTN", "(312)555-0101^PRN^CP", "value", "(847)555-0199", "(847)555-0199^PRN^CP"},
		{"XTN", "^PRS^CP^^^312^5550101", "use", "work", "^WPN^PH^^^312^5550101"},
		{"XPN", "Zztest^Rowan^^^^^NAV", "use", "official", "Zztest^Rowan^^^^^L"},
		{"XAD", "1 Zz St&Zz St&1^^Testville", "line[0]", "2 Yy St", "2 Yy St^^Testville"},
		{"XAD", "1 Zz St^^Testville^^^^L", "city", "Otherville", "1 Zz St^^Otherville^^^^L"},
		{"XCN", "17^Zztest^Avery", "display", "Robin Zzother", "17^Robin Zzother"},
		{"CX", "17^^^OTHER", "assigner.display", "NEW", "17^^^NEW"},
		{"PL", "POC^R1^B1", "display", "Elsewhere", "^^^^^^^^Elsewhere"},
		{"CQ", "2^mg&milligram&L", "unit", "gram", "2^gram"},
		{"thing", "11^One^L", "display", "Two", "^Two"},
	} {
		j := &job{p: &Profile{}, maps: maps, wayBack: true}
		at := &call{j: j, f: &frame{seg: &segment{name: "ZZZ"}}, location: "ZZZ-1", keep: true}
		n := maps.converterFor(c.kind).to(at, parseValue(c.raw))
		edit(t, n, c.path, c.value)
		if got := maps.converterFor(c.kind).from(at, n).String(); got != c.want {
			t.Errorf("%s: %s with %s = %s became %s, want %s", c.kind, c.raw, c.path, c.value, got, c.want)
		}
	}
}

// FuzzDatatypes: whatever a component holds, nothing panics, no text is void, and what
// comes back comes back again as the same.
func FuzzDatatypes(f *testing.F) {
	for i, c := range datatypeSamples {
		for _, raw := range c.raw {
			f.Add(i, raw)
		}
	}
	maps, err := loaded()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, i int, raw string) {
		if i < 0 || i >= len(datatypeSamples) || strings.ContainsAny(raw, `|~\`) || strings.ContainsFunc(raw, unicode.IsControl) || !utf8.ValidString(raw) {
			return
		}
		c := datatypeSamples[i]
		back, written := thereAndBack(maps, c, raw)
		if strings.Contains(written, `:""`) {
			t.Errorf("%s: %q has a void text: %s", c.kind, raw, written)
		}
		if again, _ := thereAndBack(maps, c, back); again != back {
			t.Errorf("%s: %q came back as %q, and that as %q", c.kind, raw, back, again)
		}
	})
}
