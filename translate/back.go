package translate

import (
	"slices"
	"strings"

	"caregate/fhir"
)

// silent are the maps that store nothing in FHIR: what they write follows from elsewhere.
var silent = []string{"SI", "constant", "same", "linked", "private", "regimen", "withhold"}

// rebuild writes the segment of a frame from its resources. Fields come in the order of
// the table, so that a condition sees the fields it is about.
// It may use the room.
func (j *job) rebuild(f *frame, room [][]string) *segment {
	was := f.seg
	out := &segment{name: was.name, seq: was.seq, fields: room[:0]}
	out.fields = slices.Grow(out.fields, max(len(was.fields), len(f.table.fields)))
	f.seg = out
	if out.name == "MSH" {
		out.put(1, []string{string(delims.Field)})
		out.put(2, []string{delims.Encoding()})
	}
	j.rebuildFields(f, func(int) bool { return true })
	f.seg = was
	return out
}

// rebuildFields writes the fields that are asked for, of those that the table knows, and
// all others that are carried.
func (j *job) rebuildFields(f *frame, asked func(n int) bool) {
	carried := j.carriedFields(f)
	for _, n := range f.table.order {
		if asked(n) {
			raw, ok := carried[n]
			f.seg.put(n, j.backField(f, n, raw, ok))
		}
	}
	for n, raw := range carried {
		if !slices.Contains(f.table.order, n) {
			f.seg.put(n, strings.Split(raw, "~"))
		}
	}
}

// retry rebuilds what did not come back of a segment before its fields were carried.
func (j *job) retry(f *frame, back *segment) {
	was := f.seg
	f.seg = back
	j.rebuildFields(f, func(n int) bool {
		if slices.Equal(back.reps(n), was.reps(n)) {
			return false
		}
		back.put(n, nil)
		return true
	})
	f.seg = was
}

// carriedSeqs returns which segments of that name the home of a frame carries, in order.
func (j *job) carriedSeqs(f *frame) []int {
	var seqs []int
	for _, ext := range j.home(f).Get("extension").Items() {
		rest, ok := strings.CutPrefix(ext.Get("url").Text(), carrierURL(f.table.segment))
		if !ok {
			continue
		}
		if seq := seqOf(rest, j.around(f)); seq > 0 && !slices.Contains(seqs, seq) {
			seqs = append(seqs, seq)
		}
	}
	slices.Sort(seqs)
	return seqs
}

// seqOf reads the count in "(2)-3", or "(RXE2)-3" for what stands under RXE; 0 for another place.
func seqOf(rest, around string) int {
	inner, _, counted := strings.Cut(strings.TrimPrefix(rest, "("), ")")
	if !counted || rest[0] != '(' {
		if strings.HasPrefix(rest, "-") && around == "" {
			return 1
		}
		return 0
	}
	digits, ok := strings.CutPrefix(inner, around)
	if !ok || len(digits) > 6 || !integerForm.MatchString(digits) || digits[0] == '-' {
		return 0
	}
	return atoi(digits)
}

// carriedFields returns the fields that the home of the segment carries.
func (j *job) carriedFields(f *frame) map[int]string {
	return j.carriers(j.home(f))[j.carrierSegment(f)]
}

// backField returns the repetitions of one field: what was carried, raw, where the elements
// still say the same; else what the first row that agrees with all others says.
func (j *job) backField(f *frame, n int, raw string, ok bool) []string {
	if j.restricted(f.table, n) {
		return nil
	}
	ok = ok && !j.guarded(f.table, n)
	if ok && raw == "" && j.wayBack {
		return nil
	}
	if ok && raw != "" {
		reps := strings.Split(raw, "~")
		f.seg.put(n, reps)
		if j.agrees(f, n, reps) {
			return reps
		}
		f.seg.put(n, nil)
	}
	return j.bestRow(f, n)
}

// bestRow returns what the first row of a field says with which all the others agree, else
// what the first says. Where all that say anything say the same, nobody has to be asked.
func (j *job) bestRow(f *frame, n int) []string {
	var best []string
	asked := false
	for _, r := range f.table.of(n) {
		if !r.back() {
			continue
		}
		root := j.lookup(f, r.target.resource)
		if root == nil {
			continue
		}
		issues := j.issues
		reps := j.backRow(f, r, root)
		if len(reps) == 0 && len(j.issues) == len(issues) {
			continue
		}
		f.seg.put(n, reps) // a condition may be about the field itself
		holds := j.holds(r.when, f)
		f.seg.put(n, nil)
		if !holds || (best != nil && (len(reps) == 0 || slices.Equal(best, reps))) {
			j.issues = issues // what a row says that is not used is no problem
			continue
		}
		if best == nil {
			best = reps
			continue
		}
		if !asked && j.agrees(f, n, best) {
			j.issues = issues
			return best
		}
		if asked = true; j.agrees(f, n, reps) {
			return reps
		}
		j.issues = issues
	}
	return best
}

// keeps tells whether a row must keep what FHIR has no code for: no other row does here.
func (j *job) keeps(f *frame, r *row) bool {
	if r.way != "<>" {
		return false
	}
	for _, o := range f.table.of(r.field) {
		if o != r && o.way == "<>" && o.mapName != "code" && j.holds(o.when, f) {
			return false
		}
	}
	return true
}

