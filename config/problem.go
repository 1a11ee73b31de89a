package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a configuration, and where. It never repeats a
// value that could be a credential.
type Problem struct {
	File   string `json:"file"`             // relative to the configuration directory
	Line   int    `json:"line,omitempty"`   // from 1; 0 where the file as a whole is meant
	Column int    `json:"column,omitempty"` // from 1
	Text   string `json:"text"`             // what is wrong and what to do
}

// String is "FILE:LINE:COLUMN: TEXT", as editors understand it.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.File + ": " + p.Text
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Text)
}

// Problems is everything that is wrong with a configuration, in the order of files and lines.
type Problems []Problem

// Err is nil where there is no problem, and otherwise an error that lists them all.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return errors.New(strings.Join(lines, "\n"))
}

func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.Compact(p)
}
