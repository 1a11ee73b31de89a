package consent

import (
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"caregate/policy"
)

// change is one way to write a scenario that must not change what is decided.
type change struct {
	name  string
	apply func(r row) (doc map[string]any, names func(string) string) // names: what a reference became
}

func unchanged(ref string) string { return ref }

// changes are those of point 1: who merely remembers rows fails here.
var changes = []change{
	{"as written", func(r row) (map[string]any, func(string) string) { return r.doc, unchanged }},
	{"ids renamed", renamed},
	{"arrays shuffled", func(r row) (map[string]any, func(string) string) {
		random := rand.New(rand.NewPCG(1, uint64(len(r.id))))
		return shuffled(r.doc, random).(map[string]any), unchanged
	}},
	{"28 years later", func(r row) (map[string]any, func(string) string) { return shifted(r, 28), unchanged }},
	{"56 years later", func(r row) (map[string]any, func(string) string) { return shifted(r, 56), unchanged }},
	{"7 days later", func(r row) (map[string]any, func(string) string) { return daysLater(r, 7), unchanged }},
	{"350 days later", func(r row) (map[string]any, func(string) string) { return daysLater(r, 350), unchanged }},
	{"20 days earlier", func(r row) (map[string]any, func(string) string) { return daysLater(r, -20), unchanged }},
	{"without prose, tags, basis and expected", func(r row) (map[string]any, func(string) string) {
		doc := maps.Clone(r.doc)
		for _, name := range []string{"prose", "tags", "basis", "expected", "twin", "contestable", "contestableReason", "id"} {
			delete(doc, name)
		}
		return doc, unchanged
	}},
	{"all of it at once", func(r row) (map[string]any, func(string) string) {
		doc, names := renamed(row{doc: shifted(r, 28)})
		doc = shuffled(doc, rand.New(rand.NewPCG(2, 3))).(map[string]any)
		for _, name := range []string{"prose", "tags", "basis", "expected"} {
			delete(doc, name)
		}
		return doc, names
	}},
}

// TestScenarios decides every scenario as written and under each change: exact, and nothing
// disclosed that the row withholds.
func TestScenarios(t *testing.T) {
	t.Parallel()
	all := rows(t)
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var docs []map[string]any
			var names []func(string) string
			for _, r := range all {
				doc, name := c.apply(r)
				docs, names = append(docs, doc), append(names, name)
			}
			score(t, c.name, all, decide(t, docs), names)
		})
	}
}

func score(t *testing.T, name string, all []row, answers []policy.ScenarioAnswer, names []func(string) string) {
	t.Helper()
	exact, over, under, missing := 0, 0, 0, 0
	for i, got := range answers {
		want := all[i].want
		withheld, redacted := renameAll(want.Withheld, names[i]), renameAll(want.RedactedElements, names[i])
		o, u := count(withheld, got.Withheld), count(got.Withheld, withheld)
		m := count(want.Obligations, got.Obligations)
		over, under, missing = over+o, under+u, missing+m
		if got.Decision == want.Decision && o+u == 0 && slices.Equal(redacted, got.RedactedElements) {
			exact++
		} else {
			t.Errorf("%s: %s, %s, without %s; expected %s, %s, without %s", all[i].id, got.Decision, got.Withheld, got.RedactedElements, want.Decision, withheld, redacted)
		}
		if m > 0 {
			t.Errorf("%s: obligations %s, expected at least %s", all[i].id, got.Obligations, want.Obligations)
		}
	}
	figure(t, 1, "scenarios "+name, len(all), "exact", exact, "overDisclosures", over, "overWithheld", under, "obligationsMissing", missing)
}

func renameAll(list []string, name func(string) string) []string {
	out := make([]string, len(list))
	for i, ref := range list {
		ref, element, has := strings.Cut(ref, "#")
		if out[i] = name(ref); has {
			out[i] += "#" + element
		}
	}
	slices.Sort(out)
	return out
}

// count says how many of a are not in b.
func count(a, b []string) int {
	n := 0
	for _, x := range a {
		if !slices.Contains(b, x) {
			n++
		}
	}
	return n
}

var local = regexp.MustCompile(`^([A-Z][A-Za-z]+)/([A-Za-z0-9.-]+)$`)

