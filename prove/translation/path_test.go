package translation

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"caregate/fhir"
	"caregate/translate"
)

// pathStep is one step of a target of the guide: "participant[1]", or "(Practitioner)",
// which follows a reference.
type pathStep struct {
	name   string
	follow string // resource type
}

var stepForm = regexp.MustCompile(`^([A-Za-z]+)(?:\[[^\]]*\])?$`)

// parseTarget reads `participant[1].individual(PractitionerRole.practitioner)`. It fails
// where R4 has no such element.
func parseTarget(resource, text string) ([]pathStep, error) {
	text = strings.NewReplacer(" ", "", "(", ".(", ")", "").Replace(text)
	structure := resource
	var steps []pathStep
	for part := range strings.SplitSeq(text, ".") {
		if part == "" || part == "$this" {
			continue
		}
		opened := strings.HasPrefix(part, "(")
		m := stepForm.FindStringSubmatch(strings.TrimLeft(part, "([1"+"]"))
		if m == nil {
			return nil, fmt.Errorf("not a path: %s", part)
		}
		name := m[1]
		if opened {
			if fhir.IsResourceType(name) {
				steps, structure = append(steps, pathStep{follow: name}), name
				continue
			}
			if name == "Annotation" {
				continue
			}
			if isData(name) {
				continue
			}
		}
		next := typeOf(structure, name)
		if next == "" {
			return nil, fmt.Errorf("R4 has no %s in %s", name, structure)
		}
		steps, structure = append(steps, pathStep{name: name}), next
	}
	return steps, nil
}

func isData(name string) bool { return fhir.TypeOf(name, "extension") != "" }

var choices = []string{"CodeableConcept", "Reference", "Quantity", "String", "DateTime", "Period", "Range", "Ratio", "Timing", "Boolean", "Coding", "Code", "Identifier", "Annotation", "ContactPoint", "Address", "Attachment", "Time", "SampledData", "Date", "Extension"}

// typeOf is the datatype of a member, of a choice where the guide names only its base.
func typeOf(structure, name string) string {
	if next := fhir.TypeOf(structure, name); next != "" {
		return next
	}
	switch {
	case name == "extension":
		return "Extension"
	case structure == "Reference" && name == "reference":
		return "string"
	case slices.Contains([]string{"string", "code", "boolean", "dateTime", "date", "uri", "instant", "decimal", "id", "base64Binary", "integer", "positiveInt", "unsignedInt", "url", "markdown", "canonical", "time", "xhtml", "http://hl7.org/fhirpath/System.String"}, structure):
		return ""
	}
	for _, c := range choices {
		if next := fhir.TypeOf(structure, name+c); next != "" {
			return next
		}
	}
	return ""
}

// carrier tells whether an extension holds v2 text as it came, which is no mapping.
func carrier(ext *fhir.Node) bool {
	url := ext.Get("url").Text()
	return strings.HasPrefix(url, translate.Extensions+"v2-") || url == translate.Extensions+"segment"
}

// world is the Bundle of one message, for following references.
type world struct {
	bundle *fhir.Node
	byRef  map[string]*fhir.Node
	byType map[string][]*fhir.Node
	pure   bool // read no extension of ours
}

func newWorld(bundle *fhir.Node) *world {
	w := &world{bundle: bundle, byRef: map[string]*fhir.Node{}, byType: map[string][]*fhir.Node{"Bundle": {bundle}}}
	for _, n := range fhir.Entries(bundle) {
		w.byRef[n.Ref()] = n
		w.byType[n.ResourceType()] = append(w.byType[n.ResourceType()], n)
		for _, c := range n.Get("contained").Items() {
			w.byRef["#"+c.ID()] = c
			w.byType[c.ResourceType()] = append(w.byType[c.ResourceType()], c)
		}
	}
	return w
}

// find returns the elements that a target names in any resource of its type. Positions such
// as [1] only tell rows apart: any item may be it. With logical, a reference that holds an
// identifier and display stands for the resource that it does not lead to.
func (w *world) find(resource string, path []pathStep, logical bool) []*fhir.Node {
	nodes := slices.Clone(w.byType[resource])
	for _, s := range path {
		var next []*fhir.Node
		for _, n := range nodes {
			if s.follow != "" {
				next = append(next, w.follow(n, s.follow, logical)...)
			} else {
				next = append(next, members(n, s.name, logical)...)
			}
		}
		nodes = next
	}
	return nodes
}

