package translation

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"caregate/hl7v2"
	"caregate/translate"
)

// leafText is one valued leaf: where it stands in the repetition, and its text.
type leafText struct {
	path      hl7v2.Path
	component int
	text      string
}

// leaves returns the valued leaves of one repetition; the delete indicator is none.
func (s spot) leaves() []leafText {
	var out []leafText
	rep := s.segment().Field(s.field).Rep(s.rep)
	for c := 1; c <= rep.Components(); c++ {
		for sub := 1; sub <= rep.Component(c).Subs(); sub++ {
			raw := rep.Component(c).RawSub(sub)
			if raw == "" || raw == `""` {
				continue
			}
			p := hl7v2.Path{Segment: s.segment().Name(), Sequence: s.segment().Sequence(), Field: s.field, Repetition: s.rep, Component: c, Subcomponent: sub}
			if rep.Component(c).Subs() == 1 {
				p.Subcomponent = 0
				if rep.Components() == 1 {
					p.Component = 0
				}
			}
			out = append(out, leafText{p, c, rep.Component(c).Sub(sub)})
		}
	}
	return out
}

// unmappedParts are components that the datatype maps of the guide leave out.
var unmappedParts = map[string][]int{
	"CE": {7, 8}, "CWE": {14, 15, 16, 17, 18, 19, 20, 21, 22}, "CNE": {14, 15, 16, 17, 18, 19, 20, 21, 22},
	"XPN": {8, 9, 11, 14, 15}, "XAD": {8, 10, 11, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23},
	"CX": {2, 3, 6, 9, 10, 11, 12}, "XCN": {8, 11, 12, 14, 15, 16, 18, 22, 23}, "XON": {2, 4, 5, 8, 9},
	"XTN": {9, 10, 11, 13, 14, 15, 16, 17, 18}, "ED": {1, 2, 3, 4}, "RP": {2, 3, 4},
}

// scope says which messages the maps of the guide are about.
type scope map[string]struct{ messages, after []string }

func readScope(t *testing.T) scope {
	t.Helper()
	rows, err := tsv("testdata/applies.tsv")
	if err != nil {
		t.Fatal(err)
	}
	out := scope{}
	for _, r := range rows {
		s := out[r["map"]]
		s.messages = strings.Split(r["messages"], ",")
		if r["after"] != "" {
			s.after = strings.Split(r["after"], ",")
		}
		out[r["map"]] = s
	}
	return out
}

// groups are the segments that a subordinate one can come after.
var groups = []string{"MSH", "PID", "PD1", "NK1", "PV1", "PV2", "ORC", "OBR", "OBX", "RXO", "RXE", "RXA", "SCH", "AIS", "AIP", "AIL", "AIG", "RGS", "TXA", "PRB", "GOL", "PTH", "IN1", "PR1", "SPM"}

func (sc scope) covers(mapName string, at spot) bool {
	s, ok := sc[mapName]
	if !ok {
		return true
	}
	if s.messages[0] != "*" && !slices.Contains(s.messages, at.msg.Get("MSH-9.1")) {
		return false
	}
	if s.after == nil {
		return true
	}
	for i := at.index - 1; i >= 0; i-- {
		if name := at.msg.Segment(i).Name(); slices.Contains(groups, name) {
			return slices.Contains(s.after, name)
		}
	}
	return false
}

// about returns the rows whose maps are about the message, and with them those of maps that
// no message map tells when to use: homes that are as good.
func (sc scope) about(rows []*guideRow, at spot) []*guideRow {
	covered := false
	out := slices.DeleteFunc(slices.Clone(rows), func(r *guideRow) bool {
		s, listed := sc[r.mapName]
		covers := sc.covers(r.mapName, at)
		covered = covered || covers
		return !covers && (!listed || s.messages[0] != "-")
	})
	if !covered {
		return nil
	}
	return out
}

// bench is one message laid out for the reading of rows.
type bench struct {
	*sample
	world *world
	class map[string]translate.Class // by leaf path
	texts map[*guideRow][2][]string  // strict, logical
	all   []string
}

func newBench(s *sample) *bench {
	b := &bench{sample: s, world: newWorld(s.bundle), class: map[string]translate.Class{}, texts: map[*guideRow][2][]string{}}
	b.all = b.world.everything()
	for _, l := range s.result.Leaves {
		b.class[l.Path] = l.Class
	}
	return b
}

// at returns the texts of a row's target.
func (b *bench) at(r *guideRow) (strict, logical []string) {
	if have, ok := b.texts[r]; ok {
		return have[0], have[1]
	}
	for i, loose := range []bool{false, true} {
		list := b.texts[r]
		list[i] = b.world.textsOf(b.world.find(r.resource, r.path, loose))
		b.texts[r] = list
	}
	return b.at(r)
}

