package hl7v2

import (
	"encoding/hex"
	"strings"
)

const upperHex = "0123456789ABCDEF"

// Escape returns s as it may stand in a message: every delimiter as \F\ \S\ \T\ \R\ \E\ \P\, every
// control byte as \Xhh\, and a text that would read as the null value in a form that does not
// (HL7 v2.5.1 section 2.7). Unescape gives s back. Where d declares no escape character, delimiters
// and control bytes become spaces: nothing of s can end a field, a segment or a frame.
func Escape(s string, d Delimiters) string {
	if s == null && d.Escape != 0 {
		return string(d.Escape) + "X22" + string(d.Escape) + `"`
	}
	clean := 0
	for clean < len(s) && !d.special(s[clean]) {
		clean++
	}
	if clean == len(s) {
		return s
	}
	out := append(make([]byte, 0, len(s)+16), s[:clean]...)
	for i := clean; i < len(s); i++ {
		if d.special(s[i]) {
			out = d.appendEscape(out, s[i])
		} else {
			out = append(out, s[i])
		}
	}
	return string(out)
}

// special reports whether b may not stand in a value as it is.
func (d *Delimiters) special(b byte) bool {
	return b < ' ' || b == 0x7f || b == d.Field || d.separates(b) || b == d.Escape || b == d.Truncation
}

// appendEscape appends the escape sequence of b.
func (d *Delimiters) appendEscape(out []byte, b byte) []byte {
	if d.Escape == 0 {
		return append(out, ' ')
	}
	out = append(out, d.Escape)
	if letter := d.letter(b); letter != 0 {
		out = append(out, letter)
	} else {
		out = append(out, 'X', upperHex[b>>4], upperHex[b&15])
	}
	return append(out, d.Escape)
}

// letter returns the letter that stands for a delimiter, 0 for another byte.
func (d *Delimiters) letter(b byte) byte {
	switch {
	case b < ' ':
		return 0
	case b == d.Field:
		return 'F'
	case b == d.Component:
		return 'S'
	case b == d.Subcomponent:
		return 'T'
	case b == d.Repetition:
		return 'R'
	case b == d.Escape:
		return 'E'
	case b == d.Truncation:
		return 'P'
	}
	return 0
}

// Unescape reads the escape sequences of s: the delimiters, \Xhh..\ as its bytes and \.br\ as \n.
// Everything else stays as it is: highlighting, character sets, local sequences and lone escape characters.
func Unescape(s string, d Delimiters) string {
	if d.Escape == 0 {
		return s
	}
	i := strings.IndexByte(s, d.Escape)
	if i < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i >= 0 {
		out = append(out, s[:i]...)
		s = s[i+1:]
		end := strings.IndexByte(s, d.Escape)
		var known bool
		if end >= 0 {
			out, known = d.appendMeaning(out, s[:end])
		}
		if known {
			s = s[end+1:]
		} else {
			out = append(out, d.Escape)
		}
		i = strings.IndexByte(s, d.Escape)
	}
	return string(append(out, s...))
}

// appendMeaning appends what the sequence between two escape characters means, if it is known.
func (d *Delimiters) appendMeaning(out []byte, sequence string) ([]byte, bool) {
	if len(sequence) == 1 {
		if b := d.byLetter(sequence[0]); b != 0 {
			return append(out, b), true
		}
		return out, false
	}
	if sequence == ".br" {
		return append(out, '\n'), true
	}
	if len(sequence) > 1 && sequence[0] == 'X' {
		if decoded, err := hex.DecodeString(sequence[1:]); err == nil {
			return append(out, decoded...), true
		}
	}
	return out, false
}

// byLetter returns the delimiter that a letter stands for, 0 for none.
func (d *Delimiters) byLetter(letter byte) byte {
	switch letter {
	case 'F':
		return d.Field
	case 'S':
		return d.Component
	case 'T':
		return d.Subcomponent
	case 'R':
		return d.Repetition
	case 'E':
		return d.Escape
	case 'P':
		return d.Truncation
	}
	return 0
}
