package translate

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"caregate/hl7v2"
)

// ErrLength says that something is longer than the partner takes and must not be cut.
var ErrLength = errors.New("translate: the partner does not take something this long")

// conform brings what is written into the form that the partner's profile asks for: how
// authorities are named, where lines end, how long what may be. It says nothing else than
// before; words that it cuts are an issue, and what must not be cut is ErrLength.
func (w *writer) conform() error {
	if w.wayBack {
		return nil
	}
	for _, seg := range w.segs {
		if seg.name == "MSH" {
			continue // from the profile
		}
		w.authoritiesOf(seg)
		w.linesOf(seg)
	}
	if w.p.truncates() {
		w.declareTruncation()
	}
	return errors.Join(w.attachments(), w.lengths())
}

// datatypeOf returns the datatype of a field as it is sent.
func (w *writer) datatypeOf(seg *segment, n int) string {
	if seg.name == "OBX" && n == 5 {
		return seg.text(2, 1)
	}
	_, datatype := hl7v2.FieldName(seg.name, n, or(w.p.Version, defaultVersion))
	return datatype
}

// authoritiesOf writes assigning authorities and facilities (HD) as the partner knows them.
// The numbers of orders and referrals (EI) are the sender's own and stay as they are.
func (w *writer) authoritiesOf(seg *segment) {
	if w.p.HD == "" {
		return
	}
	for n := range seg.fields {
		datatype := w.datatypeOf(seg, n+1)
		for i, raw := range seg.fields[n] {
			if raw == null {
				continue
			}
			v := parseValue(raw)
			if datatype == "HD" {
				seg.fields[n][i] = w.p.named(v).String()
				continue
			}
			for c := range v {
				if _, of := hl7v2.ComponentName(datatype, c+1, w.p.Version); of == "HD" {
					v[c] = parts(w.p.named(v.comp(c + 1)))
				}
			}
			seg.fields[n][i] = v.String()
		}
	}
}

// parts returns the components of a value as subcomponents.
func parts(v value) []string {
	if len(v) == 0 {
		return []string{""}
	}
	return value(nil).setComp(1, v)[0]
}

// named is an HD in the partner's style; what only the other style says stays.
func (p *Profile) named(hd value) value {
	switch {
	case p.HD == "namespace" && hd.raw(1, 1) != "":
		return value{hd[0]}
	case p.HD == "universal" && hd.raw(2, 1) != "":
		return hd.clear(1)
	}
	return hd
}

