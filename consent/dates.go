package consent

import (
	"fmt"
	"time"

	"caregate/fhir"
)

// date is a FHIR date, dateTime or instant. A date without a time is the whole day (month,
// year) where the child lives, so its bounds are only known with a zone.
type date struct {
	t         time.Time // the instant, or midnight UTC of the first day
	precision int       // precisionYear to precisionInstant
}

const (
	precisionYear = iota
	precisionMonth
	precisionDay
	precisionInstant
)

// parseDate reads a FHIR date or dateTime; a time must carry its zone (R4 2.24.0.1).
func parseDate(s string) (date, error) {
	for p, layout := range []string{"2006", "2006-01", "2006-01-02", time.RFC3339Nano} {
		if t, err := time.Parse(layout, s); err == nil {
			return date{t, p}, nil
		}
	}
	return date{}, fmt.Errorf("not a FHIR date or dateTime")
}

// start is the first instant of the date.
func (d date) start(zone *time.Location) time.Time {
	if d.precision == precisionInstant {
		return d.t
	}
	return time.Date(d.t.Year(), d.t.Month(), d.t.Day(), 0, 0, 0, 0, zone)
}

// end is the first instant after the date.
func (d date) end(zone *time.Location) time.Time {
	y, m, day := d.t.Date()
	switch d.precision {
	case precisionInstant:
		return d.t.Add(1)
	case precisionDay:
		day++
	case precisionMonth:
		m++
	default:
		y++
	}
	return time.Date(y, m, day, 0, 0, 0, 0, zone)
}

// period is a FHIR Period; an absent bound is open.
type period struct{ from, to *date }

func parsePeriod(n *fhir.Node) (*period, error) {
	if n == nil {
		return nil, nil
	}
	p, err := newPeriod(n.Get("start").Text(), n.Get("end").Text())
	if err != nil {
		return nil, err
	}
	if p.from != nil && p.to != nil && !p.from.start(time.UTC).Before(p.to.end(time.UTC)) {
		return nil, fmt.Errorf("period ends before it starts")
	}
	return p, nil
}

// newPeriod reads two dates of which either may be empty.
func newPeriod(start, end string) (*period, error) {
	from, err := optionalDate(start)
	if err != nil {
		return nil, err
	}
	to, err := optionalDate(end)
	return &period{from, to}, err
}

func optionalDate(s string) (*date, error) {
	if s == "" {
		return nil, nil
	}
	d, err := parseDate(s)
	return &d, err
}

// contains reports whether the instant lies in the period; both bounds are inclusive.
func (p *period) contains(at time.Time, zone *time.Location) bool {
	return !p.notYet(at, zone) && !p.over(at, zone)
}

func (p *period) notYet(at time.Time, zone *time.Location) bool {
	return p != nil && p.from != nil && at.Before(p.from.start(zone))
}

func (p *period) over(at time.Time, zone *time.Location) bool {
	return p != nil && p.to != nil && !at.Before(p.to.end(zone))
}

// holds reports whether the span lies wholly inside the period.
func (p *period) holds(s span, zone *time.Location) bool {
	return (p.from == nil || !s.from.Before(p.from.start(zone))) && (p.to == nil || !s.to.After(p.to.end(zone)))
}

// touches reports whether the span has an instant in the period.
func (p *period) touches(s span, zone *time.Location) bool {
	return (p.from == nil || s.to.After(p.from.start(zone))) && (p.to == nil || s.from.Before(p.to.end(zone)))
}

// span is a stretch of time, the end exclusive.
type span struct{ from, to time.Time }

// inForce reports whether local days, inclusive, contain the day of an instant. Bounds that
// cannot be read are answered by unreadable, so that a permit lapses and a restriction stays.
func inForce(start, end string, at time.Time, zone *time.Location, unreadable bool) bool {
	p, err := newPeriod(start, end)
	if err != nil {
		return unreadable
	}
	return p.contains(at, zone)
}

// ageOn is the age in whole years on the local day of an instant; -1 when the day of birth is unknown.
// A child born on 29 February comes of age on 1 March of other years.
func ageOn(birth string, at time.Time, zone *time.Location) int {
	b, err := parseDate(birth)
	if err != nil || b.precision != precisionDay {
		return -1
	}
	age := at.In(zone).Year() - b.t.Year()
	if at.Before(birthday(b, age, zone)) {
		age--
	}
	return max(age, -1)
}

func birthday(b date, age int, zone *time.Location) time.Time {
	return time.Date(b.t.Year()+age, b.t.Month(), b.t.Day(), 0, 0, 0, 0, zone)
}
