package ledger

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkAccept accepts messages of 2 KB raw and 8 KB decoded, each with one delivery.
func BenchmarkAccept(b *testing.B) {
	for _, callers := range []int{1, 32} {
		b.Run(fmt.Sprint(callers, " callers"), func(b *testing.B) {
			l := open(b, b.TempDir())
			child := newChild(b, l)
			raw, bundle := bytes.Repeat([]byte("OBX|1|NM|"), 228), bytes.Repeat([]byte(`{"resourceType":"Task"}`), 356)
			b.ResetTimer()
			var n atomic.Int64
			var wait sync.WaitGroup
			for range callers {
				wait.Go(func() {
					for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
						a := message(fmt.Sprint(i), "", child)
						a.Raw, a.Bundle = raw, bundle
						if _, err := l.Accept(b.Context(), a); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wait.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "accepts/s")
		})
	}
}

// BenchmarkDeliver does what a delivery costs the ledger: head, inputs, intent, record.
func BenchmarkDeliver(b *testing.B) {
	for _, workers := range []int{1, 32} {
		b.Run(fmt.Sprint(workers, " workers"), func(b *testing.B) {
			l := open(b, b.TempDir())
			children := make([]string, workers)
			var wait sync.WaitGroup
			for w := range children {
				children[w] = newChild(b, l)
			}
			for w := range children {
				wait.Go(func() {
					for i := range b.N/workers + 1 {
						l.Accept(b.Context(), message(fmt.Sprint(w, "-", i), "x", children[w]))
					}
				})
			}
			wait.Wait()
			b.ResetTimer()
			for w := range children {
				wait.Go(func() {
					child := children[w]
					for range b.N/workers + 1 {
						d, err := l.Head(b.Context(), "school/"+child)
						if err != nil {
							b.Error(err)
							return
						}
						_, epoch, err := l.Inputs(b.Context(), child)
						if err != nil {
							b.Error(err)
							return
						}
						token, _, err := l.Intend(b.Context(), Intent{
							Delivery: d.ID, Children: []string{child}, Epochs: map[string]int64{child: epoch}, Holder: "h",
							GateUntil: time.Now().Add(5 * time.Second), Key: d.ID, DecisionBody: []byte(`{"permit":true}`), Events: []Event{{Kind: "release"}},
						})
						if err != nil {
							b.Error(err)
							return
						}
						if _, err := l.Record(b.Context(), Outcome{Delivery: d.ID, Token: token, State: DeliveryCompleted, Events: []Event{{Kind: "delivered"}}}); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wait.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}

// BenchmarkVerify checks an audit log of 100 000 rows.
func BenchmarkVerify(b *testing.B) {
	const rows = 100_000
	l := open(b, b.TempDir())
	events := make([]Event, 1000)
	for i := range events {
		events[i] = Event{Kind: "release", Partner: "school", Message: newID("m_"), Delivery: newID("d_"), Child: newID("c_"), Outcome: "permit", Body: []byte(`{"rule":"x"}`)}
	}
	for range rows / len(events) {
		if err := l.Log(b.Context(), events...); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if v, err := l.Verify(b.Context()); err != nil || v.Bad != nil || v.Rows != rows {
			b.Fatal(v, err)
		}
	}
	b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
}
