package mllp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"caregate/adapters"
	"caregate/hl7v2"
)

// session is one connection of a partner.
type session struct {
	r      *Receiver
	conn   net.Conn // of TLS once secured
	names  []string // of the client's certificate
	closed sync.Once
}

// close ends the connection; the second time it does nothing.
func (s *session) close() { s.closed.Do(func() { _ = s.conn.Close() }) }

// secure makes the TLS handshake where the listener has TLS.
func (s *session) secure(ctx context.Context) error {
	settings := s.r.config.TLS
	if settings == nil {
		return nil
	}
	settings = s.r.config.Parties.demand(settings)
	conn := tls.Server(s.conn, settings)
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	s.names = certificateNames(conn.ConnectionState())
	s.r.mu.Lock()
	s.conn = conn
	s.r.mu.Unlock()
	return nil
}

// run reads and answers frames until the connection or the receiver ends.
func (s *session) run(ctx context.Context) {
	frames := hl7v2.NewFrameReader(s.conn, s.r.config.MaxBytes)
	for bad := 0; bad < maxBadFrames; {
		if !s.r.await(s, s.r.config.IdleTimeout) || frames.Wait() != nil || !s.r.await(s, s.r.config.FrameTimeout) {
			return
		}
		frame, err := frames.Read()
		if broken, ok := errors.AsType[*hl7v2.FrameError](err); ok {
			bad++
			if !s.refuse(broken) {
				return
			}
			continue
		}
		if err != nil || !s.take(ctx, frame, time.Now()) {
			return
		}
		bad = 0
	}
}

// refuse answers a frame that is none. It answers false when the connection is to end.
func (s *session) refuse(broken *hl7v2.FrameError) bool {
	code, text := adapters.CodeMalformed, "the frame is not 0x0B, message, 0x1C, 0x0D"
	if errors.Is(broken, hl7v2.ErrFrameTooLarge) {
		code, text = adapters.CodeTooLarge, "the frame is larger than this gateway takes"
	}
	header, _ := hl7v2.ReadHeader(broken.Head)
	return s.answer(header, adapters.Ack{Code: code, Issues: []adapters.Issue{{Location: "MSH", Code: code, Text: text}}})
}

// take hands over the messages of one frame, one after the other, and answers each. Bytes that are
// no message are handed over, too: nothing that a partner sent is lost, and the pipeline refuses them.
func (s *session) take(ctx context.Context, frame []byte, received time.Time) bool {
	if len(bytes.TrimSpace(frame)) == 0 {
		return s.refuse(&hl7v2.FrameError{Err: hl7v2.ErrFrameGarbage})
	}
	messages, err := hl7v2.Split(frame)
	if err != nil {
		messages = [][]byte{frame}
	}
	for _, raw := range messages {
		header, _ := hl7v2.ReadHeader(raw)
		ack := s.handOver(ctx, header, adapters.Inbound{Protocol: Protocol, ContentType: ContentType, Raw: raw, Received: received})
		if ack.Silent || !s.answer(header, ack) {
			return false
		}
	}
	return true
}

// handOver finds the partner and passes the message on.
func (s *session) handOver(ctx context.Context, header hl7v2.Header, in adapters.Inbound) (ack adapters.Ack) {
	partner, err := s.r.config.Parties.resolve(s.names, header)
	if err != nil {
		return adapters.Ack{Code: adapters.CodeForbidden, Issues: []adapters.Issue{{Location: "MSH-3", Code: adapters.CodeForbidden, Text: err.Error()}}}
	}
	in.Partner = partner
	defer func() {
		if problem := recover(); problem != nil {
			s.r.config.Log.Error("mllp: panic while a message was accepted", slog.String("partner", partner), slog.String("type", fmt.Sprintf("%T", problem)))
			ack = adapters.Ack{Code: adapters.CodeInternal}
		}
	}()
	return s.r.accept(ctx, in)
}

// answer sends the acknowledgement that the message asks for, if it asks for one. It answers false
// when the connection is to end.
func (s *session) answer(header hl7v2.Header, ack adapters.Ack) bool {
	if s.r.config.Enhanced && header.Mode() == hl7v2.ModeOriginal {
		header.AcceptAck = "AL"
	}
	message, due := Acknowledge(header, ack, time.Now())
	if !due {
		return true
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.r.config.WriteTimeout)); err != nil {
		return false
	}
	_, err := s.conn.Write(hl7v2.Frame(message))
	return err == nil
}
