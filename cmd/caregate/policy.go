package main

import (
	"errors"
	"fmt"

	"caregate/config"
)

type policyCmd struct {
	Test  policyTestCmd  `cmd:"" help:"Run the embedded tests of the law and the golden consent cases."`
	Check policyCheckCmd `cmd:"" help:"Name every problem of law bundles, with file and line, before they come into force."`
	Sign  policySignCmd  `cmd:"" help:"Sign every folder of a law directory."`
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
