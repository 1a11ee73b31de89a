package translate

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"caregate/fhir"
)

// dtmConverter is a date or time (HL7 v2.5.1 section 2.A.22). Its argument is the FHIR
// datatype of the target: date, dateTime or instant, or "timed" for a dateTime that only
// a time makes; a second one, "minute", lets an instant be said to the minute, as appointments are. Precision is kept; a time needs an
// offset, its own or that of the profile's zone, and is a date without one.
type dtmConverter struct{}

var (
	dtmForm      = regexp.MustCompile(`^(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\.\d{1,4})?([+-]\d{4})?$`)
	dateTimeForm = regexp.MustCompile(`^(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2}):(\d{2})(\.\d+)?(Z|[+-]\d{2}:\d{2}))?)?)?$`)
)

func (dtmConverter) to(c *call, v value) *fhir.Node {
	s := strings.TrimSpace(v.text(1))
	if s == "" {
		return nil
	}
	parts := dtmForm.FindStringSubmatch(s)
	if parts == nil || !gapless(parts[1:7]) || !onCalendar(parts) {
		c.report(IssueBadDate, "not a date or time; left out and carried")
		return nil
	}
	date := strings.Join(nonEmpty(parts[1:4]), "-")
	switch {
	case c.arg(0) == "timed" && parts[4] == "":
		return nil
	case c.arg(0) == "date" || (parts[4] == "" && c.arg(0) == "dateTime"):
		return fhir.NewString(date)
	case parts[5] == "" || (c.arg(0) == "instant" && parts[6] == "" && c.arg(1) != "minute"):
		c.state(v)
		return c.reduced(date, IssuePrecision, "time is not precise enough")
	}
	offset, code, why := c.j.p.offset(parts)
	if offset == "" {
		c.state(v)
		return c.reduced(date, code, why)
	}
	if parts[8] == "" {
		c.annotate(zoneURL, "valueCode", fhir.NewString(c.j.p.Zone))
	}
	if parts[6] == "" {
		c.annotate(precisionURL, "valueCode", fhir.NewString("minute"))
	}
	return fhir.NewString(date + "T" + parts[4] + ":" + parts[5] + ":" + or(parts[6], "00") + parts[7] + offset)
}

// statedURL is the time as far as it was said, beside an instant that is not there.
const statedURL = Extensions + "stated"

// state keeps what an instant cannot say: a time to the minute, or a date.
func (c *call) state(v value) {
	if c.arg(0) != "instant" || !c.keep {
		return
	}
	d := c.below(c.location, []string{"dateTime"}).silent()
	n := (dtmConverter{}).to(d, v)
	if n == nil || (dtmConverter{}).from(d, n).String() != v.String() {
		return
	}
	c.annotate(statedURL, "valueDateTime", n)
	if d.beside != nil {
		exts := c.beside.Get("extension")
		exts.Item(exts.Len()-1).Set("_valueDateTime", d.beside)
	}
}

// reduced gives up the time: a date remains where the target takes one.
func (c *call) reduced(date, code, why string) *fhir.Node {
	if c.arg(0) == "instant" || c.arg(0) == "timed" {
		c.report(code, why+"; left out and carried")
		return nil
	}
	c.report(code, why+"; reduced to the date, original carried")
	return fhir.NewString(date)
}

// offset returns the FHIR offset of a time, or the code of an issue and why it is not known.
func (p *Profile) offset(parts []string) (offset, code, why string) {
	switch off := parts[8]; {
	case off == "+0000":
		return "Z", "", ""
	case off != "" && (off[1:3] > "14" || off[3:] > "59" || (off[1:3] == "14" && off[3:] != "00")):
		return "", IssueBadDate, "offset is not one"
	case off != "":
		return off[:3] + ":" + off[3:], "", ""
	case p.Zone == "":
		return "", IssueNoZone, "local time, and the profile has no zone"
	}
	zone, err := zoneNamed(p.Zone)
	if err != nil {
		return "", IssueNoZone, "the profile's zone is unknown"
	}
	local := strings.Join(parts[1:6], "") + or(parts[6], "00")
	at, err := time.ParseInLocation("20060102150405", local, zone)
	if err != nil || at.Format("20060102150405") != local || ambiguous(at) {
		return "", IssueZone, "local time that the zone skips or has twice"
	}
	if off := at.Format("-07:00"); off != "+00:00" {
		return off, "", ""
	}
	return "Z", "", ""
}

