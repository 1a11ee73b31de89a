package adapters

// Code is the one vocabulary of outcomes: from it follow the retry rule, the HTTP status,
// OperationOutcome.issue.code, MSA-1, ERR-3 (HL7 table 0357), the AuditEvent outcome and the metric label.
type Code string

// The codes. The string is the metric label.
const (
	CodeAccepted         Code = "accepted"
	CodeHeld             Code = "held"                // stored and accepted, waits for a person
	CodeMalformed        Code = "malformed"           // not readable as a message
	CodeMissing          Code = "required-missing"    // a required field or element is absent
	CodeDataType         Code = "data-type"           // a value is not of its type
	CodeTableValue       Code = "table-value"         // a code is not in its table or value set
	CodeBusinessRule     Code = "business-rule"       // well-formed, and refused by a rule
	CodeUnsupportedType  Code = "unsupported-type"    // message type not taken
	CodeUnsupportedEvent Code = "unsupported-event"   // trigger event not taken
	CodeUnsupportedMode  Code = "unsupported-mode"    // processing id not taken
	CodeVersion          Code = "unsupported-version" // version id not taken
	CodeUnknownKey       Code = "unknown-key"         // the thing referred to is not known here
	CodeDuplicate        Code = "duplicate-key"       // same id, other content
	CodeUnauthenticated  Code = "unauthenticated"
	CodeForbidden        Code = "forbidden" // this partner may not say or ask this
	CodeTooLarge         Code = "too-large"
	CodeInternal         Code = "internal"
	CodeUnavailable      Code = "unavailable" // store or partner out of reach
	CodeTimeout          Code = "timeout"     // no answer in time
	CodeBusy             Code = "busy"        // partner asked to wait
	CodeBadAnswer        Code = "bad-answer"  // an answer to something else, or none at all
	CodeConfiguration    Code = "configuration"
)

// Row is what one Code means everywhere.
type Row struct {
	Retry bool   // a delivery that failed so is tried again
	HTTP  int    // status of an HTTP answer
	Issue string // OperationOutcome.issue.code (R4 value set issue-type)
	Ack   string // MSA-1 in original mode: AA, AE, AR; enhanced mode swaps the first letter for C
	ERR3  string // HL7 table 0357
	Audit string // AuditEvent.outcome: 0 success, 4 minor, 8 serious, 12 major failure
}

var codes = map[Code]Row{
	CodeAccepted:         {false, 200, "informational", "AA", "0", "0"},
	CodeHeld:             {false, 202, "informational", "AA", "0", "4"},
	CodeMalformed:        {false, 400, "structure", "AR", "100", "8"},
	CodeMissing:          {false, 400, "required", "AE", "101", "8"},
	CodeDataType:         {false, 400, "value", "AE", "102", "8"},
	CodeTableValue:       {false, 400, "code-invalid", "AE", "103", "8"},
	CodeBusinessRule:     {false, 422, "business-rule", "AE", "207", "8"},
	CodeUnsupportedType:  {false, 422, "not-supported", "AR", "200", "8"},
	CodeUnsupportedEvent: {false, 422, "not-supported", "AR", "201", "8"},
	CodeUnsupportedMode:  {false, 422, "not-supported", "AR", "202", "8"},
	CodeVersion:          {false, 422, "not-supported", "AR", "203", "8"},
	CodeUnknownKey:       {false, 404, "not-found", "AE", "204", "8"},
	CodeDuplicate:        {false, 409, "duplicate", "AE", "205", "8"},
	CodeUnauthenticated:  {false, 401, "login", "AR", "207", "8"},
	CodeForbidden:        {false, 403, "forbidden", "AR", "207", "8"},
	CodeTooLarge:         {false, 413, "too-long", "AR", "207", "8"},
	CodeInternal:         {true, 500, "exception", "AE", "207", "12"},
	CodeUnavailable:      {true, 503, "transient", "AE", "207", "12"},
	CodeTimeout:          {true, 504, "timeout", "AE", "207", "12"},
	CodeBusy:             {true, 429, "throttled", "AE", "207", "4"},
	CodeBadAnswer:        {true, 502, "exception", "AE", "207", "12"},
	CodeConfiguration:    {false, 500, "exception", "AE", "207", "12"},
}

// Row returns what the code means; an unknown code means CodeInternal.
func (c Code) Row() Row {
	if row, ok := codes[c]; ok {
		return row
	}
	return codes[CodeInternal]
}
