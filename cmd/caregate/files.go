package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"caregate/config"
	"caregate/config/workbench"
)

// read reads a file, or stdin for "-".
func (s *session) read(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(s.in)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, usage(fmt.Errorf("%s cannot be read", file))
	}
	return content, nil
}

type sendCmd struct {
	File  string        `arg:"" help:"HL7 v2 or FHIR JSON; - for stdin."`
	To    string        `required:"" help:"Where to." placeholder:"mllp://HOST:PORT or http://HOST:PORT"`
	Token config.Secret `help:"Bearer token of the partner: $${NAME} or file:PATH."`
}

func (c *sendCmd) Run(s *session) error {
	content, err := s.read(c.File)
	if err != nil {
		return err
	}
	token, err := c.Token.Resolve(".", os.LookupEnv)
	if err != nil {
		return usage(err)
	}
	answers, err := workbench.Send(s.ctx, content, c.To, token)
	if errors.Is(err, workbench.ErrUnavailable) {
		return exit{exitUnavailable, err}
	}
	if err != nil {
		return usage(err)
	}
	refused := false
	for _, a := range answers {
		refused = refused || !a.OK
	}
	err = s.answer(map[string]any{"answers": answers}, func() {
		for _, a := range answers {
			s.say("%s %s", a.Status, firstOf(a.MessageID, a.ControlID))
			for _, p := range a.Problems {
				s.say("  %s", p)
			}
		}
	})
	if err == nil && refused {
		return negative(nil)
	}
	return err
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

type translateCmd struct {
	File     string `arg:"" optional:"" help:"HL7 v2 or FHIR JSON; - for stdin."`
	To       string `enum:"fhir,v2," default:"" help:"Which format: fhir or v2; the other one where absent."`
	Profile  string `help:"Profile of the HL7 v2 side." placeholder:"FILE"`
	Issues   string `help:"Write what was not understood here; to stderr where absent." placeholder:"FILE"`
	Why      string `help:"Instead of the result: where the values at a path went." placeholder:"PATH"`
	Coverage bool   `help:"Without FILE: the matrix of the tables, what becomes of every field; --why limits it to a segment or field. With FILE: how many of its values went where."`
	Dir      string `help:"Translate every file of a directory." placeholder:"IN"`
	Out      string `help:"Directory for --dir." placeholder:"OUT"`
}

// Validate holds that a file or a directory is given, and what belongs to each.
func (c *translateCmd) Validate() error {
	switch {
	case c.Coverage && c.File == "" && c.Dir == "":
		return nil
	case (c.File == "") == (c.Dir == ""):
		return errors.New("give FILE, or --dir IN --out OUT")
	case (c.Dir == "") != (c.Out == ""):
		return errors.New("--dir and --out belong together")
	}
	return nil
}

func (c *translateCmd) Run(s *session) error {
	if c.Coverage && c.File == "" && c.Dir == "" {
		return c.matrix(s)
	}
	profile, err := workbench.Profile(c.Profile)
	if err != nil {
		return usage(err)
	}
	if c.Dir != "" {
		results, err := workbench.Dir(c.Dir, c.Out, profile)
		if err != nil {
			return usage(err)
		}
		return c.directory(s, results)
	}
	input, err := s.read(c.File)
	if err != nil {
		return err
	}
	t, err := workbench.Translate(input, c.To, profile)
	if err != nil {
		return errors.Join(negative(fmt.Errorf("not translated: %w", err)), c.issues(s, t))
	}
	if err := c.issues(s, t); err != nil {
		return err
	}
	switch {
	case c.Why != "":
		leaves := t.Why(c.Why)
		return s.answer(map[string]any{"path": c.Why, "leaves": leaves}, func() {
			for _, l := range leaves {
				s.say("%-20s %-8s %s", l.Path, l.Class, l.Target)
			}
		})
	case c.Coverage:
		counts := t.Coverage()
		return s.answer(map[string]any{"leaves": len(t.Leaves), "classes": counts}, func() {
			s.say("%d values: %d mapped, %d carried, %d in issues only", len(t.Leaves), counts["mapped"], counts["carried"], counts["issue"])
		})
	}
	_, err = s.out.Write(t.Output)
	return err
}

// matrix prints what the tables say of every field.
func (c *translateCmd) matrix(s *session) error {
	m, err := workbench.Coverage(c.Why)
	if err != nil {
		return err
	}
	if len(m.Segments) == 0 {
		return negative(fmt.Errorf("no table and no row of the guide is about %s", c.Why))
	}
	return s.answer(m, func() {
		for _, segment := range m.Segments {
			if strings.Contains(c.Why, "-") {
				s.say("%s  %s", segment.Segment, segment.Name)
			} else {
				s.say("%s  %s: %d mapped, %d carried; guide: %d rows, %d followed, %d deviating, %d open", segment.Segment, segment.Name,
					segment.Mapped, segment.Carried, segment.Guide.Rows, segment.Guide.Followed, segment.Guide.Deviating, segment.Guide.Open)
			}
			for _, f := range segment.Fields {
				l := workbench.Line(f, "\n"+strings.Repeat(" ", 52))
				s.say("  %-7s %-32.32s %-8s %s", f.Field, f.Name, f.State, firstOf(l.Targets, "-"))
				if l.Guide != "" || l.Source != "" {
					s.say("%52sfrom %s; guide: %s", "", firstOf(l.Source, "no row"), firstOf(l.Guide, "nothing"))
				}
				if f.Deviates != "" {
					s.say("%52sbecause: %s", "", f.Deviates)
				}
			}
		}
		if c.Why == "" {
			for _, line := range workbench.CoverageHead(m) {
				s.say("%s", line)
			}
		}
	})
}

func (c *translateCmd) issues(s *session, t workbench.Translation) error {
	if c.Issues == "" {
		for _, i := range t.Issues {
			fmt.Fprintf(s.errors, "%s: %s (%s)\n", orDash(i.Location), i.Text, i.Code)
		}
		for _, u := range t.Unmapped {
			fmt.Fprintf(s.errors, "%s: not in table %s: a gateway would let the message wait until somebody says what it means (%s)\n", u.Location, u.Table, list(u.Elements))
		}
		return nil
	}
	text, err := json.Marshal(t.Issues, jsontext.WithIndent("  "), json.FormatNilSliceAsNull(false))
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.Issues, append(text, '\n'), 0o600); err != nil {
		return usage(fmt.Errorf("%s cannot be written", c.Issues))
	}
	return nil
}

