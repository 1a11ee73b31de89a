package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"caregate/config/workbench"
)

type consentCmd struct {
	Decide decideCmd `cmd:"" help:"Decide consent scenarios, one JSON line each; nothing is stored or sent."`
}

type decideCmd struct {
	Scenarios string `required:"" help:"File of scenarios, one JSON object a line; - for stdin." placeholder:"FILE"`
	Out       string `help:"File for the answers, one JSON line a scenario; stdout where absent." placeholder:"FILE"`
}

func (c *decideCmd) Run(s *session) error {
	lines, err := s.read(c.Scenarios)
	if err != nil {
		return err
	}
	answers, err := workbench.Decide(s.ctx, lines)
	if err != nil {
		return usage(fmt.Errorf("%s: %w", c.Scenarios, err))
	}
	var out bytes.Buffer
	for _, a := range answers {
		line, err := json.Marshal(a)
		if err != nil {
			return err
		}
		out.Write(append(line, '\n'))
	}
	switch {
	case c.Out != "":
		if err := os.WriteFile(c.Out, out.Bytes(), 0o600); err != nil {
			return usage(fmt.Errorf("%s cannot be written", c.Out))
		}
		s.say("%d scenarios decided", len(answers))
	case s.json:
		_, err = out.WriteTo(s.out)
	default:
		for _, a := range answers {
			s.say("%s: %s", a.ID, a.Decision)
			for _, ref := range a.Withheld {
				s.say("  withheld %s: %s", ref, a.Reasons[ref])
			}
			if len(a.RedactedElements) > 0 {
				s.say("  without %s", strings.Join(a.RedactedElements, ", "))
			}
		}
	}
	return err
}
