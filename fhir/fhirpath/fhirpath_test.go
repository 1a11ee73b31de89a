package fhirpath

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"caregate/fhir"
)

const patient = `{"resourceType":"Patient","id":"p1","meta":{"lastUpdated":"2026-09-30T20:00:00-04:00"},
"contained":[{"resourceType":"Organization","id":"o","name":"Zztest Clinic"}],
"extension":[{"url":"urn:q","valueQuantity":{"value":1.50}}],
"active":true,"name":[{"use":"official","family":"Zztest","given":["Ann","Bea"]},{"use":"old","family":"Zzold","given":["Cy"]}],
"telecom":[{"system":"phone","value":"555-0101"},{"system":"fax","value":"555-0102"}],
"_gender":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]},
"birthDate":"2016-03-01","_birthDate":{"extension":[{"url":"urn:time","valueDateTime":"2016-03-01T04:05:00Z"}]},
"deceasedBoolean":false,"generalPractitioner":[{"reference":"Practitioner/d"},{"reference":"#o"}],
"managingOrganization":{"reference":"https://a.example/fhir/Organization/o9"}}`

func rows(tb testing.TB, name string) [][]string {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "fhir", name))
	if err != nil {
		tb.Fatal(err)
	}
	var all [][]string
	for line := range strings.Lines(string(data)) {
		all = append(all, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	return all[1:]
}

func mustParse(tb testing.TB, data []byte) *fhir.Node {
	tb.Helper()
	n, err := fhir.Parse(data)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func TestEval(t *testing.T) {
	t.Parallel()
	n := mustParse(t, []byte(patient))
	for _, row := range rows(t, "fhirpath.tsv") {
		e, err := Compile(row[0])
		if err != nil {
			t.Errorf("%s: %v", row[0], err)
			continue
		}
		result, err := e.Eval(n)
		if err != nil {
			t.Errorf("%s: %v", row[0], err)
			continue
		}
		if got := string(fhir.NewArray(result...).JSON()); got != row[1] {
			t.Errorf("%s: %s, want %s", row[0], got, row[1])
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	for _, expr := range []string{
		"", "Patient.", "Patient.name[", "Patient.name.where(", "Patient..name", "name 'x'", "'open", "1 + 1",
		"Patient.name.trace('x')", "Patient.name.where()", "%vs", "Patient.name.first(1)", "name = ", "#", "a is 'x'",
		strings.Repeat("(", 5000) + "a", strings.Repeat("a", 20_000),
	} {
		if _, err := Compile(expr); err == nil {
			t.Errorf("%.40q was compiled", expr)
		}
	}
}

func TestEvalRefusesManyWhereOneIsNeeded(t *testing.T) {
	t.Parallel()
	n := mustParse(t, []byte(patient))
	for expr, fails := range map[string]bool{
		"name.given.startsWith('A')": true, "name.given.first().startsWith('A')": false,
		"name.given and true": true, "name.first().use.exists() and true": false, "telecom.single()": true,
	} {
		e, err := Compile(expr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Eval(n); (err != nil) != fails {
			t.Errorf("%s: %v", expr, err)
		}
	}
}

// Every search parameter of the supported types compiles, and runs on the examples of its type.
func TestSearchParameters(t *testing.T) {
	t.Parallel()
	examples := map[string][]*fhir.Node{}
	dir := os.Getenv("CAREGATE_EXAMPLES")
	if _, err := os.Stat(dir); err != nil && os.Getenv("CAREGATE_PROVE") != "full" {
		dir = filepath.Join("..", "..", "testdata", "fhir", "examples")
	}
	names, err := filepath.Glob(filepath.Join(dir, "*-*.json"))
	if err != nil || len(names) < 40 {
		t.Fatalf("%d examples: %v", len(names), err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) < 200_000 {
			n := mustParse(t, data)
			examples[n.ResourceType()] = append(examples[n.ResourceType()], n)
		}
	}
	var compiled, values, found int
	for _, row := range rows(t, "search-expressions.tsv") {
		e, err := Compile(row[3])
		if err != nil {
			t.Errorf("%s.%s: %v", row[0], row[1], err)
			continue
		}
		compiled++
		before := values
		for _, n := range examples[row[0]] {
			result, err := e.Eval(n)
			if err != nil {
				t.Errorf("%s.%s on %s: %v", row[0], row[1], n.Ref(), err)
			}
			values += len(result)
		}
		if values > before {
			found++
		}
	}
	t.Logf("%d search parameters compile, %d of them find something: %d values", compiled, found, values)
}

// The assertions of the v2 corpus, where it is at hand, are within the subset.
func TestCorpusAssertionsCompile(t *testing.T) {
	t.Parallel()
	corpus := os.Getenv("CAREGATE_CORPUS")
	if corpus == "" {
		t.Skip("CAREGATE_CORPUS is not set")
	}
	names, err := filepath.Glob(filepath.Join(corpus, "hl7v2", "expected", "*.assert.json"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%d assertion files: %v", len(names), err)
	}
	count := 0
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		n := mustParse(t, data)
		var all []string
		for _, m := range n.Get("must").Items() {
			all = append(all, m.Get("fhirpath").Text())
		}
		for _, m := range n.Get("must_not").Items() {
			all = append(all, m.Text())
		}
		for _, expr := range all {
			if count++; expr == "" {
				continue
			}
			if _, err := Compile(expr); err != nil {
				t.Errorf("%s: %q: %v", filepath.Base(name), expr, err)
			}
		}
	}
	t.Logf("%d assertions in %d files", count, len(names))
}

func FuzzCompile(f *testing.F) {
	for _, row := range rows(f, "fhirpath.tsv") {
		f.Add(row[0])
	}
	n := mustParse(f, []byte(patient))
	f.Fuzz(func(_ *testing.T, expr string) {
		if e, err := Compile(expr); err == nil {
			_, _ = e.Eval(n) // an error is an answer; only a panic is not
		}
	})
}
