// Package adapters is the contract at the edge: what every protocol hands in and
// what it may send out. An adapter moves bytes; it decides nothing, stores nothing,
// and sends nothing without a Permit.
package adapters

import (
	"context"
	"fmt"
	"net"
	"time"

	"caregate/fhir"
)

// Inbound is one message as it came in: the raw bytes and who sent them. Partner is
// proved by the transport (credential, certificate, listener), never read from the message.
type Inbound struct {
	Partner     string    // id of the registered partner
	Protocol    string    // "mllp", "fhirrest", ...
	ContentType string    // media type as sent, "" where the protocol has none
	Interaction string    // FHIR REST method and relative path, the id as a digest: "PUT Consent/9f86d081884c7d65"; "" elsewhere
	Raw         []byte    // exactly what was received
	Received    time.Time // when the last byte arrived
}

// Ack is the pipeline's answer to one Inbound. A receiver turns it into MSA/ERR or an HTTP status.
type Ack struct {
	MessageID string  // our id of the stored message; "" when nothing was stored
	Code      Code    // CodeAccepted or why not
	Issues    []Issue // located problems, free of values
	Duplicate bool    // this very message was accepted before; the first answer is repeated
	Silent    bool    // the commit failed: give no answer (MLLP) or 503, the partner sends again
}

// Issue is one located problem of a message. It never carries a value of the message.
type Issue struct {
	Location string `json:"location,omitempty"` // "PID-3[2].1" or "Bundle.entry[3].resource.status"
	Code     Code   `json:"code"`
	Text     string `json:"text"` // what is wrong and what to do, in plain words
}

// Accept is the pipeline's one way in, as receivers see it.
type Accept func(ctx context.Context, in Inbound) Ack

// Receiver listens for one protocol and hands raw bytes to an Accept.
type Receiver interface {
	// Addr is the bound address, port resolved.
	Addr() net.Addr
	// Serve answers partners until the context ends, then drains and returns.
	Serve(ctx context.Context) error
}

// Decoded is what a Codec understood of one Inbound.
type Decoded struct {
	Bundle    *fhir.Node // the message as a FHIR Bundle
	ControlID string     // the sender's id of the message: MSH-10, Bundle.identifier.value
	Computed  bool       // the sender gave no id: ControlID was computed from the bytes
	Event     string     // what kind of message: "REF^I12", "transaction", "PUT Consent"
	Placers   []string   // placer numbers of the orders and referrals in it (RF1-6, ORC-2, PLAC)
	ReplyTo   string     // MSA-2: our control id that this message answers; "" for none
	Issues    []Issue    // what was not understood, none of it lost
	Unmapped  []Unmapped // codes without which the message must not go on
}

// Unmapped is a code of a partner that says what becomes of something, and that nothing here
// knows. It holds no value of the message but the code itself.
type Unmapped struct {
	Location string   `json:"location"`         // "RF1-1"
	Table    string   `json:"table"`            // code table: "0283"
	Elements []string `json:"elements"`         // what the partner's profile lacks: "0283.request", "0283.task"
	Code     string   `json:"code,omitempty"`   // "" where the field holds something else than a plain code
	System   string   `json:"system,omitempty"` // coding system that the sender names
}

// Outbound is a released Bundle on its way to one destination.
type Outbound struct {
	Bundle    *fhir.Node // redacted and scrubbed
	Key       string     // idempotency key; the same while the decision and the bytes stand
	ControlID string     // MSH-10 of the rendered message, at most 20 characters
	Event     string     // the Event of the message that caused the delivery
	Kind      string     // what it is about, whatever protocol it came by: "referral", "status", "details"
	Origin    Origin
	ReplyTo   string    // the receiver's own control id that this message answers (MSA-2); "" for none
	BasedOn   []string  // consents that permit what is in it, for who asked about them
	Notices   []string  // redisclosure notices that must travel with it; a codec that cannot carry them refuses
	Created   time.Time // when the delivery was created; the only time a rendering may show
}

// Origin names the message behind a delivery, so that it can be traced at every destination.
type Origin struct {
	Partner   string // id of the partner who sent it
	ControlID string // the sender's MSH-10 or Bundle.identifier
	Placer    string // placer number of the order or referral
}

// Encoded is a rendered message, ready to be hashed, recorded and sent.
type Encoded struct {
	ContentType string
	Body        []byte
}

// Codec turns one protocol's bytes into FHIR and back. The same input gives the same bytes.
type Codec interface {
	// Decode reads raw bytes. A *Refusal error says which code and where.
	Decode(in Inbound) (Decoded, error)
	// Encode renders a released Bundle. A *Refusal error says what the destination cannot take.
	Encode(out Outbound) (Encoded, error)
}

// Updater is a Codec of a format in which a message may say less than is known and leave the
// rest as it is.
type Updater interface {
	// Update reads the raw bytes as a change of the known resources: what the message does not
	// speak of stands as it did.
	Update(in Inbound, known []*fhir.Node) (*fhir.Node, error)
}

// Refusal is the error of a Codec: a code of the table and located issues, free of values.
type Refusal struct {
	Code   Code
	Issues []Issue
}

// Error names the code and the first location.
func (r *Refusal) Error() string {
	if len(r.Issues) == 0 {
		return string(r.Code)
	}
	return fmt.Sprintf("%s at %s: %s", r.Code, r.Issues[0].Location, r.Issues[0].Text)
}

// Receipt is what a destination answered when it took a message.
type Receipt struct {
	Answer    string // "AA", "CA", "201", ...
	ControlID string // the destination's own id of its answer, where it has one
}

// Failure is the error of a Sender: every answer of a partner mapped to a code, and by it to retry or not.
type Failure struct {
	Code   Code
	Answer string        // what the partner answered ("AE 204", "503"), "" for no answer
	Detail string        // what happened, free of values of the message
	After  time.Duration // earliest retry the partner asked for (Retry-After); 0 for none
}

// Error names the code, the answer and the detail.
func (f *Failure) Error() string {
	return fmt.Sprintf("%s (answer %q): %s", f.Code, f.Answer, f.Detail)
}

// Sender moves the bytes of a permit to its destination, and nothing else. It returns
// a Receipt or a *Failure, and has written the last byte before Permit.WriteBy or failed.
type Sender interface {
	Send(ctx context.Context, permit Permit) (Receipt, error)
}

// Prober checks a destination without child data: name, TLS, credential, a ping.
type Prober interface {
	// Probe returns nil or an error whose text says the remedy.
	Probe(ctx context.Context) error
}
