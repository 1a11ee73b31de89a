package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"caregate/config"
	"caregate/gateway"
)

type explainCmd struct {
	store `embed:""`
	ID    string `arg:"" optional:"" name:"id" help:"Our id, PARTNER/MSH-10, a placer number, a Bundle.identifier, or FILE:ROW."`
	Child string `help:"List the messages of a child instead." placeholder:"SYSTEM|VALUE"`
	For   string `enum:"engineer,officer,parent" default:"engineer" help:"In whose words: ${enum}. What a parent is told is decided like the record."`
	Lang  string `enum:"en,es" default:"en" help:"In which language: ${enum}."`
	To    string `help:"What this partner may be told, decided like the record and audited." placeholder:"PARTNER"`
	As    string `help:"Which parent or guardian asks." placeholder:"RelatedPerson/ID"`
}

func (c *explainCmd) Validate() error {
	switch {
	case (c.ID == "") == (c.Child == ""):
		return usage(errorText("give an ID or --child SYSTEM|VALUE"))
	case (c.For == "parent") != (c.As != ""):
		return usage(errorText("--for parent needs --as RelatedPerson/ID, and only it takes one"))
	case c.To != "" && c.As != "":
		return usage(errorText("--to and --as are two listeners: give one"))
	case c.Child != "" && (c.To != "" || c.As != ""):
		return usage(errorText("--to and --as explain one message: give an ID"))
	}
	return nil
}

type errorText string

func (e errorText) Error() string { return string(e) }

func (c *explainCmd) Run(s *session) (err error) {
	if c.To != "" || c.As != "" {
		return c.outside(s)
	}
	app, err := c.look(s, "explain")
	if err != nil {
		return err
	}
	defer closing(app, &err)
	if c.Child != "" {
		return c.child(s, app)
	}
	messages, err := app.Gateway().Find(s.ctx, c.ID)
	if err != nil {
		return found(err, c.ID)
	}
	stories := []gateway.Explanation{}
	for _, m := range messages {
		e, err := app.Gateway().Explain(s.ctx, m)
		if err != nil {
			return found(err, c.ID)
		}
		app.Gateway().Word(&e, c.For, c.Lang)
		stories = append(stories, e)
	}
	return s.answer(map[string]any{"id": c.ID, "messages": stories}, func() {
		for i, e := range stories {
			if i > 0 {
				s.say("")
			}
			s.tell(e)
		}
	})
}

// outside tells somebody who is not of this house.
func (c *explainCmd) outside(s *session) (err error) {
	app, err := c.change(s, "explain")
	if err != nil {
		return err
	}
	defer closing(app, &err)
	message, err := one(s, app, c.ID)
	if err != nil {
		return err
	}
	t, err := app.Gateway().Tell(s.ctx, message, gateway.Listener{Partner: c.To, Person: c.As, Language: c.Lang})
	if errors.Is(err, gateway.ErrListener) {
		return usage(err)
	} else if err != nil {
		return found(err, c.ID)
	}
	return s.answer(t, func() {
		for _, line := range t.Lines {
			s.say("%s", line)
		}
		s.say("%s", t.Note)
	})
}

func (c *explainCmd) child(s *session, app *config.App) error {
	id, err := app.Gateway().Child(s.ctx, c.Child)
	if err != nil {
		return found(err, "this identifier of a child")
	}
	messages, err := app.Ledger().MessagesOf(s.ctx, id)
	if err != nil {
		return err
	}
	stories := []gateway.Explanation{}
	for _, m := range messages {
		e, err := app.Gateway().Explain(s.ctx, m)
		if err != nil {
			return err
		}
		stories = append(stories, e)
	}
	return s.answer(map[string]any{"child": id, "messages": stories}, func() {
		s.say("child %s: %d messages", id, len(stories))
		for _, e := range stories {
			s.say("  %s  %s  %-24s from %-12s %s", e.Message, clock(e.Received), orDash(e.Event), e.Partner, e.State)
			for _, d := range e.Destinations {
				s.say("      to %-20s %s %s", d.Destination, d.State, d.Reason)
			}
		}
	})
}

