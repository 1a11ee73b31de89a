package consent

import (
	"slices"
	"time"
)

// miss is the set of criteria that a resource and request do not meet.
type miss uint

// The criteria, in the order in which a nearest miss is told.
const (
	missActor miss = 1 << iota
	missPurpose
	missAction
	missPeriod
	missClass
	missLabel
	missCode
	missDataPeriod
	missData
)

// question is one resource with the request it is asked in.
type question struct {
	asOf    time.Time
	zone    *time.Location
	action  string
	purpose string
	to      *Recipient
	item    *item
}

// missed answers which criteria do not hold; 0 is a match. A permit matches only what is
// certain, a denial also what may be meant: undated data, codes that are only text.
func (c *criteria) missed(q *question, permit bool) miss {
	var m miss
	set := func(bit miss, met bool) {
		if !met {
			m |= bit
		}
	}
	set(missActor, c.actors == nil || slices.ContainsFunc(c.actors, q.to.is))
	set(missPurpose, c.purposes == nil || slices.ContainsFunc(c.purposes, q.purposeMatches))
	set(missAction, c.actions == nil || slices.Contains(c.actions, coding{SystemConsentAction, q.action}))
	set(missPeriod, c.period.contains(q.asOf, q.zone))
	set(missClass, c.classes == nil || q.classMatches(c.classes, permit))
	set(missLabel, c.labels == nil || c.labels.matches(q.item.labels, permit))
	set(missCode, c.codes == nil || q.codeMatches(c.codes, permit))
	set(missDataPeriod, c.dataPeriod == nil || q.dated(c.dataPeriod, permit))
	set(missData, c.data == nil || q.dataMatches(c.data, permit))
	return m
}

// is reports whether the actor names this recipient: itself, its organisation, one above
// it, a group it belongs to, or an identifier. A display name never matches.
func (r *Recipient) is(a actor) bool {
	if !a.recipient {
		return false
	}
	if a.reference != "" && r.answersTo(a.reference) {
		return true
	}
	return a.identifier.Value != "" && slices.Contains(r.Identifiers, a.identifier)
}

func (r *Recipient) answersTo(ref string) bool {
	return ref == r.Ref || ref == r.Organization || slices.Contains(r.Ancestors, ref) || slices.Contains(r.MemberOf, ref)
}

func (q *question) purposeMatches(listed coding) bool {
	return listed.system == SystemActReason && listed.code != "" && purposeIs(q.purpose, listed.code)
}

// classMatches: a permit has to name the record's type and every type that it contains, a denial any of them.
func (q *question) classMatches(classes []coding, permit bool) bool {
	named := func(kind string) bool { return slices.Contains(classes, coding{SystemResourceTypes, kind}) }
	if permit {
		return named(q.item.kind) && !slices.ContainsFunc(q.item.within, func(kind string) bool { return !named(kind) })
	}
	return named(q.item.kind) || slices.ContainsFunc(q.item.within, named) ||
		slices.ContainsFunc(classes, func(c coding) bool { return c.system != SystemResourceTypes })
}

func (q *question) codeMatches(codes []coding, permit bool) bool {
	for _, c := range codes {
		if c.code == "" && !permit {
			return true
		}
		if c.code != "" && slices.Contains(q.item.codes, c) {
			return true
		}
	}
	return false
}

// matches compares listed labels with those of a resource. Confidentiality is a high-water
// mark for a permit and a low-water mark for a denial; other labels go by what they subsume.
// A list that a rule of the other kind wrote counts in the reading that discloses less.
func (l *listed) matches(have labelSet, permit bool) bool {
	switch {
	case permit && l.byPermit:
		return l.permits(have)
	case permit:
		return l.permits(have) && l.denies(have)
	case l.byPermit:
		return l.permits(have) || l.denies(have)
	default:
		return l.denies(have)
	}
}

// permits: a listed confidentiality bounds the record's, listed sensitivities must cover
// every one the record has; a list of sensitivities alone speaks only of records that have one.
func (l *listed) permits(have labelSet) bool {
	named := l.set.bits != 0
	if l.set.rank == 0 && (!named || l.covered(have) == 0) {
		return false
	}
	if l.set.rank > 0 && have.effectiveRank() > l.set.rank {
		return false
	}
	return !named || l.covered(have) == have.bits
}

func (l *listed) denies(have labelSet) bool {
	if l.set.low > 0 && have.effectiveRank() >= l.set.low {
		return true
	}
	reach := labelIndex.closure(l.set.bits)
	if reach&familySUD == familySUD {
		reach |= bitPart2
	}
	return have.bits&reach != 0
}

// covered is the part of a record's sensitivities that the list names. 42CFRPart2 and the
// substance-use labels of one record speak of the same thing: naming either covers both.
func (l *listed) covered(have labelSet) uint64 {
	got := have.bits & labelIndex.closure(l.set.bits)
	if have.bits&bitPart2 == 0 {
		return got
	}
	if l.set.bits&bitPart2 != 0 {
		got |= have.bits & familySUD
	}
	if got&familySUD != 0 {
		got |= bitPart2
	}
	return got
}

// dated: a permit needs the record's date wholly inside; a denial takes any touch, and the undated.
func (q *question) dated(p *period, permit bool) bool {
	spans := q.item.spans(q.zone)
	if permit {
		return len(spans) > 0 && p.holds(spans[0], q.zone)
	}
	return len(spans) == 0 || slices.ContainsFunc(spans, func(s span) bool { return p.touches(s, q.zone) })
}

// dataMatches reads provision.data (consent-data-meaning): an instance, what refers to it, or what someone wrote.
func (q *question) dataMatches(data []datum, permit bool) bool {
	for _, d := range data {
		switch d.meaning {
		case "instance":
			if q.item.ref == d.reference {
				return true
			}
		case "related", "dependents":
			if q.item.ref == d.reference || slices.Contains(q.item.refs, d.reference) {
				return true
			}
		case "authoredby":
			if slices.Contains(q.item.authors, d.reference) {
				return true
			}
		default:
			if !permit {
				return true
			}
		}
	}
	return false
}