func (c *translateCmd) directory(s *session, results []workbench.FileResult) error {
	failed := 0
	for _, r := range results {
		if r.Error != "" {
			failed++
		}
	}
	err := s.answer(map[string]any{"files": results, "count": len(results), "failed": failed}, func() {
		for _, r := range results {
			if r.Error != "" {
				s.say("%s: not translated: %s", r.File, r.Error)
			}
		}
		s.say("%d files, %d not translated", len(results), failed)
	})
	if err == nil && (failed > 0 || len(results) == 0) {
		return negative(nil)
	}
	return err
}

type hl7Cmd struct {
	Show hl7ShowCmd `cmd:"" help:"Print the segments, fields and components of a message."`
	Diff hl7DiffCmd `cmd:"" help:"Tell in which segments, fields and components two messages differ; exit 1 where they do."`
}

type hl7ShowCmd struct {
	File string `arg:"" help:"HL7 v2; - for stdin."`
}

func (c *hl7ShowCmd) Run(s *session) error {
	input, err := s.read(c.File)
	if err != nil {
		return err
	}
	lines, err := workbench.Show(input)
	if err != nil {
		return negative(fmt.Errorf("not readable as HL7 v2: %w", err))
	}
	return s.answer(map[string][]workbench.Shown{"lines": lines}, func() {
		for _, l := range lines {
			s.shown(l)
		}
	})
}

// oneLine keeps a value on its line.
var oneLine = strings.NewReplacer("\r", `\r`, "\n", `\n`, "\t", " ")

// shown writes a line of the tree: path, name, value.
func (s *session) shown(l workbench.Shown) {
	path := strings.Repeat("  ", l.Depth) + l.Path
	s.say("%s", strings.TrimRight(fmt.Sprintf("%-18s %-44s %s", path, l.Name, oneLine.Replace(l.Value)), " "))
}

type hl7DiffCmd struct {
	First  string `arg:"" help:"HL7 v2; - for stdin."`
	Second string `arg:"" help:"HL7 v2."`
}

func (c *hl7DiffCmd) Run(s *session) error {
	first, err := s.read(c.First)
	if err != nil {
		return err
	}
	second, err := s.read(c.Second)
	if err != nil {
		return err
	}
	differences, err := workbench.Diff(first, second)
	if err != nil {
		return negative(fmt.Errorf("not readable as HL7 v2: %w", err))
	}
	if err := s.answer(differences, func() { tellDifferences(s, differences) }); err != nil || len(differences) == 0 {
		return err
	}
	return negative(fmt.Errorf("%d differences", len(differences)))
}

func tellDifferences(s *session, differences []workbench.Difference) {
	for _, d := range differences {
		if d.Only != "" {
			s.say("%-14s only in the %s", d.Path, d.Only)
			continue
		}
		s.say("%-14s %s | %s", d.Path, orDash(d.First), orDash(d.Other))
	}
}
