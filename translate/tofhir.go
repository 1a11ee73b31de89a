package translate

import (
	"errors"

	"caregate/fhir"
	"caregate/hl7v2"
)

// ErrStructure says that the profile does not take messages of this structure.
var ErrStructure = errors.New("translate: the profile does not allow this message structure")

// ToFHIR turns one message into a transaction Bundle: first the MessageHeader, then one
// entry for each resource, in the order of the segments. Ids are made of the tenant and
// the business keys, so the same message gives the same bytes, and every message about a
// referral gives the same ServiceRequest and Task. It fails with ErrStructure, or where
// the tables of this build do not parse.
func ToFHIR(m *hl7v2.Message, p Profile) (Result, error) { return translated(m, p, "") }

// translated is ToFHIR of a message that was filled in since: hash names what it said when it came.
func translated(m *hl7v2.Message, p Profile, hash string) (Result, error) {
	maps, err := loaded()
	if err != nil {
		return Result{}, err
	}
	j := &job{p: &p, maps: maps, segs: readSegments(m), singles: map[string]*fhir.Node{}, wayBack: true, hash: hash}
	for _, seg := range j.segs {
		j.note(seg)
	}
	msh := j.first("MSH")
	j.trigger = msh.text(9, 2)
	s := maps.structureOf(msh.text(9, 1), j.trigger, msh.text(9, 3))
	name := or(msh.text(9, 3), msh.text(9, 1)+"_"+msh.text(9, 2))
	if !p.allows(name) && (s == nil || !p.allows(s.name)) {
		return Result{}, ErrStructure
	}
	if s == nil {
		s = maps.structures["ANY"]
		j.report("MSH-9", IssueUnmapped, "message structure has no table of its own; the general one reads it")
	}
	j.many, j.structure = s.many, s
	b := &builder{job: j, origins: map[*fhir.Node]string{}, tables: map[*table]bool{}, latest: map[string]int{}, counts: map[counted]int{}, ids: map[string]*fhir.Node{}, makers: map[*fhir.Node]*frame{}, again: map[string]int{}, linked: map[linked]bool{}, used: map[opened]bool{}}
	b.build(s)
	leaves := b.account()
	return Result{Bundle: b.bundle(), Issues: once(j.issues), Leaves: leaves, Unmapped: b.unmapped()}, nil
}

// once drops issues that two rows of one field both found.
func once(issues []Issue) []Issue {
	var out []Issue
	seen := map[Issue]bool{}
	for _, i := range issues {
		if !seen[i] {
			seen[i] = true
			out = append(out, i)
		}
	}
	return out
}

// builder makes the resources of one message.
type builder struct {
	*job
	frames  []*frame
	latest  map[string]int        // segment or table name -> the frame that has it last
	counts  map[counted]int       // how many of a segment stand under a frame
	ids     map[string]*fhir.Node // "Type/id" -> resource
	linked  map[linked]bool       // references that are set
	makers  map[*fhir.Node]*frame // the segment that made a resource
	again   map[string]int        // "Type/id" -> how many different resources had that key
	whole   []*fhir.Node          // segments carried whole
	used    map[opened]bool       // tables that have read a segment
	origins map[*fhir.Node]string // the field that said an item of a list
	tables  map[*table]bool       // that read any segment
	paths   []byte                // room for the paths of leaves
	lengths []int                 // of those paths
	marks   []mark                // room for those of the next frame
	stood   []stood               // room for what stands of the next frame
	fields  [][]string            // room for the fields that the next frame gives back

	stranger bool // a second person came where the structure has one: what follows may be about either
}

// opened is a table that read a segment under a frame.
type opened struct {
	parent *frame
	table  string
}

// counted is a segment name under a frame.
type counted struct {
	parent *frame
	name   string
}

// linked is a reference at an element of a resource.
type linked struct {
	root         *fhir.Node
	element, ref string
}

// build reads each segment in its frame, then the links, which need all frames.
func (b *builder) build(s *structure) {
	b.singles["Bundle"] = fhir.NewResource("Bundle")
	for i, seg := range b.segs {
		f := b.open(s, seg)
		b.frames = append(b.frames, f)
		if f.row != nil {
			b.latest[seg.name], b.latest[f.row.table] = i, i
		}
	}
	for _, first := range []string{"MSH", "PID", "RF1", "PV1", ""} { // the keys of the others may need these
		for _, f := range b.frames {
			early := f.seg.name == "MSH" || f.seg.name == "PID" || f.seg.name == "RF1" || f.seg.name == "PV1"
			if f.table != nil && (f.seg.name == first || (first == "" && !early)) {
				b.make(f)
			}
		}
	}
	for _, f := range b.frames {
		if f.table != nil {
			b.fill(f)
		}
	}
	for _, f := range b.frames {
		if f.table != nil {
			b.twins(f)
		}
	}
	for _, f := range b.frames {
		b.unify(f)
	}
	b.settleAll()
	for _, f := range b.frames {
		if f.table != nil {
			b.link(f)
		}
	}
	b.finish()
}
