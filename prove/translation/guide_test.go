package translation

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"caregate/hl7v2"
)

// guideRow is one mapped row of the official guide, read without the translator.
type guideRow struct {
	segment, field, mapName string // "PID", "PID-5", "PID[Patient]"
	number                  int
	resource                string // "Patient"
	condition               string // as printed
	target                  string // as printed
	datatype, vocabulary    string
	assignment              string

	when     *predicate // nil: always
	path     []pathStep
	literal  string // the constant that the row assigns
	computed bool   // the value is worked out of several fields
	why      string // why the row cannot be computed; "" where it can
	changed  string // why the target or the condition is read differently (section 2.2)
}

func (r *guideRow) key() string {
	return strings.Join([]string{r.mapName, r.field, r.condition, r.target}, " | ")
}

var guideOnce = struct {
	sync.Once
	rows []*guideRow
	err  error
}{}

// guide returns the rows of the guide: all 1 010 at full size, a sample of them otherwise.
func guide(t *testing.T) []*guideRow {
	t.Helper()
	path := "testdata/guide-sample.tsv"
	if dir := corpus(t); dir != "" {
		path = filepath.Join(dir, "ig-mapped-fields.tsv")
	}
	guideOnce.Do(func() { guideOnce.rows, guideOnce.err = readGuide(path) })
	if guideOnce.err != nil {
		t.Fatal(guideOnce.err)
	}
	return guideOnce.rows
}

// readings are what the proof reads differently from what the guide prints: section 2.2 of
// the facts, spelling, and conditions in prose that can be said in fields.
type readings struct {
	conditions map[string]map[string]string // printed condition -> row
	targets    []map[string]string
}

func readGuide(path string) ([]*guideRow, error) {
	lines, err := tsv(path)
	if err != nil {
		return nil, err
	}
	conditions, err := tsv("testdata/conditions.tsv")
	if err != nil {
		return nil, err
	}
	targets, err := tsv("testdata/targets.tsv")
	if err != nil {
		return nil, err
	}
	said := readings{map[string]map[string]string{}, targets}
	for _, c := range conditions {
		said.conditions[c["printed"]] = c
	}
	rows := make([]*guideRow, 0, len(lines))
	for _, l := range lines {
		r := &guideRow{
			segment: strings.TrimSpace(l["segment"]), field: l["field"], mapName: l["csv_map"], condition: strings.TrimSpace(l["condition"]),
			target: strings.TrimSpace(l["fhir_target"]), datatype: l["datatype_map"], vocabulary: l["vocab_map"], assignment: strings.TrimSpace(l["assignment"]),
		}
		r.read(said)
		rows = append(rows, r)
	}
	return rows, nil
}

// day tells whether the target is a date without a time.
func (r *guideRow) day() bool {
	return len(r.path) > 0 && slices.Contains([]string{"birthDate", "expirationDate"}, r.path[len(r.path)-1].name)
}

var mapForm = regexp.MustCompile(`^(\w+)\[(\w+)`)

// read works out what a row asks for, or why it cannot be asked.
func (r *guideRow) read(said readings) {
	p, err := hl7v2.ParsePath(r.field)
	if err != nil {
		r.why = "no field: " + r.field
		return
	}
	r.number, r.segment = p.Field, p.Segment
	if m := mapForm.FindStringSubmatch(r.mapName); m != nil {
		r.resource = m[2]
	}
	condition, target := r.condition, r.target
	if other, ok := said.conditions[condition]; ok {
		condition, r.changed = other["read"], other["reason"]
		if condition == "-" {
			r.why = "condition: " + other["reason"]
			return
		}
	}
	for _, t := range said.targets {
		if (t["map"] == "" || t["map"] == r.mapName) && (t["field"] == "" || t["field"] == r.field) && strings.Contains(target, t["printed"]) {
			if t["read"] == "-" {
				r.why = "target: " + t["reason"]
				return
			}
			if when := t["condition"]; when != "" {
				condition = when
			}
			target, r.changed = strings.Replace(target, t["printed"], t["read"], 1), t["reason"]
		}
	}
	if r.when, err = parsePredicate(condition); err != nil {
		r.why = "condition in prose"
		return
	}
	assignment := r.assignment
	if r.datatype != "" && !strings.HasPrefix(r.datatype, "ID[") {
		assignment = "" // the column has slipped from the row after it (PV1-8, PV1-42), or names a value set
	}
	target, r.literal, r.computed = constantOf(target, assignment)
	r.path, err = parseTarget(r.resource, target)
	if err != nil {
		r.why = "target: " + err.Error()
	}
}

var inTarget = regexp.MustCompile(`^(.*?)\s*=\s*"([^"]*)"$`)

// constantOf returns the target without a constant that stands in it, and the constant of the row.
func constantOf(target, assignment string) (path, literal string, computed bool) {
	if m := inTarget.FindStringSubmatch(target); m != nil {
		return m[1], m[2], false
	}
	a := strings.TrimSpace(assignment)
	switch {
	case a == "":
		return target, "", false
	case strings.ContainsAny(a, "+/[") && !strings.HasPrefix(a, `"http`) && !strings.HasPrefix(a, `"text/`) && !strings.HasPrefix(a, "http") && !strings.HasPrefix(a, `" http`) && a != `"application/text"`:
		return target, "", true
	case strings.HasPrefix(a, "http"), strings.HasPrefix(a, "#"):
		return target, strings.Trim(a, "#"), false
	}
	return target, strings.TrimSpace(strings.Trim(strings.TrimSpace(a), `"`)), false
}

// spot is one segment of a message, and for a repetition of a field which one: what a condition is read at.
type spot struct {
	msg   *hl7v2.Message
	index int // of the segment
	field int
	rep   int // 1-based
}

func (s spot) segment() hl7v2.Segment { return s.msg.Segment(s.index) }

// near returns the segment of that name in the same group: itself, else the nearest before
// it, else the nearest after it, within what starts the group.
func (s spot) near(name string) hl7v2.Segment {
	if s.segment().Name() == name {
		return s.segment()
	}
	if name == "MSH" || name == "PID" || name == "PV1" {
		return s.msg.First(name)
	}
	for i := s.index - 1; i >= 0; i-- {
		other := s.msg.Segment(i).Name()
		if other == name {
			return s.msg.Segment(i)
		}
		if other == s.segment().Name() || other == "PID" {
			break
		}
	}
	for i := s.index + 1; i < s.msg.Len(); i++ {
		other := s.msg.Segment(i).Name()
		if other == name {
			return s.msg.Segment(i)
		}
		if other == s.segment().Name() {
			break
		}
	}
	return hl7v2.Segment{}
}
