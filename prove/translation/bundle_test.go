package translation

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"caregate/fhir"
	"caregate/hl7v2"
	"caregate/translate"
)

// TestProducedBundles looks at every Bundle: valid, nothing dangles, every resource says
// something that the message said, none twice.
func TestProducedBundles(t *testing.T) {
	t.Parallel()
	s := said(t)
	errors, dangling, sourceless, anonymous, twice, badEntry := tally{}, tally{}, tally{}, tally{}, tally{}, tally{}
	types := tally{}
	bundles, resources := 0, 0
	for _, m := range samples(t) {
		if m.err != nil {
			continue
		}
		bundles++
		for _, issue := range fhir.Validate(m.bundle) {
			if issue.Severity == "error" {
				errors[placeless(issue.Path)+": "+issue.Text]++
			}
		}
		for _, at := range danglingIn(m.bundle) {
			dangling[at]++
		}
		have := map[string]bool{}
		for _, n := range fhir.Entries(m.bundle) {
			resources++
			types[n.ResourceType()]++
			if n.ResourceType() == "Location" && n.Get("identifier") == nil && n.Get("name") == nil {
				anonymous[m.file]++
			}
			if !hasSource(s, m.msg, n) {
				sourceless[n.ResourceType()+" "+m.kind()]++
			}
			body := contentOf(n)
			if have[body] {
				twice[n.ResourceType()+" "+m.kind()]++
			}
			have[body] = true
		}
		for _, why := range entryFaults(m.bundle) {
			badEntry[why]++
		}
	}
	report(t, "bundle-errors.txt", errors.top(500))
	figure(t, 5, "produced Bundles: errors of the validator", bundles, "resources", resources, "errors", errors.sum(), "worst", errors.top(6))
	figure(t, 5, "dangling references", resources, "dangling", dangling.sum(), "worst", dangling.top(6))
	figure(t, 5, "economy", resources, "perMessage", float64(int(float64(resources)*100/float64(max(bundles, 1))))/100, "types", types,
		"withoutSource", sourceless.sum(), "withoutSourceWhere", sourceless.top(8), "anonymousLocations", anonymous.sum(), "sameTwice", twice.sum(), "sameTwiceWhere", twice.top(8))
	figure(t, 5, "transaction entries", resources, "faults", badEntry.sum(), "worst", badEntry.top(6))
	for name, c := range map[string]tally{
		"validator errors": errors, "dangling references": dangling, "resources without a source": sourceless,
		"anonymous Locations": anonymous, "resources twice": twice, "entries at fault": badEntry,
	} {
		must(t, c.sum() == 0, "%s: %d: %s", name, c.sum(), strings.Join(c.top(5), "; "))
	}
}

