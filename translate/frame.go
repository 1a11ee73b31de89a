package translate

import (
	"slices"
	"strings"

	"caregate/fhir"
	"caregate/hl7v2"
)

// job is the state of one translation, in either direction.
type job struct {
	p         *Profile
	maps      *maps
	trigger   string              // "I12"
	hash      string              // see content
	segs      []*segment          // the message: all of it on the way to FHIR, what is written so far on the way back
	firsts    map[string]*segment // the first of each name
	singles   map[string]*fhir.Node
	issues    []Issue
	index     map[*fhir.Node]map[string]map[int]string // what resources carry
	places    map[*fhir.Node]string                    // where a resource stands in the Bundle, on the way back
	many      map[string]bool                          // of these the message may have several, whatever single says
	wayBack   bool                                     // no Meta: the message is rebuilt as it came, not sent to a partner
	registry  []Authority                              // see authorities
	idle      *call                                    // room for the next call
	texts     []string                                 // room for fields of one repetition
	room      *roomForValue                            // of the next value that is converted
	marked    map[*fhir.Node][]string                  // the fields that the marks in a resource name
	structure *structure                               // of the message
}

// single names the resources of which a message has one, so that any segment may refer to it.
var single = []string{"Bundle", "MessageHeader", "Patient", "ServiceRequest", "Task", "Encounter", "OperationOutcome"}

// isSingle tells whether a message of this structure has at most one resource of that name.
func (j *job) isSingle(name string) bool { return slices.Contains(single, name) && !j.many[name] }

// typeOf is the resource type of a name: "Practitioner#12" is the Practitioner of field 12.
func typeOf(name string) string {
	name, _, _ = strings.Cut(name, "#")
	return name
}

// frame is one segment and the resources and elements that belong to it.
type frame struct {
	seg       *segment
	row       *structureRow
	table     *table
	parent    *frame
	below     []*frame   // the segments that stand under this one, on the way to FHIR
	before    *frame     // the segment before this one in the message, on the way to FHIR
	stray     bool       // no row of the structure reads it here
	shared    *fhir.Node // its resource, where an earlier segment says the same
	way       []int      // down the structure, to compare with those of other segments
	displaced bool       // it stands under such a segment
	ordinal   int        // which of its segment under its parent, 1-based
	number    int        // which of its segment on what carries it; 0: the ordinal or the place in the message
	bound     []binding
	marks     []mark // what the repetitions of its fields became
}

// binding is a name of a table and the resource or element that it stands for here.
type binding struct {
	name string
	node *fhir.Node
	own  bool // made by this segment
}

// mark is where one repetition of a field was written, for the accounting.
type mark struct {
	rep    int // 0-based
	row    *row
	place  place
	placed bool   // an element stands there
	whole  bool   // one element stands for all repetitions
	known  bool   // gives is known
	gives  string // what the element gives back, raw
}

func (f *frame) bind(name string, node *fhir.Node, own bool) {
	f.bound = append(f.bound, binding{name, node, own})
}

// get returns what the name stands for in this frame alone.
func (f *frame) get(name string) *fhir.Node {
	for _, b := range f.bound {
		if b.name == name {
			return b.node
		}
	}
	return nil
}

// speaksFor tells whether the resource is bound in this frame under any name.
func (f *frame) speaksFor(n *fhir.Node) bool {
	return slices.ContainsFunc(f.bound, func(b binding) bool { return b.node == n })
}

// main returns the resource or element that is the segment's own, nil where it has none.
func (f *frame) main() *fhir.Node {
	var own *fhir.Node
	name := f.table.makesFirst()
	for _, b := range f.bound {
		if b.own && (own == nil || b.name == name) {
			own = b.node
		}
	}
	for at := f.parent; at != nil && own != nil && name != "" && f.get(name) == nil; at = at.parent {
		if at.get(name) != nil {
			return nil // the specimen of an OBR under ORC is not what the OBR is about
		}
	}
	if own != nil {
		return own
	}
	if len(f.bound) == 0 {
		return nil
	}
	return f.bound[0].node
}

