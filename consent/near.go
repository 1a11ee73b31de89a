package consent

import (
	"fmt"
	"math/bits"
	"strings"
)

// Nearest answers, for a resource that no provision permits, the permit of a usable
// consent that lacks least, and what it would have to say. It is the zero Near when
// no usable consent permits anything.
func (f Facts) Nearest(resource Resource) Near {
	e := f.evaluation
	q := e.question(newItem(resource, &e.req.Child))
	if n, found := e.over(q); found {
		return n
	}
	var best Near
	least := -1
	for _, d := range e.usable {
		for _, p := range d.root.permits(nil) {
			m := p.when.missed(q, true)
			if n := bits.OnesCount(uint(m)) + recipientWeight(m); least < 0 || n < least {
				least, best = n, Near{d.ref, p.path, q.needs(d.ref, m, &p.when)}
			}
		}
	}
	return best
}

// over answers a consent that would permit it if it were in force: withdrawn, run out or
// not begun. That it is not says more than what any other consent lacks.
func (e *evaluation) over(q *question) (Near, bool) {
	for _, d := range e.idle {
		for _, p := range d.root.permits(nil) {
			if p.when.missed(q, true)&^missPeriod == 0 {
				return Near{d.ref, p.path, d.needs}, true
			}
		}
	}
	return Near{}, false
}

// recipientWeight makes a form for someone else a far miss: adding a recipient is a new consent in all but name.
func recipientWeight(m miss) int {
	if m&missActor != 0 {
		return 4
	}
	return 0
}

func (q *question) needs(consent string, m miss, w *criteria) string {
	var parts []string
	tell := func(bit miss, text string) {
		if m&bit != 0 {
			parts = append(parts, text)
		}
	}
	tell(missActor, "to name the recipient "+q.to.Organization)
	tell(missPurpose, "to name the purpose "+q.purpose)
	tell(missAction, "to allow the action "+q.action)
	tell(missPeriod, "a provision whose period is running")
	tell(missClass, "to name the class "+strings.Join(append([]string{q.item.kind}, q.item.within...), " and "))
	tell(missLabel, "to name "+q.labelsLacking(w.labels))
	tell(missCode, "to name the code of this record")
	tell(missDataPeriod, "a data period that holds the date of this record")
	tell(missData, "to name this record")
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("needs %s %s", consent, strings.Join(parts, " and "))
}

// labelsLacking says which labels the list would have to hold.
func (q *question) labelsLacking(l *listed) string {
	have := q.item.labels
	var lack []string
	if l != nil && l.set.rank < have.effectiveRank() && (l.set.rank > 0 || l.set.bits == 0 || have.bits == 0) {
		lack = append(lack, "confidentiality "+have.confidentialityName())
	}
	if l != nil {
		open := have
		open.bits &^= l.covered(have)
		for _, code := range open.codes() {
			lack = append(lack, "the label "+code)
		}
	}
	return strings.Join(lack, " and ")
}
