package translation

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"caregate/translate"
)

// saying is what the code tables, code systems and registries say a v2 text becomes.
type saying map[string][]string

var sayingOnce = struct {
	sync.Once
	said saying
	err  error
}{}

// sayings reads the tables of the translator as data: a code that stands at its target in
// FHIR's words is there.
func sayings(t *testing.T) saying {
	t.Helper()
	sayingOnce.Do(func() { sayingOnce.said, sayingOnce.err = readSayings(proveProfile(t)) })
	if sayingOnce.err != nil {
		t.Fatal(sayingOnce.err)
	}
	return sayingOnce.said
}

func readSayings(p translate.Profile) (saying, error) {
	said := saying{"Y": {"true"}, "N": {"false"}, "T": {"HTEST"}, "D": {"HTEST"}}
	files, err := filepath.Glob("../../translate/tables/code/*.tsv")
	if err != nil {
		return nil, err
	}
	for _, file := range append(files, "../../translate/tables/codesystems.tsv", "../../translate/tables/authorities.tsv") {
		rows, err := tsv(file)
		if err != nil && !os.IsNotExist(err) {
			return nil, err
		}
		for _, r := range rows {
			for _, from := range []string{r["code"], r["display"], r["name"], r["namespace"], r["oid"]} {
				_, label, _ := strings.Cut(r["fhir"], "|") // a system and a code
				for _, to := range []string{r["fhir"], label, r["system"]} {
					if from != "" && to != "" {
						said[from] = append(said[from], to)
					}
				}
			}
		}
	}
	for _, a := range p.Identifiers {
		said[a.Namespace] = append(said[a.Namespace], a.System)
		said[a.OID] = append(said[a.OID], a.System)
		said["ISO"] = append(said["ISO"], a.System) // the registered system stands for the OID and that it is one
	}
	for name, system := range p.CodeSystems {
		said[name] = append(said[name], system)
	}
	for _, codes := range p.Codes {
		for code, to := range codes {
			said[code] = append(said[code], to)
		}
	}
	return said, nil
}

var (
	dateText   = regexp.MustCompile(`^\d{4,14}(\.\d{1,4})?([+-]\d{4})?$`)
	fhirTime   = regexp.MustCompile(`^\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?$`)
	tableName  = regexp.MustCompile(`^HL7(\d{4})$`)
	clockText  = regexp.MustCompile(`^\d{4,6}(\.\d+)?$`)
	whitespace = regexp.MustCompile(`\s+`)
	nonDigit   = regexp.MustCompile(`\D+`)
)

// found tells whether a v2 text stands among the texts of a target: as it is, or as FHIR says it.
func (s saying) found(leaf string, texts []string) bool {
	leaf = legible(leaf)
	want := whitespace.ReplaceAllString(strings.TrimSpace(leaf), " ")
	if want == "" {
		return true
	}
	for _, text := range texts {
		if text == leaf || s.says(leaf, want, text) {
			return true
		}
	}
	return false
}

func (s saying) says(leaf, want, text string) bool {
	have := whitespace.ReplaceAllString(strings.TrimSpace(text), " ")
	if len(want) >= 3 && strings.Contains(have, want) || strings.EqualFold(have, want) {
		return true
	}
	if slices.Contains(s[leaf], text) {
		return true
	}
	if m := tableName.FindStringSubmatch(leaf); m != nil && strings.HasSuffix(text, "/v2-"+m[1]) {
		return true
	}
	switch {
	case dateText.MatchString(leaf) && fhirTime.MatchString(text):
		return sameTime(leaf, text)
	case clockText.MatchString(leaf) && strings.Count(text, ":") == 2:
		return strings.HasPrefix(strings.ReplaceAll(text, ":", ""), leaf)
	case len(nonDigit.ReplaceAllString(leaf, "")) >= 7 && nonDigit.ReplaceAllString(leaf, "") == nonDigit.ReplaceAllString(text, ""):
		return true // a telephone number, however it is set
	}
	if leaf == "ISO" && (strings.HasPrefix(text, "urn:oid:") || text == "http://hl7.org/fhir/sid/us-npi") || leaf == "UUID" && strings.HasPrefix(text, "urn:uuid:") {
		return true
	}
	if strings.HasPrefix(text, "urn:") && strings.HasSuffix(strings.ToLower(text), ":"+strings.ToLower(leaf)) {
		return true
	}
	return false
}

// sameTime compares what both sides say, to the precision of the v2 text; the offset aside.
func sameTime(leaf, text string) bool {
	leaf = regexp.MustCompile(`[+-]\d{4}$`).ReplaceAllString(leaf, "")
	if i := strings.IndexByte(text, 'T'); i >= 0 {
		text = text[:i] + regexp.MustCompile(`(Z|[+-]\d\d:\d\d)$`).ReplaceAllString(text[i:], "")
	}
	want, have := strings.TrimRight(strings.Replace(leaf, ".", "", 1), "0"), nonDigit.ReplaceAllString(text, "")
	return strings.HasPrefix(have, want)
}

func TestFound(t *testing.T) {
	t.Parallel()
	s := saying{"F": {"female"}, "LN": {"http://loinc.org"}}
	for _, test := range []struct {
		leaf, text string
		want       bool
	}{
		{"F", "female", true},
		{"F", "male", false},
		{"LN", "http://loinc.org", true},
		{"20260115", "2026-01-15", true},
		{"20260115103000-0600", "2026-01-15T10:30:00-06:00", true},
		{"20260115103000", "2026-01-15", false},
		{"202601", "2026-01", true},
		{"HL70063", "http://terminology.hl7.org/CodeSystem/v2-0063", true},
		{"1.2.3.44", "urn:oid:1.2.3.44", true},
		{"(312)555-0103", "+312 555 0103", true},
		{"Rowan", "Rowan Q", true},
		{"Q", "Rowan Q", false},
		{"1030", "10:30:00", true},
	} {
		if got := s.found(test.leaf, []string{test.text}); got != test.want {
			t.Errorf("%s in %s: %t", test.leaf, test.text, got)
		}
	}
}

// legible writes bytes that are no UTF-8, which FHIR cannot hold, as the escape sequences of v2.
func legible(text string) string {
	var b strings.Builder
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)) {
			fmt.Fprintf(&b, `\X%02X\`, text[i])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
