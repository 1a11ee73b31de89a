package adapterstest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"caregate/adapters"
)

// slack is how much later than its bound a send may return; for a busy machine, not a promise.
const slack = 3 * time.Second

// maxHeard is how many bytes of an endless answer an adapter may take in, socket buffers included.
const maxHeard = 16 << 20

func (s Subject) sender(t *testing.T) {
	if s.Sender == nil {
		t.Skip("no sender")
	}
	t.Run("zero permit sends nothing", s.zeroPermit)
	t.Run("same permit same bytes", s.sameBytes)
	for _, a := range s.Answers {
		t.Run("answer "+a.Name, func(t *testing.T) { s.answer(t, a) })
	}
	t.Run("nobody listens", s.nobody)
	t.Run("write-by is over", s.tooLate)
	t.Run("partner never reads", s.neverReads)
	t.Run("partner never answers", func(t *testing.T) { s.patience(t, swallow) })
	t.Run("partner drips garbage", func(t *testing.T) { s.patience(t, drip([]byte("garbage "))) })
	t.Run("partner drips an answer", func(t *testing.T) {
		if s.Endless != nil {
			s.patience(t, drip(append([]byte(nil), s.Endless...)))
		}
	})
	t.Run("endless garbage", func(t *testing.T) { s.endless(t, nil) })
	t.Run("endless answer", func(t *testing.T) {
		if s.Endless != nil {
			s.endless(t, s.Endless)
		}
	})
}

func (s Subject) permit(r adapters.Release, writeBy time.Duration) adapters.Permit {
	r.WriteBy = time.Now().Add(writeBy)
	return adapters.Permitted(r)
}

func (s Subject) newSender(t *testing.T, address string) adapters.Sender {
	t.Helper()
	sender := s.Sender(address)
	if closer, ok := sender.(io.Closer); ok {
		t.Cleanup(func() { _ = closer.Close() })
	}
	return sender
}

// failure checks that a send failed properly, and returns why.
func (s Subject) failure(t *testing.T, err error) *adapters.Failure {
	t.Helper()
	var failure *adapters.Failure
	if !errors.As(err, &failure) {
		t.Fatalf("got %T, want *adapters.Failure", err)
	}
	clean(t, "error", err.Error(), s.Canaries)
	return failure
}

func (s Subject) zeroPermit(t *testing.T) {
	p := newPartner(t, swallow)
	_, err := s.newSender(t, p.address()).Send(t.Context(), adapters.Permit{})
	failure := s.failure(t, err)
	if failure.Code.Row().Retry {
		t.Errorf("code %s would be tried again", failure.Code)
	}
	if n := p.received.Load(); n > 0 {
		t.Errorf("%d bytes were sent without a permit", n)
	}
}

func (s Subject) sameBytes(t *testing.T) {
	i := s.accepting(t)
	var a answering
	p := newPartner(t, a.talk(s.Read, s.Answers[i].Wire))
	sender := s.newSender(t, p.address())
	var half int
	for range 2 {
		if _, err := sender.Send(t.Context(), s.permit(s.Release, 10*time.Second)); err != nil {
			t.Fatal(err)
		}
		if half == 0 {
			half = len(a.messages())
		}
	}
	sent := a.messages()
	if half == 0 || len(sent) != 2*half {
		t.Fatalf("two sends made %d requests, the first %d", len(sent), half)
	}
	for i := range half {
		if !bytes.Equal(sent[i].Wire, sent[half+i].Wire) {
			t.Errorf("request %d differs when repeated", i)
		}
	}
	if key := s.Release.Key; key != "" && s.Release.ControlID == "" && !bytes.Contains(sent[0].Wire, []byte(key)) {
		t.Error("the idempotency key does not travel with the message")
	}
}

func (s Subject) accepting(t *testing.T) int {
	t.Helper()
	for i, a := range s.Answers {
		if a.Want == adapters.CodeAccepted {
			return i
		}
	}
	t.Fatal("no answer of the subject means accepted")
	return 0
}

func (s Subject) answer(t *testing.T, a Answer) {
	var partnerSide answering
	p := newPartner(t, partnerSide.talk(s.Read, a.Wire))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	receipt, err := s.newSender(t, p.address()).Send(ctx, s.permit(s.Release, 10*time.Second))
	if a.Want == adapters.CodeAccepted {
		if err != nil {
			t.Fatalf("refused a good answer: %v", err)
		}
		if receipt.Answer == "" {
			t.Error("receipt without the answer")
		}
		clean(t, "receipt", receipt.Answer+receipt.ControlID, s.Canaries)
		return
	}
	failure := s.failure(t, err)
	if failure.Code != a.Want || failure.After != a.After {
		t.Errorf("got %s after %v, want %s after %v", failure.Code, failure.After, a.Want, a.After)
	}
}

func (s Subject) nobody(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	_, err = s.newSender(t, address).Send(t.Context(), s.permit(s.Release, 5*time.Second))
	if failure := s.failure(t, err); !failure.Code.Row().Retry {
		t.Errorf("code %s is not tried again", failure.Code)
	}
}

func (s Subject) tooLate(t *testing.T) {
	p := newPartner(t, swallow)
	_, err := s.newSender(t, p.address()).Send(t.Context(), s.permit(s.Release, -time.Millisecond))
	s.failure(t, err)
	if n := p.received.Load(); n > 0 {
		t.Errorf("%d bytes were sent after the time to write", n)
	}
}

// neverReads holds the promise of the gate: when the time to write is over and the message
// is not written, the rest of it never leaves, even to a partner that begins to read just then.
func (s Subject) neverReads(t *testing.T) {
	if len(s.Large.Body) < 16<<20 {
		t.Skip("no large release")
	}
	const writeBy, wakes = 400 * time.Millisecond, 700 * time.Millisecond
	begin := time.Now()
	drained := make(chan int64, 8)
	p := newPartner(t, func(p *partner, conn net.Conn) {
		p.wait(time.Until(begin.Add(wakes)))
		n, _ := io.Copy(io.Discard, conn)
		drained <- n
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	sender := s.newSender(t, p.address())
	_, err := sender.Send(ctx, s.permit(s.Large, time.Until(begin.Add(writeBy))))
	if failure := s.failure(t, err); !failure.Code.Row().Retry {
		t.Errorf("code %s is not tried again", failure.Code)
	}
	if took := time.Since(begin); took > writeBy+slack {
		t.Errorf("returned after %v, bound %v", took, writeBy)
	}
	for range p.conns.Load() {
		if n := <-drained; n >= int64(len(s.Large.Body)) {
			t.Errorf("all %d bytes left although the time to write was over", n)
		}
	}
}

// patience holds that a partner cannot keep a send longer than its context.
func (s Subject) patience(t *testing.T, talk func(*partner, net.Conn)) {
	p := newPartner(t, talk)
	const bound = 500 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	begin := time.Now()
	_, err := s.newSender(t, p.address()).Send(ctx, s.permit(s.Release, 10*time.Second))
	if failure := s.failure(t, err); !failure.Code.Row().Retry {
		t.Errorf("code %s is not tried again", failure.Code)
	}
	if took := time.Since(begin); took > bound+slack {
		t.Errorf("returned after %v, bound %v", took, bound)
	}
}

func (s Subject) endless(t *testing.T, beginning []byte) {
	p := newPartner(t, babble(beginning))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := s.newSender(t, p.address()).Send(ctx, s.permit(s.Release, 10*time.Second))
	s.failure(t, err)
	if n := p.sent.Load(); n > maxHeard {
		t.Errorf("took in %d bytes of an endless answer", n)
	}
}
