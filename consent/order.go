package consent

import "slices"

// orders lists the court orders in force that speak of this recipient and record. A
// restriction that cannot be read restricts; an authorisation that cannot be read authorises nothing.
func (e *evaluation) orders(it *item, domains []string) []AppliedOrder {
	var out []AppliedOrder
	for _, o := range e.req.Child.CourtOrders {
		authorizes := o.Effect == "authorize"
		if !inForce(o.Start, o.End, e.req.AsOf, e.zone, !authorizes) {
			continue
		}
		if !o.addresses(&e.req.Recipient, !authorizes) || !o.reaches(it, domains, !authorizes) {
			continue
		}
		a := AppliedOrder{ID: o.ID, Effect: "restrict", Part2: o.Part2, Notes: slices.Contains(o.Scope, "PSYTHPN")}
		if authorizes {
			a.Effect = "authorize"
		}
		out = append(out, a)
	}
	return out
}

// addresses matches the recipient or its organisation, not those above it.
func (o *Order) addresses(r *Recipient, restricts bool) bool {
	if len(o.Recipients) == 0 {
		return restricts
	}
	return slices.ContainsFunc(o.Recipients, func(ref string) bool {
		return ref != "" && (ref == r.Ref || ref == r.Organization)
	})
}

// reaches matches the scope: all, every domain of the record (any for a restriction), its
// type, or one of its labels. Without scope a restriction reaches everything and an authorisation nothing.
func (o *Order) reaches(it *item, domains []string, restricts bool) bool {
	if len(o.Scope) == 0 {
		return restricts
	}
	in := func(s string) bool { return slices.Contains(o.Scope, s) }
	if in(DomainAll) || in(it.kind) || slices.ContainsFunc(it.labels.codes(), in) {
		return true
	}
	if restricts {
		return slices.ContainsFunc(domains, in)
	}
	return !slices.ContainsFunc(domains, func(d string) bool { return !in(d) })
}

// restricted reports whether any order in force restricts a person.
func (e *evaluation) restricted(ref string) bool {
	return slices.ContainsFunc(e.req.Child.CourtOrders, func(o Order) bool {
		return o.Effect != "authorize" && inForce(o.Start, o.End, e.req.AsOf, e.zone, true) && o.addresses(&Recipient{Ref: ref}, true)
	})
}
