package mllp_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"caregate/adapters"
	"caregate/adapters/mllp"
	"caregate/hl7v2"
)

func permit(body []byte, writeBy time.Duration) adapters.Permit {
	return adapters.Permitted(adapters.Release{Destination: "clinic", Body: body, ContentType: mllp.ContentType, WriteBy: time.Now().Add(writeBy)})
}

// partner is a destination whose behaviour is one function for each frame it reads.
type partner struct {
	listener net.Listener
	conns    atomic.Int32
	frames   atomic.Int32
}

func newPartner(t *testing.T, reply func(conn *net.TCPConn, n int, frame []byte)) *partner {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &partner{listener: listener}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.conns.Add(1)
			go func() {
				defer conn.Close()
				in := hl7v2.NewFrameReader(conn, 0)
				for {
					frame, err := in.Read()
					if err != nil {
						return
					}
					reply(conn.(*net.TCPConn), int(p.frames.Add(1)), frame)
				}
			}()
		}
	}()
	t.Cleanup(func() { _ = listener.Close() })
	return p
}

func (p *partner) sender(t *testing.T, c mllp.SenderConfig) *mllp.Sender {
	t.Helper()
	c.Address = p.listener.Addr().String()
	s, err := mllp.NewSender(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// codeOf sends a message and returns the code of its failure, or CodeAccepted.
func codeOf(t *testing.T, s *mllp.Sender, body []byte) adapters.Code {
	t.Helper()
	_, err := s.Send(t.Context(), permit(body, 5*time.Second))
	if err == nil {
		return adapters.CodeAccepted
	}
	failure, ok := errors.AsType[*adapters.Failure](err)
	if !ok {
		t.Fatalf("got %T", err)
	}
	return failure.Code
}

func TestConnectionIsKept(t *testing.T) {
	t.Parallel()
	p := newPartner(t, func(conn *net.TCPConn, _ int, frame []byte) { _, _ = conn.Write(ackOf(frame, "AA", "")) })
	s := p.sender(t, mllp.SenderConfig{})
	for _, id := range []string{"1", "2", "3"} {
		if code := codeOf(t, s, adt(id)); code != adapters.CodeAccepted {
			t.Fatalf("message %s: %s", id, code)
		}
	}
	if n := p.conns.Load(); n != 1 {
		t.Errorf("%d connections for three messages", n)
	}
}

// TestLateAnswerConfirmsNothing: the answer to a message comes after its time; the next message must not
// be confirmed by it, even when it has the same control id.
func TestLateAnswerConfirmsNothing(t *testing.T) {
	t.Parallel()
	p := newPartner(t, func(conn *net.TCPConn, n int, frame []byte) {
		if n == 1 {
			time.AfterFunc(300*time.Millisecond, func() { _, _ = conn.Write(ackOf(frame, "AA", "")) })
		}
	})
	s := p.sender(t, mllp.SenderConfig{AnswerTimeout: 200 * time.Millisecond})
	for _, what := range []string{"late", "never answered"} {
		if code := codeOf(t, s, adt("1")); code != adapters.CodeTimeout {
			t.Errorf("%s: %s", what, code)
		}
	}
	if n := p.conns.Load(); n != 2 {
		t.Errorf("%d connections: the one with the overdue answer was used again", n)
	}
}

func TestPartnersWhoMisbehave(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		reply func(conn *net.TCPConn, n int, frame []byte)
		want  []adapters.Code
	}{
		{
			"answers another message", func(conn *net.TCPConn, _ int, _ []byte) { _, _ = conn.Write(ackOf(adt("9"), "AA", "")) },
			[]adapters.Code{adapters.CodeBadAnswer, adapters.CodeBadAnswer},
		},
		{
			"answers without MSA-2", func(conn *net.TCPConn, _ int, _ []byte) { _, _ = conn.Write(ackOf(adt(""), "AA", "")) },
			[]adapters.Code{adapters.CodeBadAnswer},
		},
		{
			"hangs up after reading", func(conn *net.TCPConn, _ int, _ []byte) { _ = conn.Close() },
			[]adapters.Code{adapters.CodeUnavailable, adapters.CodeUnavailable},
		},
		{
			"closes its half and reads on", func(conn *net.TCPConn, _ int, _ []byte) { _ = conn.CloseWrite() },
			[]adapters.Code{adapters.CodeUnavailable},
		},
		{
			"resets", func(conn *net.TCPConn, _ int, _ []byte) { _ = conn.SetLinger(0); _ = conn.Close() },
			[]adapters.Code{adapters.CodeUnavailable},
		},
		{"answers twice", func(conn *net.TCPConn, _ int, frame []byte) {
			_, _ = conn.Write(append(ackOf(frame, "AA", ""), ackOf(frame, "AA", "")...))
		}, []adapters.Code{adapters.CodeAccepted, adapters.CodeAccepted, adapters.CodeAccepted}},
		{"answers AA, later AE for the same", func(conn *net.TCPConn, n int, frame []byte) {
			if n == 1 {
				_, _ = conn.Write(append(ackOf(frame, "AA", ""), ackOf(frame, "AE", "")...))
			} else {
				_, _ = conn.Write(ackOf(frame, "AA", ""))
			}
		}, []adapters.Code{adapters.CodeAccepted, adapters.CodeAccepted}},
		{"hangs up between messages", func(conn *net.TCPConn, _ int, frame []byte) {
			_, _ = conn.Write(ackOf(frame, "AA", ""))
			_ = conn.Close()
		}, []adapters.Code{adapters.CodeAccepted, adapters.CodeAccepted, adapters.CodeAccepted}},
		{"drips an answer", func(conn *net.TCPConn, _ int, frame []byte) {
			for _, b := range ackOf(frame, "AA", "") {
				if _, err := conn.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}, []adapters.Code{adapters.CodeTimeout}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newPartner(t, tt.reply).sender(t, mllp.SenderConfig{AnswerTimeout: 400 * time.Millisecond})
			for i, want := range tt.want {
				if got := codeOf(t, s, adt(string(rune('1'+i)))); got != want {
					t.Errorf("message %d: %s, want %s", i+1, got, want)
				}
				time.Sleep(30 * time.Millisecond) // a close between messages has time to arrive
			}
		})
	}
}

func TestMessagesThatWantNoAnswer(t *testing.T) {
	t.Parallel()
	p := newPartner(t, func(*net.TCPConn, int, []byte) {})
	s := p.sender(t, mllp.SenderConfig{AnswerTimeout: 200 * time.Millisecond})
	withModes := func(accept, application string) []byte {
		return []byte("MSH|^~\\&|A|B|C|D|||ADT^A08|1|P|2.5.1|||" + accept + "|" + application + "\rPID|1||9\r")
	}
	if receipt, err := s.Send(t.Context(), permit(withModes("NE", "NE"), time.Second)); err != nil || receipt.Answer != "NE" {
		t.Errorf("NE/NE: %+v, %v", receipt, err)
	}
	for _, modes := range [][2]string{{"AL", "NE"}, {"ER", "NE"}, {"NE", "AL"}, {"", ""}} {
		if code := codeOf(t, s, withModes(modes[0], modes[1])); code != adapters.CodeTimeout {
			t.Errorf("%v: %s, silence confirms nothing", modes, code)
		}
	}
}

func TestSenderRefuses(t *testing.T) {
	t.Parallel()
	p := newPartner(t, func(*net.TCPConn, int, []byte) {})
	s := p.sender(t, mllp.SenderConfig{})
	for name, body := range map[string][]byte{
		"no message": []byte(canary), "no control id": adt(""), "a frame end inside": append(adt("1"), "NTE|1||\x1c\r"...), "a frame start inside": append(adt("1"), "NTE|1||\x0b\r"...),
	} {
		if code := codeOf(t, s, body); code.Row().Retry {
			t.Errorf("%s: %s would be tried again", name, code)
		}
	}
	if n := p.frames.Load() + p.conns.Load(); n != 0 {
		t.Error("something was sent")
	}
	if _, err := mllp.NewSender(mllp.SenderConfig{Address: "192.0.2.1:2575"}); err == nil {
		t.Error("plain text beyond loopback was allowed")
	}
	if _, err := mllp.NewSender(mllp.SenderConfig{Address: "192.0.2.1:2575", Insecure: true}); err != nil {
		t.Error(err)
	}
}

func TestProbeSendsNothing(t *testing.T) {
	t.Parallel()
	p := newPartner(t, func(*net.TCPConn, int, []byte) {})
	s := p.sender(t, mllp.SenderConfig{})
	if err := s.Probe(t.Context()); err != nil {
		t.Error(err)
	}
	_ = p.listener.Close()
	if err := s.Probe(t.Context()); err == nil {
		t.Error("nobody listens, and the probe succeeds")
	}
	if p.frames.Load() != 0 {
		t.Error("the probe sent a message")
	}
}

func TestOneMessageAtATime(t *testing.T) {
	t.Parallel()
	p := newPartner(t, func(conn *net.TCPConn, _ int, frame []byte) {
		time.Sleep(50 * time.Millisecond)
		_, _ = conn.Write(ackOf(frame, "AA", ""))
	})
	s := p.sender(t, mllp.SenderConfig{})
	codes := make(chan adapters.Code, 4)
	for i := range 4 {
		go func() { codes <- codeOf(t, s, adt(string(rune('1'+i)))) }()
	}
	for range 4 {
		if code := <-codes; code != adapters.CodeAccepted {
			t.Errorf("%s", code)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := s.Send(ctx, permit(adt("9"), time.Minute)); err == nil {
		t.Error("a send outlived its context")
	}
	if n := p.conns.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}
