package translation

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"caregate/fhir"
	"caregate/hl7v2"
	"caregate/translate"
)

// TestEncodeGivesTheMessageBack compares the bytes after parse and encode, line ends aside.
func TestEncodeGivesTheMessageBack(t *testing.T) {
	t.Parallel()
	same := 0
	all := samples(t)
	for _, s := range all {
		if normalized(s.msg.Encode()) == normalized(s.raw) {
			same++
		} else {
			t.Errorf("%s: encode(parse(x)) is not x", s.name)
		}
	}
	figure(t, 1, "encode(parse(x)) equal to x", len(all), "equal", same)
}

func normalized(raw []byte) string {
	text := strings.TrimPrefix(string(raw), "\xef\xbb\xbf")
	text = strings.NewReplacer("\r\n", "\r", "\n", "\r").Replace(text)
	var lines []string
	for line := range strings.SplitSeq(text, "\r") {
		if line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\r")
}

// accounting counts leaves by class.
type accounting struct{ Mapped, Carried, Issue int }

func (a *accounting) add(c translate.Class) {
	switch c {
	case translate.Mapped:
		a.Mapped++
	case translate.Carried:
		a.Carried++
	default:
		a.Issue++
	}
}

func (a accounting) total() int { return a.Mapped + a.Carried + a.Issue }

// TestAccounting asks whether every valued leaf is accounted for, whether the account is
// true, and how much of what a table reads ends up as an issue.
func TestAccounting(t *testing.T) {
	t.Parallel()
	tables := tableFields(t)
	var sum accounting
	kinds, fields := map[string]*accounting{}, map[string]*accounting{}
	leaves, messages, refused, unaccounted, tabled, listed := 0, 0, 0, 0, 0, 0
	untrue := tally{}
	for _, s := range samples(t) {
		if s.err != nil {
			refused++
			t.Logf("%s: %v", s.name, s.err)
			continue
		}
		messages++
		want := valuedLeaves(s.msg)
		leaves += want
		if len(s.result.Leaves) != want {
			unaccounted += max(want-len(s.result.Leaves), len(s.result.Leaves)-want)
			t.Errorf("%s: %d leaves accounted for, %d are valued", s.name, len(s.result.Leaves), want)
		}
		b := newBench(s)
		carriers := carriersOf(s.bundle)
		for _, l := range s.result.Leaves {
			p, err := hl7v2.ParsePath(l.Path)
			if err != nil {
				t.Fatal(err)
			}
			field := fmt.Sprint(p.Segment, "-", p.Field)
			sum.add(l.Class)
			of(kinds, s.kind()).add(l.Class)
			of(fields, field).add(l.Class)
			if tables[field] && !strings.HasPrefix(p.Segment, "Z") {
				tabled++
				if l.Class == translate.Unread {
					listed++
				}
			}
			if why := b.doubt(said(t), l, p, carriers); why != "" {
				untrue[fmt.Sprint(l.Class, " ", field, " ", why)]++
			}
		}
	}
	printAccounts(t, "accounting-by-type.tsv", "type", kinds)
	printAccounts(t, "accounting-by-field.tsv", "field", fields)
	report(t, "accounting-untrue.txt", untrue.top(400))
	figure(t, 2, "every valued leaf accounted for", leaves, "messages", messages, "refused", refused, "mapped", sum.Mapped, "carried", sum.Carried,
		"issue", sum.Issue, "mappedPercent", share(sum.Mapped, leaves), "unaccounted", unaccounted)
	figure(t, 2, "listed although a table has a row", tabled, "listed", listed, "percent", share(listed, tabled), "targetPercent", 0.5)
	figure(t, 2, "the account is true", leaves, "notWhereItSays", untrue.sum(), "worst", untrue.top(8))
	must(t, share(listed, tabled) <= 0.5, "%d of %d leaves with a table row are only listed", listed, tabled)
	must(t, refused == 0, "%d messages were refused by the translator", refused)
}

func said(t *testing.T) saying { return sayings(t) }

func (c tally) sum() int {
	n := 0
	for _, v := range c {
		n += v
	}
	return n
}

func of(m map[string]*accounting, key string) *accounting {
	if m[key] == nil {
		m[key] = &accounting{}
	}
	return m[key]
}

func printAccounts(t *testing.T, file, name string, m map[string]*accounting) {
	t.Helper()
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return m[b].Issue*1000 + m[b].Carried - m[a].Issue*1000 - m[a].Carried })
	lines := []string{name + "\tleaves\tmapped\tcarried\tissue"}
	for _, k := range keys {
		a := m[k]
		lines = append(lines, fmt.Sprint(k, "\t", a.total(), "\t", a.Mapped, "\t", a.Carried, "\t", a.Issue))
	}
	report(t, file, lines)
	if name == "type" {
		figure(t, 2, "accounting by message type", len(m), "types", m)
	}
}

