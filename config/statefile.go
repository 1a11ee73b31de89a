package config

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"caregate/ledger"
)

// stateColumns are the columns of a state's file: child and kind have to be there, lists are
// parted by semicolons.
var stateColumns = []string{"child", "kind", "id", "status", "holder", "domain", "basis", "relationship", "start", "end", "witness", "received", "part2"}

// maxStateRows bounds what one file makes the gateway hold.
const maxStateRows = 100_000

// Import is what a state's file did, or would do.
type Import struct {
	Rows     int      `json:"rows"`
	Children int      `json:"children"`
	Messages []string `json:"messages"` // by which it went in, one a child
}

// rowsOf are the rows of one child, in the order of the file.
type rowsOf struct {
	child   string
	entries []Entry
	at      []int // their lines
}

// ImportAuthority files a state's file: the whole of it, or nothing when any row is wrong; the
// error names line and column and no value. What stands on file already changes nothing, so
// that a file that was cut off by a crash can be given again. dry files nothing.
func (a *App) ImportAuthority(ctx context.Context, content []byte, source string, dry bool) (Import, error) {
	done := Import{Messages: []string{}}
	children, err := a.readStateFile(ctx, content)
	if err != nil {
		return done, err
	}
	filings := make([]*filing, len(children))
	for i, c := range children {
		if filings[i], err = a.filing(ctx, c.child, source); err != nil {
			return done, err
		}
		for j, e := range c.entries {
			if err := filings[i].add(e); err != nil {
				return done, fmt.Errorf("line %d: %w", c.at[j], err)
			}
		}
		done.Rows += len(c.entries)
	}
	done.Children = len(children)
	if dry {
		return done, nil
	}
	for i, f := range filings {
		ack, err := f.accept(ctx)
		if err == nil && ack.Code != "accepted" {
			err = fmt.Errorf("answered %s", ack.Code)
		}
		if err != nil {
			return done, fmt.Errorf("line %d: not filed, nor what follows; give the file again: %w", children[i].at[0], err)
		}
		done.Messages = append(done.Messages, ack.MessageID)
	}
	return done, nil
}

// readStateFile reads every row and finds its child.
func (a *App) readStateFile(ctx context.Context, content []byte) ([]rowsOf, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))))
	header, err := r.Read()
	if err != nil {
		return nil, errors.New("line 1: needs a header of column names")
	}
	if err := checkHeader(header); err != nil {
		return nil, err
	}
	var children []rowsOf
	var problems []error
	for rows := 0; ; rows++ {
		row, err := r.Read()
		line, _ := r.FieldPos(0)
		switch {
		case errors.Is(err, io.EOF) && rows == 0:
			return nil, errors.New("line 2: the file has no rows")
		case errors.Is(err, io.EOF):
			return children, errors.Join(problems...)
		case err != nil:
			return nil, csvProblem(err)
		case rows == maxStateRows:
			return nil, fmt.Errorf("line %d: more than %d rows", line, maxStateRows)
		}
		if children, err = a.placeRow(ctx, children, header, row, line); err != nil {
			problems = append(problems, located(err, line)...)
		}
	}
}

// located puts the line before each thing that is wrong with it.
func located(err error, line int) (all []error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			all = append(all, fmt.Errorf("line %d: %w", line, one))
		}
		return all
	}
	return []error{fmt.Errorf("line %d: %w", line, err)}
}

// csvProblem says where a file is no CSV, without what stands there.
func csvProblem(err error) error {
	if broken := (*csv.ParseError)(nil); errors.As(err, &broken) {
		return fmt.Errorf("line %d: %w", broken.Line, broken.Err)
	}
	return errors.New("the file cannot be read as CSV")
}

func checkHeader(header []string) error {
	for i, name := range header {
		if !slices.Contains(stateColumns, name) {
			return fmt.Errorf("line 1, column %d: not a known column; known are %s", i+1, strings.Join(stateColumns, ", "))
		}
		if slices.Contains(header[:i], name) {
			return fmt.Errorf("line 1, column %d: stands twice", i+1)
		}
	}
	for _, name := range stateColumns[:2] {
		if !slices.Contains(header, name) {
			return fmt.Errorf("line 1: needs the column %s", name)
		}
	}
	return nil
}

// placeRow reads one row and puts it to its child; everything wrong with it is said at once.
func (a *App) placeRow(ctx context.Context, children []rowsOf, header, row []string, line int) ([]rowsOf, error) {
	values := map[string]string{}
	for i, name := range header {
		values[name] = strings.TrimSpace(row[i])
	}
	entry, wrong := entryOf(values)
	child, err := a.childOfRow(ctx, values["child"])
	if err = errors.Join(err, wrong); err != nil {
		return children, err
	}
	at := slices.IndexFunc(children, func(c rowsOf) bool { return c.child == child })
	if at < 0 {
		at, children = len(children), append(children, rowsOf{child: child})
	}
	if entry.ID != "" && slices.ContainsFunc(children[at].entries, func(e Entry) bool { return e.Kind == entry.Kind && e.ID == entry.ID }) {
		return children, errors.New("column id: stands twice for this child and kind, so that one row would replace the other")
	}
	children[at].entries = append(children[at].entries, entry)
	children[at].at = append(children[at].at, line)
	return children, nil
}

func (a *App) childOfRow(ctx context.Context, name string) (string, error) {
	child, err := a.Gateway().Child(ctx, name)
	if err == nil {
		_, err = a.patientOf(ctx, child)
	}
	if errors.Is(err, ledger.ErrNotFound) {
		return "", errors.New("column child: nobody is known under this identifier")
	}
	return child, err
}

func entryOf(values map[string]string) (Entry, error) {
	e := Entry{
		Kind: values["kind"], ID: values["id"], Code: values["status"], Holders: parted(values["holder"]), Domains: parted(values["domain"]),
		Basis: values["basis"], Relationship: values["relationship"], Start: values["start"], End: values["end"],
		Witness: values["witness"], Received: values["received"], Part2: values["part2"] == "true",
	}
	if p := values["part2"]; p != "" && p != "true" && p != "false" {
		return e, errors.New("column part2: has to be true or false")
	}
	return e, e.check()
}

func parted(list string) []string {
	var out []string
	for one := range strings.SplitSeq(list, ";") {
		if one = strings.TrimSpace(one); one != "" {
			out = append(out, one)
		}
	}
	return out
}
