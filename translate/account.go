package translate

import (
	"slices"
	"strings"

	"caregate/fhir"
	"caregate/hl7v2"
)

// account writes every segment back, carries what does not come back by itself, and
// says of each valued leaf where it went.
func (b *builder) account() []Leaf {
	valued := 0
	for _, f := range b.frames {
		valued += len(f.seg.fields)
	}
	leaves := make([]Leaf, 0, valued)
	for _, f := range b.frames {
		switch {
		case f.table != nil:
			leaves = b.accountFrame(leaves, f)
		case strings.HasPrefix(f.seg.name, "Z") && b.p.ZSegments != "drop":
			b.carryWhole(f)
			leaves = b.classify(leaves, f, func(int, int, leafAt) (Class, string) { return Carried, "Basic.extension" })
		default:
			if b.p.ZSegments == "drop" && strings.HasPrefix(f.seg.name, "Z") {
				b.report(b.location(f, 0), IssueWithheld, "the profile drops Z segments")
			} else {
				b.report(b.location(f, 0), IssueUnmapped, "no table reads this segment here")
			}
			leaves = b.classify(leaves, f, func(int, int, leafAt) (Class, string) { return Unread, "" })
		}
	}
	return leaves
}

// classify appends the valued leaves of a segment.
func (b *builder) classify(leaves []Leaf, f *frame, class func(field, rep int, leaf leafAt) (Class, string)) []Leaf {
	var room [8]leafAt
	first, paths := len(leaves), b.paths[:0] // of all leaves in one text
	for n := 1; n <= len(f.seg.fields); n++ {
		if n <= 2 && (f.seg.name == "MSH" || f.seg.name == "FHS" || f.seg.name == "BHS") {
			continue
		}
		if slices.Contains(f.seg.bytes, n) {
			b.report(b.location(f, n), IssueBadValue, "not UTF-8, nor what MSH-18 says; such bytes are kept as \\Xhh\\")
		}
		for i, raw := range f.seg.reps(n) {
			for _, at := range leavesOf(room[:0], raw) {
				path := hl7v2.Path{
					Segment: f.seg.name, Sequence: f.seg.seq, Field: n, Repetition: i + 1,
					Component: at.comp, Subcomponent: at.sub,
				}
				c, to := class(n, i, at)
				from := len(paths)
				paths = path.AppendTo(paths)
				leaves = append(leaves, Leaf{Class: c, Target: to})
				b.lengths = append(b.lengths, len(paths)-from)
				if at.raw == null {
					b.report(path.String(), IssueDelete, "the sender asks to delete this; the element is absent")
				}
			}
		}
	}
	text := string(paths)
	for i, length := range b.lengths {
		leaves[first+i].Path, text = text[:length], text[length:]
	}
	b.paths, b.lengths = paths, b.lengths[:0]
	return leaves
}

// leafAt is one valued leaf of a repetition; comp and sub are 0 where there is only one.
type leafAt struct {
	comp, sub int
	raw       string
}

// leavesOf appends the valued leaves of a repetition.
func leavesOf(out []leafAt, raw string) []leafAt {
	if strings.IndexByte(raw, '^') < 0 && strings.IndexByte(raw, '&') < 0 {
		if raw == "" {
			return out
		}
		return append(out, leafAt{raw: raw})
	}
	v := parseValue(raw)
	for c := range v {
		for s, leaf := range v[c] {
			if leaf == "" {
				continue
			}
			at := leafAt{comp: c + 1, sub: s + 1, raw: leaf}
			if len(v[c]) == 1 {
				at.sub = 0
				if len(v) == 1 {
					at.comp = 0
				}
			}
			out = append(out, at)
		}
	}
	return out
}

