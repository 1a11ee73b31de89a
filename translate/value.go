package translate

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"caregate/hl7v2"
)

// null is the v2 value that asks the receiver to delete what it holds.
const null = `""`

// delims are the delimiters of every raw text inside this package.
var delims = hl7v2.DefaultDelimiters

// value is one repetition of a field: its components and their subcomponents, raw,
// in default delimiters. A component seen as a value has its subcomponents as components.
type value [][]string

// parseValue splits the raw text of one repetition.
func parseValue(raw string) value {
	if raw == "" {
		return nil
	}
	if strings.IndexByte(raw, '^') < 0 && strings.IndexByte(raw, '&') < 0 {
		return one(raw)
	}
	comps := strings.Count(raw, "^") + 1
	room := roomForValue{make(value, 0, comps), make([]string, 0, comps+strings.Count(raw, "&"))}
	return room.parse(raw)
}

// roomForValue holds one value, and the next when that is done with.
type roomForValue struct {
	comps value
	parts []string // of all components
}

// parse is parseValue in the room.
func (room *roomForValue) parse(raw string) value {
	if raw == "" {
		return nil
	}
	v, parts := room.comps[:0], room.parts[:0]
	for comp := range strings.SplitSeq(raw, "^") {
		first := len(parts)
		for sub := range strings.SplitSeq(comp, "&") {
			parts = append(parts, sub)
		}
		v = append(v, parts[first:len(parts):len(parts)])
	}
	room.comps, room.parts = v, parts
	return slices.Clip(v) // what grows moves away
}

// one makes a value of one raw leaf.
func one(raw string) value {
	room := &struct {
		comps [1][]string
		subs  [1]string
	}{subs: [1]string{raw}}
	room.comps[0] = room.subs[:]
	return room.comps[:]
}

// textValue makes a value of one text, escaped.
func textValue(s string) value {
	if s == "" {
		return nil
	}
	return one(escape(s))
}

// escape writes text so that nothing in it can end a field, a segment or a frame; a line end is \.br\.
func escape(s string) string {
	return escapeBy(s, delims)
}