// lookup finds a name in the frame, then around it, then in the whole message; with ^ not in the frame itself.
func (j *job) lookup(f *frame, name string) *fhir.Node {
	if around, ok := strings.CutPrefix(name, "^"); ok {
		return j.lookup(f.parent, around)
	}
	for at := f; at != nil; at = at.parent {
		if n := at.get(name); n != nil {
			return n
		}
	}
	if slices.Contains(single, name) {
		return j.singles[name]
	}
	return nil
}

// home returns where the fields of a segment without an element of their own are carried:
// its own resource, the one its rows write to, the one it stands under, the child, the header.
func (j *job) home(f *frame) *fhir.Node {
	if f.main() != nil {
		return valueWithin(f.main())
	}
	for i := range f.table.rows {
		if n := j.lookup(f, f.table.rows[i].target.resource); n != nil && n.ResourceType() != "Bundle" {
			return n
		}
	}
	for at := f.parent; at != nil; at = at.parent {
		n := at.main()
		if n == nil && at.table != nil {
			n = j.lookup(at, mainOf(at.table)) // on the way back it is bound to no frame where a message has one
		}
		if n != nil && at.seg.name != "MSH" {
			return n
		}
	}
	if n := j.singles["Patient"]; n != nil && len(f.table.rows) > 0 {
		return n
	}
	return j.singles["MessageHeader"]
}

// valueWithin returns the value of an element that is an extension itself, which has a
// value or extensions and not both; any other element is returned as it is.
func valueWithin(n *fhir.Node) *fhir.Node {
	if n.Get("url") == nil {
		return n
	}
	for name, child := range n.Members() {
		if strings.HasPrefix(name, "value") && child.Kind() == fhir.Object {
			return child
		}
	}
	return n
}

// carrierName is the location in the URL of a carrier of field n. Where several segments
// share one home, it counts them.
func (j *job) carrierName(f *frame, n int) string {
	if f.main() == nil {
		return j.carrierSegment(f) + "-" + itoa(n)
	}
	if n < len(f.table.locations) {
		return f.table.locations[n]
	}
	return f.table.segment + "-" + itoa(n)
}

// carrierSegment is the segment in that location: "NTE", the second one "NTE(2)".
func (j *job) carrierSegment(f *frame) string {
	if f.main() != nil {
		return f.table.segment
	}
	if number, around := j.numberOf(f), j.around(f); number > 1 || around != "" {
		return f.table.segment + "(" + around + itoa(number) + ")"
	}
	return f.table.segment
}

// numberOf counts the segments that share a home: those under the segment whose
// resource it is, else those of the message.
func (j *job) numberOf(f *frame) int {
	if f.number > 0 {
		return f.number
	}
	if j.around(f) != "" || (f.parent != nil && f.parent.main() != nil && j.home(f) == f.parent.main()) {
		return f.ordinal
	}
	return f.seg.seq
}

// around names the segment that a frame stands under, where its home is that of a segment
// around that one: a TQ1 under RXE is another than one under the ORC of both.
func (j *job) around(f *frame) string {
	if f.parent == nil || f.main() != nil {
		return ""
	}
	home := j.home(f)
	if f.parent.main() == home {
		return ""
	}
	for at := f.parent.parent; at != nil; at = at.parent {
		if at.main() == home && at.seg.name != "MSH" {
			return f.parent.seg.name
		}
	}
	return ""
}

// holds evaluates a condition in a frame.
func (j *job) holds(c condition, f *frame) bool {
	for i := range c {
		if !j.test(&c[i], f) {
			return false
		}
	}
	return true
}

func (j *job) test(t *test, f *frame) bool {
	switch t.verb {
	case "valued":
		return j.valued(t.subject, f)
	case "present", "absent":
		return j.exists(t.subject, f) == (t.verb == "present")
	}
	have := j.textOf(t, f)
	found := false
	for i, v := range t.values {
		if t.refs[i].field > 0 {
			v = j.fieldText(t.refs[i], f)
			found = found || (v != "" && have == v)
			continue
		}
		found = found || have == v
	}
	return found == (t.verb == "=" || t.verb == "in")
}

// textOf is the text that a test is about.
func (j *job) textOf(t *test, f *frame) string {
	if t.isField {
		return j.fieldText(t.field, f)
	}
	return j.subject(t.subject, f)
}

