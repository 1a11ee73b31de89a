package translate

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"caregate/fhir"
)

func itoa(n int) string { return strconv.Itoa(n) }

// idSpace is the namespace of every generated id (RFC 9562 version 5).
var idSpace = uuid.NewSHA1(uuid.NameSpaceURL, []byte(Extensions))

// id returns the id of a resource with that business key.
func (j *job) id(resourceType, key string) string {
	return uuid.NewSHA1(idSpace, []byte(j.p.Tenant+"\x1f"+resourceType+"\x1f"+key)).String()
}

// key evaluates "EI(RF1-6)/MSH-10!": the first alternative whose parts are all valued.
// A part with ? may be empty; one with ! is a last resort and reported.
func (j *job) key(f *frame, text string) (string, bool) {
	for alternative := range strings.SplitSeq(text, "/") {
		var text strings.Builder
		whole, any := true, false
		for name := range strings.SplitSeq(alternative, "+") {
			bare := strings.TrimRight(name, "?!")
			bare, from, _ := strings.Cut(bare, "=") // "CX(PID-3)=CX(MRG-1)": the same key from another field
			part := j.keyPart(f, or(from, bare))
			whole = whole && (part != "" || strings.HasSuffix(name, "?"))
			any = any || part != ""
			if text.Len() > 0 {
				text.WriteByte('\x1e')
			}
			text.Grow(len(bare) + len(part) + 48)
			text.WriteString(bare)
			text.WriteByte('=')
			text.WriteString(part)
		}
		if !whole || !any {
			continue
		}
		if strings.HasSuffix(alternative, "!") {
			j.report(j.location(f, 0), IssueNoKey, "no business key in the message; what else names it stands in")
		}
		return text.String(), true
	}
	return "", false
}

// keyPart is one part of a key: the id of a resource, a number with its authority, or a field.
func (j *job) keyPart(f *frame, name string) string {
	if name == "none" {
		return name
	}
	switch name {
	case "seq":
		return itoa(f.seg.seq)
	case "message":
		return j.content()
	}
	if kind, inner, ok := strings.Cut(strings.TrimSuffix(name, ")"), "("); ok {
		for one := range strings.SplitSeq(inner, "|") {
			ref, _ := parseRef(one)
			if reps := j.within(f, ref.segment).reps(ref.field); len(reps) > 0 {
				return j.numberKey(f, kind, parseValue(reps[0]))
			}
		}
		return ""
	}
	if strings.Contains(name, "-") {
		return j.subject(name, f)
	}
	if name == "parent" {
		return around(f).Ref()
	}
	return j.lookup(f, name).ID()
}

// content names what a message says by its own hash: who sent it and all but its header, so
// that the same under another control id gives the same, and two messages never share what
// neither names.
func (j *job) content() string {
	if j.hash == "" {
		h := sha256.New()
		out := bufio.NewWriter(h) // a document is not copied for it
		for _, seg := range j.segs {
			_, _ = out.WriteString(seg.name)
			for n, reps := range seg.fields {
				if seg.name == "MSH" && n != 2 && n != 3 {
					continue
				}
				_, _ = out.WriteString("|" + itoa(n))
				for _, rep := range reps {
					_, _ = out.WriteString("~")
					_, _ = out.WriteString(rep)
				}
			}
			_, _ = out.WriteString("\r")
		}
		_ = out.Flush()
		j.hash = hex.EncodeToString(h.Sum(nil))
	}
	return j.hash
}

// within returns the segment of that name that stands under the frame, else the nearest.
func (j *job) within(f *frame, name string) *segment {
	for _, below := range f.below {
		if below.seg.name == name {
			return below.seg
		}
	}
	return j.nearest(f, name)
}

// wholeDay is a date that names a day.
var wholeDay = regexp.MustCompile(`^(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])`)

// numberKey is a number and who gave it: the universal id, else the namespace. A number
// alone belongs to the application that placed the order.
func (j *job) numberKey(f *frame, kind string, v value) string {
	authority := v.comp(4)
	switch kind {
	case "day":
		return wholeDay.FindString(v.text(1))
	case "EI":
		authority = value{{v.raw(2, 1)}, {v.raw(3, 1)}}
	case "XCN":
		authority = v.comp(9)
	}
	if v.text(1) == "" {
		return ""
	}
	by := or(authority.text(2), authority.text(1))
	if by == "" {
		placer := []int{3, 4}
		if code := j.first("MSH").text(9, 1); code == "RRI" || code == "OSU" {
			placer = []int{5, 6}
		}
		by = j.first("MSH").field(placer[0]) + "\x1d" + j.first("MSH").field(placer[1])
		j.report(j.location(f, 0), IssueNoAssigner, "number without an authority; taken as the sender's own")
	}
	return v.text(1) + "\x1d" + by
}

// unify gives resources of the same key one entry where they are equal, and tells them apart where not.
func (b *builder) unify(f *frame) {
	root := f.root()
	for i, bound := range f.bound {
		if !bound.own || bound.node.ResourceType() == "" {
			continue
		}
		ref := bound.node.Ref()
		first := b.ids[ref]
		switch {
		case first == nil:
			b.ids[ref], b.makers[bound.node] = bound.node, f
		case same(first, bound.node) && (root != bound.node || f.repeatsSegment(b.makers[first])):
			if root == bound.node {
				f.shared = first
				for _, below := range f.below {
					below.displaced = true
				}
			}
			b.replace(f, i, first)
		default:
			b.again[ref]++
			bound.node.Set("id", fhir.NewString(b.id(typeOf(bound.name), first.ID()+"#"+itoa(b.again[ref]+1))))
		}
	}
}

