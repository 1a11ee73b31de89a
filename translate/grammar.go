package translate

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

var errTarget = errors.New("not a target such as Patient.name[]")

// parseTarget reads "Patient.telecom[use!=work]", "Patient.extension(url).valueString", "Patient".
func parseTarget(text string) (target, error) {
	t := target{text: text}
	switch text {
	case "":
		return t, errTarget
	case ".": // the element itself
		return t, nil
	}
	for i, part := range splitPath(text) {
		if i == 0 && !strings.ContainsAny(part, "[(") && (part[0] == '^' || part[0] == '/' || part[0] >= 'A' && part[0] <= 'Z') {
			t.resource = part
			continue
		}
		s, err := parseStep(part)
		if err != nil {
			return t, err
		}
		if n := len(t.steps); s.kind == extended && n > 0 && t.steps[n-1].kind == extended {
			s.url, _, _ = strings.Cut(strings.TrimPrefix(part, "extension("), ")") // within an extension names are short
		}
		t.steps = append(t.steps, s)
	}
	t.listKey, t.listAt = t.readList()
	return t, nil
}

// splitPath splits at the dots that are in no bracket.
func splitPath(text string) []string {
	var parts []string
	depth, start := 0, 0
	for i, r := range text {
		switch r {
		case '[', '(':
			depth++
		case ']', ')':
			depth--
		case '.':
			if depth == 0 {
				parts = append(parts, text[start:i])
				start = i + 1
			}
		}
	}
	return append(parts, text[start:])
}

func parseStep(part string) (step, error) {
	if url, ok := strings.CutPrefix(part, "extension("); ok {
		name, which, _ := strings.Cut(url, ")")
		return step{name: "extension", kind: extended, each: which != "", marked: which == "[-]", url: extensionURL(name)}, nil
	}
	if strings.HasSuffix(part, "[x]") {
		return step{name: part}, nil
	}
	name, inner, bracket := strings.Cut(strings.TrimSuffix(part, "]"), "[")
	switch {
	case name == "":
		return step{}, errTarget
	case !bracket:
		return step{name: name}, nil
	case inner == "#":
		return step{name: name, kind: appended, aligned: true}, nil
	case inner == "" || inner == "-":
		return step{name: name, kind: appended, marked: inner == "-"}, nil
	}
	if n, err := strconv.Atoi(inner); err == nil {
		return step{name: name, kind: indexed, index: n}, nil
	}
	key, val, ok := strings.Cut(inner, "=")
	if !ok {
		return step{}, errTarget
	}
	not := strings.HasSuffix(key, "!")
	bare, several := strings.CutSuffix(strings.TrimSuffix(key, "!"), "*")
	return step{name: name, kind: picked, key: bare, val: systemName(val), not: not, several: several}, nil
}

// extensionURL completes the short names of the extensions that HL7 publishes; ".group" is
// the name of a part of an extension.
func extensionURL(name string) string {
	if strings.Contains(name, ":") {
		return name
	}
	if short, ok := strings.CutPrefix(name, "."); ok {
		return short
	}
	if own, ok := strings.CutPrefix(name, "own-"); ok {
		return Extensions + own
	}
	return "http://hl7.org/fhir/StructureDefinition/" + name
}

// systemName completes "v2-0131" and "v3-RoleCode".
func systemName(s string) string {
	if strings.HasPrefix(s, "v2-") || strings.HasPrefix(s, "v3-") {
		return terminology + s
	}
	return s
}

// terminology is the base of the code systems of HL7 v2 and v3 tables.
const terminology = "http://terminology.hl7.org/CodeSystem/"

// condition is a conjunction of tests; an empty one holds.
type condition []test

type test struct {
	subject string // "RF1-1.1", "event", "ServiceRequest"
	verb    string // = != in valued absent present
	values  []string

	isField bool       // subject is a field
	field   fieldRef   // which
	refs    []fieldRef // the values that are fields
}

// parseCondition reads "RF1-1.1 = R and PRD-7 valued".
func parseCondition(text string) (condition, error) {
	if text == "" || text == "-" {
		return nil, nil
	}
	var c condition
	for part := range strings.SplitSeq(text, " and ") {
		words := strings.Fields(part)
		if len(words) < 2 || len(words) > 3 {
			return nil, fmt.Errorf("condition %q: not <subject> <verb> [value]", part)
		}
		t := test{subject: words[0], verb: words[1]}
		switch t.verb {
		case "valued", "absent", "present":
		case "=", "!=", "in", "notin":
			if len(words) < 3 {
				return nil, fmt.Errorf("condition %q: value missing", part)
			}
			t.values = strings.Split(words[2], ",")
			t.refs = make([]fieldRef, len(t.values))
			for i, v := range t.values {
				t.refs[i], _ = parseRef(v)
			}
		default:
			return nil, fmt.Errorf("condition %q: unknown verb", part)
		}
		if !strings.Contains(t.subject, "+") {
			t.field, t.isField = parseRef(t.subject)
		}
		c = append(c, t)
	}
	return c, nil
}

// fieldRef is "PID-3[1].4": a field of a segment, and a component of it.
type fieldRef struct {
	segment          string
	field, rep, comp int
}

// parseRef reads a fieldRef; ok is false for anything else.
func parseRef(text string) (fieldRef, bool) {
	seg, rest, ok := strings.Cut(text, "-")
	if !ok || len(seg) != 3 {
		return fieldRef{}, false
	}
	rest, comp, _ := strings.Cut(rest, ".")
	num, rep, _ := strings.Cut(strings.TrimSuffix(rest, "]"), "[")
	ref := fieldRef{segment: seg}
	var err error
	if ref.field, err = strconv.Atoi(num); err != nil {
		return fieldRef{}, false
	}
	if rep != "" {
		ref.rep, _ = strconv.Atoi(rep)
	}
	if comp != "" {
		ref.comp, _ = strconv.Atoi(comp)
	}
	return ref, true
}
