package fhir

import "strings"

// Redaction says what a decision withholds from one recipient.
type Redaction struct {
	Withhold map[string]bool     // resources, as "Type/id"
	Elements map[string][]string // "Type/id" to element paths below the resource, such as "address"
}

// Dropped is one thing that Redact took out.
type Dropped struct {
	Ref     string // "Type/id" of the resource that was dropped or cut
	Element string // the element that was dropped; "" for the whole resource
	Reason  string // DropWithheld, DropElement, DropTrace or DropDependent
}

// The reasons of Dropped.
const (
	DropWithheld  = "withheld"  // the decision withholds it
	DropElement   = "element"   // the decision withholds this element
	DropTrace     = "trace"     // it named, or was text about, something withheld
	DropDependent = "dependent" // it cannot stand without something withheld
)

// Redact returns a copy of a Bundle or resource without what r withholds and without any trace of it.
// Resources and elements are dropped, never blanked or marked: a mark would tell the
// recipient that something is there. The input is not changed.
func Redact(bundle *Node, r Redaction) (*Node, []Dropped) {
	out := bundle.Clone()
	s := &scrub{Redaction: r, names: map[string]bool{}}
	s.dropEntries(out)
	for _, res := range resourcesOf(out) {
		s.cut(res)
	}
	if len(s.dropped) > 0 {
		out.Remove("total")
	}
	return out, s.dropped
}

type scrub struct {
	Redaction
	names   map[string]bool // every way to name a withheld resource
	dropped []Dropped
}

func resourcesOf(n *Node) []*Node {
	if n.ResourceType() != "Bundle" {
		return []*Node{n}
	}
	var all []*Node
	for _, res := range Entries(n) {
		all = append(all, res)
	}
	return all
}

func (s *scrub) dropEntries(bundle *Node) {
	for ref := range s.Withhold {
		s.names[ref] = true
	}
	bundle.Get("entry").KeepItems(func(entry *Node) bool {
		ref := entry.Get("resource").Ref()
		if !s.Withhold[ref] {
			return true
		}
		s.names[entry.Get("fullUrl").Text()] = true
		s.dropped = append(s.dropped, Dropped{Ref: ref, Reason: DropWithheld})
		return false
	})
	delete(s.names, "")
}

func (s *scrub) cut(res *Node) {
	before := len(s.dropped)
	for _, element := range s.Elements[res.Ref()] {
		if res.Get(element) != nil || res.Get("_"+element) != nil {
			res.Remove(element)
			res.Remove("_" + element)
			s.dropped = append(s.dropped, Dropped{Ref: res.Ref(), Element: element, Reason: DropElement})
		}
	}
	s.unlink(res, res.Ref())
	if len(s.dropped) > before {
		res.Remove("text")
	}
}

// unlink drops every element below n that refers to a withheld resource.
func (s *scrub) unlink(n *Node, ref string) {
	for i := len(n.names) - 1; i >= 0; i-- {
		name, child := n.names[i], n.members[i]
		if child.Kind() == Array {
			child.KeepItems(func(item *Node) bool { return !s.points(item) })
		}
		gone := s.points(child) || child.Kind() == Array && child.Len() == 0
		if !gone && child.Kind() >= Array {
			s.unlink(child, ref)
			gone = child.Len() == 0
		}
		if gone {
			n.Remove(name)
			s.dropped = append(s.dropped, Dropped{Ref: ref, Element: name, Reason: DropTrace})
		}
	}
	if n.Kind() == Array {
		for _, item := range n.members {
			s.unlink(item, ref)
		}
	}
}

func (s *scrub) points(n *Node) bool {
	target := n.Get("reference").Text()
	base, _, _ := strings.Cut(target, "/_history/")
	return target != "" && (s.names[target] || s.names[base])
}
