package consent

import (
	"slices"
	"time"
)

// Take lets statements count in a request, whose instant and zone are set and whose
// authorities are filed: those in force on the day of the decision fill in the child. One
// that cannot be read restricts as far as its kind can and releases nothing.
func (r *Request) Take(list []Statement) {
	r.Statements = append(r.Statements, list...)
	joint := map[string][]string{}
	agencies := map[string]bool{}
	for i := range list {
		s := &list[i]
		if s.Kind == StatedCustody {
			r.custody(s) // dated authority counts for the day of signing too
		}
		if !s.InForce(r.AsOf, r.zone()) {
			continue
		}
		r.fill(s, joint)
		if s.Kind == StatedAgency && !s.Unreadable {
			agencies[s.Persons[0]] = true
		}
	}
	r.require(joint)
	for agency := range agencies {
		r.Child.ResponsibleAgency = agency
	}
	if len(agencies) > 1 { // one of them has lost the child, and nobody said which
		r.Child.ResponsibleAgency = ""
	}
}

// InForce reports whether a statement counts at an instant. A restriction whose dates cannot be read does.
func (s *Statement) InForce(at time.Time, zone *time.Location) bool {
	return inForce(s.Start, s.End, at, zoneOr(zone), s.Restricts() || s.Kind == StatedCustody)
}

// custody gives the holders authority on its days: over everything, or in custody without guardianship over ordinary care.
func (r *Request) custody(s *Statement) {
	if s.Unreadable {
		return
	}
	domain := DomainAll
	if s.Code == CustodyState {
		domain = DomainOrdinaryCare
	}
	for _, holder := range s.Persons {
		r.Authorities = append(r.Authorities, Authority{
			Holder: holder, Relationship: s.Code, Domains: []string{domain}, Basis: "custody", Start: s.Start, End: s.End, Evidence: s.Origin.Evidence, Source: s.ID,
		})
	}
}

// fill takes over what one statement in force says of the child.
func (r *Request) fill(s *Statement, joint map[string][]string) {
	c := &r.Child
	if s.Unreadable && !s.Restricts() {
		return
	}
	switch s.Kind {
	case StatedCustody:
		c.LegalStatus = s.Code
	case StatedEmancipation:
		c.Emancipated = true
	case StatedMinor:
		c.minorSays(s)
	case StatedJoint:
		s.requires(joint)
	case StatedAddress:
		c.AddressAllowed = append(c.AddressAllowed, s.Persons...)
	case StatedPlacement:
		c.Carers = append(c.Carers, s.Persons...)
	case StatedOrder:
		c.CourtOrders = append(c.CourtOrders, s.order())
	case StatedFlag:
		r.flag(s)
	}
}

// minorSays: an objection counts for everything, being informed for what it was said of.
func (c *Child) minorSays(s *Statement) {
	if s.Code != MinorInformed {
		c.MinorObjects = true
		return
	}
	c.MinorInformed = c.MinorInformed || len(s.Scope) == 0 ||
		slices.Contains(s.Scope, DomainAll) || slices.Contains(s.Scope, DomainMentalHealth)
}

// unknownSigner stands for signers that cannot be read: their signature can never be complete.
const unknownSigner = "unreadable signer"

func (s *Statement) requires(joint map[string][]string) {
	signers, scope := s.Persons, s.Scope
	if s.Unreadable {
		signers, scope = append(slices.Clone(signers), unknownSigner), append(slices.Clone(scope), DomainAll)
	}
	for _, domain := range scope {
		joint[domain] = append(joint[domain], signers...)
	}
}

// require adds joint signers. One who is asked for in everything is asked for in each domain
// that has signers of its own too: a further requirement never takes one away.
func (r *Request) require(joint map[string][]string) {
	if len(joint) == 0 {
		return
	}
	all := map[string][]string{}
	for domain, signers := range r.Child.JointRequired {
		all[domain] = slices.Clone(signers)
	}
	for domain, signers := range joint {
		all[domain] = append(all[domain], signers...)
	}
	for domain := range all {
		if domain != DomainAll {
			all[domain] = append(all[domain], all[DomainAll]...)
		}
	}
	r.Child.JointRequired = all
}

// order is the court order that a statement says; one that cannot be read restricts everybody in everything.
func (s *Statement) order() Order {
	o := Order{ID: s.ID, Effect: s.Code, Recipients: s.Persons, Scope: s.Scope, Start: s.Start, End: s.End, Part2: s.Part2}
	if s.Unreadable {
		o.Effect, o.Recipients, o.Scope = OrderRestricts, nil, nil
	}
	return o
}

// flag: endangerment is about those it names, or everybody; any other counts as a confidential address.
func (r *Request) flag(s *Statement) {
	if s.Code != FlagEndangerment || s.Unreadable {
		r.Child.Flags = append(r.Child.Flags, FlagAddress)
	}
	if s.Code != FlagEndangerment && !s.Unreadable {
		return
	}
	r.Authorities = slices.Clone(r.Authorities)
	for i := range r.Authorities {
		if s.Unreadable || len(s.Persons) == 0 || slices.Contains(s.Persons, r.Authorities[i].Holder) {
			r.Authorities[i].Endangerment = true
		}
	}
	r.Child.endangering = append(r.Child.endangering, s.Persons...)
	r.Child.endangered = r.Child.endangered || s.Unreadable || len(s.Persons) == 0
}

// excluded reports whether custody that is one holder's alone at an instant leaves this one out.
func (r *Request) excluded(holder string, at time.Time) bool {
	return slices.ContainsFunc(r.Statements, func(s Statement) bool {
		alone := s.Unreadable || s.Code == CustodySole || s.Code == CustodyGuardian
		return s.Kind == StatedCustody && alone && s.InForce(at, r.zone()) && (s.Unreadable || !slices.Contains(s.Persons, holder))
	})
}

// carer reports whether the recipient, or its organisation, cares for the child now.
func (r *Request) carer() bool {
	c, to := &r.Child, &r.Recipient
	if c.endangered {
		return false
	}
	is := func(ref string) bool { return ref != "" && (ref == to.Ref || ref == to.Organization) }
	return slices.ContainsFunc(c.Carers, is) && !slices.ContainsFunc(c.endangering, is)
}