// accountFrame carries what does not come back and classifies the leaves of a segment.
func (b *builder) accountFrame(leaves []Leaf, f *frame) []Leaf {
	stands := b.standing(f)
	before := b.issues
	back := b.rebuild(f, b.fields)
	b.stood, b.fields = stands, back.fields
	carried := false
	for n := 1; n <= len(f.seg.fields); n++ {
		if want := f.seg.field(n); strings.Trim(want, "~^&") != "" && back.field(n) != want && !b.withheld(f, n) {
			b.carryField(f, n)
			carried = true
		}
	}
	for n := range back.fields {
		if back.field(n+1) != "" && len(f.seg.reps(n+1)) == 0 {
			b.carryAt(b.home(f), b.carrierName(f, n+1), "") // the table would write what nobody sent
			carried = true
		}
	}
	b.issues = before
	return b.classify(leaves, f, func(n, i int, leaf leafAt) (Class, string) {
		if b.withheld(f, n) {
			b.report(b.location(f, n), IssueWithheld, "the profile does not let this in")
			return Unread, ""
		}
		for k := range stands {
			if s := &stands[k]; s.field == n && s.has(i, leaf) {
				return Mapped, s.target
			}
		}
		if carried {
			issues := b.issues
			carried = false
			b.retry(f, back)
			b.issues = issues
		}
		if back.field(n) == f.seg.field(n) {
			return Carried, b.carriedAt(f, n)
		}
		b.report(b.location(f, n), IssueUnmapped, "could not be kept in place")
		return Unread, ""
	})
}

// carriedAt names the element that the carrier of a field stands at.
func (b *builder) carriedAt(f *frame, n int) string {
	if _, ok := b.carriedFields(f)[n]; ok {
		if name := b.home(f).ResourceType(); name != "" {
			return name + ".extension"
		}
		for at := f; at != nil; at = at.parent {
			if len(at.bound) > 0 {
				return at.bound[0].name + ".extension"
			}
		}
	}
	if marks := b.anchors(f, n); len(marks) > 0 {
		return marks[0].row.target.text + ".extension"
	}
	return ""
}

// withheld tells whether a field is kept out by the profile.
func (b *builder) withheld(f *frame, n int) bool {
	for _, r := range f.table.of(n) {
		if r.mapName == "withhold" && b.holds(r.when, f) {
			return true
		}
	}
	return false
}

// stood is what one element gives back of one repetition.
type stood struct {
	field  int
	rep    int // -1 for all
	target string
	value  value
	lines  []string
}

// numbered is what each of several numbers in one element gives back.
func (s stood) numbered(all value) []stood {
	var out []stood
	for i, raw := range strings.Split(all.String(), "~") {
		out = append(out, stood{field: s.field, rep: i, target: s.target, value: parseValue(raw)})
	}
	return out
}

