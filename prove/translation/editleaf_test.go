package translation

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"caregate/fhir"
	"caregate/hl7v2"
	"caregate/translate"
)

// TestOneFieldChangesOneElement edits one leaf of a message after another, of each field one,
// and compares the Bundle: what differs must be at a target of that field, or its carrier.
func TestOneFieldChangesOneElement(t *testing.T) {
	t.Parallel()
	p, targets := proveProfile(t), targetsOf(t)
	edits, right, none, identity, spilled := 0, 0, 0, 0, 0
	spills, silent, why := tally{}, tally{}, tally{}
	sample, reasons := sampled{seen: tally{}}, settledEdits(t)
	for _, s := range samples(t) {
		if s.err != nil {
			continue
		}
		before := pathsOf(s.bundle)
		seen := map[string]bool{}
		for _, l := range s.result.Leaves {
			at, err := hl7v2.ParsePath(l.Path)
			if err != nil {
				t.Fatal(err)
			}
			field := fmt.Sprint(at.Segment, "-", at.Field)
			key := fmt.Sprint(field, ".", at.Component, ".", at.Subcomponent)
			text := s.msg.At(at)
			if seen[key] || at.Segment == "MSH" || l.Class != translate.Mapped || len(text) < 4 || text == `""` {
				continue
			}
			seen[key] = true
			if !sample.take(key + " " + s.kind()) {
				continue
			}
			edited := replaceLeaf(s.msg, at, otherLeaf(text))
			if edited == nil {
				continue
			}
			result, err := translate.ToFHIR(edited, p)
			if err != nil {
				continue // a field that decides what the message is
			}
			edits++
			changed := differences(before, pathsOf(result.Bundle))
			where := slices.DeleteFunc(outside(changed, targets, field), func(path string) bool {
				reason := settledBy(reasons, field, path)
				if reason != "" {
					why[reason]++
				}
				return reason != ""
			})
			switch {
			case len(changed) == 0:
				none++
				silent[key]++
			case slices.Contains(changed, "ids"):
				identity++
			case len(where) == 0:
				right++
			default:
				spilled++
				spills[fmt.Sprint(key, " -> ", strings.Join(where[:min(3, len(where))], ", "))]++
			}
		}
	}
	report(t, "edit-v2-spills.txt", spills.top(500))
	report(t, "edit-v2-silent.txt", silent.top(500))
	figure(t, 3, "one v2 leaf changed", edits, "ofLeaves", sample.all, "elsewhereByRight", why, "onlyItsElements", right, "noElement", none, "newIdentity", identity, "otherElements", spilled,
		"otherWhere", spills.top(6), "noElementWhere", silent.top(6))
	must(t, spilled == 0, "%d edits of one leaf changed elements of other fields", spilled)
}

// settledBy returns why an edit of a field changes this path too, "" where nothing says it.
func settledBy(reasons map[string]string, field, path string) string {
	for edit, reason := range reasons {
		if name, at, _ := strings.Cut(edit, " "); name == field && strings.HasPrefix(path, at) {
			return reason
		}
	}
	return ""
}

// otherLeaf is another text of the same kind: a date stays one, and a number.
func otherLeaf(text string) string {
	if numberText.MatchString(text) {
		return text + "1"
	}
	if wholeDate.MatchString(text) && len(text) >= 8 {
		if text[6:8] == "11" {
			return text[:6] + "12" + text[8:]
		}
		return text[:6] + "11" + text[8:]
	}
	return text + "x"
}

var numberText = regexp.MustCompile(`^[<>]?=?[0-9]{1,7}(\.[0-9]+)?$`)

