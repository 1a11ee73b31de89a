package consent

import (
	"iter"
	"math/bits"
	"slices"

	"caregate/fhir"
)

// labelSet is a set of security labels: one bit per sensitivity and a confidentiality rank.
type labelSet struct {
	bits    uint64
	rank    int  // highest confidentiality, 0 when none is stated
	low     int  // lowest confidentiality, which is where a denial begins
	unknown bool // carries a label that is not on the list
}

// labelTable is the closed list compiled to bits.
type labelTable struct {
	bit   map[coding]uint64
	below []uint64 // for each bit: itself and everything it subsumes
}

var labelIndex = newLabelTable()

func newLabelTable() labelTable {
	t := labelTable{bit: map[coding]uint64{}, below: make([]uint64, len(sensitivities))}
	index := map[string]int{}
	for i, s := range sensitivities {
		t.bit[coding{s.system, s.code}] = 1 << i
		index[s.code] = i
	}
	for i, s := range sensitivities {
		t.mark(index, i, s)
	}
	return t
}

// mark adds bit i to everything above it.
func (t *labelTable) mark(index map[string]int, i int, s sensitivity) {
	t.below[i] |= 1 << i
	for _, parent := range s.parents {
		t.climb(index, parent, 1<<i)
	}
}

func (t *labelTable) climb(index map[string]int, code string, bit uint64) {
	j := index[code]
	t.below[j] |= bit
	for _, parent := range sensitivities[j].parents {
		t.climb(index, parent, bit)
	}
}

// labelBit returns the bit of a code of the list; 0 for any other.
func labelBit(code string) uint64 {
	for i, s := range sensitivities {
		if s.code == code {
			return 1 << i
		}
	}
	return 0
}

var (
	bitPart2  = labelBit("42CFRPart2")
	bitNotes  = labelBit("PSYTHPN")
	familySUD = labelIndex.closure(labelBit("SUD"))
)

// closure widens a set of labels to everything they subsume.
func (t *labelTable) closure(set uint64) uint64 {
	var out uint64
	for rest := set; rest != 0; rest &= rest - 1 {
		out |= t.below[bits.TrailingZeros64(rest)]
	}
	return out
}

// add takes one label into the set.
func (s *labelSet) add(c coding) {
	if c.system == SystemConfidentiality {
		rank, known := confidentiality[c.code]
		s.unknown = s.unknown || !known
		s.rank = max(s.rank, rank)
		if s.low == 0 || rank < s.low {
			s.low = rank
		}
		return
	}
	if c.system == SystemActReason && c.code == "HTEST" { // says that data are test data, protects nothing
		return
	}
	bit := labelIndex.bit[c]
	s.bits |= bit
	s.unknown = s.unknown || bit == 0
}

// codes lists the sensitivities of the set in the order of the list.
func (s labelSet) codes() []string {
	var out []string
	for rest := s.bits; rest != 0; rest &= rest - 1 {
		out = append(out, sensitivities[bits.TrailingZeros64(rest)].code)
	}
	return out
}

// domains lists the domains of authority that a record with these labels falls under.
func (s labelSet) domains() []string {
	var out []string
	for rest := s.bits; rest != 0; rest &= rest - 1 {
		d := sensitivities[bits.TrailingZeros64(rest)].domain
		if d != "" && !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	if out == nil {
		return []string{DomainHealth}
	}
	return out
}

// confidentialityName is the code of the set's rank. A record without one counts as
// restricted: that nobody labelled it must not open it.
func (s labelSet) confidentialityName() string {
	for code, rank := range confidentiality {
		if rank == s.effectiveRank() {
			return code
		}
	}
	return ""
}

func (s labelSet) effectiveRank() int {
	if s.rank == 0 {
		return rankRestricted
	}
	return s.rank
}

// resourceLabels reads meta.security, DocumentReference.securityLabel and the inline
// labels of DS4P; an inline label protects the whole resource.
func resourceLabels(n *fhir.Node) labelSet {
	var s labelSet
	for _, concept := range n.Get("securityLabel").Items() {
		s.addConcept(concept)
	}
	s.walk(n)
	return s
}

// addConcept takes the codings of a CodeableConcept; one that is only text says nothing that can be kept to.
func (s *labelSet) addConcept(concept *fhir.Node) {
	s.unknown = s.unknown || concept.Get("coding").Len() == 0
	for c := range codings(concept) {
		s.add(c)
	}
}

const extensionInlineLabel = "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label"

// walk takes meta.security and inline labels at any depth, contained resources included.
func (s *labelSet) walk(n *fhir.Node) {
	for _, c := range n.Get("meta").Get("security").Items() {
		s.add(codingOf(c))
	}
	if n.Get("url").Text() == extensionInlineLabel {
		s.add(codingOf(n.Get("valueCoding")))
	}
	for _, m := range n.Members() {
		if m.Kind() >= fhir.Array {
			s.walk(m)
		}
	}
	for _, item := range n.Items() {
		if item.Kind() >= fhir.Array {
			s.walk(item)
		}
	}
}

// coding is a system and a code; nothing else of a FHIR Coding takes part in a decision.
type coding struct{ system, code string }

func codingOf(n *fhir.Node) coding {
	return coding{n.Get("system").Text(), n.Get("code").Text()}
}

// codings yields the codings of a CodeableConcept.
func codings(concept *fhir.Node) iter.Seq[coding] {
	return func(yield func(coding) bool) {
		for _, c := range concept.Get("coding").Items() {
			if !yield(codingOf(c)) {
				return
			}
		}
	}
}

// LabelSystem returns the system of a label of the closed list, "" for any other code.
func LabelSystem(code string) string {
	if Rank(code) > 0 {
		return SystemConfidentiality
	}
	for _, s := range sensitivities {
		if s.code == code {
			return s.system
		}
	}
	return ""
}

// Rank orders v3-Confidentiality from U (1) to V (6); 0 for any other code.
func Rank(code string) int { return confidentiality[code] }
