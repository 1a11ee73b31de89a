package mllp

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"caregate/adapters"
	"caregate/hl7v2"
)

// The bounds of a Sender where its configuration names none.
const (
	DefaultDialTimeout   = 10 * time.Second
	DefaultAnswerTimeout = 30 * time.Second
	DefaultConns         = 1
	maxAnswerBytes       = 1 << 20 // one acknowledgement
	maxStrayAnswers      = 100     // to other messages, while one answer is awaited
)

// SenderConfig is one MLLP destination.
type SenderConfig struct {
	Address  string      // host:port
	TLS      *tls.Config // nil: plain text, which only a loopback address may use
	Insecure bool        // permits plain text beyond loopback, inside a tunnel for example

	Conns         int           // connections at a time; 0: DefaultConns
	DialTimeout   time.Duration // TLS handshake included; 0: DefaultDialTimeout
	WriteTimeout  time.Duration // of one message, and never beyond Permit.WriteBy; 0: DefaultWriteTimeout
	AnswerTimeout time.Duration // for the acknowledgement; 0: DefaultAnswerTimeout
}

// Sender keeps connections to one destination open and sends one message at a time on each. It is an
// adapters.Sender, an adapters.Prober and an io.Closer.
//
// A message is taken when the destination answers AA or CA with its MSH-10 in MSA-2. Every other answer
// to it is a Failure; answers to anything else are dropped; a connection on which an answer is overdue or
// unreadable is closed and never used again, so that a late answer cannot confirm a later message. Only a
// message that asks for no answer (MSH-15 and MSH-16 NE) is taken once it is written. The condition ER
// asks for an answer here, too: silence confirms nothing.
type Sender struct {
	config SenderConfig
	links  chan *link // one token per connection; nil: not open
	done   chan struct{}
	closed sync.Once
}

var (
	_ adapters.Sender = (*Sender)(nil)
	_ adapters.Prober = (*Sender)(nil)
)

// NewSender checks the configuration; it connects to nothing.
func NewSender(c SenderConfig) (*Sender, error) {
	host, _, err := net.SplitHostPort(c.Address)
	if err != nil {
		return nil, fmt.Errorf("mllp: the destination is not host:port: %w", err)
	}
	if ip := net.ParseIP(host); c.TLS == nil && !c.Insecure && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, errors.New("mllp: a destination beyond loopback needs TLS, or has to be configured insecure")
	}
	c.Conns = positive(c.Conns, DefaultConns)
	c.DialTimeout = positive(c.DialTimeout, DefaultDialTimeout)
	c.WriteTimeout = positive(c.WriteTimeout, DefaultWriteTimeout)
	c.AnswerTimeout = positive(c.AnswerTimeout, DefaultAnswerTimeout)
	s := &Sender{config: c, links: make(chan *link, c.Conns), done: make(chan struct{})}
	for range c.Conns {
		s.links <- nil
	}
	return s, nil
}

// Close closes the connections; a send that awaits its answer fails.
func (s *Sender) Close() error {
	s.closed.Do(func() {
		close(s.done)
		for range s.config.Conns {
			(<-s.links).close()
		}
	})
	return nil
}

// Probe connects, makes the TLS handshake, and hangs up: no message is sent.
func (s *Sender) Probe(ctx context.Context) error {
	conn, err := s.dial(ctx, time.Now().Add(s.config.DialTimeout))
	if err != nil {
		return fmt.Errorf("mllp: no connection to %s: check host, port, firewall and certificates: %w", s.config.Address, err)
	}
	return conn.Close()
}

// Send writes the released message and waits for its acknowledgement.
func (s *Sender) Send(ctx context.Context, permit adapters.Permit) (adapters.Receipt, error) {
	if !permit.Valid() {
		return adapters.Receipt{}, &adapters.Failure{Code: adapters.CodeForbidden, Detail: "no permit"}
	}
	release := permit.Release()
	header, err := hl7v2.ReadHeader(release.Body)
	if err != nil || header.ControlID == "" || bytes.ContainsAny(release.Body, "\x0b\x1c") {
		return adapters.Receipt{}, &adapters.Failure{Code: adapters.CodeConfiguration, Detail: "the body is not an HL7 v2 message that MLLP can carry"}
	}
	l, err := s.take(ctx, release.WriteBy)
	if err != nil {
		return adapters.Receipt{}, err
	}
	receipt, reusable, err := s.exchange(ctx, l, release, header)
	if !reusable {
		l.close()
		l = nil
	}
	s.links <- l
	return receipt, err
}