// replaceLeaf returns the message with another text in one leaf, nil where it does not parse.
func replaceLeaf(m *hl7v2.Message, at hl7v2.Path, text string) *hl7v2.Message {
	d := m.Delimiters()
	lines := strings.Split(strings.TrimRight(string(m.Encode()), "\r"), "\r")
	seq := 0
	for i, line := range lines {
		if !strings.HasPrefix(line, at.Segment+string(d.Field)) {
			continue
		}
		if seq++; seq != max(at.Sequence, 1) {
			continue
		}
		change(&lines[i], d.Field, at.Field+1, func(field *string) {
			change(field, d.Repetition, max(at.Repetition, 1), func(rep *string) {
				change(rep, d.Component, max(at.Component, 1), func(component *string) {
					change(component, d.Subcomponent, max(at.Subcomponent, 1), func(leaf *string) { *leaf = hl7v2.Escape(text, d) })
				})
			})
		})
	}
	out, err := hl7v2.Parse([]byte(strings.Join(lines, "\r") + "\r"))
	if err != nil {
		return nil
	}
	return out
}

func change(text *string, by byte, n int, edit func(*string)) {
	parts := strings.Split(*text, string(by))
	if n <= len(parts) {
		edit(&parts[n-1])
	}
	*text = strings.Join(parts, string(by))
}

// targetsOf are the elements that the tables name for a field, without positions.
func targetsOf(t *testing.T) map[string][]string {
	t.Helper()
	rows, err := translate.Rows()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, r := range rows {
		segment, _, _ := strings.Cut(r.Table, ".")
		field := fmt.Sprint(segment, "-", r.Field)
		out[field] = append(out[field], strings.ReplaceAll(bracketed.ReplaceAllString(r.Target, ""), "[x]", ""))
	}
	return out
}

var bracketed = regexp.MustCompile(`\[[^\]]*\]|\([^)]*\)`)

// pathsOf lays a Bundle out as text by path without positions.
func pathsOf(bundle *fhir.Node) map[string]string {
	out := map[string]string{}
	var walk func(n *fhir.Node, path string)
	walk = func(n *fhir.Node, path string) {
		if n.Kind() == fhir.Object && carrier(n) {
			path = strings.TrimPrefix(n.Get("url").Text(), translate.Extensions)
			out[path] += n.Get("valueString").Text() + "\x1e"
			return
		}
		switch n.Kind() {
		case fhir.Object:
			for name, child := range n.Members() {
				if (name == "id" && n.ResourceType() != "") || name == "reference" { // Element.id is a mark of the field, no identity
					out["ids"] += child.Text() + "\x1e"
				} else {
					walk(child, path+"."+strings.TrimPrefix(name, "_")) // what stands beside a primitive is of it
				}
			}
		case fhir.Array:
			for _, item := range n.Items() {
				walk(item, path)
			}
		default:
			out[path] += n.Text() + "\x1e"
		}
	}
	for _, n := range fhir.Entries(bundle) {
		walk(n, n.ResourceType())
	}
	return out
}

func differences(a, b map[string]string) []string {
	var out []string
	for path, text := range a {
		if b[path] != text {
			out = append(out, path)
		}
	}
	for path := range b {
		if _, ok := a[path]; !ok {
			out = append(out, path)
		}
	}
	slices.Sort(out)
	return out
}

// outside returns the changed paths that are neither at a target of the field nor its carrier.
func outside(changed []string, all map[string][]string, field string) []string {
	var out []string
	targets, names := slices.Clone(all[field]), []string{field}
	for twin, first := range twins { // one of two that said the same says it alone now
		if first == field {
			targets, names = append(targets, all[twin]...), append(names, twin)
		}
	}
	own := regexp.MustCompile(`^v2-(` + strings.Join(names, "|") + `)$`)
	for _, path := range changed {
		if own.MatchString(counted.ReplaceAllString(path, "")) || slices.ContainsFunc(targets, func(to string) bool { return under(path, to) }) {
			continue
		}
		out = append(out, path)
	}
	return out
}

// counted is which of its segment a carrier is of.
var counted = regexp.MustCompile(`\(\w+\)`)

// under tells whether a path is at a target; a target that starts with no resource, such as
// Participant.actor, is part of one.
func under(path, target string) bool {
	first, rest, _ := strings.Cut(target, ".")
	if fhir.IsResourceType(first) {
		return strings.HasPrefix(path, target)
	}
	return rest == "" || strings.Contains(path, "."+rest) || strings.Contains(path, "."+strings.ToLower(first[:1])+first[1:])
}
