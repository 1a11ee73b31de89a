package main

import (
	"fmt"

	"caregate/config"
)

type initCmd struct {
	Dir string `arg:"" help:"Directory to write into." default:"config"`
}

func (c *initCmd) Run(s *session) error {
	files, err := config.Init(c.Dir)
	if err != nil {
		return usage(err)
	}
	return s.answer(map[string][]string{"written": files}, func() {
		for _, f := range files {
			s.say("wrote %s/%s", c.Dir, f)
		}
		s.say("next: caregate check %s, then caregate serve --config %s --data data", c.Dir, c.Dir)
	})
}

type checkCmd struct {
	Dir string `arg:"" help:"Configuration directory." default:"config"`
}

func (c *checkCmd) Run(s *session) error {
	loaded, problems := config.Load(c.Dir, nil)
	result := struct {
		OK       bool            `json:"ok"`
		Problems config.Problems `json:"problems"`
	}{len(problems) == 0, problems}
	err := s.answer(result, func() {
		for _, p := range problems {
			s.say("%s", p)
		}
		if result.OK {
			s.say("no problems: %d partners, %d routes", len(loaded.Partners), len(loaded.Routes))
		}
	})
	if err == nil && !result.OK {
		return usage(nil)
	}
	return err
}

type partnerCmd struct {
	Add  partnerAddCmd  `cmd:"" help:"Write the commented file of a new partner."`
	Test partnerTestCmd `cmd:"" help:"Try name, connection, TLS, credential and a ping without any child's data."`
}

type partnerAddCmd struct {
	Name         string `arg:"" help:"Id of the partner: lower-case letters, digits, hyphens."`
	Kind         string `required:"" enum:"mllp,fhir,edfi,file,inbox" help:"What it speaks: ${enum}."`
	Organization string `help:"Reference by which consents name it." placeholder:"Organization/ID"`
	Listen       string `help:"mllp: our address for it." placeholder:"HOST:PORT"`
	Connect      string `help:"mllp: its address." placeholder:"HOST:PORT"`
	URL          string `name:"url" help:"fhir, edfi: its address."`
	Config       string `help:"Configuration directory." placeholder:"DIR" default:"config" env:"CAREGATE_CONFIG"`
}

func (c *partnerAddCmd) Run(s *session) error {
	n := config.NewPartner{Name: c.Name, Kind: c.Kind, Organization: c.Organization, Listen: c.Listen, Connect: c.Connect, URL: c.URL}
	files, err := config.AddPartner(c.Config, n)
	if err != nil {
		return usage(err)
	}
	return s.answer(map[string][]string{"written": files}, func() {
		for _, file := range files {
			s.say("wrote %s/%s", c.Config, file)
		}
		s.say("fill it in, add its routes to %s/%s, then", c.Config, config.RoutesFile)
		s.say("  caregate check %s", c.Config)
		s.say("  caregate partner test %s --config %s", c.Name, c.Config)
		s.say("  kill -HUP the gateway's process: it reloads without a restart")
	})
}

type partnerTestCmd struct {
	Name   string `arg:"" help:"Id of the partner."`
	Config string `help:"Configuration directory." placeholder:"DIR" default:"config" env:"CAREGATE_CONFIG"`
}

func (c *partnerTestCmd) Run(s *session) error {
	loaded, problems := config.Load(c.Config, nil)
	if err := problems.Err(); err != nil {
		return usage(fmt.Errorf("the configuration in %s has problems:\n%w", c.Config, err))
	}
	results, err := config.Probe(s.ctx, loaded, c.Name)
	if err != nil {
		return usage(err)
	}
	failed := false
	for _, r := range results {
		failed = failed || !r.OK
	}
	err = s.answer(map[string]any{"partner": c.Name, "endpoints": results}, func() {
		for _, r := range results {
			if r.OK {
				s.say("%s %s: OK", c.Name, r.Endpoint)
			} else {
				s.say("%s %s: %s", c.Name, r.Endpoint, r.Remedy)
			}
		}
		if len(results) == 0 {
			s.say("%s only sends to us: there is no endpoint to try", c.Name)
		}
	})
	if err == nil && failed {
		return negative(nil)
	}
	return err
}

type versionCmd struct{}

func (c *versionCmd) Run(s *session) error {
	return s.answer(map[string]string{"version": version}, func() { s.say("caregate %s", version) })
}