var zones sync.Map // IANA name -> *time.Location: reading one takes longer than a message

var errLocal = errors.New("the zone of this machine says nothing")

// zoneNamed returns a zone by its IANA name; a resource may name any, but not that of the server.
func zoneNamed(name string) (*time.Location, error) {
	if name == "Local" {
		return nil, errLocal
	}
	if zone, ok := zones.Load(name); ok {
		return zone.(*time.Location), nil
	}
	zone, err := time.LoadLocation(name)
	if err == nil {
		zones.Store(name, zone)
	}
	return zone, err
}

// ambiguous tells whether the clock shows the same local time again within three hours.
func ambiguous(at time.Time) bool {
	local := at.Format("20060102150405")
	for m := 30; m <= 180; m += 30 {
		d := time.Duration(m) * time.Minute
		if at.Add(d).Format("20060102150405") == local || at.Add(-d).Format("20060102150405") == local {
			return true
		}
	}
	return false
}

// onCalendar tells whether the parts are a day of the calendar and a time of the day.
func onCalendar(parts []string) bool {
	full := parts[1] + or(parts[2], "01") + or(parts[3], "01") + or(parts[4], "00") + or(parts[5], "00") + or(parts[6], "00")
	_, err := time.Parse("20060102150405", full)
	return err == nil && parts[1] != "0000"
}

// gapless tells whether no part stands after an empty one.
func gapless(parts []string) bool {
	empty := false
	for _, p := range parts {
		if p != "" && empty {
			return false
		}
		empty = empty || p == ""
	}
	return true
}

func (dtmConverter) from(c *call, n *fhir.Node) value {
	if n == nil {
		for _, ext := range c.beside.Get("extension").Items() {
			if ext.Get("url").Text() == statedURL {
				return c.take(ext, "valueDateTime", dtmConverter{})
			}
		}
	}
	parts := dateTimeForm.FindStringSubmatch(n.Text())
	if parts == nil {
		return nil
	}
	if parts[4] == "" {
		return textValue(strings.Join(parts[1:4], ""))
	}
	if !c.j.wayBack && (c.j.p.DTM.NoOffset || c.j.p.DTM.Precision != "") {
		return textValue(c.j.p.formTime(n.Text()))
	}
	if parts[6] == "00" && extensionOf(c.beside, precisionURL, "valueCode").Text() == "minute" {
		parts[6] = ""
	}
	if c.j.wayBack && c.local(parts) {
		return textValue(strings.Join(parts[1:8], ""))
	}
	offset := strings.Replace(parts[8], ":", "", 1)
	if offset == "Z" {
		offset = "+0000"
	}
	return textValue(strings.Join(parts[1:8], "") + offset)
}

// local tells whether a time came without an offset: it was one of the zone that stands
// beside it, and still has the offset of that zone.
func (c *call) local(parts []string) bool {
	zone := extensionOf(c.beside, zoneURL, "valueCode").Text()
	if zone == "" {
		return false
	}
	naked := append(slices.Clone(parts[:8]), "")
	offset, _, _ := (&Profile{Zone: zone}).offset(naked)
	return offset == parts[8]
}

// formTime writes a FHIR dateTime in the partner's precision and offset form.
func (p *Profile) formTime(dateTime string) string {
	at, err := time.Parse(time.RFC3339Nano, dateTime)
	if err != nil {
		return ""
	}
	return p.formInstant(at)
}

// formInstant writes an instant in the partner's precision and offset form. Without an
// offset a time has meaning only in the partner's zone; no zone, no time.
func (p *Profile) formInstant(at time.Time) string {
	layout := map[string]string{"day": "20060102", "minute": "200601021504"}[p.DTM.Precision]
	if layout == "" {
		layout = "20060102150405"
	}
	if p.Zone != "" {
		if zone, err := zoneNamed(p.Zone); err == nil && p.DTM.NoOffset {
			at = at.In(zone)
		}
	} else if p.DTM.NoOffset {
		layout = "20060102"
	}
	if !p.DTM.NoOffset && len(layout) > 8 {
		layout += "-0700"
	}
	return at.Format(layout)
}

func nonEmpty(parts []string) []string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
