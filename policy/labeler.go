package policy

import (
	"encoding/csv"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"caregate/consent"
	"caregate/fhir"
)

// Labeler adds security labels to resources from tables of codes. It is immutable and safe for concurrent use.
type Labeler struct {
	codes    map[concept][]label
	prefixes map[concept][]label // "F1*" is kept as "F1"
	lengths  map[string][]int    // of the prefixes of each system, longest first
	words    map[string][]label  // of free text, lower case
	phrases  map[string][]label
	types    map[string][]label // labels that every resource of a type has
	fallback map[string][]label // of a type whose records carry no code that the tables know
	local    map[concept]label  // labels of local systems and what they mean
}

type concept struct{ system, code string }

// label is one security label; rank is set for a confidentiality.
type label struct {
	concept
	rank int
}

// The pseudo systems of the tables, beside real code systems.
const (
	tableType     = "resource-type"
	tableFallback = "unlabelled"
	tableText     = "text"
	tableForm     = "questionnaire" // the canonical of a QuestionnaireResponse
	tableLocal    = "local-label "  // followed by the local system
)

// restricted is what a clinical record is labelled whose codes the tables do not know: that
// nobody knows what it is must not make it normal.
const restricted = "R"

// LoadLabeler reads every *.csv of the tree, see Labels. A row is system, code (a trailing *
// is a prefix), labels separated by spaces, source. Errors name file and line.
func LoadLabeler(tree fs.FS) (*Labeler, error) {
	l := &Labeler{
		codes: map[concept][]label{}, prefixes: map[concept][]label{}, lengths: map[string][]int{}, words: map[string][]label{}, phrases: map[string][]label{},
		types: map[string][]label{}, fallback: map[string][]label{}, local: map[concept]label{},
	}
	files, err := fs.Glob(tree, "*.csv")
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		if err := l.read(tree, name); err != nil {
			return nil, fmt.Errorf("labels %s: %w", name, err)
		}
	}
	if len(l.types) == 0 {
		return nil, fmt.Errorf("labels: no table names a resource type")
	}
	return l, nil
}

func (l *Labeler) read(tree fs.FS, name string) error {
	f, err := tree.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	rows := csv.NewReader(f)
	rows.Comment = '#'
	rows.FieldsPerRecord = 4
	all, err := rows.ReadAll()
	if err != nil {
		return err
	}
	for _, row := range all {
		labels, err := parseLabels(row[2])
		if err != nil {
			return fmt.Errorf("%s %s: %w", row[0], row[1], err)
		}
		l.row(row[0], row[1], labels)
	}
	return nil
}

func (l *Labeler) row(system, code string, labels []label) {
	prefix, isPrefix := strings.CutSuffix(code, "*")
	switch {
	case system == tableType:
		l.types[code] = labels
	case system == tableFallback:
		l.fallback[code] = labels
	case system == tableText && strings.Contains(code, " "):
		l.phrases[strings.ToLower(code)] = labels
	case system == tableText && !isPrefix:
		l.words[strings.ToLower(code)] = labels
	case strings.HasPrefix(system, tableLocal):
		l.local[concept{strings.TrimPrefix(system, tableLocal), code}] = labels[0]
	case isPrefix:
		l.prefix(system, strings.ToLower(prefix), labels)
	default:
		l.codes[concept{system, code}] = labels
	}
}

func (l *Labeler) prefix(system, prefix string, labels []label) {
	l.prefixes[concept{system, prefix}] = labels
	if !slices.Contains(l.lengths[system], len(prefix)) {
		l.lengths[system] = append(l.lengths[system], len(prefix))
		slices.SortFunc(l.lengths[system], func(a, b int) int { return b - a })
	}
}

func parseLabels(text string) ([]label, error) {
	var out []label
	for code := range strings.FieldsSeq(text) {
		system := consent.LabelSystem(code)
		if system == "" {
			return nil, fmt.Errorf("%s is not a label", code)
		}
		out = append(out, label{concept{system, code}, consent.Rank(code)})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("a row needs a label")
	}
	return out, nil
}

// Label adds meta.security to a resource, or to every resource of a Bundle, in place. Labels
// that are there stay; a higher confidentiality is added beside a lower one. A record takes
// on the labels of what it was made for (reasonReference, addresses, Task.focus) in the same Bundle.
// A segment of HL7 v2 that no table reads takes on the labels of everything that came with it.
// A confidentiality that is there counts for a record whose codes no table knows.
func (l *Labeler) Label(bundle *fhir.Node) { l.labelAll(bundle, true) }

// Raise is Label for a sender whose labels may only raise: a record whose codes no table knows
// is labelled as if none had been stated.
func (l *Labeler) Raise(bundle *fhir.Node) { l.labelAll(bundle, false) }