// placeless takes the positions out of a path, so that like faults are counted together.
func placeless(path string) string {
	var b strings.Builder
	depth := 0
	for _, r := range path {
		switch r {
		case '[':
			depth++
		case ']':
			depth--
		default:
			if depth == 0 {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}

func danglingIn(bundle *fhir.Node) []string {
	w := newWorld(bundle)
	var out []string
	var walk func(n *fhir.Node, path string)
	walk = func(n *fhir.Node, path string) {
		if ref := n.Get("reference"); ref.Kind() == fhir.String && w.byRef[ref.Text()] == nil {
			out = append(out, path)
		}
		for name, child := range n.Members() {
			walk(child, path+"."+name)
		}
		for _, child := range n.Items() {
			walk(child, path)
		}
	}
	for _, n := range fhir.Entries(bundle) {
		walk(n, n.ResourceType())
	}
	return out
}

// setID is the number of a segment, which says nothing of its own.
var setID = regexp.MustCompile(`^[0-9]{1,4}$`)

// hasSource tells whether a resource says anything that a leaf of the message says, in its
// elements or in a carrier of its own.
func hasSource(s saying, m *hl7v2.Message, n *fhir.Node) bool {
	if n.ResourceType() == "MessageHeader" {
		return true
	}
	own := n.Clone()
	own.Remove("meta")
	own.Remove("id")
	w := &world{byRef: map[string]*fhir.Node{}}
	var texts []string
	w.texts(own, &texts, 2)
	for _, raws := range carriersOf(own) {
		if len(raws) > 0 {
			return true // a field or segment that came
		}
	}
	if n.ResourceType() == "Patient" && m.First("PID").Valid() {
		return true // a PID that says nothing: there is a child, unknown
	}
	for i := range m.Len() {
		segment := m.Segment(i)
		for f := 1; f <= segment.FieldCount() && segment.Name() != "MSH"; f++ {
			if f == 1 && setID.MatchString(segment.Field(1).Raw()) {
				continue
			}
			for rep := 1; rep <= segment.Field(f).Repetitions(); rep++ {
				for _, l := range (spot{m, i, f, rep}).leaves() {
					if s.found(l.text, texts) {
						return true
					}
				}
			}
		}
	}
	return false
}

// contentOf is a resource without its id: what it says.
func contentOf(n *fhir.Node) string {
	own := n.Clone()
	own.Remove("id")
	return string(own.JSON())
}

func entryFaults(bundle *fhir.Node) []string {
	var out []string
	seen := map[string]bool{}
	for i, entry := range bundle.Get("entry").Items() {
		ref := entry.Get("resource").Ref()
		method, url := entry.At("request.method").Text(), entry.At("request.url").Text()
		switch {
		case method != "PUT" || url != ref:
			out = append(out, fmt.Sprintf("request is %s of something else, %s", method, entry.Get("resource").ResourceType()))
		case !strings.HasSuffix(entry.Get("fullUrl").Text(), "/"+ref):
			out = append(out, "fullUrl is not the resource's")
		case seen[ref]:
			out = append(out, "the same resource twice")
		case i == 0 && entry.Get("resource").ResourceType() != "MessageHeader":
			out = append(out, "the first entry is no MessageHeader")
		}
		seen[ref] = true
	}
	return out
}

// TestSecondSend sends every message again as it was, and once under a new control id and time.
func TestSecondSend(t *testing.T) {
	t.Parallel()
	p := proveProfile(t)
	messages, same, ids, moved := 0, 0, 0, 0
	movedTypes := tally{}
	for _, s := range samples(t) {
		if s.err != nil {
			continue
		}
		messages++
		again, err := translate.ToFHIR(s.msg, p)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(again.Bundle.JSON(), s.result.Bundle.JSON()) {
			same++
		} else {
			t.Errorf("%s: two runs differ", s.name)
		}
		resent, err := hl7v2.Parse(renamed(s.msg))
		if err != nil {
			t.Fatal(err)
		}
		other, err := translate.ToFHIR(resent, p)
		if err != nil {
			t.Fatal(err)
		}
		have := map[string]bool{}
		for _, n := range fhir.Entries(other.Bundle) {
			have[n.Ref()] = true
		}
		for _, n := range fhir.Entries(s.bundle) {
			if n.ResourceType() == "MessageHeader" || n.ResourceType() == "Basic" {
				continue
			}
			ids++
			if !have[n.Ref()] {
				moved++
				movedTypes[n.ResourceType()+" "+s.event()]++
			}
		}
	}
	report(t, "ids-moved.txt", movedTypes.top(300))
	figure(t, 5, "two runs give the same bytes", messages, "same", same)
	figure(t, 5, "the same content under a new control id keeps its ids", ids, "moved", moved, "worst", movedTypes.top(8))
	t.Logf("%d of %d resources get another id when the same content comes in another message: they have no business key", moved, ids)
}

// renamed is the message under another control id.
func renamed(m *hl7v2.Message) []byte {
	d := m.Delimiters()
	raw := string(m.Encode())
	header, rest, _ := strings.Cut(raw, "\r")
	fields := strings.Split(header, string(d.Field))
	for len(fields) < 10 {
		fields = append(fields, "")
	}
	fields[9] = "OTHER-ID-1"
	return []byte(strings.Join(fields, string(d.Field)) + "\r" + rest)
}

// TestOneReferral plays a referral, its answer, its change and its cancellation: all are
// about one ServiceRequest and one Task.
func TestOneReferral(t *testing.T) {
	t.Parallel()
	steps := []string{"ref-i12", "rri-i12-accepted", "ref-i13", "ref-i14"}
	found := map[string][]string{}
	for _, name := range steps {
		s := fromFile(t, "../../testdata/translate/"+name+".hl7", "SOC-2026-004411^SOCGW^1.3.6.1.4.1.21367.2026.1^ISO", "SOC-2026-004411^CMOEHR^1.3.6.1.4.1.21367.2026.30^ISO")
		for _, n := range fhir.Entries(s.bundle) {
			if kind := n.ResourceType(); (kind == "ServiceRequest" || kind == "Task") && !slices.Contains(found[kind], n.ID()) {
				found[kind] = append(found[kind], n.ID())
			}
		}
	}
	figure(t, 5, "I12, RRI, I13, I14 leave one ServiceRequest and one Task", len(steps), "serviceRequests", len(found["ServiceRequest"]), "tasks", len(found["Task"]))
	if len(found["ServiceRequest"]) != 1 || len(found["Task"]) != 1 {
		t.Errorf("%d ServiceRequests and %d Tasks", len(found["ServiceRequest"]), len(found["Task"]))
	}
}