// exists tells whether a resource is bound, a field is valued or a segment is there.
func (j *job) exists(subject string, f *frame) bool {
	switch {
	case subject == "stray":
		return f.stray
	case subject == "sendall":
		return !j.p.choosy()
	case subject == "sending":
		return !j.wayBack
	case subject == "ssn":
		return j.p.SSN
	case strings.HasPrefix(subject, "next:"):
		return j.follows(f.seg, strings.TrimPrefix(subject, "next:"))
	case strings.Contains(subject, "-"):
		return j.valued(subject, f)
	case strings.Contains(subject, "."):
		resource, path, _ := strings.Cut(subject, ".")
		n := j.lookup(f, resource).At(path)
		return n != nil && (n.Kind() < fhir.Array || n.Len() > 0) // an empty object is about to be dropped
	case subject == "consents":
		return len(j.p.Codes["0498.status"]) > 0
	case len(subject) == 3 && strings.ToUpper(subject) == subject:
		return j.first(subject) != nil
	}
	return j.lookup(f, subject) != nil
}

// valued tells whether a field is valued; a component that is white space says nothing.
func (j *job) valued(subject string, f *frame) bool {
	text := j.subject(subject, f)
	if strings.Contains(subject, ".") {
		text = strings.TrimSpace(text)
	}
	return text != ""
}

// subject returns the text that a condition is about: the trigger event or a field,
// of this segment or of the first of that name.
func (j *job) subject(subject string, f *frame) string {
	switch subject {
	case "event":
		return j.trigger
	case "structure":
		return j.structure.table
	}
	if first, rest, several := strings.Cut(subject, "+"); several {
		return j.subject(first, f) + j.subject(rest, f)
	}
	if ref, ok := parseRef(subject); ok {
		return j.fieldText(ref, f)
	}
	return ""
}

// fieldText returns the text of a field of this segment or of the first of that name.
func (j *job) fieldText(ref fieldRef, f *frame) string {
	seg := j.within(f, ref.segment)
	if seg == nil {
		return ""
	}
	if ref.rep > 0 {
		if reps := seg.reps(ref.field); ref.rep <= len(reps) {
			return reps[ref.rep-1]
		}
		return ""
	}
	if ref.comp == 0 {
		return seg.field(ref.field)
	}
	return seg.text(ref.field, ref.comp)
}

// nearest returns the segment of that name that is, or stands around, the frame, else the first of the message.
func (j *job) nearest(f *frame, name string) *segment {
	for at := f; at != nil; at = at.parent {
		if at.seg.name == name {
			return at.seg
		}
	}
	return j.first(name)
}

// follows tells whether a segment of that name comes before the next one like seg.
func (j *job) follows(seg *segment, name string) bool {
	at := slices.Index(j.segs, seg)
	if at < 0 {
		return false // on the way back nothing follows yet
	}
	for _, next := range j.segs[at+1:] {
		if next.name == seg.name {
			return false
		}
		if next.name == name {
			return true
		}
	}
	return false
}

// first returns the first segment of that name.
func (j *job) first(name string) *segment { return j.firsts[name] }

// note remembers a segment as the first of its name.
func (j *job) note(seg *segment) {
	if j.firsts == nil {
		j.firsts = map[string]*segment{}
	}
	if j.firsts[seg.name] == nil {
		j.firsts[seg.name] = seg
	}
}

// report adds an issue.
func (j *job) report(location, code, text string) {
	j.issues = append(j.issues, Issue{Location: location, Code: code, Text: text})
}

// location is where a field stands, "NK1(2)-13", or the segment for field 0.
func (j *job) location(f *frame, n int) string {
	return hl7v2.Path{Segment: f.seg.name, Sequence: f.seg.seq, Field: n}.String()
}

// repLocation is where repetition i, 0-based, stands.
func (j *job) repLocation(f *frame, n, i int) string {
	if f.seg.seq == 1 && i == 0 && f.table != nil && f.seg.name == f.table.segment && n < len(f.table.locations) {
		return f.table.locations[n]
	}
	return hl7v2.Path{Segment: f.seg.name, Sequence: f.seg.seq, Field: n, Repetition: i + 1}.String()
}
