package consent

import (
	"fmt"

	"caregate/fhir"
)

// criteria reads the conditions of a provision over those that it inherits.
func (d *directive) criteria(n *fhir.Node, path string, c criteria, permit bool) criteria {
	at := "Consent." + path
	override(n, "period", &c.period, d.period(n.Get("period"), at+".period"))
	override(n, "dataPeriod", &c.dataPeriod, d.period(n.Get("dataPeriod"), at+".dataPeriod"))
	override(n, "actor", &c.actors, d.actors(n.Get("actor"), at+".actor"))
	override(n, "action", &c.actions, conceptCodings(n.Get("action")))
	override(n, "purpose", &c.purposes, codingList(n.Get("purpose")))
	override(n, "class", &c.classes, codingList(n.Get("class")))
	override(n, "code", &c.codes, conceptCodings(n.Get("code")))
	override(n, "data", &c.data, d.data(n.Get("data"), at+".data"))
	override(n, "securityLabel", &c.labels, d.labels(n.Get("securityLabel"), at+".securityLabel", permit))
	return c
}

// override replaces an inherited element when the provision states its own.
func override[T any](n *fhir.Node, name string, into *T, own T) {
	if n.Get(name) != nil {
		*into = own
	}
}

func (d *directive) period(n *fhir.Node, path string) *period {
	p, err := parsePeriod(n)
	if err != nil {
		d.problem(path, "is not a period with a start before its end")
	}
	return p
}

func (d *directive) actors(n *fhir.Node, path string) []actor {
	out := []actor{}
	for i, a := range n.Items() {
		ref := a.Get("reference")
		one := actor{reference: reference(ref)}
		id := ref.Get("identifier")
		one.identifier = Identifier{id.Get("system").Text(), id.Get("value").Text()}
		for c := range codings(a.Get("role")) {
			one.recipient = one.recipient || c == coding{SystemParticipation, "IRCP"}
		}
		if a.Get("role") == nil || ref == nil {
			d.problem(fmt.Sprintf("%s[%d]", path, i), "needs a role and a reference")
		}
		out = append(out, one)
	}
	return out
}

func (d *directive) data(n *fhir.Node, path string) []datum {
	out := []datum{}
	for i, m := range n.Items() {
		one := datum{m.Get("meaning").Text(), reference(m.Get("reference"))}
		if one.meaning == "" || one.reference == "" {
			d.problem(fmt.Sprintf("%s[%d]", path, i), "needs a meaning and a reference")
		}
		out = append(out, one)
	}
	return out
}

func (d *directive) labels(n *fhir.Node, path string, permit bool) *listed {
	l := &listed{byPermit: permit}
	for _, c := range n.Items() {
		l.set.add(codingOf(c))
	}
	if l.set.unknown && !permit {
		d.problem(path, "denies a label that is not known, so the denial could not be kept")
	}
	return l
}

func codingList(n *fhir.Node) []coding {
	out := []coding{}
	for _, c := range n.Items() {
		out = append(out, codingOf(c))
	}
	return out
}

// conceptCodings flattens CodeableConcepts; one without a code is kept as an empty coding,
// which no permit matches and every denial does.
func conceptCodings(n *fhir.Node) []coding {
	out := []coding{}
	for _, concept := range n.Items() {
		if concept.Get("coding").Len() == 0 {
			out = append(out, coding{})
		}
		for c := range codings(concept) {
			out = append(out, c)
		}
	}
	return out
}