// tableFields returns the fields that some table reads into FHIR.
func tableFields(t *testing.T) map[string]bool {
	t.Helper()
	rows, err := translate.Rows()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, r := range rows {
		segment, _, _ := strings.Cut(r.Table, ".")
		if r.Field > 0 && r.Way != "<" {
			out[fmt.Sprint(segment, "-", r.Field)] = true
		}
	}
	return out
}

// valuedLeaves counts leaves by the parser alone, MSH-1 and MSH-2 left out.
func valuedLeaves(m *hl7v2.Message) int {
	n := 0
	for i := range m.Len() {
		s := m.Segment(i)
		for f := 1; f <= s.FieldCount(); f++ {
			if s.Name() == "MSH" && f <= 2 {
				continue
			}
			for r := 1; r <= s.Field(f).Repetitions(); r++ {
				rep := s.Field(f).Rep(r)
				for c := 1; c <= rep.Components(); c++ {
					for sub := 1; sub <= rep.Component(c).Subs(); sub++ {
						if rep.Component(c).RawSub(sub) != "" {
							n++
						}
					}
				}
			}
		}
	}
	return n
}

// carriersOf returns the raw texts that carriers hold, by the field that they name.
func carriersOf(bundle *fhir.Node) map[string][]string {
	out := map[string][]string{}
	var walk func(n *fhir.Node)
	walk = func(n *fhir.Node) {
		if n.Kind() == fhir.Object && n.Get("url") != nil && carrier(n) {
			name := strings.TrimPrefix(n.Get("url").Text(), translate.Extensions)
			name = strings.TrimPrefix(name, "v2-")
			if open, after, ok := strings.Cut(name, "("); ok {
				_, rest, _ := strings.Cut(after, ")")
				name = open + rest
			}
			out[name] = append(out[name], n.Get("valueString").Text())
		}
		for _, child := range n.Members() {
			walk(child)
		}
		for _, child := range n.Items() {
			walk(child)
		}
	}
	walk(bundle)
	return out
}

// doubt says why the account of a leaf is not true: a mapped leaf must stand in the Bundle
// outside of carriers, a carried one in the carrier of its field.
func (b *bench) doubt(s saying, l translate.Leaf, p hl7v2.Path, carriers map[string][]string) string {
	text := b.msg.At(p)
	switch l.Class {
	case translate.Carried:
		name := fmt.Sprint(p.Segment, "-", p.Field)
		held := slices.Concat(carriers[name], carriers["segment"])
		raw := hl7v2.Escape(text, hl7v2.DefaultDelimiters)
		if !slices.ContainsFunc(held, func(c string) bool {
			return strings.Contains(c, raw) || strings.Contains(c, text) || strings.Contains(hl7v2.Unescape(c, hl7v2.DefaultDelimiters), text)
		}) {
			return "no carrier of this field has it"
		}
	case translate.Mapped:
		if utf8.RuneCountInString(text) >= 4 && !s.found(strings.TrimLeft(text, "<>="), b.all) && !implied(text, l) {
			return "not in the Bundle: " + l.Target
		}
	case translate.Unread:
	}
	return ""
}

// implied tells whether the datatype of the target says the text: a code is of the system
// that its element is bound to, so the v2 table of it stands nowhere; data is Base64. (The
// sign before a number is the comparator of its quantity.)
func implied(text string, l translate.Leaf) bool {
	switch {
	case tableName.MatchString(text):
		kind := kindOf(bracketed.ReplaceAllString(l.Target, ""))
		return kind == "code" || kind == "Coding" || kind == "unsignedInt"
	case text == "Base64":
		return strings.HasSuffix(strings.ToLower(l.Target), "attachment")
	}
	return false
}

// TestCarriersHoldOneField looks into every carrier.
func TestCarriersHoldOneField(t *testing.T) {
	t.Parallel()
	carriers, several := 0, 0
	for _, s := range samples(t) {
		if s.err != nil {
			continue
		}
		for name, texts := range carriersOf(s.bundle) {
			for _, text := range texts {
				carriers++
				if name == "segment" && !strings.HasPrefix(text, "Z") && !strings.HasPrefix(text, "z") {
					several++
					t.Errorf("%s: a carrier holds a whole segment that is no Z segment", s.name)
				}
				if name != "segment" && strings.Contains(text, "|") {
					several++
					t.Errorf("%s: the carrier of %s holds more than one field", s.name, name)
				}
			}
		}
	}
	figure(t, 2, "carriers with more than one field", carriers, "several", several)
}

