package consent

import "time"

// nextChange is the first instant after the decision at which a date of the request is crossed.
func (e *evaluation) nextChange() time.Time {
	var next time.Time
	consider := func(at time.Time) {
		if at.After(e.req.AsOf) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	for _, d := range e.all {
		if d.root == nil || d.status != "active" {
			continue
		}
		consider(d.dateTime.start(e.zone))
		d.root.dates(e.zone, consider)
	}
	for _, a := range e.req.Authorities {
		considerDays(a.Start, a.End, e.zone, consider)
	}
	for _, s := range e.req.Statements {
		considerDays(s.Start, s.End, e.zone, consider)
	}
	for _, o := range e.req.Child.CourtOrders {
		considerDays(o.Start, o.End, e.zone, consider)
	}
	e.medicationDates(consider)
	if b, err := parseDate(e.req.Child.BirthDate); err == nil && !e.facts.Adult {
		consider(birthday(b, e.facts.Age+1, e.zone)) // ages that matter to the law are whole years
	}
	return next
}

func considerDays(start, end string, zone *time.Location, consider func(time.Time)) {
	if p, err := newPeriod(start, end); err == nil {
		p.bounds(zone, consider)
	}
}

func (p *period) bounds(zone *time.Location, consider func(time.Time)) {
	if p == nil {
		return
	}
	if p.from != nil {
		consider(p.from.start(zone))
	}
	if p.to != nil {
		consider(p.to.end(zone))
	}
}

func (r *rule) dates(zone *time.Location, consider func(time.Time)) {
	r.when.period.bounds(zone, consider)
	for _, child := range r.children {
		child.dates(zone, consider)
	}
}