// linesOf writes line ends as the partner takes them.
func (w *writer) linesOf(seg *segment) {
	if w.p.LineBreak == "" || w.p.LineBreak == ".br" {
		return
	}
	for n := range seg.fields {
		datatype := w.datatypeOf(seg, n+1)
		var reps []string
		for _, raw := range seg.fields[n] {
			if w.p.LineBreak == "repeat" && (datatype == "TX" || datatype == "FT") {
				reps = append(reps, strings.Split(raw, `\.br\`)...)
			} else {
				reps = append(reps, strings.ReplaceAll(raw, `\.br\`, " "))
			}
		}
		seg.fields[n] = reps
	}
}

// attachments refuses documents that are larger than the partner takes.
func (w *writer) attachments() error {
	for _, seg := range w.segs {
		if seg.name != "OBX" || w.p.MaxAttachment == 0 {
			continue
		}
		for _, raw := range seg.reps(5) {
			if v := parseValue(raw); seg.text(2, 1) == "ED" && len(v.raw(5, 1)) > w.p.MaxAttachment {
				w.report(spot(seg, 5, 5), IssueTooLong, "the document is larger than the partner takes")
				return ErrLength
			}
		}
	}
	return nil
}

func spot(seg *segment, field, component int) string {
	return hl7v2.Path{Segment: seg.name, Sequence: seg.seq, Field: field, Component: component}.String()
}

// lengths cuts words that are too long, and refuses anything else that is.
func (w *writer) lengths() error {
	var failed error
	for _, seg := range w.segs {
		for n := range seg.fields {
			for path, most := range w.p.Lengths {
				at, err := hl7v2.ParsePath(path)
				if err != nil || at.Segment != seg.name || at.Field != n+1 {
					continue
				}
				for i, raw := range seg.fields[n] {
					fits, err := w.fit(seg, at, raw, most)
					if seg.fields[n][i] = fits; err != nil {
						failed = err
					}
				}
			}
		}
	}
	return failed
}

// fit returns a repetition in which a field or component has at most so many characters.
func (w *writer) fit(seg *segment, at hl7v2.Path, raw string, most int) (string, error) {
	v, d := parseValue(raw), w.p.delimiters()
	part := raw
	if at.Component > 0 {
		part = v.comp(at.Component).String()
	}
	text := []rune(hl7v2.Unescape(part, d))
	if len(text) <= most {
		return raw, nil
	}
	location := spot(seg, at.Field, at.Component)
	if !words(w.datatypeOf(seg, at.Field), at.Component) || strings.ContainsAny(part, "^&") {
		w.report(location, IssueTooLong, "longer than the partner takes, and must not be cut")
		return raw, ErrLength
	}
	w.report(location, IssueTooLong, "longer than the partner takes; the end was cut")
	cut := escapeBy(string(text[:most]), d)
	if d.Truncation != 0 {
		cut = escapeBy(string(text[:most-1]), d) + string(d.Truncation)
	}
	if at.Component == 0 {
		return cut, nil
	}
	v[at.Component-1] = []string{cut}
	return v.String(), nil
}

// delimiters are those of what is sent.
func (p *Profile) delimiters() hl7v2.Delimiters {
	d := delims
	if p.truncates() {
		d.Truncation = '#'
	}
	return d
}

// words tells whether a field or component is text for people, of which a beginning is
// better than nothing: TX and FT, and the words beside a code. Names, numbers, codes and
// dates are never cut, nor is ST, which holds numbers too.
func words(datatype string, component int) bool {
	switch datatype {
	case "TX", "FT":
		return component <= 1
	case "CE", "CWE", "CNE", "CF":
		return component == 2 || component == 5 || component == 9
	}
	return false
}

// truncates tells whether the message says where it was cut: from 2.7 on, if the partner wants it.
func (p *Profile) truncates() bool { return p.Truncation && or(p.Version, defaultVersion) >= "2.7" }

// declareTruncation writes MSH-2 with the truncation character, and that character in texts as \P\.
func (w *writer) declareTruncation() {
	for _, seg := range w.segs {
		for n := range seg.fields {
			if seg.name == "MSH" && n == 1 {
				seg.fields[n] = []string{w.p.delimiters().Encoding()}
				continue
			}
			for i, raw := range seg.fields[n] {
				seg.fields[n][i] = strings.ReplaceAll(raw, "#", `\P\`)
			}
		}
	}
}

// sendsZ tells whether a Z segment that came with the message is written out.
func (p *Profile) sendsZ(name string) bool {
	return p.ZSegments == "send" && (len(p.SendZ) == 0 || slices.Contains(p.SendZ, name))
}

// ends returns what a segment ends with.
func (p *Profile) ends() string {
	switch p.Terminator {
	case "crlf":
		return "\r\n"
	case "lf":
		return "\n"
	}
	return "\r"
}

var versionForm = regexp.MustCompile(`^(2\.[1-9](\.[0-9])?)?$`)

// check holds that each key has a value that it may have.
func (p *Profile) check() error {
	for _, c := range []struct {
		key, value string
		may        []string
	}{
		{"dtm.precision", p.DTM.Precision, []string{"", "day", "minute", "second"}},
		{"zSegments", p.ZSegments, []string{"", "carry", "drop", "send"}},
		{"updates", p.Updates, []string{"", "fields", "snapshot"}},
		{"hd", p.HD, []string{"", "namespace", "universal"}},
		{"terminator", p.Terminator, []string{"", "cr", "crlf", "lf"}},
		{"lineBreak", p.LineBreak, []string{"", ".br", "repeat", "space"}},
		{"acceptAck", p.AcceptAck, []string{"", "AL", "NE", "ER", "SU"}},
		{"applicationAck", p.ApplicationAck, []string{"", "AL", "NE", "ER", "SU"}},
	} {
		if !slices.Contains(c.may, c.value) {
			return fmt.Errorf("translate profile: %s: one of %s", c.key, strings.Trim(strings.Join(c.may, ", "), ", "))
		}
	}
	if !versionForm.MatchString(p.Version) {
		return errors.New("translate profile: version: not a version of HL7 v2, such as 2.5.1")
	}
	if err := p.checkCodes(); err != nil {
		return err
	}
	for path, most := range p.Lengths {
		if at, err := hl7v2.ParsePath(path); err != nil || at.Field == 0 || at.Repetition+at.Sequence+at.Subcomponent > 0 || most < 1 {
			return fmt.Errorf("translate profile: lengths: %q is not a field or component with a length, such as NTE-3: 200", path)
		}
	}
	return nil
}

// checkCodes holds that what the profile says of codes is about tables that there are.
func (p *Profile) checkCodes() error {
	m, err := loaded()
	if err != nil {
		return err
	}
	for table := range p.Codes {
		if m.codes[table] == nil {
			v2, _, _ := strings.Cut(table, ".")
			return fmt.Errorf("translate profile: codes: there is no code table %q; of %s there are: %s", table, v2, strings.Join(m.codeTablesOf(v2), ", "))
		}
	}
	for _, v2 := range p.HoldCodes {
		if v2 != "all" && len(m.codeTablesOf(v2)) == 0 {
			return fmt.Errorf("translate profile: holdCodes: no code table reads %q", v2)
		}
	}
	return nil
}

// codeTablesOf returns the names of the code tables of an HL7 table, in order.
func (m *maps) codeTablesOf(v2 string) []string {
	var names []string
	for name, t := range m.codes {
		if t.v2 == v2 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
