package consent

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// evaluation is one request at work.
type evaluation struct {
	req    *Request
	zone   *time.Location
	all    []*directive // of this child
	usable []*directive
	idle   []idle
	carer  bool // the recipient cares for the child now
	facts  *Facts
}

// idle is a consent that is over or not in force yet, and what it would take to use it.
type idle struct {
	*directive
	needs string
}

// Evaluate computes the facts of a request. It never fails: what cannot be read counts against disclosure.
func (r Request) Evaluate() Facts {
	f := Facts{
		LocalDate: r.AsOf.In(r.zone()).Format("2006-01-02"),
		Age:       ageOn(r.Child.BirthDate, r.AsOf, r.zone()),
	}
	f.Adult = r.Child.Emancipated || f.Age >= majority
	e := &evaluation{req: &r, zone: r.zone(), facts: &f, carer: r.carer()}
	for _, filed := range r.Consents {
		e.file(filed.directive())
	}
	e.group()
	f.Care = e.care()
	f.ValidUntil = e.nextChange()
	f.evaluation = e
	return f
}

const majority = 18 // years, in every jurisdiction that is modelled

// file sorts a consent into unreadable, unused and usable. Status is read before anything
// else that could block: a consent that is over or not yet given blocks nothing.
func (e *evaluation) file(d *directive) {
	unused := func(code, needs string) {
		e.facts.Unused = append(e.facts.Unused, Unused{d.ref, code, needs})
		if d.root != nil && len(d.problems) == 0 {
			e.idle = append(e.idle, idle{d, needs})
		}
	}
	if strings.HasPrefix(d.patient, "Patient/") && !e.req.Child.Is(d.patient) {
		return
	}
	if d.patient != "" && !e.req.Child.Is(d.patient) { // filed for this child, and says so in a way that cannot be resolved
		d = d.with(Problem{"Consent.patient", "does not resolve to the child"})
	}
	e.all = append(e.all, d)
	switch {
	case statuses[d.status] && d.status != "active":
		unused("status:"+d.status, "needs "+d.ref+" to be active; its status is "+d.status)
	case len(d.problems) > 0:
		p := d.problems[0]
		e.facts.Unreadable = append(e.facts.Unreadable, Unused{d.ref, "consent-unprocessable", "needs " + d.ref + " corrected: " + p.Path + " " + p.Text})
	case !d.scoped:
	case e.req.AsOf.Before(d.dateTime.start(e.zone)):
		unused("future-signed", "needs the day on which "+d.ref+" is given to come")
	case d.root.when.period.notYet(e.req.AsOf, e.zone):
		unused("not-yet-in-force", "needs the period of "+d.ref+" to begin")
	case d.root.when.period.over(e.req.AsOf, e.zone):
		unused("expired", "needs a renewed consent: the period of "+d.ref+" has ended")
	default:
		e.usable = append(e.usable, d)
		e.facts.Usable = append(e.facts.Usable, d.ref+"@"+d.version)
	}
}

// group puts resources with the same facts under one signature, in the order of the request.
func (e *evaluation) group() {
	index := map[string]int{}
	for i, res := range e.req.Resources {
		it := newItem(res, &e.req.Child)
		found := e.ask(it)
		orders := e.orders(it, it.labels.domains())
		key := e.key(it, found, orders)
		at, known := index[key]
		if !known {
			at = len(e.facts.Signatures)
			index[key] = at
			e.facts.Signatures = append(e.facts.Signatures, e.signature(it, found, orders))
		}
		items := &e.facts.Signatures[at].Items
		*items = append(*items, i)
	}
}

// key holds everything that a signature depends on, so that equal keys have equal facts.
func (e *evaluation) key(it *item, found []*rule, orders []AppliedOrder) string {
	kind := ""
	if it.patient == patientNone {
		kind = it.kind
	}
	b := append(make([]byte, 0, 128), it.patient...)
	b = strconv.AppendQuote(append(b, '|'), kind)
	b = strconv.AppendUint(append(b, '|'), it.labels.bits, 16)
	b = strconv.AppendInt(append(b, '|'), int64(it.labels.effectiveRank()), 10)
	b = strconv.AppendBool(append(b, '|'), it.labels.unknown)
	b = strconv.AppendBool(append(b, '|'), e.keeps(it))
	b = append(append(b, '|'), e.careKind(it)...)
	for i, r := range found {
		if r != nil { // compiled once, so its path names it
			b = strconv.AppendInt(append(b, '|'), int64(i), 10)
			b = append(append(b, ':'), r.path...)
		}
	}
	for _, o := range orders {
		b = strconv.AppendQuote(append(b, '|'), o.ID) // two orders may share an ID, or have none
		b = strconv.AppendBool(append(append(b, o.Effect...), '|'), o.Part2)
		b = strconv.AppendBool(append(b, '|'), o.Notes)
	}
	if it.asked != nil { // each on its own
		b = append(append(b, "|asked "...), it.ref...)
	}
	return string(b)
}