// take waits for a connection, the idle one or a new one.
func (s *Sender) take(ctx context.Context, writeBy time.Time) (*link, error) {
	ctx, cancel := context.WithDeadline(ctx, latest(time.Now().Add(s.config.WriteTimeout), writeBy))
	defer cancel()
	if ctx.Err() != nil {
		return nil, &adapters.Failure{Code: adapters.CodeTimeout, Detail: "the time to write was over before the first byte"}
	}
	var l *link
	select {
	case l = <-s.links:
	case <-ctx.Done():
		return nil, &adapters.Failure{Code: adapters.CodeTimeout, Detail: "all connections to the destination were in use"}
	case <-s.done:
		return nil, &adapters.Failure{Code: adapters.CodeUnavailable, Detail: "the sender is closed"}
	}
	if l.usable() {
		return l, nil
	}
	l.close()
	conn, err := s.dial(ctx, time.Now().Add(s.config.DialTimeout))
	if err != nil {
		s.links <- nil
		return nil, &adapters.Failure{Code: adapters.CodeUnavailable, Detail: dialDetail(err)}
	}
	return newLink(conn), nil
}

// latest returns the instant by which the last byte has to be written; a zero writeBy sets no bound.
func latest(byTimeout, writeBy time.Time) time.Time {
	if !writeBy.IsZero() && writeBy.Before(byTimeout) {
		return writeBy
	}
	return byTimeout
}

// dial opens a connection.
func (s *Sender) dial(ctx context.Context, by time.Time) (net.Conn, error) {
	ctx, cancel := context.WithDeadline(ctx, by)
	defer cancel()
	if s.config.TLS == nil {
		return new(net.Dialer).DialContext(ctx, "tcp", s.config.Address)
	}
	settings := s.config.TLS.Clone()
	settings.MinVersion = max(settings.MinVersion, tls.VersionTLS12)
	return (&tls.Dialer{Config: settings}).DialContext(ctx, "tcp", s.config.Address)
}

// dialDetail says what failed without quoting what a partner sent.
func dialDetail(err error) string {
	var lookup *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &lookup):
		return "the destination's name does not resolve"
	case errors.As(err, &certificate):
		return "the destination's certificate is not trusted"
	case errors.Is(err, context.DeadlineExceeded):
		return "no connection in time"
	}
	return "no connection to the destination"
}

// exchange writes the message and awaits its answer. reusable says that the connection is in step.
func (s *Sender) exchange(ctx context.Context, l *link, release adapters.Release, header hl7v2.Header) (receipt adapters.Receipt, reusable bool, err error) {
	by := latest(time.Now().Add(s.config.WriteTimeout), release.WriteBy)
	if !l.write(ctx, hl7v2.Frame(release.Body), by) {
		code := adapters.CodeUnavailable
		if ctx.Err() != nil || !time.Now().Before(by) {
			code = adapters.CodeTimeout
		}
		return receipt, false, &adapters.Failure{Code: code, Detail: "the message was not written whole"}
	}
	if !answered(header) {
		return adapters.Receipt{Answer: "NE"}, true, nil
	}
	return s.await(ctx, l, header.ControlID)
}

// answered reports whether a message asks for any answer.
func answered(h hl7v2.Header) bool {
	return h.Mode() == hl7v2.ModeOriginal || cmp.Or(h.AcceptAck, "NE") != "NE" || cmp.Or(h.ApplicationAck, "NE") != "NE"
}

// await takes answers until the one to controlID is there, or the time is over.
func (s *Sender) await(ctx context.Context, l *link, controlID string) (adapters.Receipt, bool, error) {
	timeout := time.NewTimer(s.config.AnswerTimeout)
	defer timeout.Stop()
	for stray := 0; stray < maxStrayAnswers; {
		select {
		case frame := <-l.answers:
			header, err := hl7v2.ReadHeader(frame)
			if err != nil {
				return adapters.Receipt{}, false, &adapters.Failure{Code: adapters.CodeBadAnswer, Detail: "the answer is not HL7 v2"}
			}
			if header.AcknowledgedControlID == controlID {
				receipt, err := judge(frame, header)
				return receipt, true, err
			}
			stray++
		case <-l.ended:
			return adapters.Receipt{}, false, &adapters.Failure{Code: l.why, Detail: "the connection ended before the answer"}
		case <-timeout.C:
			return adapters.Receipt{}, false, overdue(stray)
		case <-ctx.Done():
			return adapters.Receipt{}, false, overdue(stray)
		case <-s.done:
			return adapters.Receipt{}, false, &adapters.Failure{Code: adapters.CodeUnavailable, Detail: "the sender was closed before the answer"}
		}
	}
	return adapters.Receipt{}, false, overdue(maxStrayAnswers)
}

