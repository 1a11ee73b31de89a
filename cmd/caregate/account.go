package main

import "cmp"

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
	return s.answer(map[string]any{"child": child, "disclosures": all, "count": len(all)}, func() {
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