// ask has every usable consent speak about the record; nil where one says nothing.
func (e *evaluation) ask(it *item) []*rule {
	q := e.question(it)
	found := make([]*rule, len(e.usable))
	for i, d := range e.usable {
		found[i] = d.root.decide(q)
	}
	return found
}

func (e *evaluation) keeps(it *item) bool {
	return it.custodian != "" && it.custodian == e.req.Recipient.Organization
}

// careKind is the type of a record where the recipient cares for the child now, "crisis-plan"
// for one that is coded so: what a carer may have goes by kind.
func (e *evaluation) careKind(it *item) string {
	switch {
	case !e.carer || slices.ContainsFunc(it.within, func(kind string) bool { return kind != "Medication" && kind != it.kind }):
		return "" // what it contains counts with it
	case it.crisisPlan:
		return "crisis-plan"
	}
	return it.kind
}

func (e *evaluation) signature(it *item, found []*rule, orders []AppliedOrder) Signature {
	s := Signature{
		Patient: it.patient, Confidentiality: it.labels.confidentialityName(), Labels: it.labels.codes(),
		UnknownLabel: it.labels.unknown, Domains: it.labels.domains(), OwnCustodian: e.keeps(it), Orders: orders,
		Carer: e.careKind(it),
	}
	if it.patient == patientNone {
		s.Kind = it.kind
	}
	s.Medication = e.medication(it)
	s.Guardian = e.guardian(s.Domains)
	s.JointRequired = e.jointRequired(s.Domains)
	s.Notify = e.notify(s.Domains)
	e.provisions(it, found, &s)
	return s
}

// guardian looks at the recipient, and at the organisation it belongs to: the State acts through its staff.
func (e *evaluation) guardian(domains []string) Guardian {
	var g Guardian
	for _, holder := range []string{e.req.Recipient.Ref, e.req.Recipient.Organization} {
		g.Authority = g.Authority || e.req.holds(holder, domains, e.req.AsOf)
		for _, a := range e.req.Authorities {
			if holder != "" && a.Holder == holder {
				g.Known = true
				g.Endangerment = g.Endangerment || a.Endangerment
			}
		}
	}
	return g
}

// notify lists the guardians with authority in every domain of the record whom no order restricts.
func (e *evaluation) notify(domains []string) []string {
	var out []string
	for _, a := range e.req.Authorities {
		if slices.Contains(out, a.Holder) || e.restricted(a.Holder) || !e.req.holds(a.Holder, domains, e.req.AsOf) {
			continue
		}
		out = append(out, a.Holder)
	}
	return out
}

// jointRequired lists who must all have signed: by each domain of the record, else for all.
func (e *evaluation) jointRequired(domains []string) []string {
	var out []string
	for _, d := range domains {
		refs, named := e.req.Child.JointRequired[d]
		if !named {
			refs = e.req.Child.JointRequired[DomainAll]
		}
		for _, ref := range refs {
			if !slices.Contains(out, ref) {
				out = append(out, ref)
			}
		}
	}
	return out
}

// provisions turns what the consents say about the record into grants and denials.
func (e *evaluation) provisions(it *item, found []*rule, s *Signature) {
	for i, d := range e.usable {
		switch r := found[i]; {
		case r == nil:
		case r.permit:
			s.Grants = append(s.Grants, e.grant(d, r, it, s.Domains))
		case r != d.root || !d.root.residual():
			s.Denies = append(s.Denies, Denial{d.ref, r.path})
		}
	}
	for i := range s.Grants {
		s.Grants[i].Joint = e.joint(s.Grants[i].Consent, s)
	}
}

func (e *evaluation) question(it *item) *question {
	return &question{asOf: e.req.AsOf, zone: e.zone, action: e.req.Action, purpose: e.req.Purpose, to: &e.req.Recipient, item: it}
}