// spots calls yield for every valued repetition of every field.
func (b *bench) spots(yield func(spot)) {
	for i := range b.msg.Len() {
		segment := b.msg.Segment(i)
		for f := 1; f <= segment.FieldCount(); f++ {
			if segment.Name() == "MSH" && f <= 2 {
				continue
			}
			field := segment.Field(f)
			if !field.Valued() {
				continue
			}
			for rep := 1; rep <= field.Repetitions(); rep++ {
				if field.Rep(rep).Valued() && !field.Rep(rep).Null() {
					yield(spot{b.msg, i, f, rep})
				}
			}
		}
	}
}

// verdict is what became of one repetition under one row.
type verdict string

const (
	atTarget  verdict = "right"     // at the target, in a resource of the right type
	logically verdict = "logical"   // in a logical reference, or a resource of another type, at the target
	elsewhere verdict = "elsewhere" // somewhere else in the Bundle, not in a carrier
	nowhere   verdict = "carried"   // in a carrier, or an issue
	unread    verdict = "issue"
)

// judge says what became of a repetition under a row.
func (b *bench) judge(said saying, r *guideRow, at spot) (verdict, []string) {
	strict, logical := b.at(r)
	if r.literal != "" || r.computed {
		return b.judgeConstant(said, r, strict), nil
	}
	source, _, _ := strings.Cut(r.datatype, "[")
	leaves := mappedLeaves(source, at.leaves())
	if r.day() {
		for i, l := range leaves {
			leaves[i].text = l.text[:min(8, len(l.text))] // the target is a date
		}
	}
	if boundTo(r.datatype) && len(leaves) > 1 {
		leaves = leaves[:1] // a FHIR code holds the code alone
	}
	lost := func(texts []string) []string {
		var out []string
		for _, l := range leaves {
			if !said.found(l.text, texts) {
				out = append(out, l.part(source))
			}
		}
		return out
	}
	missing := lost(strict)
	switch {
	case len(missing) == 0:
		return atTarget, nil
	case len(lost(logical)) == 0:
		return logically, missing
	case len(lost(b.all)) == 0:
		return elsewhere, missing
	}
	for _, l := range leaves {
		if b.class[l.path.String()] == translate.Unread {
			return unread, missing
		}
	}
	return nowhere, missing
}

// part names a component by the datatype of the map: "CX.4.3".
func (l leafText) part(datatype string) string {
	if l.path.Component == 0 {
		return "whole"
	}
	name := cmp.Or(datatype, "part") + "." + strconv.Itoa(l.component)
	if l.path.Subcomponent > 0 {
		name += "." + strconv.Itoa(l.path.Subcomponent)
	}
	return name
}

// mappedLeaves leaves out the components that the datatype map of the guide leaves out.
func mappedLeaves(source string, all []leafText) []leafText {
	valued := map[int]bool{}
	for _, l := range all {
		valued[l.component] = true
	}
	var out []leafText
	for _, l := range all {
		skip := slices.Contains(unmappedParts[source], l.component)
		if source == "XTN" { // the guide takes one of them as the value
			first := slices.IndexFunc([]int{12, 4, 7, 1}, func(c int) bool { return valued[c] })
			skip = skip || (first >= 0 && slices.Contains([]int{12, 4, 7, 1}[first+1:], l.component)) || (valued[12] && l.component >= 5 && l.component <= 8)
		}
		if !skip {
			out = append(out, l)
		}
	}
	return out
}

func boundTo(datatype string) bool {
	_, to, _ := strings.Cut(strings.TrimSuffix(datatype, "]"), "[")
	return slices.Contains([]string{"code", "Code", "String", "string", "Boolean"}, to)
}

func (b *bench) judgeConstant(_ saying, r *guideRow, strict []string) verdict {
	if r.computed && len(strict) > 0 {
		return atTarget
	}
	for _, text := range strict {
		if r.literal != "" && sameConstant(r.literal, text) {
			return atTarget
		}
	}
	return nowhere
}

var lastName = regexp.MustCompile(`(?i)(?:extension-)?([^/]+?)(?:\.html)?\.?$`)

// sameConstant compares constants; of an address of an extension only its name, which the
// guide spells in three ways.
func sameConstant(want, have string) bool {
	want, have = strings.TrimSpace(want), strings.TrimSpace(have)
	if strings.EqualFold(want, have) {
		return true
	}
	if !strings.HasPrefix(want, "http") || !strings.HasPrefix(have, "http") {
		return false
	}
	w, h := lastName.FindStringSubmatch(want), lastName.FindStringSubmatch(have)
	return w != nil && h != nil && strings.EqualFold(w[1], h[1])
}

// rowsOf groups the rows of the guide by segment and field.
func rowsOf(rows []*guideRow) map[string][]*guideRow {
	out := map[string][]*guideRow{}
	for _, r := range rows {
		if r.segment != "" {
			key := r.segment + "-" + strconv.Itoa(r.number)
			out[key] = append(out[key], r)
		}
	}
	return out
}

func fieldName(at spot) string { return at.segment().Name() + "-" + strconv.Itoa(at.field) }
