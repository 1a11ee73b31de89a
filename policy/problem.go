package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with law, where, and what to do.
type Problem struct {
	File string `json:"file"`           // FOLDER/FILE
	Line int    `json:"line,omitempty"` // from 1; 0 where the file as a whole is meant
	Text string `json:"text"`
}

// String is "FILE:LINE: TEXT", as editors understand it.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.File + ": " + p.Text
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)
}

// Problems are in the order of files and lines.
type Problems []Problem

// err says how many there are, and the first few.
func (p Problems) err() error {
	var lines []string
	for _, one := range p[:min(len(p), 3)] {
		lines = append(lines, one.String())
	}
	return fmt.Errorf("%d problems: %s", len(p), strings.Join(lines, "; "))
}

func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Text, b.Text))
	})
	return slices.Compact(p)
}