// TestSurvival counts the leaves of 4 and more characters, in fields that the guide maps,
// that stand at the target of a row.
func TestSurvival(t *testing.T) {
	t.Parallel()
	byField, s, covers := rowsOf(guide(t)), said(t), readScope(t)
	deviating, _ := deviationsOf(t)
	where := tally{}
	kinds := map[string]tally{}
	lost := tally{}
	total, mapped := 0, 0
	for _, m := range samples(t) {
		if m.err != nil {
			continue
		}
		b, pure := newBench(m), newBench(m)
		pure.world.pure = true
		if kinds[m.kind()] == nil {
			kinds[m.kind()] = tally{}
		}
		b.spots(func(at spot) {
			rows := covers.about(byField[fieldName(at)], at)
			if len(rows) == 0 {
				return // no map of the guide is about this message
			}
			for _, l := range at.leaves() {
				if utf8.RuneCountInString(l.text) < 4 {
					continue
				}
				got := b.survived(s, rows, l)
				if got != string(nowhere) && got != string(unread) && got != string(elsewhere) {
					if p := pure.survived(s, rows, l); p != string(atTarget) && p != string(logically) {
						where["onlyInAnExtensionOfOurs"]++
					}
				}
				total++
				where[got]++
				kinds[m.kind()]["all"]++
				kinds[m.kind()][got]++
				noted := !slices.ContainsFunc(rows, func(r *guideRow) bool {
					return covers.covers(r.mapName, at) && r.why == "" && r.literal == "" && !r.computed && deviating(r) == ""
				})
				if !partMapped(rows, at, l) {
					where["componentsTheGuideLeavesOut"]++
				} else {
					mapped++
					if got == string(atTarget) || got == string(logically) {
						where["mappedComponentsAtTarget"]++
					} else if noted {
						where["mappedComponentsDeviating"]++
					}
				}
				if got != string(atTarget) && got != string(logically) {
					mark := ""
					if noted {
						mark = " (deviation)"
					}
					lost[fmt.Sprint(fieldName(at), ".", l.component, " ", got, mark)]++
				}
			}
		})
	}
	report(t, "survival-lost.txt", lost.top(1000))
	kept := where[string(atTarget)] + where[string(logically)]
	figure(t, 2, "value survival at the target", total, "atTarget", where[string(atTarget)], "inLogicalReference", where[string(logically)],
		"elsewhere", where[string(elsewhere)], "carried", where[string(nowhere)], "issue", where[string(unread)], "onlyInAnExtensionOfOurs", where["onlyInAnExtensionOfOurs"], "percent", share(kept, total),
		"percentAnywhere", share(kept+where[string(elsewhere)], total), "targetPercent", 99.5)
	figure(t, 2, "value survival of mapped components", mapped, "atTarget", where["mappedComponentsAtTarget"], "deviating", where["mappedComponentsDeviating"],
		"percent", share(where["mappedComponentsAtTarget"], mapped), "percentOfNotDeviating", share(where["mappedComponentsAtTarget"], mapped-where["mappedComponentsDeviating"]))
	perKind := map[string]string{}
	for k, c := range kinds {
		perKind[k] = fmt.Sprintf("%d/%d", c[string(atTarget)]+c[string(logically)], c["all"])
	}
	figure(t, 2, "value survival by message type", len(kinds), "types", perKind)
	must(t, share(where["mappedComponentsAtTarget"], mapped-where["mappedComponentsDeviating"]) >= 99.5, "value survival is below 99.5 %%")
}

// partMapped tells whether a row of the field maps the component that the leaf stands in.
func partMapped(rows []*guideRow, at spot, l leafText) bool {
	all := at.leaves()
	return slices.ContainsFunc(rows, func(r *guideRow) bool {
		source, _, _ := strings.Cut(r.datatype, "[")
		return r.why == "" && r.literal == "" && !r.computed && slices.Contains(mappedLeaves(source, all), l)
	})
}

// survived says where a leaf stands, by the best of the rows of its field.
func (b *bench) survived(s saying, rows []*guideRow, l leafText) string {
	loose := false
	for _, r := range rows {
		if r.why != "" || r.literal != "" {
			continue
		}
		text := l.text
		strict, logical := b.at(r)
		if s.found(text, strict) {
			return string(atTarget)
		}
		loose = loose || s.found(text, logical)
	}
	switch {
	case loose:
		return string(logically)
	case s.found(l.text, b.all):
		return string(elsewhere)
	case b.class[l.path.String()] == translate.Unread:
		return string(unread)
	}
	return string(nowhere)
}