func (s *stood) has(rep int, leaf leafAt) bool {
	if s.rep >= 0 && s.rep != rep {
		return false
	}
	text := unescape(leaf.raw)
	if s.lines != nil {
		if broken := strings.Split(leaf.raw, `\.br\`); len(broken) > 1 {
			return !slices.ContainsFunc(broken, func(line string) bool { return !slices.Contains(s.lines, unescape(line)) })
		}
		return slices.Contains(s.lines, text)
	}
	return text != "" && unescape(s.value.raw(max(leaf.comp, 1), max(leaf.sub, 1))) == text
}

func atoi(s string) int {
	n := 0
	for _, r := range s {
		n = n*10 + int(r-'0')
	}
	return n
}

// looking are the maps that look at more than their element on the way back.
var looking = []string{"varies", "component", "order", "taskstatus", "same", "attachment"}

// standing returns what the elements of a frame give back without any carrier.
func (b *builder) standing(f *frame) []stood {
	out := b.stood[:0]
	for k := range f.marks {
		m := &f.marks[k]
		if !m.placed {
			continue
		}
		c := b.borrow(call{f: f, args: m.row.args, quiet: true, field: m.row.field})
		if last := m.row.lastName(); strings.HasSuffix(last, "[x]") {
			c.choice = strings.TrimPrefix(m.place.name, strings.TrimSuffix(last, "[x]"))
		}
		c.beside = m.place.annotations()
		s := stood{field: m.row.field, rep: m.rep, target: m.row.target.text}
		if m.row.mapName == "numbers" || m.row.mapName == "race" {
			out = append(out, s.numbered(m.row.convert.from(c, m.place.bare()))...)
			continue
		}
		s.value = m.row.convert.from(c, m.place.bare())
		if m.known = m.place.node != nil && !slices.Contains(looking, m.row.mapName); m.known {
			m.gives = s.value.String()
		}
		if m.row.joins() || s.value.repeats() {
			s.rep, s.lines = -1, strings.Split(unescape(strings.NewReplacer(`\.br\`, "\n", "~", "\n").Replace(s.value.String())), "\n")
		}
		out = append(out, s)
		b.idle = c
	}
	return b.silentStanding(f, out)
}

// silentStanding adds the fields that follow from elsewhere, such as set ids.
func (b *builder) silentStanding(f *frame, out []stood) []stood {
	for i := range f.table.rows {
		r := &f.table.rows[i]
		if r.field == 0 || r.way != "<>" || (!slices.Contains(silent, r.mapName) && (r.mapName != "varies" || r.arg0() == "value") && (r.mapName != "attachment" || r.arg0() != "type")) {
			continue
		}
		root := b.lookup(f, r.target.resource)
		if root == nil || !b.holds(r.when, f) {
			continue
		}
		for _, raw := range b.backRow(f, r, root) {
			out = append(out, stood{field: r.field, rep: 0, target: r.target.text, value: parseValue(raw)})
		}
	}
	return out
}

// carryField puts a field beside the elements that its repetitions became, each alone
// where each has an element, else whole; a field without an element goes to the resource.
func (b *builder) carryField(f *frame, n int) {
	reps := f.seg.reps(n)
	marks := b.anchors(f, n)
	if len(marks) == 0 {
		b.carryAt(b.home(f), b.carrierName(f, n), f.seg.field(n))
		return
	}
	if marks[0].whole || len(marks) != len(reps) {
		if !marks[0].place.carry(b.carrierName(f, n), f.seg.field(n)) {
			b.carryAt(b.home(f), b.carrierName(f, n), f.seg.field(n))
		}
		return
	}
	for _, m := range marks {
		if !m.place.carry(b.carrierName(f, n), reps[m.rep]) {
			b.carryAt(b.home(f), b.carrierName(f, n), f.seg.field(n))
			return
		}
	}
}

// personal are the datatypes that say who and where a person is: what could not be read
// of them stays in the list it belongs to, so that redaction of the element takes it along.
var personal = []string{"XPN", "XTN", "XAD", "CX"}

// primitives are the maps whose element is a primitive: one that could not be made has a place beside it.
var primitives = []string{"ST", "NM", "DTM", "TM", "ERL", "code", "token", "uri", "universal", "id", "document", "integer", "positive", "minutes", "language", "lines", "words", "yesno", "taskstatus"}

// anchors returns the marks of the row that a carrier of the field should stand at: the
// first row whose elements can have extensions of their own. An element that could not
// be made is only opened for its carrier where it is a primitive, or personal.
func (b *builder) anchors(f *frame, n int) []mark {
	var best []mark
	for _, r := range f.table.of(n) {
		if r.way != "<>" || slices.Contains(silent, r.mapName) || r.target.resource == "MessageHeader" || r.target.resource == "Bundle" {
			continue
		}
		var marks []mark
		for _, m := range f.marks {
			primitive := !m.place.inList && slices.Contains(primitives, r.mapName)
			if m.row == r && m.place.parent != nil && (m.placed || primitive || (m.place.inList && slices.Contains(personal, r.mapName))) {
				marks = append(marks, m)
			}
		}
		if len(marks) > 0 && marks[0].placed && marks[0].place.node.Kind() == fhir.Object {
			return marks
		}
		if len(best) == 0 {
			best = marks
		}
	}
	return best
}
