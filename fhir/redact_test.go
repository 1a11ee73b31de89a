package fhir

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func mustParse(tb testing.TB, text string) *Node {
	tb.Helper()
	n, err := Parse([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// flowBundle joins the cast of the flows with the Bundles of one flow.
func flowBundle(tb testing.TB, pattern string) *Node {
	tb.Helper()
	names, err := filepath.Glob(filepath.Join("..", "testdata", "flows", pattern))
	if err != nil || len(names) == 0 {
		tb.Fatalf("no flows match %s: %v", pattern, err)
	}
	all := NewResource("Bundle").SetText("type", "transaction")
	seen := map[string]bool{}
	for _, name := range append([]string{filepath.Join("..", "testdata", "flows", "00-cast", "cast-il-transaction.json")}, names...) {
		n := mustParse(tb, string(readFile(tb, name)))
		for _, entry := range n.Get("entry").Items() {
			if ref := entry.Get("resource").Ref(); ref != "" && !seen[ref] {
				seen[ref] = true
				all.Add("entry", entry)
			}
		}
	}
	return all
}

func droppedText(dropped []Dropped) string {
	var all []string
	for _, d := range dropped {
		all = append(all, strings.TrimSuffix(d.Ref+"#"+d.Element, "#")+" "+d.Reason)
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// Each case is a Bundle, a redaction, and what is left of the resource that is looked at.
func TestRedactDropsTraces(t *testing.T) {
	t.Parallel()
	for _, row := range rows(t, "redact.tsv") {
		name, withhold, elements, entries, want := row[0], row[1], row[2], row[3], row[4]
		r := Redaction{Withhold: map[string]bool{}, Elements: map[string][]string{}}
		for ref := range strings.FieldsSeq(withhold) {
			r.Withhold[ref] = true
		}
		for element := range strings.FieldsSeq(elements) {
			ref, path, _ := strings.Cut(element, "#")
			r.Elements[ref] = append(r.Elements[ref], path)
		}
		bundle := NewResource("Bundle").SetText("type", "collection")
		for _, res := range mustParse(t, entries).Items() {
			bundle.Add("entry", NewObject().Set("resource", res))
		}
		before := string(bundle.JSON())
		out, _ := Redact(bundle, r)
		left := NewArray()
		for _, res := range Entries(out) {
			left.Append(res)
		}
		if got := string(left.JSON()); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
		if string(bundle.JSON()) != before {
			t.Errorf("%s: the input was changed", name)
		}
	}
}

func TestRedactNothingChangesNothing(t *testing.T) {
	t.Parallel()
	for _, flow := range []string{"01*/*transaction.json", "05*/*transaction.json"} {
		bundle := flowBundle(t, flow)
		out, dropped := Redact(bundle, Redaction{})
		if string(out.JSON()) != string(bundle.JSON()) || len(dropped) > 0 {
			t.Errorf("%s: %s", flow, droppedText(dropped))
		}
	}
}

// planted marks everything that one resource says with canaries, and repeats them around it.
type planted struct {
	random   *rand.Rand
	canaries []string
}

func (p *planted) canary() string {
	c := fmt.Sprintf("Qx%dcanary%d", p.random.IntN(1_000_000), len(p.canaries))
	p.canaries = append(p.canaries, c)
	return c
}

// speakable reports leaves that carry text or values of a person.
func speakable(l leaf) bool {
	if l.n.Kind() != String || l.silent() || l.at.name == "id" || l.at.name == "reference" || l.at.name == "type" {
		return false
	}
	return l.at.m.typ == "string" || l.at.m.typ == "markdown" || l.at.m.typ == "code" && l.at.name == "code"
}

func (p *planted) mark(n *Node, m memberDef, name string) {
	visit(n, place{m: m, name: name}, func(l leaf) {
		if !speakable(l) {
			return
		}
		switch p.random.IntN(3) {
		case 0:
			l.n.text = p.canary()
		case 1:
			l.n.text += " " + p.canary()
		default:
			l.n.text = p.canary() + " " + l.n.text
		}
	})
}

// repeat writes what the withheld parts say around: into display texts of references to them,
// narrative, notes, logical references and attachments of other resources.
func (p *planted) repeat(bundle *Node, withheld map[string]bool) {
	pick := func() string { return p.canaries[p.random.IntN(len(p.canaries))] }
	for _, res := range Entries(bundle) {
		if withheld[res.Ref()] {
			continue
		}
		var walk func(n *Node)
		walk = func(n *Node) {
			if withheld[n.Get("reference").Text()] {
				n.Set("display", NewString("see "+pick()))
			}
			for _, m := range n.members {
				walk(m)
			}
		}
		walk(res)
		t := r4().types[res.ResourceType()]
		switch p.random.IntN(6) {
		case 0:
			res.Set("text", NewObject().SetText("status", "generated").
				SetText("div", "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>About <b>"+pick()+"</b>.</p></div>"))
		case 1:
			if _, ok := t.members["note"]; ok {
				res.Add("note", NewObject().SetText("text", "It was "+pick()+", they say."))
			}
		case 2:
			res.Add("extension", NewObject().SetText("url", "urn:x-test").SetText("valueString", pick()))
		case 3:
			p.logical(bundle, res, withheld)
		case 4:
			if len(withheld) > 0 {
				for ref := range withheld {
					res.Add("extension", NewObject().SetText("url", "urn:x-test").SetText("valueUri", "https://else.example.org/fhir/"+ref+"/_history/2"))
					break
				}
			}
		}
	}
}

// logical refers to a withheld resource by its business identifier.
func (p *planted) logical(bundle, res *Node, withheld map[string]bool) {
	for _, other := range Entries(bundle) {
		if id := other.Get("identifier").Item(0); withheld[other.Ref()] && strings.Contains(id.Get("value").Text(), "canary") {
			res.Add("extension", NewObject().SetText("url", "urn:x-test").
				Set("valueReference", NewObject().SetText("type", other.ResourceType()).Set("identifier", id.Clone())))
		}
	}
}

// Whatever is withheld: no planted canary is left, what is left is valid, and what was not
// touched is byte for byte what it was.
func TestRedactLeavesNoCanary(t *testing.T) {
	t.Parallel()
	flows := []string{"01*/*transaction.json", "02*/*transaction.json", "04*/*.json", "05*/*transaction.json", "06*/*.json", "07*/*.json"}
	var planting, untouched, gone, dependent int
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 7))
		bundle := flowBundle(t, flows[int(seed)%len(flows)])
		var all []*Node
		for _, res := range Entries(bundle) {
			all = append(all, res)
		}
		p := &planted{random: random}
		r := Redaction{Withhold: map[string]bool{}, Elements: map[string][]string{}}
		for range 1 + random.IntN(3) {
			res := all[random.IntN(len(all))]
			if r.Withhold[res.Ref()] {
				continue
			}
			r.Withhold[res.Ref()] = true
			p.mark(res, memberDef{}, "")
		}
		for range 2 {
			res := all[random.IntN(len(all))]
			t := r4().types[res.ResourceType()]
			for _, name := range []string{"address", "telecom", "contact", "note", "description", "name"} {
				if child := res.Get(name); child != nil && !r.Withhold[res.Ref()] && random.IntN(2) == 0 {
					r.Elements[res.Ref()] = append(r.Elements[res.Ref()], name)
					p.mark(child, t.members[name], name)
				}
			}
		}
		if len(p.canaries) == 0 {
			continue
		}
		p.repeat(bundle, r.Withhold)
		planting += len(p.canaries)
		before := issueSet(bundle)
		out, dropped := Redact(bundle, r)
		text := string(out.JSON())
		for _, c := range p.canaries {
			if strings.Contains(strings.ToLower(text), strings.ToLower(c)) {
				i := strings.Index(strings.ToLower(text), strings.ToLower(c))
				t.Fatalf("seed %d: canary %s is left: %s\nwithheld %v %v", seed, c, text[max(0, i-200):min(len(text), i+60)], r.Withhold, r.Elements)
			}
		}
		for ref := range r.Withhold {
			if strings.Contains(text, ref+`"`) || strings.Contains(text, ref+"/") {
				t.Fatalf("seed %d: %s is still named", seed, ref)
			}
		}
		for issue := range issueSet(out) {
			if !before[issue] {
				t.Fatalf("seed %d: redaction made it invalid: %s", seed, issue)
			}
		}
		touched := map[string]bool{}
		for _, d := range dropped {
			touched[d.Ref] = true
			if d.Element == "" {
				gone++
			}
			if d.Reason == DropDependent && d.Element == "" {
				dependent++
			}
		}
		for _, res := range all {
			if !touched[res.Ref()] {
				untouched++
				if !strings.Contains(text, string(res.JSON())) {
					t.Fatalf("seed %d: %s was changed without being reported", seed, res.Ref())
				}
			}
		}
	}
	t.Logf("%d canaries planted, 0 left; %d resources gone (%d as dependent), %d untouched", planting, gone, dependent, untouched)
	if untouched == 0 || dependent == 0 {
		t.Error("the property was not exercised")
	}
}

// issueSet holds what validation finds, by resource rather than by index.
func issueSet(bundle *Node) map[string]bool {
	found := map[string]bool{}
	for _, res := range Entries(bundle) {
		for _, issue := range Validate(res) {
			found[res.Ref()+" "+issue.Path+" "+issue.Code] = true
		}
	}
	return found
}
