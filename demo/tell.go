package demo

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"caregate/gateway"
	"caregate/ledger"
	"caregate/policy"
)

// teller prints the story in the words of a programme director. What it says of a
// message comes from the ledger's explanation of it.
type teller struct {
	out    io.Writer
	played int
}

func (t *teller) scene(title string) {
	t.played++
	fmt.Fprintf(t.out, "\n%d. %s\n", t.played, title)
}

func (t *teller) line(format string, args ...any) {
	fmt.Fprintf(t.out, "   "+format+"\n", args...)
}

// tellMessage says who sent it, and what became of it at each destination.
func (s *story) tellMessage(id, from string) error {
	e, err := s.gateway().Explain(s.ctx, id)
	if err != nil {
		return err
	}
	s.line("from %s: %s, kept as %s", from, e.State, id)
	for _, i := range e.Issues {
		if i.Code == "forbidden" {
			s.line("  %s: %s", i.Location, i.Text)
		}
	}
	for _, w := range e.Work {
		s.line("  for a person to look at: %s: %s", w.Kind, w.Remedy)
	}
	for _, d := range e.Destinations {
		s.tell(d)
	}
	return nil
}

func (s *story) tellDestination(id, destination string) error {
	e, err := s.gateway().Explain(s.ctx, id)
	if err != nil {
		return err
	}
	for _, d := range e.Destinations {
		if d.Destination == destination {
			s.tell(d)
		}
	}
	return nil
}

// state is one line about one delivery.
func (s *story) state(id, destination string) string {
	e, err := s.gateway().Explain(s.ctx, id)
	if err != nil {
		return err.Error()
	}
	for _, d := range e.Destinations {
		if d.Destination == destination {
			return fmt.Sprintf("%s after %s%s", d.State, counted(len(d.Attempts), "attempt"), keys(d))
		}
	}
	return "not routed"
}

// keys says whether all attempts carried the same key, the promise that makes a repeat harmless.
func keys(d gateway.Destination) string {
	var seen []string
	for _, a := range d.Attempts {
		if a.Key != "" && !slices.Contains(seen, a.Key) {
			seen = append(seen, a.Key)
		}
	}
	switch len(seen) {
	case 0:
		return ""
	case 1:
		return ", one key throughout"
	default:
		return fmt.Sprintf(", %d keys", len(seen))
	}
}

func (s *story) tell(d gateway.Destination) {
	if len(d.Attempts) == 0 {
		s.line("  %-16s %s", d.Destination, d.State)
		return
	}
	last := d.Attempts[len(d.Attempts)-1]
	released, withheld := split(last.Resources)
	switch d.State {
	case ledger.DeliveryCompleted:
		s.line("  %-16s received it (answer %s) for %s", d.Destination, last.Answer, last.Purpose)
		s.line("  %-16s released: %s", "", types(released))
	default:
		s.line("  %-16s %s: %s", d.Destination, d.State, strings.TrimSpace(d.Reason+" "+last.Problem))
	}
	if len(last.OffRoute) > 0 {
		s.line("  %-16s not for this destination: %s", "", refTypes(last.OffRoute))
	}
	for _, why := range reasons(withheld) {
		s.line("  %-16s withheld: %s", "", why)
	}
}

func split(all []policy.ResourceDecision) (released, withheld []policy.ResourceDecision) {
	for _, r := range all {
		if r.Withheld {
			withheld = append(withheld, r)
		} else {
			released = append(released, r)
		}
	}
	return released, withheld
}

func types(list []policy.ResourceDecision) string {
	refs := make([]string, len(list))
	for i, r := range list {
		refs[i] = r.Ref
	}
	return refTypes(refs)
}

// refTypes counts "Type/id"s by type, in the order of first appearance.
func refTypes(refs []string) string {
	counts := map[string]int{}
	var order []string
	for _, ref := range refs {
		t, _, _ := strings.Cut(ref, "/")
		if counts[t] == 0 {
			order = append(order, t)
		}
		counts[t]++
	}
	for i, t := range order {
		if counts[t] > 1 {
			order[i] = fmt.Sprintf("%d %s", counts[t], t)
		}
	}
	if len(order) == 0 {
		return "nothing"
	}
	return strings.Join(order, ", ")
}

// reasons groups what is withheld by why.
func reasons(withheld []policy.ResourceDecision) []string {
	groups := map[string][]string{}
	var order []string
	for _, r := range withheld {
		if len(r.Reasons) > 0 && r.Reasons[0].Code == "nothing-released" {
			continue // organisations and the like stay because everything of the child stays
		}
		why := "no reason was recorded"
		if len(r.Reasons) > 0 {
			why = reason(r.Reasons[0])
		}
		if groups[why] == nil {
			order = append(order, why)
		}
		groups[why] = append(groups[why], r.Ref)
	}
	for i, why := range order {
		order[i] = refTypes(groups[why]) + ", because " + why
	}
	return order
}

func reason(r policy.Reason) string {
	text := r.Text
	if text == "" {
		text = r.Code
	}
	if r.Cite != "" {
		text += " [" + r.Rule + ", " + r.Cite + "]"
	}
	if r.Needs != "" {
		text += "; remedy: " + r.Needs
	}
	return text
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
