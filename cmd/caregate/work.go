package main

import (
	"fmt"
	"maps"
	"slices"

	"caregate/config"
	"caregate/gateway"
)

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

type rawCmd struct {
	store  `embed:""`
	ID     string `arg:"" name:"id" help:"Our id of the message, or another id that stands for it alone."`
	Reason string `required:"" help:"Why you read it; this is audited."`
}

func (c *rawCmd) Run(s *session) (err error) {
	app, err := c.look(s, "raw")
	if err != nil {
		return err
	}
	defer closing(app, &err)
	id, err := one(s, app, c.ID)
	if err != nil {
		return err
	}
	raw, err := app.Gateway().Raw(s.ctx, id, person(), c.Reason)
	if err != nil {
		return found(err, c.ID)
	}
	_, err = s.out.Write(raw)
	return err
}

// one returns the message that an id stands for, where it is only one.
func one(s *session, app *config.App, id string) (string, error) {
	messages, err := app.Gateway().Find(s.ctx, id)
	if err != nil {
		return "", found(err, id)
	}
	if len(messages) > 1 {
		return "", negative(fmt.Errorf("%s stands for %d messages, give one of: %s", id, len(messages), list(messages)))
	}
	return messages[0], nil
}

type workCmd struct {
	List    workListCmd    `cmd:"" help:"What waits, oldest first."`
	Show    workShowCmd    `cmd:"" help:"One item with its message."`
	Resolve workResolveCmd `cmd:"" help:"Settle an item: a held message is taken in again, in its place."`
}

type workListCmd struct {
	store `embed:""`
	State string `enum:"open,resolved,all" default:"open" help:"Which: ${enum}."`
}

func (c *workListCmd) Run(s *session) (err error) {
	app, err := c.look(s, "work list")
	if err != nil {
		return err
	}
	defer closing(app, &err)
	state := c.State
	if state == "all" {
		state = ""
	}
	items, err := app.Gateway().Work(s.ctx, state)
	if err != nil {
		return err
	}
	return s.answer(map[string]any{"work": items, "count": len(items)}, func() {
		for _, w := range items {
			s.say("%s  %-18s %-5s %-12s %s", w.ID, w.Kind, age(w.Created), orDash(w.Partner), w.State)
			s.say("    %s", w.Remedy)
			s.say("    message %s, owner %s", orDash(w.Message), orDash(w.Owner))
		}
		s.say("%d items", len(items))
	})
}

// item finds one work item.
func item(s *session, app *config.App, id string) (gateway.WorkItem, error) {
	items, err := app.Gateway().Work(s.ctx, "")
	if err != nil {
		return gateway.WorkItem{}, err
	}
	for _, w := range items {
		if w.ID == id {
			return w, nil
		}
	}
	return gateway.WorkItem{}, negative(fmt.Errorf("there is no work item %s", id))
}

type workShowCmd struct {
	store `embed:""`
	ID    string `arg:"" name:"id" help:"Id of the item."`
}

func (c *workShowCmd) Run(s *session) (err error) {
	app, err := c.look(s, "work show")
	if err != nil {
		return err
	}
	defer closing(app, &err)
	w, err := item(s, app, c.ID)
	if err != nil {
		return err
	}
	result := map[string]any{"work": w}
	var story gateway.Explanation
	if w.Message != "" {
		if story, err = app.Gateway().Explain(s.ctx, w.Message); err != nil {
			return found(err, w.Message)
		}
		result["message"] = story
	}
	return s.answer(result, func() {
		s.say("%s, %s, %s for %s", w.ID, w.Kind, w.State, age(w.Created))
		s.say("  to do: %s", w.Remedy)
		if w.Message != "" {
			s.say("")
			s.tell(story)
		}
	})
}

type workResolveCmd struct {
	store  `embed:""`
	ID     string   `arg:"" name:"id" help:"Id of the item."`
	Child  string   `help:"Whose message it is: our id, or an identifier of the child." placeholder:"ID or SYSTEM|VALUE"`
	As     string   `help:"Of an unknown code: it means what this code of its table means." placeholder:"CODE"`
	Code   []string `help:"Of an unknown code: what it means in FHIR, for each element that it decides." placeholder:"CODE or ELEMENT=CODE"`
	Reason string   `required:"" help:"Why; this is audited."`
	DryRun bool     `help:"Say what would happen and change nothing."`
}

func (c *workResolveCmd) Run(s *session) (err error) {
	written, err := c.learn(s)
	if err != nil {
		return err
	}
	app, err := c.change(s, "work resolve")
	if err != nil {
		return err
	}
	defer closing(app, &err)
	w, err := item(s, app, c.ID)
	if err != nil {
		return err
	}
	child := ""
	if c.Child != "" {
		if child, err = app.Gateway().Child(s.ctx, c.Child); err != nil {
			return found(err, "this identifier of a child")
		}
	}
	if c.DryRun {
		return s.answer(map[string]any{"dryRun": true, "count": 1, "work": w, "child": child}, func() {
			s.say("would resolve 1 item: %s of message %s", w.Kind, orDash(w.Message))
		})
	}
	if err := app.Note(s.ctx, "work-resolving", w.Message, person(), c.Reason); err != nil {
		return err
	}
	if w.Unmapped != nil && child == "" {
		return c.code(s, app, written)
	}
	ack, err := app.Gateway().Resolve(s.ctx, c.ID, child, c.Reason)
	if err != nil {
		return negative(err)
	}
	return s.acknowledged(ack, map[string]any{"count": 1, "work": c.ID}, "resolved")
}

