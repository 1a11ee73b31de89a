package main

import (
	"cmp"
	"time"

	"caregate/gateway"
)

type accountCmd struct {
	store `embed:""`
	Child string `arg:"" help:"Our id of the child, or SYSTEM|VALUE: any of its identifiers gives the same account."`
}

func (c *accountCmd) Run(s *session) (err error) {
	app, child, err := c.open(s, "account", c.Child)
	if err != nil {
		return err
	}
	defer closing(app, &err)
	all, err := app.Gateway().Account(s.ctx, child)
	if err != nil {
		return found(err, c.Child)
	}
	return s.answer(struct {
		Child       string               `json:"child"`
		Count       int                  `json:"count"`
		Disclosures []gateway.Disclosure `json:"disclosures"`
	}{child, len(all), all}, func() {
		for _, d := range all {
			s.say("%s  to %s by %s, %s", clock(d.At), cmp.Or(d.Name, d.Partner), d.Via, d.Receipt)
			s.say("    what: %s", orDash(list(d.What)))
			if len(d.Without) > 0 {
				s.say("    without: %s", list(d.Without))
			}
			s.say("    purpose %s; basis %s", orDash(d.Purpose), orDash(list(d.Basis)))
			s.say("    consents %s; law %s", orDash(list(d.Consents)), law(d.Law))
			s.say("    sha256 %s, sent %d times; message %s", d.SHA256, d.Sent, d.Message)
		}
		s.say("%d disclosures", len(all))
	})
}

type childSightCmd struct {
	store    `embed:""`
	Child    string `arg:"" help:"Our id of the child, or SYSTEM|VALUE."`
	Resource string `help:"One record; an example of each kind where absent." placeholder:"TYPE/ID"`
	At       string `help:"On this day only; from now until two years on where absent." placeholder:"DATE"`
	Lang     string `enum:"en,es" default:"en" help:"In which language: ${enum}."`
}

func (c *childSightCmd) Run(s *session) (err error) {
	app, child, err := c.open(s, "child sight", c.Child)
	if err != nil {
		return err
	}
	defer closing(app, &err)
	q := gateway.Sight{Resource: c.Resource, Language: c.Lang}
	if c.At != "" {
		if q.From, err = time.ParseInLocation(time.DateOnly, c.At, app.Gateway().Zone); err != nil {
			return usage(errorText("--at is a day, as 2026-10-27"))
		}
		q.Until = q.From.AddDate(0, 0, 1)
	}
	all, err := app.Gateway().WhoCouldSee(s.ctx, child, q)
	if err != nil {
		return found(err, "this child or record")
	}
	return s.answer(struct {
		Child   string           `json:"child"`
		Count   int              `json:"count"`
		Windows []gateway.Window `json:"windows"`
	}{child, len(all), all}, func() {
		for _, w := range all {
			seen := "no "
			if w.Seen {
				seen = "yes"
			}
			s.say("%s %s to %s  %-24s %s, %s (%s)", seen, clock(w.From), clock(w.Until), w.Record, w.Partner, w.Purpose, w.Route)
			s.say("      %s %s %s: %s", w.Rule, w.Code, w.Cite, w.Words)
		}
		s.say("%d windows; nothing was sent", len(all))
	})
}