// renamed gives every id of the scenario another one, wherever it stands.
func renamed(r row) (map[string]any, func(string) string) {
	ids := map[string]string{}
	name := func(ref string) string {
		parts := local.FindStringSubmatch(ref)
		if parts == nil {
			return ref
		}
		if ids[ref] == "" {
			ids[ref] = parts[1] + "/n" + strconv.Itoa(1000+7*len(ids))
		}
		return ids[ref]
	}
	doc := each(r.doc, name).(map[string]any)
	doc["timezone"] = r.doc["timezone"]
	rename := func(kind string, o any) {
		if m, ok := o.(map[string]any); ok {
			if id, ok := m["id"].(string); ok {
				m["id"] = strings.TrimPrefix(name(kind+"/"+id), kind+"/")
			}
		}
	}
	rename("Patient", doc["patient"])
	for _, list := range []string{"consents", "resources"} {
		items, _ := doc[list].([]any)
		for _, o := range items {
			if m, ok := o.(map[string]any); ok {
				kind, _ := m["resourceType"].(string)
				rename(kind, o)
			}
		}
	}
	return doc, name
}

// shuffled puts the items of every list in another order.
func shuffled(v any, random *rand.Rand) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			out[name] = shuffled(v[name], random)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, at := range random.Perm(len(v)) {
			out[i] = shuffled(v[at], random)
		}
		return out
	}
	return v
}

// datedLaw tells whether the case is about the days of an act, which do not move with it.
func (r row) datedLaw() bool {
	tags, _ := r.doc["tags"].([]any)
	return slices.Contains(tags, any("dated-law"))
}

var dated = regexp.MustCompile(`^\d{4}(-\d{2}(-\d{2}(T.*)?)?)?$`)

// shifted moves every date by whole cycles of 28 years, after which the calendar is the
// same again: birthdays, weekdays and the change of the clocks stay where they were.
func shifted(r row, years int) map[string]any {
	if r.datedLaw() {
		return r.doc
	}
	return each(r.doc, func(s string) string {
		if !dated.MatchString(s) {
			return s
		}
		year, err := strconv.Atoi(s[:4])
		if err != nil {
			return s
		}
		return strconv.Itoa(year+years) + s[4:]
	}).(map[string]any)
}

var partial = regexp.MustCompile(`^\d{4}(-\d{2})?$`)

// daysLater moves every day and instant by days, at the same hour where the child lives. A
// case with a whole year or month stays: no number of days moves those.
func daysLater(r row, days int) map[string]any {
	zone, err := time.LoadLocation(r.doc["timezone"].(string))
	if err != nil {
		zone = time.UTC
	}
	whole := false
	each(r.doc, func(s string) string {
		whole = whole || partial.MatchString(s)
		return s
	})
	if whole || r.datedLaw() {
		return r.doc
	}
	return each(r.doc, func(s string) string {
		if day, err := time.Parse(time.DateOnly, s); err == nil {
			return day.AddDate(0, 0, days).Format(time.DateOnly)
		}
		if at, err := time.Parse(time.RFC3339Nano, s); err == nil {
			return at.In(zone).AddDate(0, 0, days).Format(time.RFC3339Nano)
		}
		return s
	}).(map[string]any)
}

// each returns a copy of a document with every text changed.
func each(v any, change func(string) string) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, child := range v {
			out[name] = each(child, change)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, child := range v {
			out[i] = each(child, change)
		}
		return out
	case string:
		return change(v)
	}
	return v
}

// TestShiftKeepsTheCalendar: the instants of the rows fall on the same local day and hour after a shift.
func TestShiftKeepsTheCalendar(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("America/Chicago")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"2026-03-08T08:30:00Z", "2026-07-01T04:59:59Z", "2028-02-29T12:00:00Z"} {
		was, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		is, err := time.Parse(time.RFC3339, strconv.Itoa(was.Year()+28)+s[4:])
		if err != nil {
			t.Fatal(err)
		}
		if was.In(zone).Format("01-02 15:04 Mon") != is.In(zone).Format("01-02 15:04 Mon") {
			t.Errorf("%s: %s, then %s", s, was.In(zone), is.In(zone))
		}
	}
}