func (w *world) follow(n *fhir.Node, resource string, logical bool) []*fhir.Node {
	if to := w.byRef[n.Get("reference").Text()]; to != nil && (to.ResourceType() == resource || logical) {
		return []*fhir.Node{to}
	}
	// PractitionerRole stands between where the guide names the Practitioner of a role
	if logical && (n.Get("display") != nil || n.Get("identifier") != nil) {
		return []*fhir.Node{n}
	}
	return nil
}

// members returns the children of a name, of a choice (value[x]) by its base, lists opened.
func members(n *fhir.Node, name string, logical bool) []*fhir.Node {
	var out []*fhir.Node
	for member, child := range n.Members() {
		rest, ok := strings.CutPrefix(strings.TrimPrefix(member, "_"), name)
		if !ok || (rest != "" && (rest[0] < 'A' || rest[0] > 'Z' || !slices.Contains(choices, rest))) {
			continue
		}
		if child.Kind() != fhir.Array {
			out = append(out, child)
			continue
		}
		for _, item := range child.Items() {
			if name != "extension" || !carrier(item) {
				out = append(out, item)
			}
		}
	}
	if len(out) == 0 && logical && (n.Get("display") != nil || n.Get("identifier") != nil) && n.Get("resourceType") == nil {
		return []*fhir.Node{n} // a logical reference says what the resource would
	}
	return out
}

// follows are the types whose content belongs to the element that refers to them.
var follows = []string{"Practitioner", "PractitionerRole", "Organization", "Location", "Device", "Medication"}

// texts collects the text beneath an element, without narrative, carriers and ids; what a
// reference leads to is read along where it only says who or where.
func (w *world) texts(n *fhir.Node, out *[]string, depth int) {
	switch n.Kind() {
	case fhir.Array:
		for _, item := range n.Items() {
			w.texts(item, out, depth)
		}
	case fhir.Object:
		if carrier(n) || (w.pure && strings.HasPrefix(n.Get("url").Text(), translate.Extensions)) {
			return
		}
		if to := w.byRef[n.Get("reference").Text()]; to != nil && depth < 2 && slices.Contains(follows, to.ResourceType()) {
			w.texts(to, out, depth+1)
		}
		for name, child := range n.Members() {
			if name == "id" || name == "reference" || name == "resourceType" || (name == "text" && child.Get("div") != nil) {
				continue
			}
			if name == "data" {
				if plain, err := base64.StdEncoding.DecodeString(child.Text()); err == nil {
					*out = append(*out, string(plain))
				}
			}
			w.texts(child, out, depth)
		}
	case fhir.Null:
	default:
		*out = append(*out, n.Text())
	}
}

func (w *world) textsOf(nodes []*fhir.Node) []string {
	var out []string
	for _, n := range nodes {
		w.texts(n, &out, 0)
	}
	return out
}

// everything is all text of the Bundle outside of narrative, Binary and carriers.
func (w *world) everything() []string {
	var out []string
	for _, n := range fhir.Entries(w.bundle) {
		if n.ResourceType() != "Binary" {
			w.texts(n, &out, 2)
		}
	}
	w.texts(w.bundle.Get("identifier"), &out, 2)
	w.texts(w.bundle.Get("timestamp"), &out, 2)
	w.texts(w.bundle.Get("_timestamp"), &out, 2)
	return out
}

func TestTargetsOfTheGuide(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"participant[1].individual(PractitionerRole.practitioner)": true, "note(Annotation.text)": true, "$this": true,
		"content[2].data": false, "participant.coveragePeriod": false, "extension[1].valueCodeableConcept": true,
	} {
		resource := "Encounter"
		switch {
		case strings.HasPrefix(text, "note"):
			resource = "ServiceRequest"
		case strings.HasPrefix(text, "content"):
			resource = "DocumentReference"
		}
		if _, err := parseTarget(resource, text); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
