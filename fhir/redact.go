package fhir

import "maps"

// Redaction says what a decision withholds from one recipient.
type Redaction struct {
	Withhold map[string]bool     // resources, as "Type/id", or the fullUrl of one without id
	Elements map[string][]string // "Type/id" to element paths below the resource: "address", "contact.telecom"
}

// Dropped is one thing that Redact took out.
type Dropped struct {
	Ref     string // "Type/id" of the resource that was dropped or cut
	Element string // path of the element below the resource; "" for the whole resource
	Reason  string // DropWithheld, DropElement, DropTrace or DropDependent
}

// The reasons of Dropped.
const (
	DropWithheld  = "withheld"  // the decision withholds it
	DropElement   = "element"   // the decision withholds this element
	DropTrace     = "trace"     // it named, or was text about, something withheld
	DropDependent = "dependent" // it cannot stand without something withheld
)

// Redact returns a copy of a Bundle or resource without what r withholds and without any trace of
// it: references, URLs, identifiers and display texts that lead to it, backbone elements that only
// pointed at it, totals and signatures over it, narrative of everything that was cut, and text that
// repeats what only the withheld parts said. A resource that loses a mandatory element goes too, and
// then its own traces. Resources and elements are dropped, never blanked or marked: a mark would tell
// the recipient that something is there. The input is not changed; nil is answered when nothing is left.
func Redact(bundle *Node, r Redaction) (*Node, []Dropped) {
	if bundle == nil {
		return nil, nil
	}
	gone := map[string]string{} // resources that go, by key, with the reason
	for ref, withheld := range r.Withhold {
		if withheld {
			gone[ref] = DropWithheld
		}
	}
	if len(gone) == 0 && len(r.Elements) == 0 {
		out := bundle.Clone()
		new(pruner).totals(out)
		return out, nil
	}
	for {
		names := namesOf(bundle, gone)
		p := &pruner{redaction: r, gone: gone, failed: map[string]string{}, names: names, said: newSpeech(names)}
		out := bundle.Clone()
		stands := p.run(out)
		if len(p.failed) == 0 {
			if !stands {
				out = nil
			}
			return out, p.dropped
		}
		// Each round starts again from the document: what a resource that goes now had said, and
		// every way to name it, must leave the resources that were looked at before it.
		maps.Copy(gone, p.failed)
	}
}

// run prunes the document until a whole pass finds no further trace.
func (p *pruner) run(out *Node) bool {
	for {
		before := len(p.dropped)
		if !p.resource(out, "") {
			return false
		}
		if len(p.failed) > 0 {
			return true
		}
		if len(p.dropped) == before && p.secrets != nil {
			p.totals(out)
			return true
		}
		p.secrets = p.said.secrets(out)
	}
}

// totals drops the counts of what is no longer there and the signatures over it.
func (p *pruner) totals(out *Node) {
	if out.ResourceType() != "Bundle" {
		return
	}
	switch out.Get("type").Text() {
	case "searchset", "history":
		out.Remove("total") // also when nothing went: its absence must not tell
	}
	if len(p.dropped) == 0 {
		return
	}
	out.Remove("total")
	out.Remove("signature")
	for _, res := range Entries(out) {
		switch res.ResourceType() {
		case "Provenance":
			res.Remove("signature")
		case "Group":
			res.Remove("quantity")
		}
	}
}