// learn writes down what a code means before the configuration is read, so that it is known
// when its messages are taken in again.
func (c *workResolveCmd) learn(s *session) (written string, err error) {
	if (c.As == "" && len(c.Code) == 0) || c.DryRun {
		return "", nil
	}
	app, err := c.look(s, "work resolve")
	if err != nil {
		return "", err
	}
	defer closing(app, &err)
	w, err := item(s, app, c.ID)
	if err != nil {
		return "", err
	}
	if w.Unmapped == nil || w.State != "open" {
		return "", usage(fmt.Errorf("--as and --code are for open items of the kind unmapped-code"))
	}
	if written, err = config.AddCodes(c.Config, w.Partner, *w.Unmapped, c.As, c.Code); err != nil {
		return "", usage(err)
	}
	return written, nil
}

// code takes in again what waits for a code, and says what went on.
func (c *workResolveCmd) code(s *session, app *config.App, written string) error {
	on, ack, err := app.Gateway().ResolveCode(s.ctx, c.ID, c.Reason)
	if err != nil {
		return negative(err)
	}
	result := struct {
		Work     string   `json:"work"`
		Count    int      `json:"count"`    // messages that went on
		Messages []string `json:"messages"` // in their order
		Code     string   `json:"code"`     // what became of the item's own message
		Written  string   `json:"written"`  // file of the configuration
	}{c.ID, len(on), on, string(ack.Code), written}
	err = s.answer(result, func() {
		if written != "" {
			s.say("wrote %s: send a running gateway SIGHUP, so that it knows the code too", written)
		}
		s.say("%d messages went on, each in its place", len(on))
		if ack.Code != "accepted" {
			s.say("message %s still waits: see caregate work list", orDash(ack.MessageID))
		}
	})
	if err == nil && ack.Code != "accepted" {
		return negative(nil)
	}
	return err
}

type childCmd struct {
	Correct childCorrectCmd `cmd:"" help:"Move a message to the child it is about: what is pending stops, every recipient is listed."`
	Sight   childSightCmd   `cmd:"" help:"Who could see which records, from when to when, and why. Nothing is sent."`
}

type childCorrectCmd struct {
	store   `embed:""`
	Message string `arg:"" help:"Our id of the message, or another id that stands for it alone."`
	To      string `required:"" help:"The right child: our id, or an identifier." placeholder:"ID or SYSTEM|VALUE"`
	Reason  string `required:"" help:"Why; this is audited."`
	DryRun  bool   `help:"Say what would happen and change nothing."`
}

func (c *childCorrectCmd) Run(s *session) (err error) {
	app, err := c.change(s, "child correct")
	if err != nil {
		return err
	}
	defer closing(app, &err)
	message, err := one(s, app, c.Message)
	if err != nil {
		return err
	}
	child, err := app.Gateway().Child(s.ctx, c.To)
	if err != nil {
		return found(err, "this identifier of a child")
	}
	verb := "stopped"
	var done gateway.Correction
	if c.DryRun {
		verb = "would stop"
		done, err = app.Preview(s.ctx, message, child)
	} else if err = app.Note(s.ctx, "child-correcting", message, person(), c.Reason); err == nil {
		done, err = app.Gateway().Correct(s.ctx, message, child)
	}
	if err != nil {
		return negative(err)
	}
	return s.answer(map[string]any{"dryRun": c.DryRun, "count": 1, "correction": done}, func() {
		s.say("message %s: from child %s to child %s", done.Message, orDash(done.From), done.To)
		s.say("%s %d deliveries that had not left", verb, done.Stopped)
		for _, r := range done.Recipients {
			s.say("%s has it, or may have it: ask for its return", r)
		}
	})
}

type verifyCmd struct {
	store `embed:""`
}

func (c *verifyCmd) Run(s *session) (err error) {
	app, err := c.look(s, "verify")
	if err != nil {
		return err
	}
	defer closing(app, &err)
	v, err := app.Ledger().Verify(s.ctx)
	if err != nil {
		return err
	}
	result := map[string]any{"ok": v.Bad == nil, "writers": v.Writers, "rows": v.Rows}
	if v.Bad != nil {
		result["bad"] = map[string]any{"writer": v.Bad.Writer, "n": v.Bad.N, "reason": v.Bad.Reason}
	}
	err = s.answer(result, func() {
		if v.Bad != nil {
			s.say("the first bad row is row %d of writer %s: %s", v.Bad.N, v.Bad.Writer, v.Bad.Reason)
			return
		}
		s.say("%d audit chains with %d rows are intact", v.Writers, v.Rows)
	})
	if err == nil && v.Bad != nil {
		return negative(nil)
	}
	return err
}
