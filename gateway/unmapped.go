package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"caregate/adapters"
	"caregate/ledger"
)

// WorkUnmapped is the kind of a work item about a code that a partner uses and that nothing
// here knows. Its messages wait: without the code they would say something else.
const WorkUnmapped = "unmapped-code"

// holdUnmapped keeps a message for a person whose codes decide something and are unknown: one
// item for each code.
func (m *inspection) holdUnmapped() {
	if m.code != adapters.CodeAccepted || m.held != nil {
		return
	}
	for i, u := range m.decoded.Unmapped {
		note, _ := json.Marshal(u)
		item := ledger.NewWork{Kind: WorkUnmapped, Owner: m.partner.Owner, Partner: m.partner.ID, Remedy: unmappedRemedy(u, m.partner.ID), Note: note}
		if i == 0 {
			m.held = &item
		} else {
			m.lacks = append(m.lacks, item)
		}
	}
}

// unmappedRemedy says what a person does about a code, with nothing of the message but the code.
func unmappedRemedy(u adapters.Unmapped, partner string) string {
	what := "the text"
	if u.Code != "" {
		what = fmt.Sprintf("the code %q", u.Code)
		if u.System != "" {
			what += fmt.Sprintf(" of its system %q", u.System)
		}
	}
	first := "give its meaning with resolve --as or --code, or in"
	if u.Code == "" {
		first = "find out with caregate raw what it says, then map it in"
	}
	return fmt.Sprintf("%s at %s is not in table %s as %s uses it: %s the profile of %s (codes: %s), and all messages that wait for it are taken in again, each in its place",
		what, u.Location, u.Table, partner, first, partner, strings.Join(u.Elements, ", "))
}

// withdrawn are the statements that a message takes back. They count while it waits: a
// withdrawal must not wait for a person to find out what another field means.
func (m *inspection) withdrawn() []ledger.Input {
	if m.held == nil || m.held.Kind != WorkUnmapped {
		return nil
	}
	var out []ledger.Input
	for _, in := range m.stated {
		if withdraws(in) {
			in.Child = m.who.child
			out = append(out, in)
		}
	}
	return out
}

// unmappedOf returns the code that an item is about, nil for an item of another kind.
func unmappedOf(w ledger.Work) *adapters.Unmapped {
	var u adapters.Unmapped
	if w.Kind != WorkUnmapped || json.Unmarshal(w.Note, &u) != nil {
		return nil
	}
	return &u
}

// ResolveCode takes every message in again that waits for the code of a work item, oldest
// first, each in its place; the profile should know the code by now. It returns the messages
// that went on and the answer to the one of the item.
func (g *Gateway) ResolveCode(ctx context.Context, id, note string) ([]string, adapters.Ack, error) {
	w, err := g.Ledger.Work(ctx, id)
	if err != nil {
		return nil, adapters.Ack{}, err
	}
	code := unmappedOf(w)
	if code == nil || code.Code == "" || w.State != ledger.WorkOpen {
		ack, err := g.Resolve(ctx, id, "", note)
		return gone(ack), ack, err
	}
	open, err := g.Ledger.WorkItems(ctx, ledger.WorkOpen)
	if err != nil {
		return nil, adapters.Ack{}, err
	}
	waiting, err := g.waiting(ctx, w.Partner, *code, open)
	if err != nil {
		return nil, adapters.Ack{}, err
	}
	var on []string
	var answer adapters.Ack
	for _, msg := range waiting {
		ack, err := g.reprocess(ctx, msg, "")
		if err != nil {
			return on, ack, err
		}
		on = append(on, gone(ack)...)
		if msg.ID == w.Message {
			answer = ack
		}
	}
	return on, answer, nil
}

func gone(ack adapters.Ack) []string {
	if ack.Code != adapters.CodeAccepted {
		return nil
	}
	return []string{ack.MessageID}
}

// waiting returns the held messages of a partner that wait for a code, in their order.
func (g *Gateway) waiting(ctx context.Context, partner string, code adapters.Unmapped, open []ledger.Work) ([]ledger.Message, error) {
	var list []ledger.Message
	for _, w := range open {
		u := unmappedOf(w)
		if u == nil || w.Partner != partner || u.Table != code.Table || u.Code != code.Code {
			continue
		}
		msg, err := g.Ledger.Message(ctx, w.Message)
		if err != nil {
			return nil, err
		}
		if msg.State == ledger.MessageHeld {
			list = append(list, msg)
		}
	}
	slices.SortFunc(list, func(a, b ledger.Message) int { return cmp.Compare(a.Seq, b.Seq) })
	return slices.CompactFunc(list, func(a, b ledger.Message) bool { return a.ID == b.ID }), nil
}
