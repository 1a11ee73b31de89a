package hl7v2

import "fmt"

// Codes of HL7 table 0357, message error condition codes (HL7 v2.5.1 section 2.15.5.3).
const (
	CodeAccepted         = "0"
	CodeSequence         = "100"
	CodeMissing          = "101"
	CodeDataType         = "102"
	CodeTableValue       = "103"
	CodeUnsupportedType  = "200"
	CodeUnsupportedEvent = "201"
	CodeUnsupportedMode  = "202"
	CodeVersion          = "203"
	CodeUnknownKey       = "204"
	CodeDuplicateKey     = "205"
	CodeLocked           = "206"
	CodeInternal         = "207"
)

// CodeText returns the display of a code of table 0357, "" for an unknown one.
func CodeText(code string) string {
	switch code {
	case CodeAccepted:
		return "Message accepted"
	case CodeSequence:
		return "Segment sequence error"
	case CodeMissing:
		return "Required field missing"
	case CodeDataType:
		return "Data type error"
	case CodeTableValue:
		return "Table value not found"
	case CodeUnsupportedType:
		return "Unsupported message type"
	case CodeUnsupportedEvent:
		return "Unsupported event code"
	case CodeUnsupportedMode:
		return "Unsupported processing id"
	case CodeVersion:
		return "Unsupported version id"
	case CodeUnknownKey:
		return "Unknown key identifier"
	case CodeDuplicateKey:
		return "Duplicate key identifier"
	case CodeLocked:
		return "Application record locked"
	case CodeInternal:
		return "Application internal error"
	}
	return ""
}

// ParseError is why bytes are not a message, and where. It never carries a value of the message.
type ParseError struct {
	Segment                                              string // "" when no name can be told
	Sequence, Field, Repetition, Component, Subcomponent int    // 1-based; 0 when not that deep
	Code                                                 string // HL7 table 0357
	Reason                                               string
}

// Error names the place, the code and the reason.
func (e *ParseError) Error() string {
	return fmt.Sprintf("%s: %s (%s)", e.Location(), e.Reason, e.Code)
}

// Location returns where the error is.
func (e *ParseError) Location() Path {
	return Path{e.Segment, e.Sequence, e.Field, e.Repetition, e.Component, e.Subcomponent}
}
