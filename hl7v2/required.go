package hl7v2

import "slices"

// Requirement is one thing that a message must hold. Field 0 asks for the segment itself; a field is
// asked for in every segment of that name that is there.
type Requirement struct {
	Messages []string // MSH-9.1; nil for every message
	Segment  string
	Field    int
	Source   string // HL7 v2.5.1 chapter and section that marks it required
}

var (
	aboutPatient = []string{"ADT", "REF", "RRI", "OMG", "OMP", "ORM", "OSU", "OML", "RDE", "RDS", "MDM", "PPR", "PGL", "PPP", "PPG"}
	orders       = []string{"OMG", "OMP", "ORM", "OSU", "RDE"}
)

// required is what Check asks for: less than the standard marks as required, and only what nothing can be
// done without. MSH-11 and MSH-7, PID-5, TXA-2, TXA-12 and others are often empty in practice and have a
// safe reading when absent. An ORU without PID-3 is well-formed enough to be kept: whose it is, is decided
// where children are identified, and an unidentified one is held there.
var required = []Requirement{
	{nil, "MSH", 9, "2.15.9.9"},
	{nil, "MSH", 10, "2.15.9.10"},
	{aboutPatient, "PID", 0, "3.3, 4.4, 9.5, 11.5, 12.3"},
	{aboutPatient, "PID", 3, "3.4.2.3"},
	{[]string{"SIU"}, "SCH", 0, "10.4"},
	{[]string{"SIU"}, "PID", 3, "3.4.2.3"},
	{[]string{"ACK", "RRI"}, "MSA", 0, "2.14.1, 11.5"},
	{[]string{"ACK", "RRI"}, "MSA", 1, "2.15.8.1"},
	{[]string{"ACK", "RRI"}, "MSA", 2, "2.15.8.2"},
	{[]string{"REF"}, "PRD", 0, "11.5"},
	{[]string{"REF", "RRI"}, "RF1", 6, "11.6.1.6"},
	{[]string{"REF", "RRI"}, "PRD", 1, "11.6.3.1"},
	{orders, "ORC", 0, "4.4"},
	{orders, "ORC", 1, "4.5.1.1"},
	{[]string{"MDM"}, "TXA", 0, "9.5"},
	{[]string{"PPR"}, "PRB", 0, "12.3.3"},
	{[]string{"PGL"}, "GOL", 0, "12.3.1"},
	{[]string{"PPP", "PPG"}, "PTH", 0, "12.3.4"},
	{[]string{"PPR", "PGL", "PPP", "PPG"}, "PRB", 3, "12.4"},
	{[]string{"PPR", "PGL", "PPP", "PPG"}, "GOL", 3, "12.4"},
	{[]string{"PPP", "PPG"}, "PTH", 3, "12.4"},
	{[]string{"MFN"}, "MFI", 1, "8.5.1.1"},
	{[]string{"MFN"}, "MFE", 1, "8.5.2.1"},
}

// Requirements returns the table that Check goes by.
func Requirements() []Requirement { return slices.Clone(required) }

// Check returns everything required that the message lacks, each as a ParseError with code 101.
// The null value does not fill a required field.
func Check(m *Message) []*ParseError {
	var missing []*ParseError
	kind := m.First("MSH").Field(9).Rep(1).Component(1).Text()
	for _, r := range required {
		if r.Messages == nil || slices.Contains(r.Messages, kind) {
			missing = r.check(m, missing)
		}
	}
	return missing
}

// check appends what the message lacks of one requirement.
func (r Requirement) check(m *Message, missing []*ParseError) []*ParseError {
	if r.Field == 0 {
		if m.First(r.Segment).Valid() {
			return missing
		}
		return append(missing, &ParseError{Segment: r.Segment, Sequence: 1, Code: CodeMissing, Reason: "a required segment is missing"})
	}
	n := 0
	for s := range m.All(r.Segment) {
		if n++; !s.Field(r.Field).Valued() {
			missing = append(missing, &ParseError{Segment: r.Segment, Sequence: n, Field: r.Field, Code: CodeMissing, Reason: "a required field is empty"})
		}
	}
	return missing
}
