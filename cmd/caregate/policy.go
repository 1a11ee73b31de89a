package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"caregate/config"
)

type policyCmd struct {
	Test  policyTestCmd  `cmd:"" help:"Run the embedded tests of the law and the golden consent cases."`
	Check policyCheckCmd `cmd:"" help:"Name every problem of law bundles, with file and line, before they come into force."`
	Sign  policySignCmd  `cmd:"" help:"Sign every folder of a law directory."`

	WhatIf policyWhatIfCmd `cmd:"" help:"Replay the recorded decisions under other law: what would change. Nothing is sent."`
}

type policyTestCmd struct {
	Dir string `arg:"" optional:"" help:"Law directory or .tar.gz, laid over the built-in law; the built-in law alone where absent."`
}

func (c *policyTestCmd) Run(s *session) error {
	found, err := config.TestLaw(s.ctx, c.Dir)
	if err != nil {
		return s.lawError(err, c.Dir)
	}
	failed := found.Err()
	err = s.answer(found, func() {
		for _, p := range found.Failures {
			s.say("%s", p)
		}
		s.say("%d embedded tests, %d golden cases, %d skipped, %d failed", found.Tests, found.Cases, found.Skipped, len(found.Failures))
	})
	if err == nil && failed != nil {
		return negative(nil)
	}
	return err
}

type policyCheckCmd struct {
	Dir string `arg:"" help:"Law directory or .tar.gz, laid over the built-in law."`
	Key string `help:"PEM file with the public key whose signature every folder must bear." placeholder:"FILE"`
}

func (c *policyCheckCmd) Run(s *session) error {
	problems, err := config.CheckLaw(s.ctx, c.Dir, c.Key)
	if err != nil {
		return s.lawError(err, c.Dir)
	}
	result := struct {
		OK       bool                `json:"ok"`
		Problems []config.LawProblem `json:"problems"`
	}{len(problems) == 0, problems}
	err = s.answer(result, func() {
		for _, p := range problems {
			s.say("%s", p)
		}
		if result.OK {
			s.say("no problems: the tests and the golden cases hold")
		}
	})
	if err == nil && !result.OK {
		return negative(nil)
	}
	return err
}

// lawError sorts what kept law from being tried: a wrong path or key is usage; law that cannot be compiled is a finding.
func (s *session) lawError(err error, dir string) error {
	switch {
	case s.ctx.Err() != nil:
		return exit{exitUnavailable, s.ctx.Err()}
	case errors.Is(err, config.ErrNoLaw), errors.Is(err, config.ErrLawKey):
		return usage(fmt.Errorf("%s: %w", dir, err))
	}
	return negative(err)
}

type policySignCmd struct {
	Dir string `arg:"" help:"Law directory; its signatures are written into it."`
	Key string `required:"" help:"PEM file with the private key (PKCS #8: RSA, ECDSA or Ed25519)." placeholder:"FILE"`
}

func (c *policySignCmd) Run(s *session) error {
	written, err := config.SignLaw(c.Dir, c.Key)
	if err != nil {
		return usage(fmt.Errorf("%s: %w", c.Dir, err))
	}
	return s.answer(map[string][]string{"written": written}, func() {
		for _, name := range written {
			s.say("signed %s", name)
		}
	})
}

type policyWhatIfCmd struct {
	store       `embed:""`
	Dir         string   `arg:"" optional:"" help:"Law directory or .tar.gz, laid over the built-in law; where absent, each decision is replayed by the law that made it."`
	Law         []string `help:"Bundles that decide; those of the configuration where absent." placeholder:"NAME"`
	At          string   `help:"Decide for this day or instant instead of that of each decision." placeholder:"DATE"`
	Child       string   `help:"Only decisions about this child, our id or SYSTEM|VALUE." placeholder:"CHILD"`
	Destination string   `help:"Only decisions about this destination." placeholder:"PARTNER.ENDPOINT"`
}

func (c *policyWhatIfCmd) Run(s *session) (err error) {
	q := config.WhatIf{Law: c.Dir, Bundles: c.Law, Destination: c.Destination, Operator: person()}
	app, err := c.replay(s)
	if err != nil {
		return err
	}
	defer closing(app, &err)
	if q.At, err = app.Instant(c.At); err != nil {
		return usage(err)
	}
	if c.Child != "" {
		if q.Child, err = app.Gateway().Child(s.ctx, c.Child); err != nil {
			return found(err, "this child")
		}
	}
	answer, err := app.WhatIf(s.ctx, q)
	if err != nil {
		return s.lawError(err, cmp.Or(c.Dir, c.Data))
	}
	err = s.answer(answer, func() { s.tellWhatIf(answer) })
	if err == nil && answer.Reproduced < answer.Decisions && c.Dir == "" && c.At == "" {
		return negative(nil) // the past does not replay to the same answers
	}
	return err
}

func (s *session) tellWhatIf(a config.WhatIfAnswer) {
	for _, r := range a.Changes {
		s.say("%s to %s, decided %s for child %s: %s, would be %s", r.Message, r.Destination, clock(r.AsOf), r.Child, r.Was, r.Is)
		for _, change := range r.Released {
			s.say("  would go:   %s%s", tellChange(change.Resource, change.Element), tellRule(change.Rule, change.Code, change.Cite))
		}
		for _, change := range r.Withheld {
			s.say("  would stay: %s%s", tellChange(change.Resource, change.Element), tellRule(change.Rule, change.Code, change.Cite))
		}
	}
	for _, destination := range slices.Sorted(maps.Keys(a.Destinations)) {
		s.say("%s: %d decisions would change", destination, a.Destinations[destination])
	}
	s.say("%d decisions replayed, %d of them as they were recorded, %d cannot be; %d would change, for %d children: %d more would go, %d more would stay",
		a.Decisions, a.Reproduced, a.NotReplayable, a.Changed, len(a.Children), a.Released, a.Withheld)
}

func tellChange(resource, element string) string {
	if element != "" {
		return resource + "#" + element
	}
	return resource
}

func tellRule(rule, code, cite string) string {
	if rule == "" {
		return ""
	}
	return fmt.Sprintf(" (%s %s; %s)", rule, code, cite)
}

// replay opens the ledger with routes and registrations, to decide nothing anew.
func (f store) replay(s *session) (*config.App, error) {
	c, problems := config.Load(f.Config, nil)
	if err := problems.Err(); err != nil {
		return nil, usage(fmt.Errorf("the configuration in %s has problems:\n%w", f.Config, err))
	}
	o, err := f.options(s, "policy what-if")
	if err != nil {
		return nil, err
	}
	app, err := config.OpenForReplay(s.ctx, c, o)
	if err != nil {
		return nil, err
	}
	return app, s.warn(app)
}
