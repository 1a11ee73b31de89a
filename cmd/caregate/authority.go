package main

import (
	"fmt"
	"time"

	"caregate/config"
)

type authorityCmd struct {
	Add  authorityAddCmd  `cmd:"" help:"File that a person has authority, with the document that proves it."`
	End  authorityEndCmd  `cmd:"" help:"File that authority ends."`
	List authorityListCmd `cmd:"" help:"Who has authority for a child."`
}

type authorityAddCmd struct {
	store        `embed:""`
	Child        string   `arg:"" help:"Our id of the child, or SYSTEM|VALUE."`
	Source       string   `required:"" help:"The document that proves it: a file, which is kept, or DocumentReference/ID."`
	Holder       string   `required:"" help:"Who has it, as consents name the person." placeholder:"RelatedPerson/ID"`
	Domain       []string `required:"" help:"For what: all, health, mental-health, sud, hiv, education, child-welfare, ordinary-care."`
	Basis        string   `required:"" help:"By what right, in words."`
	Relationship string   `help:"Relationship to the child (v3-RoleCode)."`
	Start        string   `help:"First day, as 2026-10-27." placeholder:"DATE"`
	End          string   `help:"Last day." placeholder:"DATE"`
}

func (c *authorityAddCmd) Run(s *session) (err error) {
	app, child, err := c.open(s, "authority add", c.Child)
	if err != nil {
		return err
	}
	defer closing(app, &err)
	ack, err := app.AddAuthority(s.ctx, child, config.Grant{
		Holder: c.Holder, Relationship: c.Relationship, Domains: c.Domain, Basis: c.Basis, Start: c.Start, End: c.End, Source: c.Source,
	})
	if err != nil {
		return usage(err)
	}
	return s.acknowledged(ack, map[string]any{"child": child, "holder": c.Holder}, "filed, and effective now")
}

// open opens the gateway and finds the child.
func (f store) open(s *session, writer, name string) (*config.App, string, error) {
	app, err := f.change(s, writer)
	if err != nil {
		return nil, "", err
	}
	child, err := app.Gateway().Child(s.ctx, name)
	if err != nil {
		err = found(err, "this identifier of a child")
		closing(app, &err)
		return nil, "", err
	}
	return app, child, nil
}

type authorityEndCmd struct {
	store  `embed:""`
	Child  string   `arg:"" help:"Our id of the child, or SYSTEM|VALUE."`
	Source string   `required:"" help:"The document that proves it: a file, which is kept, or DocumentReference/ID."`
	Holder string   `required:"" help:"Whose authority ends." placeholder:"RelatedPerson/ID"`
	Domain []string `help:"For what; all that the holder has where absent."`
	End    string   `help:"Last day; yesterday where absent, so that it has ended now." placeholder:"DATE"`
}

func (c *authorityEndCmd) Run(s *session) (err error) {
	app, child, err := c.open(s, "authority end", c.Child)
	if err != nil {
		return err
	}
	defer closing(app, &err)
	if c.End == "" {
		c.End = time.Now().AddDate(0, 0, -1).Format(time.DateOnly)
	}
	ack, err := app.EndAuthority(s.ctx, child, config.Grant{Holder: c.Holder, Domains: c.Domain, End: c.End, Source: c.Source})
	if err != nil {
		return found(err, "this holder")
	}
	return s.acknowledged(ack, map[string]any{"child": child, "holder": c.Holder, "end": c.End}, fmt.Sprintf("ended with %s, effective now", c.End))
}

type authorityListCmd struct {
	store `embed:""`
	Child string `arg:"" help:"Our id of the child, or SYSTEM|VALUE."`
}

func (c *authorityListCmd) Run(s *session) (err error) {
	app, err := c.look(s, "authority list")
	if err != nil {
		return err
	}
	defer closing(app, &err)
	child, err := app.Gateway().Child(s.ctx, c.Child)
	if err != nil {
		return found(err, "this identifier of a child")
	}
	all, err := app.Authorities(s.ctx, child)
	if err != nil {
		return err
	}
	return s.answer(map[string]any{"child": child, "authorities": all, "count": len(all)}, func() {
		for _, a := range all {
			s.say("%s: %s; %s; from %s to %s; evidence %s", a.Holder, list(a.Domains), orDash(a.Basis), orDash(a.Start), orDash(a.End), orDash(a.Source))
		}
		s.say("%d entries", len(all))
	})
}

// acknowledged reports what Accept answered to something that an operator entered.
func (s *session) acknowledged(ack config.Ack, result map[string]any, words string) error {
	ok := ack.Code == "accepted"
	result["ok"], result["code"], result["message"] = ok, ack.Code, ack.MessageID
	err := s.answer(result, func() {
		if ok {
			s.say("%s (message %s)", words, ack.MessageID)
			return
		}
		s.say("not accepted: %s (message %s)", ack.Code, orDash(ack.MessageID))
		for _, i := range ack.Issues {
			s.say("  %s: %s", orDash(i.Location), i.Text)
		}
	})
	if err == nil && !ok {
		return negative(nil)
	}
	return err
}
