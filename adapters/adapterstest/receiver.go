package adapterstest

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"caregate/adapters"
)

func (s Subject) receiver(t *testing.T) {
	if s.Receiver == nil {
		t.Skip("no receiver")
	}
	t.Run("hands over the raw bytes", s.handsOver)
	t.Run("answers carry no values", s.answersClean)
	t.Run("survives a panic", s.survivesPanic)
	t.Run("drains", s.drains)
}

// serve runs a receiver for the length of the test and returns its address and a stop that waits for the end.
func (s Subject) serve(t *testing.T, accept adapters.Accept) (string, func()) {
	t.Helper()
	r, err := s.Receiver(accept)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("serve ended with %v", err)
			}
		case <-time.After(15 * time.Second):
			t.Error("serve does not end")
		}
	})
	t.Cleanup(stop)
	return r.Addr().String(), stop
}

func (s Subject) handsOver(t *testing.T) {
	got := make(chan adapters.Inbound, 1)
	address, _ := s.serve(t, func(_ context.Context, in adapters.Inbound) adapters.Ack {
		got <- in
		return adapters.Ack{MessageID: "m_1", Code: adapters.CodeAccepted}
	})
	if _, err := s.Post(address, s.Message); err != nil {
		t.Fatal(err)
	}
	in := <-got
	if !bytes.Equal(in.Raw, s.Message) {
		t.Error("the bytes handed over are not the bytes received")
	}
	if in.Partner == "" || in.Protocol == "" || in.Received.IsZero() {
		t.Errorf("inbound lacks partner %q, protocol %q or time", in.Partner, in.Protocol)
	}
}

func (s Subject) answersClean(t *testing.T) {
	acks := []adapters.Ack{
		{MessageID: "m_1", Code: adapters.CodeHeld},
		{MessageID: "m_1", Code: adapters.CodeMissing, Issues: []adapters.Issue{{Location: "PID-3", Code: adapters.CodeMissing, Text: "required"}}},
		{Code: adapters.CodeInternal},
		{MessageID: "m_1", Code: adapters.CodeAccepted, Duplicate: true},
	}
	for _, ack := range acks {
		address, stop := s.serve(t, func(context.Context, adapters.Inbound) adapters.Ack { return ack })
		answer, err := s.Post(address, s.Message)
		if err != nil || len(answer) == 0 {
			t.Errorf("%s: no answer (%v)", ack.Code, err)
		}
		clean(t, "answer "+string(ack.Code), string(answer), s.Canaries)
		stop()
	}
}

func (s Subject) survivesPanic(t *testing.T) {
	var once sync.Once
	address, _ := s.serve(t, func(context.Context, adapters.Inbound) adapters.Ack {
		once.Do(func() { panic(string(s.Message)) })
		return adapters.Ack{MessageID: "m_1", Code: adapters.CodeAccepted}
	})
	answer, _ := s.Post(address, s.Message) // whatever it answers, it is no value and no acceptance
	clean(t, "answer", string(answer), s.Canaries)
	if _, err := s.Post(address, s.Message); err != nil {
		t.Errorf("does not serve after a panic: %v", err)
	}
}

func (s Subject) drains(t *testing.T) {
	inside, proceed := make(chan struct{}), make(chan struct{})
	address, stop := s.serve(t, func(context.Context, adapters.Inbound) adapters.Ack {
		close(inside)
		<-proceed
		return adapters.Ack{MessageID: "m_drain", Code: adapters.CodeAccepted}
	})
	answered := make(chan error, 1)
	go func() {
		answer, err := s.Post(address, s.Message)
		if err == nil && len(answer) == 0 {
			err = errors.New("no answer")
		}
		answered <- err
	}()
	<-inside
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	time.Sleep(50 * time.Millisecond) // let the stop reach the receiver; a shorter wait only weakens the test
	close(proceed)
	if err := <-answered; err != nil {
		t.Errorf("a message in work got no answer: %v", err)
	}
	<-stopped
}
