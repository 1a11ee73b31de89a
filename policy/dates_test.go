package policy

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/rego"
)

// datedRow is one version of a rule, a minor's consent age or a notice.
type datedRow struct {
	window
	query     string // what the law answers with when the row is in force
	cite      string
	text, ref string
	age       string
}

// TestRowsAtTheirDates asks the law itself about every dated row, the day before it begins,
// the day it begins, its last day and the day after: it is law exactly between its dates.
func TestRowsAtTheirDates(t *testing.T) {
	t.Parallel()
	files, err := ReadFiles(Bundles())
	if err != nil {
		t.Fatal(err)
	}
	src, err := readSource(files, []string{"us", "us-il", "us-nj"})
	if err != nil {
		t.Fatal(err)
	}
	compiler, err := src.compile()
	if err != nil {
		t.Fatal(err)
	}
	rows := datedRows(t, src.data)
	edges := 0
	for _, r := range rows {
		if r.cite == "" || (r.text == "" && r.age == "") {
			t.Errorf("%s from %s has no citation or no text", r.query, r.from)
		}
		days := map[string]bool{before(t, r.from): false, r.from: true}
		if r.to != "9999-12-31" {
			days[r.to], days[after(t, r.to)] = true, false
		}
		query, err := rego.New(rego.Query("row := "+r.query), rego.Compiler(compiler), rego.Store(src.store())).PrepareForEval(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for day, want := range days {
			edges++
			found, err := query.Eval(t.Context(), rego.EvalInput(map[string]any{"local_date": day, "jurisdictions": map[string]any{"US": true, r.jurisdiction: true}}))
			if err != nil {
				t.Fatal(err)
			}
			if got := len(found) == 1 && r.is(found[0].Bindings["row"]); got != want {
				t.Errorf("%s from %s on %s: in force %t, want %t", r.query, r.from, day, got, want)
			}
		}
	}
	t.Logf("%d rows at %d dates", len(rows), edges)
	if len(rows) < 40 {
		t.Errorf("only %d dated rows were found", len(rows))
	}
}

// is tells whether the law answered with this very version.
func (r datedRow) is(answer any) bool {
	if ref, isNotice := answer.(string); isNotice {
		return ref == r.ref
	}
	return table(answer)["from"] == r.from && table(answer)["jurisdiction"] == r.jurisdiction
}

// datedRows lists what the bundles date.
func datedRows(t *testing.T, data map[string]any) []datedRow {
	t.Helper()
	var out []datedRow
	add := func(query string, rows any) {
		list, _ := rows.([]any)
		for _, v := range list {
			w, err := windowOf(table(v))
			if err != nil {
				t.Fatal(err)
			}
			text := func(name string) string { s, _ := table(v)[name].(string); return s }
			age := ""
			if n := table(v)["age"]; n != nil {
				age = fmt.Sprint(n)
			}
			out = append(out, datedRow{w, query, text("cite"), text("text"), text("ref"), age})
		}
	}
	for id, rows := range table(data["rules"]) {
		add(fmt.Sprintf("data.caregate.law.in_force(%q)", id), rows)
	}
	for id, rows := range table(data["notices"]) {
		add(fmt.Sprintf("data.caregate.law.notice(%q)", id), rows)
	}
	for _, domains := range table(data["minor_consent"]) {
		for domain, rows := range table(domains) {
			add(fmt.Sprintf("data.caregate.law.minor_consent(%q)", domain), rows)
		}
	}
	slices.SortFunc(out, func(a, b datedRow) int { return len(a.query) - len(b.query) })
	return out
}

func before(t *testing.T, day string) string { return move(t, day, -1) }

func after(t *testing.T, day string) string { return move(t, day, 1) }

func move(t *testing.T, day string, days int) string {
	t.Helper()
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		t.Fatal(err)
	}
	return at.AddDate(0, 0, days).Format(time.DateOnly)
}
