package translation

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"caregate/fhir"
	"caregate/hl7v2"
	"caregate/translate"
)

// ownRow is a row of our tables that the guide has nothing for, and what the messages say of it.
type ownRow struct {
	translate.MapRow
	segment           string
	steps             []pathStep
	resource          string
	anywhere          bool
	why               string // why its target cannot be looked up
	exercised, placed int
}

// ownRows returns the rows of the segment tables whose source is ours, fields only.
func ownRows(t *testing.T) map[string][]*ownRow {
	t.Helper()
	rows, err := translate.Rows()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]*ownRow{}
	for _, r := range rows {
		segment, _, _ := strings.Cut(r.Table, ".")
		segment = strings.TrimRight(segment, "_")
		if len(segment) != 3 || r.Field == 0 || r.Way == "<" || strings.HasPrefix(r.Source, "IG ") || !strings.Contains(r.Target, ".") {
			continue
		}
		row := &ownRow{MapRow: r, segment: segment}
		resource, path, _ := strings.Cut(afterHash.ReplaceAllString(targetForm.ReplaceAllString(r.Target, "$1"), "."), ".")
		if row.resource = resource; !fhir.IsResourceType(resource) {
			row.anywhere = true // part of an element that another table makes
		} else if row.steps, err = parseTarget(resource, strings.TrimPrefix(strings.ReplaceAll(path, "[x]", ""), "_")); err != nil {
			row.why = err.Error()
		}
		out[fmt.Sprint(segment, "-", r.Field)] = append(out[fmt.Sprint(segment, "-", r.Field)], row)
	}
	return out
}

var (
	afterHash = regexp.MustCompile(`#\w+\.`)
	bareCode  = regexp.MustCompile(`^(code|taskstatus|label)\b`)
)

var targetForm = regexp.MustCompile(`(\w+)(?:\[[^\]]*\]|\([^)]*\))+`)

// TestOwnRows asks of each row of ours whether a message exercises it, and whether the text
// then stands at the element that the row names.
func TestOwnRows(t *testing.T) {
	t.Parallel()
	byField, s := ownRows(t), said(t)
	for _, m := range samples(t) {
		if m.err != nil {
			continue
		}
		b := newBench(m)
		for _, l := range m.result.Leaves {
			at, field, text := leafOf(m, l)
			if text == "" || text == `""` || at.Segment == "MSH" {
				continue
			}
			for _, r := range byField[field] {
				if r.why != "" || l.Class != translate.Mapped || l.Target != r.Target {
					continue
				}
				if at.Component > 1 && bareCode.MatchString(r.Map) {
					continue // the element holds the code alone
				}
				r.exercised++
				texts := b.all
				if !r.anywhere {
					texts = b.world.textsOf(b.world.find(r.resource, r.steps, true))
				}
				if s.found(text, texts) || r.says(text, texts) {
					r.placed++
				}
			}
		}
	}
	printOwn(t, byField)
}

// says tells whether a text is in one that the row's map makes otherwise than word by word: a
// yes or no in the row's own two words, a part of the path of an error ("PID-3": the first PID).
func (r *ownRow) says(text string, texts []string) bool {
	switch words := strings.FieldsFunc(r.Map, func(c rune) bool { return strings.ContainsRune("(,)", c) }); words[0] {
	case "yesno":
		return len(words) == 3 && (text == words[1] && slices.Contains(texts, "true") || text == words[2] && slices.Contains(texts, "false"))
	case "ERL":
		return slices.ContainsFunc(texts, func(path string) bool {
			at, err := hl7v2.ParsePath(path)
			return err == nil && slices.Contains([]string{at.Segment, strconv.Itoa(max(at.Sequence, 1)), strconv.Itoa(at.Field)}, text)
		})
	}
	return false
}

func printOwn(t *testing.T, byField map[string][]*ownRow) {
	var all []*ownRow
	for _, rows := range byField {
		all = append(all, rows...)
	}
	slices.SortFunc(all, func(a, b *ownRow) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Target, b.Target))
	})
	lines := []string{"table\tfield\ttarget\tmap\tleaves\tplaced\tnote"}
	computable, exercised, right := 0, 0, 0
	for _, r := range all {
		lines = append(lines, fmt.Sprint(r.Table, "\t", r.segment, "-", r.Field, "\t", r.Target, "\t", r.Map, "\t", r.exercised, "\t", r.placed, "\t", r.why))
		if r.why == "" {
			computable++
		}
		if r.exercised > 0 {
			exercised++
			if r.placed == r.exercised {
				right++
			}
		}
	}
	report(t, "own-rows.tsv", lines)
	figure(t, 3, "placement of our own rows", len(all), "computable", computable, "exercised", exercised, "right", right, "unexercised", computable-exercised)
	must(t, right == exercised, "%d rows of ours do not stand where they say", exercised-right)
}
