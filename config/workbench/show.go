package workbench

import (
	"fmt"
	"io"

	"caregate/hl7v2"
)

// Show writes the tree of a message: segments, fields, repetitions, components. It writes
// values, so it is for files that the reader has anyway.
func Show(w io.Writer, input []byte) error {
	message, err := hl7v2.Parse(input)
	if err != nil {
		return err
	}
	for i := range message.Len() {
		segment := message.Segment(i)
		fmt.Fprintln(w, segment.Name())
		for n := 1; n <= segment.FieldCount(); n++ {
			if field := segment.Field(n); field.Valued() {
				showField(w, fmt.Sprintf("%s-%d", segment.Name(), n), field)
			}
		}
	}
	return nil
}

func showField(w io.Writer, path string, field hl7v2.Field) {
	for i := 1; i <= field.Repetitions(); i++ {
		repetition, at := field.Rep(i), path
		if field.Repetitions() > 1 {
			at = fmt.Sprintf("%s[%d]", path, i)
		}
		if !repetition.Valued() {
			continue
		}
		if repetition.Components() <= 1 {
			fmt.Fprintf(w, "  %-14s %s\n", at, repetition.Text())
			continue
		}
		for n := 1; n <= repetition.Components(); n++ {
			if component := repetition.Component(n); component.Valued() {
				fmt.Fprintf(w, "  %-14s %s\n", fmt.Sprintf("%s.%d", at, n), component.Text())
			}
		}
	}
}
