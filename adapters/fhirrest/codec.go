package fhirrest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"caregate/adapters"
	"caregate/fhir"
)

// The bounds of what Decode reports and keeps.
const (
	maxIssues    = 50  // issues of one refusal
	maxControlID = 200 // bytes of Bundle.identifier.value
)

// Codec is the adapters.Codec of FHIR JSON. The zero value reads everything that the
// Receiver takes in, and renders transaction Bundles.
type Codec struct {
	Message bool   // render message Bundles, MessageHeader first, instead of transactions
	FullURL string // base of fullUrl and source endpoint, "https://gateway.example.org/fhir"; "" for DefaultFullURL
}

var _ adapters.Codec = Codec{}

// Decode reads a transaction or message Bundle, or a Consent, which it wraps into a
// transaction. The Bundle it returns has an id on every resource, and its references by
// fullUrl have become "Type/id".
func (c Codec) Decode(in adapters.Inbound) (adapters.Decoded, error) {
	root, err := fhir.Parse(in.Raw)
	if err != nil {
		return adapters.Decoded{}, unparsed(err)
	}
	sum := sha256.Sum256(in.Raw)
	d := decoding{partner: in.Partner, digest: hex.EncodeToString(sum[:])}
	root = consentsFromR5(root)
	d.validate(root)
	var out adapters.Decoded
	method, target, _ := strings.Cut(in.Interaction, " ")
	if typ, id, _ := strings.Cut(target, "/"); typ == "Consent" {
		out = d.consent(root, method, id)
	} else {
		out = d.bundle(root)
	}
	if len(d.errors) > 0 {
		return adapters.Decoded{}, &adapters.Refusal{Code: d.errors[0].Code, Issues: d.errors[:min(len(d.errors), maxIssues)]}
	}
	out.Issues = d.warnings
	return out, nil
}

// consentsFromR5 turns a Consent of R5, alone or in a Bundle, into R4; the bytes that came are kept as they are.
func consentsFromR5(root *fhir.Node) *fhir.Node {
	for _, entry := range root.Get("entry").Items() {
		if resource := entry.Get("resource"); resource != nil {
			entry.Set("resource", fhir.ConsentFromR5(resource))
		}
	}
	return fhir.ConsentFromR5(root)
}

// unparsed locates a parse error by its byte: the names on a JSON pointer are the sender's,
// and in a broken document they may be anything.
func unparsed(err error) error {
	issue := adapters.Issue{Code: adapters.CodeMalformed, Location: "byte 0", Text: "not readable as FHIR JSON"}
	if parse, ok := errors.AsType[*fhir.ParseError](err); ok {
		issue.Location, issue.Text = fmt.Sprintf("byte %d", parse.Offset), parse.Reason
	}
	return &adapters.Refusal{Code: issue.Code, Issues: []adapters.Issue{issue}}
}

// decoding is one Decode in work.
type decoding struct {
	partner, digest  string
	errors, warnings []adapters.Issue
}

func (d *decoding) refuse(code adapters.Code, location, text string) {
	d.errors = append(d.errors, adapters.Issue{Location: location, Code: code, Text: text})
}

// issueCodes maps issue-type of fhir.Validate onto the table of codes.
var issueCodes = map[string]adapters.Code{
	"structure":     adapters.CodeMalformed,
	"invalid":       adapters.CodeDataType,
	"required":      adapters.CodeMissing,
	"value":         adapters.CodeDataType,
	"code-invalid":  adapters.CodeTableValue,
	"not-supported": adapters.CodeUnsupportedType,
	"not-found":     adapters.CodeUnknownKey,
	"too-long":      adapters.CodeTooLarge,
}

func (d *decoding) validate(root *fhir.Node) {
	for _, i := range fhir.Validate(root) {
		code, known := issueCodes[i.Code]
		if !known {
			code = adapters.CodeBusinessRule
		}
		issue := adapters.Issue{Location: i.Path, Code: code, Text: i.Text}
		if i.Severity == "error" || i.Severity == "fatal" {
			d.errors = append(d.errors, issue)
		} else {
			d.warnings = append(d.warnings, issue)
		}
	}
}

