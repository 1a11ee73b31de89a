package translate

import (
	"cmp"
	stdmaps "maps"
	"slices"
	"strings"

	"caregate/hl7v2"
)

// Matrix is what the tables say of every field of every segment that they read, beside what
// the official guide says of it. It is read from the tables and from nothing else; whether
// the engine does what they say is for the proof to show.
type Matrix struct {
	Segments   []SegmentMap   `json:"segments"`   // by name
	Structures []StructureMap `json:"structures"` // by name
	Guide      GuideCount     `json:"guide"`
	Deviations []Deviation    `json:"deviations"` // in the order of the file
}

// SegmentMap is one segment: its fields, mapped where a row gives them a FHIR element,
// carried where they travel in an extension.
type SegmentMap struct {
	Segment   string     `json:"segment"`
	Name      string     `json:"name"`      // "Patient identification"
	Resources []string   `json:"resources"` // what its fields are written into
	Mapped    int        `json:"mapped"`    // fields with a FHIR element
	Carried   int        `json:"carried"`   // fields that travel in an extension of their own
	Guide     GuideCount `json:"guide"`     // rows of the guide about it
	Fields    []FieldMap `json:"fields"`
}

// FieldMap is one field.
type FieldMap struct {
	Field    string     `json:"field"`          // "PID-5"
	Name     string     `json:"name,omitempty"` // what the newest version calls it
	State    string     `json:"state"`          // "mapped", "carried", or "issue" where no profile lets it in
	Rows     []FieldRow `json:"rows"`           // in the order of the tables
	Guide    []GuideRow `json:"guide"`          // what the guide says, row by row
	Deviates string     `json:"deviates,omitempty"`
}

// FieldRow is one row of ours about a field.
type FieldRow struct {
	Table  string `json:"table"`  // "PID", "OBX.Observation"
	Way    string `json:"way"`    // "<>" both, ">" to FHIR, "<" to v2
	Target string `json:"target"` // "Patient.name[]"
	Map    string `json:"map"`    // "XPN"
	When   string `json:"when,omitempty"`
	Source string `json:"source"` // row of the guide, or "ours"
}

// GuideRow is one row of the official guide.
type GuideRow struct {
	Field     string `json:"field"` // "PID-5"
	Map       string `json:"map"`   // "PID[Patient]"
	Condition string `json:"condition,omitempty"`
	Target    string `json:"target"`
	State     string `json:"state"`         // one of the Guide* constants
	Why       string `json:"why,omitempty"` // why it cannot be computed, or why we deviate
}

// What the tables make of a row of the guide.
const (
	GuideFollowed      = "followed"       // the field goes to that element of that resource
	GuideDeviating     = "deviating"      // it goes elsewhere or is carried, for the reason in deviations.tsv
	GuideOpen          = "open"           // neither
	GuideNotComputable = "not computable" // its condition or target names nothing that a program can look up
)

// GuideCount counts rows of the guide.
type GuideCount struct {
	Rows       int `json:"rows"`
	Computable int `json:"computable"`
	Followed   int `json:"followed"`
	Deviating  int `json:"deviating"`
	Open       int `json:"open"`
}

// StructureMap is one message structure: its events, and the segments that its table knows.
// Any other one is read by the general table, or kept in a Basic.
type StructureMap struct {
	Structure string   `json:"structure"` // "REF_I12"
	Events    []string `json:"events"`    // "REF^I12"; "ACK^*" for any
	Segments  []string `json:"segments"`  // in the order of the table
}

// Coverage returns the matrix of this build's tables. It fails where a table does not parse.
func Coverage() (Matrix, error) {
	m, err := loaded()
	if err != nil {
		return Matrix{}, err
	}
	c := &coverage{maps: m, guide: map[string][]GuideRow{}}
	if err := c.read(); err != nil {
		return Matrix{}, err
	}
	out := Matrix{Deviations: c.deviations}
	for _, name := range c.segments() {
		s := c.segment(name)
		out.Segments = append(out.Segments, s)
		out.Guide.add(s.Guide)
	}
	for _, name := range slices.Sorted(stdmaps.Keys(m.structures)) {
		out.Structures = append(out.Structures, m.structureCoverage(m.structures[name]))
	}
	return out, nil
}

func (n *GuideCount) add(o GuideCount) {
	n.Rows, n.Computable, n.Followed = n.Rows+o.Rows, n.Computable+o.Computable, n.Followed+o.Followed
	n.Deviating, n.Open = n.Deviating+o.Deviating, n.Open+o.Open
}

func (n *GuideCount) count(state string) {
	n.Rows++
	if state != GuideNotComputable {
		n.Computable++
	}
	switch state {
	case GuideFollowed:
		n.Followed++
	case GuideDeviating:
		n.Deviating++
	case GuideOpen:
		n.Open++
	}
}

// coverage compares the tables with the guide.
type coverage struct {
	*maps
	guide      map[string][]GuideRow // by field
	deviations []Deviation
	reasons    reasons
}

func (c *coverage) read() error {
	lines, err := readTSV("tables/guide.tsv")
	if err != nil {
		return err
	}
	for _, f := range lines {
		c.guide[f[0]] = append(c.guide[f[0]], GuideRow{Field: f[0], Map: f[1], Condition: f[2], Target: f[3], Why: f[5]})
	}
	if c.deviations, err = Deviations(); err != nil {
		return err
	}
	c.reasons = newReasons(c.deviations)
	return nil
}

