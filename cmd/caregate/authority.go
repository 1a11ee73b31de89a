package main

import (
	"fmt"
	"strings"

	"caregate/config"
)

type authorityCmd struct {
	Add    authorityAddCmd    `cmd:"" help:"File a fact about a child: who has authority or custody, a court order, what the minor says, with the document that proves it."`
	End    authorityEndCmd    `cmd:"" help:"File that authority, or another fact, ends."`
	List   authorityListCmd   `cmd:"" help:"Who has authority for a child, and what else is on file."`
	Import authorityImportCmd `cmd:"" help:"File a state's file of such facts: the whole of it, or nothing."`
}

type authorityAddCmd struct {
	store        `embed:""`
	Child        string   `arg:"" help:"Our id of the child, or SYSTEM|VALUE."`
	Source       string   `required:"" help:"The document that proves it: a file, which is kept and hashed, or DocumentReference/ID."`
	Kind         string   `default:"guardian" help:"guardian, custody, order, minor-statement, joint, emancipation, placement, flag, agency or address-allowed."`
	Holder       []string `help:"Whom it is about: the guardian, who has custody, has to sign, cares for the child, receives, is flagged." placeholder:"RelatedPerson/ID"`
	Domain       []string `help:"For what: all, health, mental-health, sud, hiv, education, child-welfare, ordinary-care; for an order also resource types and labels."`
	Status       string   `help:"Custody: parents, joint, sole, state-custody, state-guardian; minor-statement: informed, objects; order: restrict, authorize; flag: address-confidential, endangerment." placeholder:"CODE"`
	Basis        string   `help:"By what right a guardian has authority, in words."`
	Relationship string   `help:"Relationship of a guardian to the child (v3-RoleCode)."`
	Start        string   `help:"First day, as 2026-10-27." placeholder:"DATE"`
	End          string   `help:"Last day." placeholder:"DATE"`
	Part2        bool     `help:"The order meets 42 CFR part 2 subpart E."`
	Witness      string   `help:"Who witnessed the document."`
	Received     string   `help:"When the document came in, as 2026-10-27T09:00:00-05:00; now where absent." placeholder:"INSTANT"`
	ID           string   `name:"id" help:"Names the fact, such as the number of a court order: the same id again replaces it."`
}

func (c *authorityAddCmd) Run(s *session) (err error) {
	app, child, err := c.open(s, "authority add", c.Child)
	if err != nil {
		return err
	}
	defer closing(app, &err)
	ack, err := app.Enter(s.ctx, child, []config.Entry{{
		Kind: c.Kind, ID: c.ID, Code: c.Status, Holders: c.Holder, Domains: c.Domain, Basis: c.Basis, Relationship: c.Relationship,
		Start: c.Start, End: c.End, Witness: c.Witness, Received: c.Received, Part2: c.Part2,
	}}, c.Source)
	if err != nil {
		return usage(err)
	}
	return s.acknowledged(ack, map[string]any{"child": child, "kind": c.Kind, "holder": list(c.Holder)}, "filed, and effective now")
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
	Holder string   `help:"Whose authority ends." placeholder:"RelatedPerson/ID"`
	Key    string   `help:"Which other fact ends, as the list names it." placeholder:"KIND|WHO|ID"`
	Domain []string `help:"For what; all that the holder has where absent."`
	End    string   `help:"Last day; yesterday where absent, so that it has ended now." placeholder:"DATE"`
}

func (c *authorityEndCmd) Validate() error {
	if (c.Holder == "") == (c.Key == "") {
		return usage(errorText("give --holder RelatedPerson/ID or --key KIND|WHO|ID"))
	}
	return nil
}

func (c *authorityEndCmd) Run(s *session) (err error) {
	app, child, err := c.open(s, "authority end", c.Child)
	if err != nil {
		return err
	}
	defer closing(app, &err)
	if c.End == "" {
		c.End = app.Yesterday()
	}
	ack, err := c.file(s, app, child)
	if err != nil {
		return found(err, "this holder or key")
	}
	return s.acknowledged(ack, map[string]any{"child": child, "holder": c.Holder, "key": c.Key, "end": c.End}, fmt.Sprintf("ended with %s, effective now", c.End))
}

func (c *authorityEndCmd) file(s *session, app *config.App, child string) (config.Ack, error) {
	if c.Key != "" {
		return app.EndStatement(s.ctx, child, c.Key, c.End, c.Source)
	}
	return app.EndAuthority(s.ctx, child, config.Grant{Holder: c.Holder, Domains: c.Domain, End: c.End, Source: c.Source})
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
	stated, err := app.Statements(s.ctx, child)
	if err != nil {
		return err
	}
	return s.answer(map[string]any{"child": child, "authorities": all, "statements": stated, "count": len(all) + len(stated)}, func() {
		for _, a := range all {
			s.say("%s: %s; %s; from %s to %s; evidence %s%s", a.Holder, list(a.Domains), orDash(a.Basis), orDash(a.Start), orDash(a.End), orDash(a.Source), said(a.Origin))
		}
		for _, a := range stated {
			s.say("%s: %s; %s; %s; from %s to %s; evidence %s%s", a.Key, orDash(a.Code), orDash(list(a.Persons)), orDash(list(a.Scope)), orDash(a.Start), orDash(a.End), orDash(a.Origin.Evidence), said(a.Origin))
		}
		s.say("%d entries", len(all)+len(stated))
	})
}

// said is who said something, before whom and when.
func said(o config.Origin) string {
	var out strings.Builder
	for _, p := range [][2]string{{"by", o.By}, {"witness", o.Witness}, {"received", o.Received}} {
		if p[1] != "" {
			out.WriteString("; " + p[0] + " " + p[1])
		}
	}
	return out.String()
}

type authorityImportCmd struct {
	store  `embed:""`
	File   string `arg:"" help:"CSV with a header; columns as docs/consent.md has them; - for stdin."`
	Source string `required:"" help:"The document that proves it: a file, which is kept and hashed, or DocumentReference/ID."`
	DryRun bool   `help:"Say what is wrong or what would be filed, and file nothing."`
}

func (c *authorityImportCmd) Run(s *session) (err error) {
	content, err := s.read(c.File)
	if err != nil {
		return err
	}
	app, err := c.change(s, "authority import")
	if err != nil {
		return err
	}
	defer closing(app, &err)
	done, err := app.ImportAuthority(s.ctx, content, c.Source, c.DryRun)
	if err != nil {
		return negative(fmt.Errorf("%s: %d messages filed, nothing else:\n%w", c.File, len(done.Messages), err))
	}
	verb := "filed, and effective now"
	if c.DryRun {
		verb = "would be filed"
	}
	return s.answer(done, func() {
		s.say("%d rows of %d children %s", done.Rows, done.Children, verb)
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