func (d *decoding) bundle(root *fhir.Node) adapters.Decoded {
	out := adapters.Decoded{Bundle: root, ControlID: d.digest[:32], Computed: true}
	if root.ResourceType() != "Bundle" {
		d.refuse(adapters.CodeUnsupportedType, "resourceType", "a Bundle of type transaction or message is taken here")
		return out
	}
	if value := root.At("identifier.value").Text(); value != "" {
		out.ControlID, out.Computed = value, false
		if len(value) > maxControlID || strings.ContainsFunc(value, unicode.IsControl) {
			d.refuse(adapters.CodeDataType, "Bundle.identifier.value", "longer than 200 bytes, or not plain text")
		}
	}
	switch root.Get("type").Text() {
	case "transaction":
		out.Event = "transaction"
	case "message":
		out.Event, out.ReplyTo = d.header(root)
	default:
		d.refuse(adapters.CodeUnsupportedType, "Bundle.type", "must be transaction or message")
		return out
	}
	if root.Get("entry").Len() == 0 {
		d.refuse(adapters.CodeMissing, "Bundle.entry", "the Bundle is empty")
	}
	d.identify(root, out.ControlID)
	out.Placers = placers(root)
	return out
}

// header reads the MessageHeader, which is the first entry (R4 2.4.2).
func (d *decoding) header(root *fhir.Node) (event, replyTo string) {
	header := root.At("entry[0].resource")
	if header.ResourceType() != "MessageHeader" {
		d.refuse(adapters.CodeMissing, "Bundle.entry[0].resource", "the first entry of a message must be its MessageHeader")
		return "", ""
	}
	event = header.At("eventCoding.code").Text()
	if event == "" {
		uri := header.Get("eventUri").Text()
		event = uri[strings.LastIndexAny(uri, "/#:")+1:]
	}
	if event == "" || len(event) > 64 || strings.ContainsFunc(event, unicode.IsControl) {
		d.refuse(adapters.CodeMissing, "Bundle.entry[0].resource.eventCoding.code", "the message names no event")
	}
	return "message:" + event, header.At("response.identifier").Text()
}

func (d *decoding) consent(root *fhir.Node, method, id string) adapters.Decoded {
	if root.ResourceType() != "Consent" {
		d.refuse(adapters.CodeUnsupportedType, "resourceType", "a Consent is taken here")
		return adapters.Decoded{}
	}
	have := root.ID()
	switch {
	case method == http.MethodPut && have == "":
		d.refuse(adapters.CodeMissing, "Consent.id", "must be the id of the address")
	case method == http.MethodPut && have != id && addressed(have) != id:
		d.refuse(adapters.CodeBusinessRule, "Consent.id", "differs from the id of the address")
	case have == "":
		have = d.newID(d.digest, 0)
		root.Set("id", fhir.NewString(have))
	case !idPattern.MatchString(have):
		d.refuse(adapters.CodeDataType, "Consent.id", "is not an id: 1 to 64 letters, digits, '-' and '.'")
	}
	entry := fhir.NewObject().Set("resource", root).Set("request", fhir.NewObject().
		Set("method", fhir.NewString(http.MethodPut)).Set("url", fhir.NewString("Consent/"+have)))
	return adapters.Decoded{
		Bundle:    fhir.NewResource("Bundle").Set("type", fhir.NewString("transaction")).Set("entry", fhir.NewArray(entry)),
		ControlID: d.digest[:32],
		Computed:  true,
		Event:     method + " Consent",
	}
}

// addressed stands for the id of an address in an Interaction, which is stored in clear: an id is a
// partner's own text and may name a child. Whoever has the resource can compare.
func addressed(id string) string {
	sum := sha256.Sum256([]byte("address|" + id))
	return hex.EncodeToString(sum[:8])
}

// placers returns the placer numbers (table 0203 PLAC) of the orders and tasks, each once.
func placers(bundle *fhir.Node) []string {
	var out []string
	for _, resource := range fhir.Entries(bundle) {
		if t := resource.ResourceType(); t != "ServiceRequest" && t != "Task" {
			continue
		}
		for _, identifier := range resource.Get("identifier").Items() {
			value := identifier.Get("value").Text()
			if isPlacer(identifier) && value != "" && !slices.Contains(out, value) {
				out = append(out, value)
			}
		}
	}
	return out
}

func isPlacer(identifier *fhir.Node) bool {
	for _, coding := range identifier.At("type.coding").Items() {
		if coding.Get("code").Text() == "PLAC" {
			return true
		}
	}
	return false
}