// overdue is the failure of a message that was not answered in time.
func overdue(stray int) *adapters.Failure {
	if stray > 0 {
		return &adapters.Failure{Code: adapters.CodeBadAnswer, Detail: "only other messages were acknowledged"}
	}
	return &adapters.Failure{Code: adapters.CodeTimeout, Detail: "no answer in time"}
}

// judge reads the acknowledgement of our message.
func judge(frame []byte, header hl7v2.Header) (adapters.Receipt, error) {
	code := hl7v2.AckCode(strings.TrimSpace(header.AcknowledgmentCode))
	errorCode := ""
	if m, err := hl7v2.Parse(frame); err == nil {
		errorCode = errorCodeOf(m)
	}
	answer := strings.TrimSpace(string(code) + " " + errorCode)
	switch code {
	case hl7v2.AA, hl7v2.CA:
		return adapters.Receipt{Answer: string(code), ControlID: header.ControlID[:min(len(header.ControlID), maxControlID)]}, nil
	case hl7v2.CE:
		return adapters.Receipt{}, &adapters.Failure{Code: adapters.CodeInternal, Answer: answer, Detail: "the destination could not commit the message"}
	case hl7v2.AE:
		return adapters.Receipt{}, &adapters.Failure{Code: meaning(errorCode, adapters.CodeInternal), Answer: answer, Detail: "the destination reports an error"}
	case hl7v2.AR, hl7v2.CR:
		return adapters.Receipt{}, &adapters.Failure{Code: meaning(errorCode, adapters.CodeForbidden), Answer: answer, Detail: "the destination rejects the message"}
	}
	return adapters.Receipt{}, &adapters.Failure{Code: adapters.CodeBadAnswer, Detail: "the acknowledgement code is not of table 0008"}
}

// maxControlID is how much of a destination's MSH-10 a Receipt keeps (since v2.7 it has 199 characters).
const maxControlID = 199

// errorCodeOf returns the code of table 0357 of the first error: ERR-3, or ERR-1.4 before v2.5. What is
// not in the table is "": a partner's own text has no place in errors.
func errorCodeOf(m *hl7v2.Message) string {
	for e := range m.All("ERR") {
		if severity := e.Field(4).Rep(1).Text(); severity == "W" || severity == "I" {
			continue
		}
		for _, code := range []string{e.Field(3).Rep(1).Component(1).Text(), e.Field(1).Rep(1).Component(4).Sub(1)} {
			if hl7v2.CodeText(code) != "" && code != hl7v2.CodeAccepted {
				return code
			}
		}
	}
	return ""
}

// meaning maps table 0357; 207 and unknown codes mean what the acknowledgement code says.
func meaning(code string, otherwise adapters.Code) adapters.Code {
	switch code {
	case hl7v2.CodeSequence:
		return adapters.CodeMalformed
	case hl7v2.CodeMissing:
		return adapters.CodeMissing
	case hl7v2.CodeDataType:
		return adapters.CodeDataType
	case hl7v2.CodeTableValue:
		return adapters.CodeTableValue
	case hl7v2.CodeUnsupportedType:
		return adapters.CodeUnsupportedType
	case hl7v2.CodeUnsupportedEvent:
		return adapters.CodeUnsupportedEvent
	case hl7v2.CodeUnsupportedMode:
		return adapters.CodeUnsupportedMode
	case hl7v2.CodeVersion:
		return adapters.CodeVersion
	case hl7v2.CodeUnknownKey:
		return adapters.CodeUnknownKey
	case hl7v2.CodeDuplicateKey:
		return adapters.CodeDuplicate
	case hl7v2.CodeLocked:
		return adapters.CodeBusy
	}
	return otherwise
}