// repeatsSegment tells whether a segment says field by field what an earlier one does; set
// ids may count them.
func (f *frame) repeatsSegment(first *frame) bool {
	for n := 1; n <= max(len(f.seg.fields), len(first.seg.fields)); n++ {
		counts := slices.ContainsFunc(f.table.of(n), func(r *row) bool { return r.mapName == "SI" })
		if f.seg.field(n) != first.seg.field(n) && (!counts || f.seg.field(n) != itoa(f.ordinal)) {
			return false
		}
	}
	return true
}

// replace lets a frame share the equal resource of an earlier one; its carriers go there too.
func (b *builder) replace(f *frame, i int, first *fhir.Node) {
	f.bound[i].node, f.bound[i].own = first, false
	for k := range f.marks {
		m := &f.marks[k]
		if m.row.target.resource != f.bound[i].name {
			continue
		}
		if places := m.row.target.find(first); m.rep < len(places) {
			m.place = places[m.rep]
		} else {
			m.place = place{parent: first, node: first}
		}
	}
}

// finish completes the Bundle and the tags.
func (b *builder) finish() {
	head := b.singles["MessageHeader"]
	bundle := b.singles["Bundle"]
	if system := universalURI(b.first("MSH").text(3, 2), b.first("MSH").text(3, 3)); system != "" && bundle.Get("identifier") != nil {
		number := bundle.Get("identifier").Get("value")
		bundle.Set("identifier", fhir.NewObject().SetText("system", system).Set("value", number))
	}
	for _, n := range b.resources() {
		if n.ResourceType() == "MedicationRequest" && n.Get("medicationReference") == nil && n.Get("medicationCodeableConcept") == nil {
			n.Set("medicationCodeableConcept", unsaid()) // an order of which no segment says what
		}
	}
	if head == nil {
		return
	}
	if head.Get("source") == nil {
		head.Set("source", fhir.NewObject())
	}
	if from := head.Get("source"); from.Get("endpoint") == nil {
		from.Set("_endpoint", unsaid())
	}
	if head.Get("eventCoding").Len() == 0 {
		head.Set("eventCoding", unsaid())
	}
	if to := head.At("destination[0]"); to != nil && to.Get("endpoint") == nil && to.Get("_endpoint") == nil {
		to.Set("_endpoint", unsaid())
	}
}

// tag marks every resource of a test message.
func (b *builder) tag() {
	if id := b.first("MSH").text(11, 1); id != "T" && id != "D" {
		return
	}
	for _, n := range b.resources() {
		if n.Get("meta") == nil {
			n.Set("meta", fhir.NewObject())
		}
		n.Get("meta").Add("tag", testTag())
	}
}

// resources returns every resource once, the MessageHeader first.
func (b *builder) resources() []*fhir.Node {
	var out []*fhir.Node
	seen := map[*fhir.Node]bool{}
	for _, f := range b.frames {
		for _, bound := range f.bound {
			n := bound.node
			if n.ResourceType() == "" || n.ResourceType() == "Bundle" || n.ResourceType() == "OperationOutcome" || seen[n] {
				continue
			}
			seen[n] = true
			out = append(out, n)
		}
	}
	return append(out, b.whole...)
}

// bundle assembles the transaction.
func (b *builder) bundle() *fhir.Node {
	b.tag()
	have := b.singles["Bundle"]
	out := fhir.NewResource("Bundle")
	for _, name := range []string{"identifier", "type", "timestamp", "_timestamp"} {
		if name == "type" {
			out.Set("type", fhir.NewString("transaction"))
		} else {
			out.Set(name, have.Get(name))
		}
	}
	for _, n := range b.resources() {
		ref := n.Ref()
		entry := fhir.NewObject().SetText("fullUrl", b.p.base()+"/"+ref)
		request := fhir.NewObject().SetText("method", "PUT").SetText("url", ref)
		out.Add("entry", entry.Set("resource", ordered(n)).Set("request", request))
	}
	prune(out)
	return out
}

// prune drops objects and lists that ended up empty.
func prune(n *fhir.Node) bool {
	var empty []string
	for name, child := range n.Members() {
		if prune(child) {
			empty = append(empty, name)
		}
	}
	for _, name := range empty {
		n.Remove(name)
	}
	if extensions := n.Get("extension"); extensions != nil {
		extensions.KeepItems(func(ext *fhir.Node) bool { return ext.Len() > 1 }) // a url without a value says nothing
		if extensions.Len() == 0 {
			n.Remove("extension")
		}
	}
	n.KeepItems(func(item *fhir.Node) bool { return !prune(item) })
	return n.Kind() >= fhir.Array && n.Len() == 0
}

// ordered puts the members in front that readers look for first.
func ordered(n *fhir.Node) *fhir.Node {
	return n.Lead("resourceType", "id", "meta", "language", "text", "contained", "extension", "identifier", "status")
}

func (p *Profile) base() string { return strings.TrimSuffix(or(p.Base, DefaultBase), "/") }
