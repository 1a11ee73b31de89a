package workbench

import (
	"strconv"

	"caregate/hl7v2"
	"caregate/translate"
)

// Shown is one line of the tree of a message: a segment, field, repetition, component or
// subcomponent. Only what has no parts has a value.
type Shown struct {
	Path     string `json:"path"`               // "PID", "PID-3[2]", "PID-3[2].4.1", "OBX(2)-5"
	Name     string `json:"name,omitempty"`     // what the message's own version calls it; "" where no version knows it
	Datatype string `json:"datatype,omitempty"` // "CX"; of OBX-5 what OBX-2 says
	Value    string `json:"value,omitempty"`    // unescaped; `""` where the sender asks to delete
	Depth    int    `json:"depth"`              // 0 for a segment
}

// Show returns the tree of a message, with the names that the standard's version in MSH-12
// gives its parts. Of a batch, or of several messages, it returns one tree after the other,
// with the number of the message before each path, "2/PID-3". It shows values, so it is for
// files that the reader has anyway. It fails with the *hl7v2.ParseError of the first message
// that is none.
func Show(input []byte) ([]Shown, error) {
	messages, err := messagesIn(input)
	if err != nil {
		return nil, err
	}
	var all []Shown
	for i, raw := range messages {
		lines, err := showOne(raw)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			l.Path = numberOf(i, len(messages)) + l.Path
			all = append(all, l)
		}
	}
	return all, nil
}

// messagesIn splits a batch; anything else is one message, sound or not.
func messagesIn(input []byte) ([][]byte, error) {
	if !translate.IsBatch(input) {
		return [][]byte{input}, nil
	}
	return hl7v2.Split(input)
}

// numberOf is what stands before a path of message i of so many.
func numberOf(i, of int) string {
	if of == 1 {
		return ""
	}
	return strconv.Itoa(i+1) + "/"
}

func showOne(input []byte) ([]Shown, error) {
	message, err := hl7v2.Parse(input)
	if err != nil {
		return nil, err
	}
	tree := &tree{version: message.Get("MSH-12.1")}
	seen := map[string]int{}
	for i := range message.Len() {
		segment := message.Segment(i)
		name := segment.Name()
		seen[name]++
		tree.segment(segment, hl7v2.Path{Segment: name, Sequence: seen[name]})
	}
	return tree.lines, nil
}

type tree struct {
	version string
	lines   []Shown
}

func (t *tree) add(at hl7v2.Path, depth int, name, datatype, value string) {
	t.lines = append(t.lines, Shown{Path: at.String(), Name: name, Datatype: datatype, Value: value, Depth: depth})
}

func (t *tree) segment(s hl7v2.Segment, at hl7v2.Path) {
	t.add(at, 0, hl7v2.SegmentName(at.Segment, t.version), "", "")
	for n := 1; n <= s.FieldCount(); n++ {
		field := s.Field(n)
		if field.Raw() == "" {
			continue
		}
		name, datatype := hl7v2.FieldName(at.Segment, n, t.version)
		if at.Segment == "OBX" && n == 5 {
			datatype = s.Field(2).Rep(1).Text()
		}
		at.Field = n
		for r := 1; r <= field.Repetitions(); r++ {
			if at.Repetition = r; said(field.Rep(r).Raw(), field.Rep(r).Valued()) {
				t.repetition(field.Rep(r), at, name, datatype)
			}
		}
	}
}

func (t *tree) repetition(r hl7v2.Repetition, at hl7v2.Path, name, datatype string) {
	if (at.Segment == "MSH" && at.Field <= 2) || (r.Components() <= 1 && r.Component(1).Subs() <= 1) {
		t.add(at, 1, name, datatype, valueOf(r.Raw(), r.Text()))
		return
	}
	t.add(at, 1, name, datatype, "")
	for n := 1; n <= r.Components(); n++ {
		component := r.Component(n)
		if !said(component.Raw(), component.Valued()) {
			continue
		}
		at.Component = n
		label, of := hl7v2.ComponentName(datatype, n, t.version)
		if component.Subs() <= 1 {
			t.add(at, 2, label, of, valueOf(component.Raw(), component.Text()))
			continue
		}
		t.add(at, 2, label, of, "")
		t.subcomponents(component, at, of)
	}
}

func (t *tree) subcomponents(c hl7v2.Component, at hl7v2.Path, datatype string) {
	for n := 1; n <= c.Subs(); n++ {
		if raw := c.RawSub(n); raw != "" {
			at.Subcomponent = n
			label, of := hl7v2.ComponentName(datatype, n, t.version)
			t.add(at, 3, label, of, valueOf(raw, c.Sub(n)))
		}
	}
}

// said tells whether something is there: a value, or the wish to delete one.
func said(raw string, valued bool) bool { return valued || raw == `""` }

// valueOf shows a value, and the wish to delete one as it is written.
func valueOf(raw, text string) string {
	if raw == `""` {
		return raw
	}
	return text
}
