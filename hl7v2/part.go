package hl7v2

import "strings"

// null is the null value: delete what you hold (HL7 v2.5.1 section 2.5.3).
const null = `""`

// Levels below the field.
const (
	repetition = iota
	component
	subcomponent
)

// separator returns the delimiter of a level, 0 for none.
func separator(d *Delimiters, level int) byte {
	if d == nil {
		return 0
	}
	return [...]byte{d.Repetition, d.Component, d.Subcomponent}[level]
}

// parts returns how many parts sep makes of s.
func parts(s string, sep byte) int {
	if s == "" {
		return 0
	}
	n := 1
	for sep != 0 {
		i := strings.IndexByte(s, sep)
		if i < 0 {
			break
		}
		n++
		s = s[i+1:]
	}
	return n
}

// nthPart returns part n of s, 1-based, "" when there is none.
func nthPart(s string, sep byte, n int) string {
	if sep == 0 {
		if n == 1 {
			return s
		}
		return ""
	}
	for ; n > 1; n-- {
		i := strings.IndexByte(s, sep)
		if i < 0 {
			return ""
		}
		s = s[i+1:]
	}
	if n < 1 {
		return ""
	}
	if i := strings.IndexByte(s, sep); i >= 0 {
		return s[:i]
	}
	return s
}

// text unescapes a raw part; null has no text.
func text(raw string, d *Delimiters) string {
	if raw == null {
		return ""
	}
	if d == nil {
		return raw
	}
	return Unescape(raw, *d)
}

// valued reports whether raw holds a leaf that is neither empty nor null.
func valued(raw string, d *Delimiters) bool {
	if raw == "" || raw == null {
		return false
	}
	if d == nil {
		return true
	}
	start := 0
	for i := 0; i <= len(raw); i++ {
		if i < len(raw) && !d.separates(raw[i]) {
			continue
		}
		if leaf := raw[start:i]; leaf != "" && leaf != null {
			return true
		}
		start = i + 1
	}
	return false
}

// separates reports whether b separates parts of a field.
func (d *Delimiters) separates(b byte) bool {
	return b != 0 && (b == d.Repetition || b == d.Component || b == d.Subcomponent)
}
