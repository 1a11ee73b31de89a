// Package adapterstest is the conformance suite that every adapter passes: one call
// of Exercise from the adapter's own test, over real sockets on 127.0.0.1. What the
// suite asks for is what gateway relies on, so a new adapter is done when it passes.
package adapterstest

import (
	"bufio"
	"testing"
	"time"

	"go.uber.org/goleak"

	"caregate/adapters"
)

// Subject is one adapter under test. Parts that an adapter does not have stay nil and are left out.
type Subject struct {
	Name     string
	Canaries []string // texts that stand for personal data and secrets: they must show up in no error and no log

	// Codec, with inputs that it must refuse and one that it must render alike every time.
	Codec    adapters.Codec
	Bad      []adapters.Inbound // each holds a canary; Decode must answer each with a located *Refusal
	Outbound adapters.Outbound
	Unfit    []adapters.Outbound // each holds a canary; Encode must answer each with a *Refusal

	// Sender makes a sender to the partner listening in plain text on address ("127.0.0.1:port").
	// A sender that implements io.Closer is closed when its test ends.
	Sender  func(address string) adapters.Sender
	Release adapters.Release                       // what is sent; its Body holds a canary; WriteBy is set by the suite
	Large   adapters.Release                       // the same with a Body of 16 MiB or more, more than sockets buffer
	Read    func(r *bufio.Reader) (Request, error) // reads one whole request off the wire
	Answers []Answer                               // every answer that the protocol knows
	Endless []byte                                 // the beginning of an answer, after which the partner never stops talking

	// Receiver starts a receiver on 127.0.0.1:0; Post sends it one message as a partner and returns the answer.
	Receiver func(accept adapters.Accept) (adapters.Receiver, error)
	Post     func(address string, raw []byte) ([]byte, error)
	Message  []byte // a well-formed message that holds a canary
}

// Request is one request as it came over the wire, rendered so that equal requests have equal bytes.
type Request struct {
	Wire      []byte
	Handshake bool // carries no message: a token request, a look-up
}

// Answer is one thing a partner may say, and what it must mean.
type Answer struct {
	Name  string
	Wire  func(Request) []byte // the answer; nil closes the connection without one. Echo the request where the protocol allows it
	Want  adapters.Code        // CodeAccepted for a Receipt, else the code of the *Failure
	After time.Duration        // Failure.After, where the partner said when to come back
}

// Exercise runs the whole suite on one adapter. It captures the process-wide loggers,
// so the test that calls it must not be parallel.
func Exercise(t *testing.T, s Subject) {
	t.Helper()
	existing := goleak.IgnoreCurrent()
	leaked := capture(t, s.Canaries)
	t.Run("codec", s.codec)
	t.Run("sender", s.sender)
	t.Run("receiver", s.receiver)
	leaked()
	goleak.VerifyNone(t, existing)
}
