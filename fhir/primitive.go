package fhir

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// The formats of R4 2.24.0.1 that are easier read as expressions than as code.
var (
	idFormat   = regexp.MustCompile(`^[A-Za-z0-9\-.]{1,64}$`)
	oidFormat  = regexp.MustCompile(`^urn:oid:[0-2](\.(0|[1-9][0-9]*))+$`)
	uuidFormat = regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
)

// primitiveKind is the JSON type in which a primitive datatype is written.
func primitiveKind(typ string) Kind {
	switch typ {
	case "boolean":
		return Bool
	case "decimal", "integer", "positiveInt", "unsignedInt":
		return Number
	default:
		return String
	}
}

// validPrimitive reports whether the text is a value of a primitive datatype.
func validPrimitive(typ, text string) bool {
	switch typ {
	case "boolean", "decimal": // JSON's own grammar
		return true
	case "integer":
		return inRange(text, -1<<31)
	case "unsignedInt":
		return inRange(text, 0)
	case "positiveInt":
		return inRange(text, 1)
	case "id":
		return idFormat.MatchString(text)
	case "code":
		return validCode(text)
	case "uri", "url", "canonical":
		return strings.IndexFunc(text, unicode.IsSpace) < 0
	case "oid":
		return oidFormat.MatchString(text)
	case "uuid":
		return uuidFormat.MatchString(text)
	case "date":
		return validDate(text)
	case "dateTime":
		return validDate(text) || validInstant(text)
	case "instant":
		return validInstant(text)
	case "time":
		return validTime(text)
	case "base64Binary":
		return validBase64(text)
	case "xhtml":
		return validXHTML(text)
	default: // string, markdown
		return strings.IndexFunc(text, forbiddenControl) < 0
	}
}

func forbiddenControl(r rune) bool { return r < ' ' && r != '\t' && r != '\r' && r != '\n' }

func inRange(text string, least int64) bool {
	i, err := strconv.ParseInt(text, 10, 32)
	return err == nil && i >= least && text[0] != '+' && text != "-0"
}

// validCode: no white space around, single white space within.
func validCode(text string) bool {
	space := true
	for _, r := range text {
		if unicode.IsSpace(r) {
			if space {
				return false
			}
			space = true
			continue
		}
		space = false
	}
	return !space
}

// validDate takes YYYY, YYYY-MM and YYYY-MM-DD of days that exist.
func validDate(text string) bool {
	layout := "2006-01-02"
	switch len(text) {
	case 4, 7, 10:
	default:
		return false
	}
	_, err := time.Parse(layout[:len(text)], text)
	return err == nil && text[:4] != "0000"
}

// validInstant takes a date with time to the second or finer, and a zone up to 14 hours.
func validInstant(text string) bool {
	date, clock, ok := strings.Cut(text, "T")
	if !ok || len(date) != 10 || !validDate(date) {
		return false
	}
	if at, ok := strings.CutSuffix(clock, "Z"); ok {
		return validTime(at)
	}
	if len(clock) < 6 {
		return false
	}
	at, zone := clock[:len(clock)-6], clock[len(clock)-6:]
	if zone[0] != '+' && zone[0] != '-' {
		return false
	}
	_, err := time.Parse("15:04", zone[1:])
	return err == nil && zone[1:] <= "14:00" && validTime(at)
}

// validTime takes hh:mm:ss with any fraction; the second 60 is a leap second.
func validTime(text string) bool {
	if len(text) < 8 || text[6] == '6' && text[7] != '0' {
		return false
	}
	if text[6] == '6' {
		text = text[:6] + "59" + text[8:]
	}
	whole, fraction, ok := strings.Cut(text, ".")
	if ok && (fraction == "" || strings.Trim(fraction, "0123456789") != "") {
		return false
	}
	_, err := time.Parse("15:04:05", whole)
	return err == nil && len(whole) == 8
}

func validBase64(text string) bool {
	count, padding := 0, 0
	for _, r := range text {
		switch {
		case r == ' ' || r == '\n' || r == '\r' || r == '\t':
			continue
		case r == '=':
			padding++
		case padding > 0:
			return false
		case (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '+' && r != '/':
			return false
		}
		count++
	}
	return count > 0 && count%4 == 0 && padding <= 2
}

// validXHTML takes one well-formed div element.
func validXHTML(text string) bool {
	if !strings.HasPrefix(strings.TrimSpace(text), "<div") {
		return false
	}
	d := xml.NewDecoder(strings.NewReader(text))
	d.Entity = xml.HTMLEntity
	depth, roots := 0, 0
	for {
		tok, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return depth == 0 && roots == 1
		}
		if err != nil {
			return false
		}
		switch tok.(type) {
		case xml.StartElement:
			if depth++; depth == 1 {
				roots++
			}
		case xml.EndElement:
			depth--
		}
	}
}
