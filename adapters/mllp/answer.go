package mllp

import (
	"crypto/rand"
	"time"

	"caregate/adapters"
	"caregate/hl7v2"
)

// maxErrors is the largest number of ERR segments of one answer.
const maxErrors = 20

// Acknowledge writes the acknowledgement of the message with that header, and reports whether one
// is due (hl7v2.AckFor). A refusal has one ERR for each issue, located where the issue is.
func Acknowledge(header hl7v2.Header, ack adapters.Ack, now time.Time) ([]byte, bool) {
	outcome := hl7v2.AckCode(ack.Code.Row().Ack)
	code, due := hl7v2.AckFor(header, outcome)
	if !due {
		return nil, false
	}
	return hl7v2.NewAck(header, code, newControlID(), now, errorsOf(header, outcome, ack)), true
}

// errorsOf returns the ERR segments of an answer; none when the message was accepted.
func errorsOf(header hl7v2.Header, outcome hl7v2.AckCode, ack adapters.Ack) []hl7v2.AckError {
	if outcome == hl7v2.AA && header.ControlID != "" {
		return nil
	}
	var errs []hl7v2.AckError
	for _, issue := range ack.Issues[:min(len(ack.Issues), maxErrors)] {
		errs = append(errs, errorOf(issue, ack.Code))
	}
	if header.ControlID == "" && outcome == hl7v2.AA {
		missing := adapters.Issue{Location: "MSH-10", Code: adapters.CodeMissing, Text: "a message without a control id cannot be accepted"}
		return []hl7v2.AckError{errorOf(missing, ack.Code)}
	}
	if len(errs) == 0 {
		errs = append(errs, errorOf(adapters.Issue{}, ack.Code))
	}
	return errs
}

// errorOf writes an issue as an ERR. An issue without a code has that of the answer; a location that
// is none in HL7 v2 stays empty.
func errorOf(issue adapters.Issue, answer adapters.Code) hl7v2.AckError {
	code := issue.Code
	if code == "" {
		code = answer
	}
	location, err := hl7v2.ParsePath(issue.Location)
	if err != nil {
		location = hl7v2.ErrLocation{}
	}
	return hl7v2.AckError{Location: location, Code: code.Row().ERR3, Severity: "E", Text: issue.Text}
}

// newControlID returns an MSH-10 that no other message has: 20 characters, 95 random bits.
func newControlID() string { return "A" + rand.Text()[:19] }