func escapeBy(s string, d hl7v2.Delimiters) string {
	if !strings.Contains(s, "\n") {
		return hl7v2.Escape(s, d)
	}
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = hl7v2.Escape(line, d)
	}
	return strings.Join(lines, `\.br\`)
}

// unescape returns the text of a raw leaf; one that FHIR has no string for stays as it is written.
func unescape(raw string) string {
	if raw == null {
		return ""
	}
	text := hl7v2.Unescape(raw, delims)
	if len(text) != len(raw) && (!utf8.ValidString(text) || strings.IndexFunc(text, isControl) >= 0) {
		return raw
	}
	return text
}

// isControl tells whether FHIR strings may not have the character (R4 2.24.0.1).
func isControl(r rune) bool { return r < ' ' && r != '\t' && r != '\r' && r != '\n' }

// visible writes the control characters of a raw text, and bytes that are no UTF-8, as escape
// sequences: FHIR cannot hold them, and which character was meant is a guess.
func visible(raw string) string {
	if strings.IndexFunc(raw, isControl) < 0 && utf8.ValidString(raw) {
		return raw
	}
	var out strings.Builder
	for len(raw) > 0 {
		r, size := utf8.DecodeRuneInString(raw)
		if isControl(r) || (r == utf8.RuneError && size == 1) {
			fmt.Fprintf(&out, `\X%02X\`, raw[0])
		} else {
			out.WriteString(raw[:size])
		}
		raw = raw[size:]
	}
	return out.String()
}

// raw returns subcomponent s of component c, both 1-based, "" where there is none.
func (v value) raw(c, s int) string {
	if c < 1 || c > len(v) || s < 1 || s > len(v[c-1]) {
		return ""
	}
	return v[c-1][s-1]
}

// text returns the unescaped first subcomponent of component c; null has no text, nor has
// white space, which is no string in FHIR: it is carried.
func (v value) text(c int) string {
	s := unescape(v.raw(c, 1))
	if strings.TrimSpace(s) == "" {
		return ""
	}
	return s
}

// comp returns component c as a value of its own.
func (v value) comp(c int) value {
	if c < 1 || c > len(v) {
		return nil
	}
	sub := make(value, len(v[c-1]))
	for i := range sub {
		sub[i] = v[c-1][i : i+1 : i+1]
	}
	if sub.empty() {
		return nil
	}
	return sub
}

// has tells whether there is something at component c.
func (v value) has(c int) bool {
	return c >= 1 && c <= len(v) && !v[c-1:c].empty()
}

// set puts a text, escaped, at component c and returns the value.
func (v value) set(c int, text string) value {
	if text == "" {
		return v
	}
	return v.setRaw(c, escape(text))
}

// setRaw puts a raw leaf at component c and returns the value.
func (v value) setRaw(c int, raw string) value {
	fresh := c > len(v)
	v = v.grow(c)
	if leaf := v[c-1]; fresh && &leaf[0] != &nothing[0] {
		leaf[0] = raw // room that nobody else has seen
		return v
	}
	v[c-1] = []string{raw}
	return v
}

// setComp puts a value at component c, its components as subcomponents, and returns the value.
func (v value) setComp(c int, sub value) value {
	if len(sub) == 0 {
		return v
	}
	if len(sub) == 1 {
		return v.setRaw(c, sub[0][0])
	}
	v = v.grow(c)
	v[c-1] = make([]string, 0, len(sub))
	for _, s := range sub {
		v[c-1] = append(v[c-1], s[0])
	}
	return v
}

// nothing is a component that is empty; no value ever changes it.
var nothing = []string{""}

// repeats tells whether the value is that of several repetitions, joined.
func (v value) repeats() bool {
	return len(v) == 1 && len(v[0]) == 1 && strings.Contains(v[0][0], "~")
}

// fill takes the components of w that v does not have.
func (v value) fill(w value) value {
	for i := range w {
		if len(v.comp(i+1)) == 0 {
			v = v.setComp(i+1, w.comp(i+1))
		}
	}
	return v
}

// clear empties components and returns the value.
func (v value) clear(comps ...int) value {
	for _, c := range comps {
		if c <= len(v) {
			v[c-1] = nothing
		}
	}
	if v.String() == "" {
		return nil
	}
	return v
}

// grow returns the value with n components at least.
func (v value) grow(n int) value {
	if v == nil && n <= 5 { // most have no more: all of them in one piece
		room := &struct {
			comps  [5][]string
			leaves [5]string
		}{}
		for i := range room.comps {
			room.comps[i] = room.leaves[i : i+1 : i+1]
		}
		return room.comps[:n]
	}
	old := len(v)
	if n <= old {
		return v
	}
	v = slices.Grow(v, n-old)[:n]
	for i := old; i < n; i++ {
		if len(v[i]) != 1 || v[i][0] != "" {
			v[i] = nothing
		}
	}
	return v
}

// empty tells whether there is nothing but separators.
func (v value) empty() bool {
	for _, comp := range v {
		for _, sub := range comp {
			if strings.Trim(sub, "^&") != "" {
				return false
			}
		}
	}
	return true
}

// String returns the raw text without trailing empty parts.
func (v value) String() string {
	if len(v) == 1 && len(v[0]) == 1 {
		return strings.TrimRight(strings.TrimRight(v[0][0], "&"), "^")
	}
	size := len(v)
	for _, comp := range v {
		for _, sub := range comp {
			size += len(sub) + 1
		}
	}
	var out strings.Builder
	out.Grow(size) // one copy: a component may be a whole document
	carets := 0
	for _, comp := range v {
		last := len(comp)
		for last > 0 && strings.Trim(comp[last-1], "&") == "" {
			last--
		}
		if last > 0 {
			for ; carets > 0; carets-- {
				out.WriteByte('^')
			}
		}
		for k, sub := range comp[:last] {
			if k > 0 {
				out.WriteByte('&')
			}
			if k == last-1 {
				sub = strings.TrimRight(sub, "&")
			}
			out.WriteString(sub)
		}
		carets++
	}
	return strings.TrimRight(out.String(), "^")
}

// blank is white space as a carrier holds it.
var blank = regexp.MustCompile(`^\\X((20|09|0B|0C|0D|0A|C2A0|C285|E2[0-9A-F]{4}|E1[0-9A-F]{4}|E3[0-9A-F]{4})*)\\$`)

// carrierText is raw text as a carrier holds it: FHIR has no string of white space alone,
// and none that is empty, which says that the field was.
func carrierText(raw string) string {
	if strings.TrimSpace(raw) != "" {
		return raw
	}
	return `\X` + strings.ToUpper(hex.EncodeToString([]byte(raw))) + `\`
}

// safeRaw returns raw text of one field that a carrier brought, with everything in it
// that could end the field or more of the message escaped: a carrier may be forged.
func safeRaw(raw string) string {
	if strings.HasPrefix(raw, `\X`) && blank.MatchString(raw) {
		if text, err := hex.DecodeString(raw[len(`\X`) : len(raw)-1]); err == nil && utf8.Valid(text) {
			raw = string(text)
		}
	}
	if strings.IndexFunc(raw, func(r rune) bool { return r < ' ' || r == '|' || r == 0x7f }) < 0 {
		return raw
	}
	var b strings.Builder
	for _, r := range raw {
		if r < ' ' || r == '|' || r == 0x7f {
			b.WriteString(hl7v2.Escape(string(r), delims))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
