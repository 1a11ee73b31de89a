package mllp

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"caregate/adapters"
	"caregate/hl7v2"
)

// charsets are the single-byte sets of HL7 table 0211.
var charsets = map[string]*charmap.Charmap{
	"8859/1": charmap.ISO8859_1, "8859/2": charmap.ISO8859_2, "8859/3": charmap.ISO8859_3, "8859/4": charmap.ISO8859_4,
	"8859/5": charmap.ISO8859_5, "8859/6": charmap.ISO8859_6, "8859/7": charmap.ISO8859_7, "8859/8": charmap.ISO8859_8,
	"8859/9": charmap.ISO8859_9, "8859/15": charmap.ISO8859_15,
}

// toUTF8 returns the message in UTF-8, read as MSH-18 declares it, or as the single-byte set of the partner's
// profile where MSH-18 is empty. Bytes that are not of the declared set refuse the message. Where nothing is declared
// and the bytes are not UTF-8, no set is guessed: each such byte stands as \Xhh\ in its text, with an issue.
func toUTF8(raw []byte, profile string) ([]byte, []adapters.Issue, error) {
	header, _ := hl7v2.ReadHeader(raw)
	declared, _, _ := strings.Cut(header.CharacterSet, string(rune(header.Delimiters.Repetition)))
	if declared == "" && !utf8.Valid(raw) && charsets[profile] != nil {
		declared = profile
	}
	set := charsets[declared]
	switch {
	case set != nil:
		decoded, err := set.NewDecoder().Bytes(raw)
		if err != nil {
			return nil, nil, refuse(adapters.CodeDataType, "MSH-18", "not of the character set that is declared")
		}
		return decoded, nil, nil
	case utf8.Valid(raw):
		return raw, nil, nil
	case declared == "":
		issue := adapters.Issue{Location: "MSH-18", Code: adapters.CodeDataType, Text: "no character set is declared and the message is not UTF-8: its bytes are kept as \\Xhh\\; declare the set in MSH-18 or in the partner's profile"}
		return spellOut(raw, header.Delimiters), []adapters.Issue{issue}, nil
	case strings.HasPrefix(declared, "UNICODE") || declared == "ASCII":
		return nil, nil, refuse(adapters.CodeDataType, "MSH-18", "not of the character set that is declared")
	}
	return nil, nil, refuse(adapters.CodeTableValue, "MSH-18", "this character set is not supported")
}

// spellOut writes each byte that is not UTF-8 as the visible text \Xhh\.
func spellOut(raw []byte, d hl7v2.Delimiters) []byte {
	out := make([]byte, 0, len(raw)+64)
	for len(raw) > 0 {
		r, size := utf8.DecodeRune(raw)
		if r == utf8.RuneError && size == 1 {
			out = append(out, hl7v2.Escape(fmt.Sprintf(`\X%02X\`, raw[0]), d)...)
		} else {
			out = append(out, raw[:size]...)
		}
		raw = raw[size:]
	}
	return out
}

// utf8Name is MSH-18 of a message in UTF-8 (HL7 table 0211).
const utf8Name = "UNICODE UTF-8"

// HasCharset reports whether messages can be sent in a character set of HL7 table 0211; an empty one
// is ASCII, or UTF-8 where that does not do.
func HasCharset(set string) bool {
	return set == "" || set == "ASCII" || strings.HasPrefix(set, utf8Name) || charsets[set] != nil
}

// fromUTF8 returns a rendered message in the character set of the profile. A character that the set
// does not have stands as \X..\, the hexadecimal of its UTF-8, which reads as that character again.
// A profile without a set gets MSH-18 only where it matters: an empty one means ASCII (section 2.15.9.18).
func fromUTF8(body []byte, set string) ([]byte, error) {
	table := charsets[set]
	switch {
	case ascii(body) || strings.HasPrefix(set, utf8Name):
		return body, nil
	case set == "":
		return declared(body), nil
	case !HasCharset(set):
		return nil, refuse(adapters.CodeConfiguration, "MSH-18", "this character set is not supported: the profile may say UNICODE UTF-8, ASCII or 8859/1")
	}
	out := make([]byte, 0, len(body))
	for _, r := range string(body) {
		b, known := byte(r), r < utf8.RuneSelf
		if !known && table != nil {
			b, known = table.EncodeRune(r)
		}
		if known {
			out = append(out, b)
		} else {
			out = fmt.Appendf(out, `\X%X\`, string(r))
		}
	}
	return out, nil
}

func ascii(body []byte) bool {
	return !slices.ContainsFunc(body, func(b byte) bool { return b >= utf8.RuneSelf })
}

// declared returns a message that says in MSH-18 that it is UTF-8.
func declared(body []byte) []byte {
	end := slices.IndexFunc(body, func(b byte) bool { return b == '\r' || b == '\n' })
	if end < 0 {
		end = len(body)
	}
	fields := strings.Split(string(body[:end]), "|")
	for len(fields) < 18 {
		fields = append(fields, "")
	}
	fields[17] = utf8Name
	return slices.Concat([]byte(strings.Join(fields, "|")), body[end:])
}
