package mllp_test

import (
	"context"
	"testing"
	"time"

	"caregate/adapters"
	"caregate/adapters/mllp"
)

// BenchmarkRoundTrip sends one message after the other over one connection to a receiver that stores nothing.
func BenchmarkRoundTrip(b *testing.B) {
	r, err := mllp.New(mllp.Config{Address: "127.0.0.1:0", Parties: mllp.Parties{Partner: "clinic"}},
		func(context.Context, adapters.Inbound) adapters.Ack { return adapters.Ack{Code: adapters.CodeAccepted} })
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ctx) }()
	s, err := mllp.NewSender(mllp.SenderConfig{Address: r.Addr().String()})
	if err != nil {
		b.Fatal(err)
	}
	body := adt("1")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Send(ctx, permit(body, time.Minute)); err != nil {
			b.Fatal(err)
		}
	}
	_ = s.Close()
	cancel()
	<-ended
}
