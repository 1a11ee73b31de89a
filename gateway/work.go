package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"caregate/adapters"
	"caregate/ledger"
)

// WorkItem is something a person has to look at.
type WorkItem struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`
	Partner  string    `json:"partner,omitempty"`
	Message  string    `json:"message,omitempty"`
	Delivery string    `json:"delivery,omitempty"`
	Owner    string    `json:"owner,omitempty"`
	Remedy   string    `json:"remedy"`
	State    string    `json:"state"`
	Created  time.Time `json:"created"`

	Unmapped *adapters.Unmapped `json:"unmapped,omitempty"` // the code that an item of the kind unmapped-code is about
}

// Work lists the work items in a state, "open" or "resolved"; "" lists all.
func (g *Gateway) Work(ctx context.Context, state string) ([]WorkItem, error) {
	items, err := g.Ledger.WorkItems(ctx, state)
	return shown(items), err
}

func (g *Gateway) workOf(ctx context.Context, message string) ([]WorkItem, error) {
	items, err := g.Ledger.WorkOf(ctx, message)
	return shown(items), err
}

func shown(items []ledger.Work) []WorkItem {
	list := make([]WorkItem, len(items))
	for i, w := range items {
		list[i] = WorkItem{ID: w.ID, Kind: w.Kind, Partner: w.Partner, Message: w.Message, Delivery: w.Delivery, Owner: w.Owner, Remedy: w.Remedy, State: w.State, Created: w.Created, Unmapped: unmappedOf(w)}
	}
	return list
}

// owner is who settles what waits because of a destination.
func (g *Gateway) owner(destination string) string {
	partner, _, _ := strings.Cut(destination, ".")
	return g.partners[partner].Owner
}

// Resolve closes a work item. A held message goes through Accept again, in its original
// place: with the person's word on whose it is where child is given. A held delivery is
// decided again.
func (g *Gateway) Resolve(ctx context.Context, id, child, note string) (adapters.Ack, error) {
	w, err := g.Ledger.Work(ctx, id)
	if err != nil {
		return adapters.Ack{}, err
	}
	if w.State != ledger.WorkOpen {
		return adapters.Ack{}, fmt.Errorf("work item %s is %s already", id, w.State)
	}
	event := ledger.Event{Kind: "work-resolved", Partner: "operator", Message: w.Message, Delivery: w.Delivery, Outcome: "0"}
	if w.Delivery != "" {
		if err := g.Ledger.ResolveWork(ctx, id, note, []ledger.Event{event}); err != nil {
			return adapters.Ack{}, err
		}
		lanes, err := g.Ledger.Requeue(ctx, []string{w.Delivery}, nil)
		g.wake(ctx, lanes)
		return adapters.Ack{Code: adapters.CodeAccepted, MessageID: w.Message}, err
	}
	if w.Message == "" { // about the gateway itself, such as law that was refused
		return adapters.Ack{Code: adapters.CodeAccepted}, g.Ledger.ResolveWork(ctx, id, note, []ledger.Event{event})
	}
	msg, err := g.Ledger.Message(ctx, w.Message)
	if err != nil {
		return adapters.Ack{}, err
	}
	if msg.State != ledger.MessageHeld {
		return adapters.Ack{Code: adapters.CodeAccepted, MessageID: msg.ID}, g.Ledger.ResolveWork(ctx, id, note, []ledger.Event{event})
	}
	return g.reprocess(ctx, msg, child)
}

// reprocess takes a held message through Accept again. It keeps its id and its place; when
// it is held again, the new reason replaces the old.
func (g *Gateway) reprocess(ctx context.Context, msg ledger.Message, child string) (adapters.Ack, error) {
	raw, err := g.Ledger.Raw(ctx, msg.ID)
	if err != nil {
		return adapters.Ack{}, err
	}
	m := &inspection{message: msg.ID, code: adapters.CodeAccepted, in: adapters.Inbound{
		Partner: msg.Partner, Protocol: msg.Protocol, ContentType: msg.ContentType, Interaction: msg.Interaction, Raw: raw, Received: msg.Received,
	}}
	return g.accept(ctx, m, child), nil
}

// Correction is what `child correct` found and did.
type Correction struct {
	Message    string   `json:"message"`
	From       string   `json:"from"`
	To         string   `json:"to"`
	Stopped    int      `json:"stopped"`    // deliveries that had not left
	Recipients []string `json:"recipients"` // destinations that have, or may have, what was another child's
}

// Correct moves a message to the child it really is about: what is pending stops, every
// recipient gets a recall work item, and the message is processed again for the right child.
func (g *Gateway) Correct(ctx context.Context, message, to string) (Correction, error) {
	msg, err := g.Ledger.Message(ctx, message)
	if err != nil {
		return Correction{}, err
	}
	if msg.Child == to {
		return Correction{}, errors.New("the message belongs to that child already")
	}
	c := Correction{Message: message, From: msg.Child, To: to, Recipients: []string{}}
	deliveries, err := g.Ledger.Deliveries(ctx, message)
	if err != nil {
		return c, err
	}
	var pending []string
	for _, d := range deliveries {
		if d.State == ledger.DeliveryPending || d.State == ledger.DeliveryHeld || d.State == ledger.DeliveryIntended {
			pending = append(pending, d.ID)
		}
		if d.Release > 0 && !has(c.Recipients, d.Destination) {
			c.Recipients = append(c.Recipients, d.Destination)
		}
	}
	event := ledger.Event{Kind: "child-corrected", Partner: "operator", Message: message, Outcome: "4"}
	if c.Stopped, err = g.Ledger.Cancel(ctx, pending, "the message was about another child", []ledger.Event{event}); err != nil {
		return c, err
	}
	for _, r := range c.Recipients {
		if _, err := g.Ledger.AddWork(ctx, ledger.NewWork{Kind: "recall", Owner: g.owner(r), Partner: r, Remedy: "this destination has, or may have, a message about the wrong child: ask for its return and record the answer"}, message, ""); err != nil {
			return c, err
		}
	}
	if err := g.relink(ctx, message, c.From, to, event); err != nil {
		return c, err
	}
	if c.From != "" { // it was known whose it was thought to be
		if err := g.Revoke(ctx, c.From); err != nil {
			return c, err
		}
	}
	corrected, err := g.Ledger.Message(ctx, message)
	if err != nil {
		return c, err
	}
	_, err = g.reprocess(ctx, corrected, to)
	return c, err
}

// relink moves a message once nothing of it is leaving any more: what is under way is cut
// off, and is over when its gate row is.
func (g *Gateway) relink(ctx context.Context, message, from, to string, event ledger.Event) error {
	deadline := g.Now().Add(GateExpiry)
	for {
		g.sends.stop(from)
		err := g.Ledger.Relink(ctx, message, to, []ledger.Event{event})
		if !errors.Is(err, ledger.ErrStale) || g.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(gatePoll):
		}
	}
}