// tell is the story of one message.
func (s *session) tell(e gateway.Explanation) {
	s.say("Message %s", e.Message)
	s.say("  %s from %s by %s, received %s", orDash(e.Event), e.Partner, e.Protocol, clock(e.Received))
	s.say("  control id %s, sha256 %s", orDash(e.ControlID), e.RawSHA256)
	s.say("  %s (%s), child %s", e.State, e.Code, orDash(e.Child))
	if e.Flagged {
		s.say("  its control id was used before for other content")
	}
	for _, i := range e.Issues {
		s.say("  %s: %s (%s)", orDash(i.Location), i.Text, i.Code)
	}
	for _, w := range e.Work {
		s.say("  work item %s, %s, %s: %s", w.ID, w.Kind, w.State, w.Remedy)
	}
	if len(e.Destinations) == 0 {
		s.say("  It went nowhere.")
	}
	for _, d := range e.Destinations {
		s.destination(d)
	}
}

func (s *session) destination(d gateway.Destination) {
	s.say("")
	s.say("To %s, by the route %s: %s", d.Destination, d.Route, d.State)
	if d.Reason != "" {
		s.say("  %s", d.Reason)
	}
	if !d.Due.IsZero() {
		s.say("  next attempt %s", clock(d.Due))
	}
	for _, a := range d.Attempts {
		s.attempt(a)
	}
}

func (s *session) attempt(a gateway.Attempt) {
	s.say("  attempt %d, %s: %s%s", a.N, clock(a.At), a.State, after(a))
	if a.Key != "" {
		s.say("    release %d, key %s, control id %s, sha256 %s", a.Release, a.Key, orDash(a.ControlID), a.SHA256)
	}
	if a.Effect != "" {
		s.say("    decided: %s for purpose %s; law %s; consents %s", a.Effect, a.Purpose, law(a.Law), orDash(list(a.Consents)))
	}
	for _, f := range a.Facts {
		s.say("    fact: %s", factText(f))
	}
	var released []string
	for _, r := range a.Resources {
		if !r.Withheld {
			released = append(released, r.Ref)
		}
	}
	if len(released) > 0 {
		s.say("    released: %s", list(released))
	}
	for _, r := range a.Resources {
		switch {
		case r.Withheld:
			s.say("    withheld: %s", r.Ref)
		case len(r.Redact) > 0:
			s.say("    released without %s: %s", list(r.Redact), r.Ref)
		default:
			continue
		}
		for _, reason := range r.Reasons {
			s.say("      %s", cmp.Or(reason.Words, sentence(reason.Rule, reason.Cite, reason.Text, reason.Consent, reason.Needs)))
		}
	}
	if len(a.OffRoute) > 0 {
		s.say("    not carried by this route: %s", list(a.OffRoute))
	}
	if len(a.Scrubbed) > 0 {
		s.say("    traces of it removed elsewhere: %s", list(a.Scrubbed))
	}
	for _, text := range []string{a.Missing, a.Problem} {
		if text != "" {
			s.say("    stopped by: %s", text)
		}
	}
}

// factText names a fact that counted, and where it is from.
func factText(f gateway.Fact) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s version %d", f.Kind, f.Key, f.Version)
	for _, p := range [][2]string{{"by", f.By}, {"evidence", f.Evidence}, {"witness", f.Witness}, {"message", f.Message}} {
		if p[1] != "" {
			text.WriteString(", " + p[0] + " " + p[1])
		}
	}
	return text.String() + ", received " + clock(f.Received)
}

func after(a gateway.Attempt) string {
	var parts []string
	if a.Answer != "" {
		parts = append(parts, "answer "+a.Answer)
	}
	if a.Code != "" && a.Code != "accepted" {
		parts = append(parts, a.Code)
	}
	if !a.Recorded.IsZero() && !a.At.IsZero() {
		parts = append(parts, "after "+a.Recorded.Sub(a.At).Round(time.Millisecond).String())
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func law(revisions map[string]string) string {
	var parts []string
	for _, name := range sortedKeys(revisions) {
		parts = append(parts, name+" "+revisions[name])
	}
	return orDash(list(parts))
}

// sentence is one reason: the rule, its source, what it says, and what would change it.
func sentence(rule, cite, text, consent, needs string) string {
	out := rule
	if cite != "" {
		out += " (" + cite + ")"
	}
	if text != "" {
		out += ": " + text
	}
	if consent != "" {
		out += " [" + consent + "]"
	}
	if needs != "" {
		out += "; " + needs
	}
	return out
}
