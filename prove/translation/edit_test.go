package translation

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"caregate/fhir"
	"caregate/hl7v2"
)

// element is one primitive of a Bundle: where it stands, without positions, and its parent.
type element struct {
	path   string // "Patient.name.family"
	parent *fhir.Node
	name   string
	item   int // in a list of primitives, else -1
	text   string
}

// primitives returns the primitives of the resources that may be edited: no ids, references,
// systems, metadata or carriers.
func primitives(bundle *fhir.Node) []element {
	var out []element
	for _, entry := range bundle.Get("entry").Items() {
		if n := entry.Get("resource"); n.ResourceType() != "MessageHeader" && n.ResourceType() != "Basic" {
			out = walkPrimitives(out, n, n.ResourceType())
		}
	}
	return out
}

var fixedMembers = []string{"id", "resourceType", "reference", "meta", "system", "url", "fullUrl", "use", "contained", "type", "text.div", "contentType", "data"}

func walkPrimitives(out []element, n *fhir.Node, path string) []element {
	if n.Kind() == fhir.Object && carrier(n) {
		return out
	}
	for name, child := range n.Members() {
		if slices.Contains(fixedMembers, name) || strings.HasPrefix(name, "_") {
			continue
		}
		at := path + "." + name
		switch child.Kind() {
		case fhir.Object:
			out = walkPrimitives(out, child, at)
		case fhir.Array:
			for i, item := range child.Items() {
				if item.Kind() == fhir.Object {
					out = walkPrimitives(out, item, at)
				} else if item.Kind() == fhir.String {
					out = append(out, element{at, n, name, i, item.Text()})
				}
			}
		case fhir.String, fhir.Number:
			out = append(out, element{at, n, name, -1, child.Text()})
		default:
		}
	}
	return out
}

var dayAtStart = regexp.MustCompile(`^(\d{4}-\d{2}-)(\d{2})`)

// otherText is another text of the same kind; "" for a code, which cannot be any text.
func otherText(e element, kind string) string {
	switch {
	case kind == "code" || kind == "uri":
		return ""
	case fhirTime.MatchString(e.text) && len(e.text) >= 10:
		m := dayAtStart.FindStringSubmatch(e.text)
		day := "11"
		if m[2] == "11" {
			day = "12"
		}
		return m[1] + day + e.text[10:]
	case fhirTime.MatchString(e.text):
		return ""
	}
	return e.text + "x"
}

// put writes another text and returns what takes it back.
func (e element) put(text string) (undo func()) {
	was, edited := e.parent.Get(e.name), fhir.NewString(text)
	if e.item >= 0 {
		edited = fhir.NewArray()
		for i, item := range was.Items() {
			if i == e.item {
				item = fhir.NewString(text)
			}
			edited.Append(item)
		}
	}
	e.parent.Set(e.name, edited)
	return func() { e.parent.Set(e.name, was) }
}

// editsOfEach is how many messages of each kind are edited at one element or field: more
// would say the same again.
const editsOfEach = 1

// sampled tells whether an edit is among the first of its kind, and counts all.
type sampled struct {
	seen tally
	all  int
}

func (s *sampled) take(what string) bool {
	s.all++
	s.seen[what]++
	return s.seen[what] <= editsOfEach
}

// settledEdits are the edits that change more than one place by right: "OBX-3 Observation.component.code" -> why.
func settledEdits(t *testing.T) map[string]string {
	t.Helper()
	rows, err := tsv("testdata/edits.tsv")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, r := range rows {
		out[r["edited"]+" "+r["changes"]] = r["reason"]
	}
	return out
}

// kindOf is the datatype of an element, so that codes are left alone.
func kindOf(path string) string {
	parts := strings.Split(path, ".")
	structure := parts[0]
	for _, name := range parts[1:] {
		structure = typeOf(structure, name)
	}
	return structure
}

// TestOneElementChangesOneField edits one element of a Bundle after another, of each kind of
// element one in a message, and compares the v2 message with the one before the edit.
func TestOneElementChangesOneField(t *testing.T) {
	t.Parallel()
	p := proveProfile(t)
	edits, exactly, again, none, several := 0, 0, 0, 0, 0
	silent, spills, why := tally{}, tally{}, tally{}
	sample, reasons := sampled{seen: tally{}}, settledEdits(t)
	for _, s := range samples(t) {
		if s.err != nil {
			continue
		}
		before, err := wayBack(s.bundle, p)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		edited := s.bundle.Clone()
		for _, e := range primitives(edited) {
			text := otherText(e, kindOf(e.path))
			if seen[e.path] || text == "" || (e.name == "code" && strings.Contains(e.path, "coding")) {
				continue
			}
			seen[e.path] = true
			if !sample.take(e.path + " " + s.kind()) {
				continue
			}
			undo := e.put(text)
			after, err := wayBack(edited, p)
			undo()
			if err != nil {
				t.Fatal(err)
			}
			edits++
			switch changed, places := changedFields(before, after); {
			case places == 0:
				none++
				silent[e.path+" "+s.kind()]++
			case places == 1:
				exactly++
			case len(changed) == 1:
				again++ // one resource that several segments say the same of
			case reasons[e.path+" "+strings.Join(changed, ",")] != "":
				why[reasons[e.path+" "+strings.Join(changed, ",")]]++
			default:
				several++
				spills[fmt.Sprint(e.path, " ", s.kind(), " -> ", strings.Join(changed[:min(4, len(changed))], ","))]++
			}
		}
	}
	report(t, "edit-silent.txt", silent.top(500))
	report(t, "edit-spills.txt", spills.top(500))
	figure(t, 3, "one FHIR element changed", edits, "ofElements", sample.all, "severalByRight", why, "exactlyOneField", exactly, "sameFieldOfSeveralSegments", again, "noField", none, "severalFields", several,
		"noFieldWhere", silent.top(5), "severalWhere", spills.top(5))
	must(t, several == 0, "%d edits of one element changed several fields", several)
}

// twins are fields of an order that the standard has twice: ORC-2 is OBR-2 (HL7 v2.5.1 section 4.5.3).
var twins = map[string]string{"OBR-2": "ORC-2", "OBR-3": "ORC-3", "OBR-16": "ORC-12", "OBR-17": "ORC-14", "OBR-27": "ORC-7", "TXA-14": "ORC-2", "TXA-15": "ORC-3"}

// changedFields names the fields that differ, each name once, and counts the places.
func changedFields(a, b *hl7v2.Message) (names []string, places int) {
	for i := range max(a.Len(), b.Len()) {
		if i >= a.Len() || i >= b.Len() || a.Segment(i).Name() != b.Segment(i).Name() {
			return append(names, "segments"), places + 2
		}
		x, y := a.Segment(i), b.Segment(i)
		for f := 1; f <= max(x.FieldCount(), y.FieldCount()); f++ {
			if x.Field(f).Raw() == y.Field(f).Raw() {
				continue
			}
			places++
			name := fmt.Sprintf("%s-%d", x.Name(), f)
			if number := x.Field(f).Raw(); (name == "OBR-2" || name == "ORC-2") && number != "" && number == a.First("RF1").Field(6).Raw() {
				name = "RF1-6" // the order with the number of the referral is what the referral asks for
			}
			if name = cmp.Or(twins[name], name); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names, places
}