// restricted tells whether a field holds identifiers that the profile does not let out.
func (j *job) restricted(t *table, n int) bool {
	if j.wayBack || !j.p.choosy() {
		return false
	}
	return slices.ContainsFunc(t.of(n), func(r *row) bool { return r.mapName == "private" })
}

// backRow returns the repetitions that one row makes of its elements.
func (j *job) backRow(f *frame, r *row, root *fhir.Node) []string {
	if j.wayBack && r.way == "<" && r.mapName == "constant" {
		return nil // a default for FHIR partners: the message that came had none
	}
	var reps []string
	var room [4]place
	for _, p := range j.ours(room[:0], f, r, root) {
		if raw, ok := p.carried(j.carrierName(f, r.field)); ok && j.stillSays(f, r, p, raw) {
			whole := j.appendReps(nil, raw)
			if len(whole) == 1 || !r.repeats() {
				reps = append(reps, whole...)
				continue
			}
			if j.rowAgrees(f, r, root, whole) {
				return whole // one element carries the field for all
			}
		}
		if j.wayBack && p.assumed() {
			continue
		}
		if v, known := f.given(r, p.node); known {
			if v != "" {
				reps = j.appendReps(reps, v)
			}
			continue
		}
		c := j.borrow(call{f: f, args: r.args, location: j.where(r, root), field: r.field})
		if last := r.lastName(); strings.HasSuffix(last, "[x]") {
			c.choice = strings.TrimPrefix(p.name, strings.TrimSuffix(last, "[x]"))
		}
		node := p.node
		if !slices.Contains(silent, r.mapName) {
			node, c.beside = p.bare(), p.annotations()
			if node == nil && c.beside == nil {
				continue
			}
		}
		if v := r.convert.from(c, node).String(); v != "" {
			reps = j.appendReps(reps, v)
		}
		j.idle = c
	}
	return reps
}

// given returns what an element was found to give back, when its frame was looked at.
func (f *frame) given(r *row, node *fhir.Node) (string, bool) {
	for i := range f.marks {
		if m := &f.marks[i]; m.known && m.row == r && m.place.node == node {
			return m.gives, true
		}
	}
	return "", false
}

// appendReps appends the repetitions of a raw field.
func (j *job) appendReps(reps []string, raw string) []string {
	if reps == nil && strings.IndexByte(raw, '~') < 0 {
		if len(j.texts) == 0 {
			j.texts = make([]string, 64)
		}
		reps, j.texts = j.texts[:1:1], j.texts[1:]
		reps[0] = raw
		return reps
	}
	for rep := range strings.SplitSeq(raw, "~") {
		reps = append(reps, rep)
	}
	return reps
}

// unsaidAlready is for comparing; what stands in a Bundle is made anew.
var unsaidAlready = unsaid()

// where is the FHIR place that an issue on the way back names.
func (j *job) where(r *row, root *fhir.Node) string {
	at, ok := j.places[root]
	if !ok {
		return r.target.text
	}
	return at + strings.TrimPrefix(r.target.text, r.target.resource)
}

func (r *row) lastName() string {
	if len(r.target.steps) == 0 {
		return ""
	}
	return r.target.steps[len(r.target.steps)-1].name
}

// ours returns the elements that belong to the row: those that carry its field, and
// those that its slice picks and no other field of the segment claims.
// It may use the room.
func (j *job) ours(room []place, f *frame, r *row, root *fhir.Node) []place {
	found := r.target.findIn(room, root)
	if len(found) == 0 {
		return nil
	}
	name := j.carrierName(f, r.field)
	segment := name[:strings.LastIndexByte(name, '-')]
	out := found[:0]
	for _, p := range found {
		if r.arg0() == "patient" && !j.mayLeave(p.node) {
			continue
		}
		mine, other := j.markedFor(f, r, p)
		_, carried := p.carried(name)
		if other || (!mine && !carried && r.markedOnly()) || (mine && !j.wayBack && r.arg0() == "patient" && !r.target.steps[len(r.target.steps)-1].matches(p.node)) {
			continue // of an identifier that must not leave the mark does not decide
		}
		if !carried && !mine && len(r.target.steps) > 0 {
			last := r.target.steps[len(r.target.steps)-1]
			if (p.inList && p.foreign(segment, name)) || !last.matches(p.node) {
				continue
			}
		}
		out = append(out, p)
	}
	return out
}

// guarded tells whether a field holds identifiers of which the profile lets some out:
// what a carrier has of them whole stays here.
func (j *job) guarded(t *table, n int) bool {
	if j.wayBack || !j.p.choosy() {
		return false
	}
	return slices.ContainsFunc(t.of(n), func(r *row) bool { return r.arg0() == "patient" })
}

// markedOnly tells whether nothing but a mark makes an element one of the row.
func (r *row) markedOnly() bool {
	return slices.ContainsFunc(r.target.steps, func(s step) bool { return s.marked })
}

// mayLeave tells whether the profile lets an identifier of a patient out.
func (j *job) mayLeave(identifier *fhir.Node) bool {
	if j.wayBack {
		return true
	}
	system := identifier.Get("system").Text()
	if systems := j.p.SendIdentifiers; len(systems) > 0 && !slices.Contains(systems, system) {
		return false
	}
	kind := typeCodeConverter{}.from(&call{j: j}, fhir.NewObject().Set("coding", identifier.At("type.coding")).SetText("system", system)).String()
	return len(j.p.SendIdentifierTypes) == 0 || slices.Contains(j.p.SendIdentifierTypes, kind)
}