// segments are those of a table or of the guide, in order.
func (c *coverage) segments() []string {
	all := map[string]bool{}
	for _, t := range c.maps.segments {
		all[t.segment] = true
	}
	for field := range c.guide {
		segment, _, _ := strings.Cut(field, "-")
		all[segment] = true
	}
	return slices.Sorted(stdmaps.Keys(all))
}

func (c *coverage) segment(name string) SegmentMap {
	s := SegmentMap{Segment: name, Name: hl7v2.SegmentName(name, ""), Resources: []string{}, Fields: []FieldMap{}}
	var own []*table
	last := hl7v2.LastField(name)
	for _, t := range c.maps.segments {
		if t.segment == name {
			own = append(own, t)
			for i := range t.rows {
				last = max(last, t.rows[i].field)
			}
		}
	}
	slices.SortFunc(own, func(a, b *table) int { return cmp.Compare(a.name, b.name) })
	resources := map[string]bool{}
	first := 1
	if name == "MSH" {
		first = 3 // MSH-1 and MSH-2 say how the message is written
	}
	for n := first; n <= last; n++ {
		f := c.field(name, n, own, resources)
		if f.Name == "" && len(f.Rows) == 0 && len(f.Guide) == 0 {
			continue
		}
		switch {
		case f.State == string(Mapped):
			s.Mapped++
		case f.State == string(Carried):
			s.Carried++
		}
		for _, g := range f.Guide {
			s.Guide.count(g.State)
		}
		s.Fields = append(s.Fields, f)
	}
	s.Resources = append(s.Resources, slices.Sorted(stdmaps.Keys(resources))...)
	return s
}

func (c *coverage) field(segment string, n int, own []*table, resources map[string]bool) FieldMap {
	f := FieldMap{Field: segment + "-" + itoa(n), State: string(Carried), Rows: []FieldRow{}, Guide: []GuideRow{}}
	f.Name, _ = hl7v2.FieldName(segment, n, "")
	followed := map[string]bool{} // "Patient.name"
	for _, t := range own {
		for i := range t.rows {
			r := &t.rows[i]
			if r.field != n {
				continue
			}
			f.Rows = append(f.Rows, FieldRow{Table: t.name, Way: r.way, Target: t.full(r), Map: r.mapText(), When: r.cond, Source: r.source})
			if r.mapName == "withhold" && r.cond == "" {
				f.State = string(Unread)
			}
			if r.mapName == "private" || r.mapName == "withhold" || !r.forward() {
				continue
			}
			f.State = string(Mapped)
			resource, element := elementOf(t.full(r))
			resources[resource] = true
			followed[resource+"."+element] = true
			followed[resource+"."] = true
		}
	}
	for _, g := range c.guide[f.Field] {
		c.judge(&g, n, followed)
		f.Guide = append(f.Guide, g)
		if g.State == GuideDeviating {
			f.Deviates = g.Why
		}
	}
	if len(f.Guide) == 0 { // where the guide says nothing, what we say of the field stands there too
		f.Deviates = c.reasons.fields[f.Field]
	}
	return f
}

// judge says what the tables make of a row of the guide.
func (c *coverage) judge(g *GuideRow, n int, followed map[string]bool) {
	resource := strings.TrimSuffix(g.Map[strings.Index(g.Map, "[")+1:], "]")
	resource, _, _ = strings.Cut(resource, "-")
	element := strings.TrimLeft(g.Target, "([1].")
	if end := strings.IndexFunc(element, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }); end >= 0 {
		element = element[:end]
	}
	if strings.HasPrefix(g.Target, "$") {
		element = ""
	}
	segment, _, _ := strings.Cut(g.Field, "-")
	reason := c.reasons.of(g.Map, segment, n)
	switch {
	case g.Why != "":
		g.State = GuideNotComputable
	case followed[resource+"."+element] || followed[resource+"."+element+"[x]"]:
		g.State = GuideFollowed
	case reason != "":
		g.State, g.Why = GuideDeviating, reason
	default:
		g.State = GuideOpen
	}
}

// full returns the target of a row from the resource on: where it is given from an element
// that the table has a name for, and without what tells two of a resource apart.
func (t *table) full(r *row) string {
	text := r.target.text
	for range 3 { // elements stand in elements
		name, rest, _ := strings.Cut(text, ".")
		for i := range t.rows {
			if e := &t.rows[i]; e.mapName == "element" && e.arg0() == name {
				text = strings.TrimSuffix(e.target.text+"."+rest, ".")
			}
		}
	}
	name, rest, _ := strings.Cut(strings.TrimLeft(text, "^/"), ".")
	return strings.TrimSuffix(typeOf(name)+"."+rest, ".")
}

// elementOf splits "Patient.name[].family" into resource and first element, "Patient" and "name".
func elementOf(target string) (resource, element string) {
	parts := splitPath(target)
	resource = parts[0]
	if len(parts) > 1 {
		element, _, _ = strings.Cut(parts[1], "[")
		element, _, _ = strings.Cut(element, "(")
	}
	return resource, element
}

func (r *row) mapText() string {
	if len(r.args) == 0 {
		return r.mapName
	}
	return r.mapName + "(" + strings.Join(r.args, ",") + ")"
}

func (m *maps) structureCoverage(s *structure) StructureMap {
	out := StructureMap{Structure: s.name, Events: []string{}, Segments: []string{}}
	for _, e := range m.events {
		if e.structure == s.name {
			out.Events = append(out.Events, e.code+"^"+e.trigger)
		}
	}
	for i := range s.rows {
		if r := &s.rows[i]; !slices.Contains(out.Segments, r.segment) {
			out.Segments = append(out.Segments, r.segment)
		}
	}
	return out
}
