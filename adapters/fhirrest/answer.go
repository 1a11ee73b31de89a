package fhirrest

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"caregate/adapters"
	"caregate/fhir"
)

const mediaType = "application/fhir+json"

// MessageIDHeader names our id of a stored message in an answer.
const MessageIDHeader = "Caregate-Message-Id"

// call is one request and its answer.
type call struct {
	w         http.ResponseWriter
	request   *http.Request
	requestID string
	partner   string
	typ, id   string
	written   bool
}

// unhurried ends the time to read: a deadline left behind would end the pipeline's context.
func (c *call) unhurried() {
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Time{})
}

func (c *call) write(status int, contentType string, body []byte) {
	if c.written {
		return
	}
	c.written = true
	h := c.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if c.requestID != "" {
		h.Set("X-Request-Id", c.requestID)
	}
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // the connection is the partner's; it asks again when it broke
}

func (c *call) answer(status int, code adapters.Code, body *fhir.Node) {
	if code.Row().Retry {
		c.w.Header().Set("Retry-After", "2")
	}
	c.write(status, mediaType+"; charset=utf-8", body.JSON())
}

func (c *call) refuse(code adapters.Code, text string) {
	c.answer(code.Row().HTTP, code, outcome(code, nil, text))
}

func (c *call) refuseBusy() {
	c.refuse(adapters.CodeBusy, "too many requests are in work at the moment; send again")
}

func (c *call) noRoute(methods []string) {
	if len(methods) == 0 {
		c.refuse(adapters.CodeUnknownKey, notFound)
		return
	}
	c.w.Header().Set("Allow", strings.Join(methods, ", "))
	c.answer(http.StatusMethodNotAllowed, adapters.CodeUnsupportedType,
		outcome(adapters.CodeUnsupportedType, nil, "this path does not take this method"))
}

// acknowledge turns the pipeline's answer into ours.
func (c *call) acknowledge(ack adapters.Ack, interaction string, raw []byte, base string) {
	if ack.Silent {
		c.refuse(adapters.CodeUnavailable, "the message could not be stored; send it again")
		return
	}
	if ack.MessageID != "" {
		c.w.Header().Set(MessageIDHeader, ack.MessageID)
	}
	switch {
	case ack.Code == adapters.CodeHeld:
		c.answer(http.StatusAccepted, ack.Code, outcome(ack.Code, ack.Issues, "stored; it waits for a person and goes nowhere until then"))
	case ack.Code != adapters.CodeAccepted:
		code := ack.Code
		if code == "" {
			code = adapters.CodeInternal
		}
		c.answer(code.Row().HTTP, code, outcome(code, ack.Issues, "the message was not accepted"))
	case interaction == "POST /":
		c.answer(http.StatusOK, ack.Code, transactionResponse(outlineOf(raw), ack))
	case interaction == "POST Consent":
		if id := outlineOf(raw).id; id != "" {
			c.w.Header().Set("Location", base+"/Consent/"+id)
		}
		c.answer(http.StatusCreated, ack.Code, accepted(ack))
	default:
		c.answer(http.StatusOK, ack.Code, accepted(ack))
	}
}

func accepted(ack adapters.Ack) *fhir.Node {
	text := "accepted"
	if ack.Duplicate {
		text = "accepted before; this is the same answer"
	}
	return outcome(adapters.CodeAccepted, ack.Issues, text)
}

// outcome builds an OperationOutcome: one issue each, or one with the text where there are none.
func outcome(code adapters.Code, issues []adapters.Issue, text string) *fhir.Node {
	o := fhir.NewResource("OperationOutcome")
	if len(issues) == 0 || code == adapters.CodeHeld {
		o.Add("issue", issue(severity(code), adapters.Issue{Code: code, Text: text}))
	}
	for _, i := range issues {
		level := severity(code)
		if level == "information" {
			level = "warning"
		}
		o.Add("issue", issue(level, i))
	}
	return o
}

func severity(code adapters.Code) string {
	if code == adapters.CodeAccepted || code == adapters.CodeHeld {
		return "information"
	}
	return "error"
}

func issue(severity string, i adapters.Issue) *fhir.Node {
	row := i.Code.Row()
	n := fhir.NewObject().Set("severity", fhir.NewString(severity)).Set("code", fhir.NewString(row.Issue))
	n.Set("details", fhir.NewObject().SetText("text", string(i.Code)))
	n.SetText("diagnostics", i.Text)
	if i.Location != "" {
		n.Set("expression", fhir.NewArray(fhir.NewString(i.Location)))
	}
	return n
}

// transactionResponse answers a Bundle: one entry.response for each entry, 201 where the
// sender created and 200 where it put; what was not understood stands with its entry.
func transactionResponse(o outline, ack adapters.Ack) *fhir.Node {
	if o.kind != "transaction" {
		return accepted(ack)
	}
	bundle := fhir.NewResource("Bundle").Set("type", fhir.NewString("transaction-response"))
	byEntry := map[int][]adapters.Issue{}
	for _, i := range ack.Issues {
		n := entryOf(i.Location)
		if n >= len(o.methods) {
			n = 0
		}
		byEntry[n] = append(byEntry[n], i)
	}
	for i, method := range o.methods {
		status := "200 OK"
		if method == http.MethodPost {
			status = "201 Created"
		}
		response := fhir.NewObject().Set("status", fhir.NewString(status))
		if issues := byEntry[i]; len(issues) > 0 {
			response.Set("outcome", outcome(adapters.CodeAccepted, issues, ""))
		}
		bundle.Add("entry", fhir.NewObject().Set("response", response))
	}
	return bundle
}

// entryOf reads the index out of "Bundle.entry[3].resource"; 0 for any other place.
func entryOf(location string) int {
	rest, ok := strings.CutPrefix(location, "Bundle.entry[")
	digits, _, closed := strings.Cut(rest, "]")
	n, err := strconv.Atoi(digits)
	if !ok || !closed || err != nil || n < 0 {
		return 0
	}
	return n
}

// safeToken returns the text when it is short and plain, else "": it is echoed in a header.
func safeToken(text string) string {
	if tokenPattern.MatchString(text) {
		return text
	}
	return ""
}