func (l *Labeler) labelAll(bundle *fhir.Node, trusted bool) {
	if bundle.ResourceType() != "Bundle" {
		l.label(bundle, trusted)
		return
	}
	byRef := map[string]*fhir.Node{}
	for _, n := range fhir.Entries(bundle) {
		l.label(n, trusted)
		if n.Ref() != "" {
			byRef[n.Ref()] = n
		}
	}
	for range 2 { // a Task takes on what its request took on
		for _, n := range fhir.Entries(bundle) {
			purposes(n, func(ref string) { inherit(n, byRef[ref]) })
		}
	}
	for _, n := range fhir.Entries(bundle) {
		if keepsSegment(n) {
			for _, beside := range fhir.Entries(bundle) {
				inherit(n, beside)
			}
		}
	}
}

// segmentSystem is the code system of a Basic that keeps a segment of HL7 v2 that no table reads.
const segmentSystem = "https://caregate.invalid/fhir/StructureDefinition/segment"

// keepsSegment reports a record of which nobody knows what it speaks of: it may be any record
// that came with it, and takes on the labels of all.
func keepsSegment(n *fhir.Node) bool {
	return n.ResourceType() == "Basic" && n.At("code.coding[0].system").Text() == segmentSystem
}

// purposes yields what a record was made for: its reasons, what a plan addresses, what a Task is about.
func purposes(n *fhir.Node, yield func(ref string)) {
	for _, name := range []string{"reasonReference", "addresses"} {
		for _, ref := range n.Get(name).Items() {
			yield(ref.Get("reference").Text())
		}
	}
	if n.ResourceType() == "Task" {
		yield(n.Get("focus").Get("reference").Text())
	}
}

func (l *Labeler) label(n *fhir.Node, trusted bool) {
	l.translate(n.Get("meta").Get("security"))
	for _, c := range n.Get("securityLabel").Items() {
		l.translate(c.Get("coding"))
	}
	have := carried(n)
	stated := trusted && have.rank > 0
	found := finding{labels: l.types[n.ResourceType()], known: l.types[n.ResourceType()] != nil}
	found.scan(l, n)
	have.add(n, found.labels)
	if found.known || stated {
		return
	}
	labels := l.fallback[n.ResourceType()]
	if labels == nil {
		labels = []label{{concept{consent.SystemConfidentiality, restricted}, consent.Rank(restricted)}}
	}
	have.add(n, labels)
}

// translate rewrites labels of a local system into the published ones that they mean.
func (l *Labeler) translate(codings *fhir.Node) {
	for _, c := range codings.Items() {
		if means, ok := l.local[conceptOf(c)]; ok {
			c.SetText("system", means.system).SetText("code", means.code)
		}
	}
}

func conceptOf(n *fhir.Node) concept {
	return concept{n.Get("system").Text(), n.Get("code").Text()}
}

// carrying is the labels that a resource has.
type carrying struct {
	labels []fhir.SecurityLabel
	rank   int // the highest confidentiality, 0 for none
}

func carried(n *fhir.Node) carrying {
	c := carrying{labels: fhir.SecurityLabels(n)}
	for _, s := range c.labels {
		if s.System == consent.SystemConfidentiality {
			c.rank = max(c.rank, consent.Rank(s.Code))
		}
	}
	return c
}

// add appends the labels that the resource does not carry yet; a confidentiality only if it is higher.
func (c *carrying) add(n *fhir.Node, labels []label) {
	for _, lb := range highest(labels) {
		one := fhir.SecurityLabel{System: lb.system, Code: lb.code}
		if slices.Contains(c.labels, one) || (lb.rank > 0 && lb.rank <= c.rank) {
			continue
		}
		meta := n.Get("meta")
		if meta == nil {
			meta = fhir.NewObject()
			n.Set("meta", meta)
		}
		meta.Add("security", fhir.NewObject().SetText("system", lb.system).SetText("code", lb.code))
		c.labels = append(c.labels, one)
		c.rank = max(c.rank, lb.rank)
	}
}

// highest keeps of several confidentialities the highest.
func highest(labels []label) []label {
	top := 0
	for _, lb := range labels {
		top = max(top, lb.rank)
	}
	out := make([]label, 0, len(labels))
	for _, lb := range labels {
		if lb.rank == 0 || lb.rank == top {
			out = append(out, lb)
		}
	}
	return out
}

func inherit(n, from *fhir.Node) {
	if from == nil {
		return
	}
	var labels []label
	for _, s := range fhir.SecurityLabels(from) {
		lb := label{concept: concept{s.System, s.Code}}
		if s.System == consent.SystemConfidentiality {
			lb.rank = consent.Rank(s.Code)
		}
		labels = append(labels, lb)
	}
	have := carried(n)
	have.add(n, labels)
}
