package translate

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"strings"

	"caregate/fhir"
)

const (
	// applicationURL is the application that a document came from.
	applicationURL = Extensions + "source-application"
	// dataTypeURL and subtypeURL are the words of v2 where the media type has others.
	dataTypeURL = Extensions + "data-type"
	subtypeURL  = Extensions + "data-subtype"
	// encodingURL is how the data was encoded where not in base64.
	encodingURL = Extensions + "encoding"
)

// attachmentConverter is a document inside a message (ED), or the place where one is kept
// (RP), and an Attachment. With the argument "type" it is OBX-2.
type attachmentConverter struct{}

func (attachmentConverter) to(c *call, v value) *fhir.Node {
	switch kind := c.f.seg.text(2, 1); {
	case c.arg(0) == "type":
		return nil
	case kind == "RP":
		return c.pointer(v)
	case kind == "ED":
		return c.embedded(v)
	}
	return nil
}

func (c *call) pointer(v value) *fhir.Node {
	n := fhir.NewObject()
	c.describe(n, v.comp(2), v.text(3), v.text(4))
	if u, err := url.Parse(v.text(1)); err == nil && u.IsAbs() && !strings.ContainsAny(v.text(1), " \t\n") {
		return n.SetText("url", v.text(1))
	}
	c.report(IssueBadValue, "pointer is not a URL; left out and carried")
	return nil
}

// isBase64 tells whether text is what a base64 decoder reads, without decoding a whole document.
func isBase64(text string) bool {
	body := strings.TrimRight(text, "=")
	for i := range len(body) {
		if b := body[i]; (b|0x20 < 'a' || b|0x20 > 'z') && (b < '0' || b > '9') && b != '+' && b != '/' {
			return false
		}
	}
	return text != "" && len(text)%4 == 0 && len(text)-len(body) <= 2
}

// describe sets the media type, and what it does not say of where and what a document is.
func (c *call) describe(n *fhir.Node, application value, kind, subtype string) {
	n.SetText("contentType", contentType(kind, subtype))
	if application != nil {
		extend(n, applicationURL, "valueReference", partyConverter{}.to(c.below(c.location, []string{"Device"}), application))
	}
	plainKind, plainSubtype := mediaType(n)
	if kind != plainKind || subtype != plainSubtype {
		extend(n, dataTypeURL, "valueString", textNode(kind))
		extend(n, subtypeURL, "valueString", textNode(subtype))
	}
}

// mediaType returns the two words of v2 for what a document is.
func mediaType(n *fhir.Node) (kind, subtype string) {
	kind, subtype, _ = strings.Cut(n.Get("contentType").Text(), "/")
	subtype, _, _ = strings.Cut(subtype, ";")
	wasKind, wasSubtype := extensionOf(n, dataTypeURL, "valueString").Text(), extensionOf(n, subtypeURL, "valueString").Text()
	if wasKind+wasSubtype != "" && contentType(wasKind, wasSubtype) == n.Get("contentType").Text() {
		return wasKind, wasSubtype
	}
	return kind, subtype
}

func (c *call) embedded(v value) *fhir.Node {
	n := fhir.NewObject()
	c.describe(n, v.comp(1), v.text(2), v.text(3))
	if encoding := v.text(4); encoding != "Base64" || v.text(5) == "" {
		extend(n, encodingURL, "valueString", textNode(encoding))
	}
	if v.text(5) == "" && v.text(4) != "" {
		return n // a document that was not sent
	}
	switch data := v.text(5); strings.ToLower(v.text(4)) {
	case "base64":
		data = strings.Join(strings.Fields(data), "")
		if !isBase64(data) {
			c.report(IssueBadValue, "not base64; left out and carried")
			return nil
		}
		return n.SetText("data", data)
	case "a", "":
		if data != "" {
			return n.SetText("data", base64.StdEncoding.EncodeToString([]byte(data)))
		}
	}
	c.report(IssueBadValue, "no data in an encoding that is known; left out and carried")
	return nil
}

var mimePart = regexp.MustCompile(`^[a-z0-9][a-z0-9.+\-]*$`)

// mimeTypes are the words of HL7 table 0191 and MIME for the first part of a media type.
var mimeTypes = map[string]string{
	"application": "application", "ap": "application", "audio": "audio", "au": "audio", "image": "image",
	"im": "image", "text": "text", "tx": "text", "video": "video", "multipart": "multipart", "multi-part": "multipart",
}

// contentType returns a media type, "" where v2 does not say one exactly.
func contentType(kind, subtype string) string {
	kind, subtype = mimeTypes[strings.ToLower(kind)], strings.ToLower(subtype)
	if kind == "" || !mimePart.MatchString(subtype) {
		return ""
	}
	return kind + "/" + subtype
}

func (attachmentConverter) from(c *call, n *fhir.Node) value {
	pointer := n.Get("url") != nil && n.Get("data") == nil
	if c.arg(0) == "type" {
		if pointer {
			return textValue("RP")
		}
		return textValue("ED")
	}
	kind, subtype := mediaType(n)
	var application value
	if from := extensionOf(n, applicationURL, "valueReference"); from != nil {
		application = partyConverter{}.from(c.below(c.location, nil), from)
	}
	if pointer {
		return value(nil).set(1, n.Get("url").Text()).setComp(2, application).set(3, kind).set(4, subtype)
	}
	encoding := extensionOf(n, encodingURL, "valueString").Text()
	switch {
	case n.Get("data") == nil && c.j.wayBack && encoding != "":
		return value(nil).setComp(1, application).set(2, kind).set(3, subtype).set(4, encoding)
	case n.Get("data") == nil:
		return nil
	}
	if encoding != "" && !strings.EqualFold(encoding, "base64") {
		if data, err := base64.StdEncoding.DecodeString(n.Get("data").Text()); err == nil && c.j.wayBack {
			return value(nil).setComp(1, application).set(2, kind).set(3, subtype).set(4, encoding).set(5, string(data))
		}
	}
	return value(nil).setComp(1, application).set(2, kind).set(3, subtype).set(4, or(encoding, "Base64")).set(5, n.Get("data").Text())
}

// textType marks text that stood in the message as text, TX or FT.
const textType = "text/plain;charset=utf-8"

// plainTextConverter is text (TX, FT, ST) and the data of an Attachment; repetitions are lines.
type plainTextConverter struct{}

func (plainTextConverter) to(c *call, v value) *fhir.Node {
	text := linesConverter{}.to(c, v) // and what stands beside
	if text == nil {
		return nil
	}
	return fhir.NewString(base64.StdEncoding.EncodeToString([]byte(text.Text())))
}

func (plainTextConverter) from(c *call, n *fhir.Node) value {
	data, err := base64.StdEncoding.DecodeString(n.Text())
	if err != nil {
		c.report(IssueBadValue, "attachment is not base64")
		return nil
	}
	return linesConverter{}.from(c, fhir.NewString(string(data)))
}
