package ledger_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"caregate/ledger"
)

// A message is accepted, then its delivery is decided, sent and recorded.
func Example() {
	dir, _ := os.MkdirTemp("", "ledger")
	defer os.RemoveAll(dir)
	key, _ := ledger.DevelopmentKey(dir)
	ctx := context.Background()
	l, err := ledger.Open(ctx, ledger.Options{Dir: dir, KEK: key, Writer: "example"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()

	child := ledger.NewChildID()
	accepted, _ := l.Accept(ctx, &ledger.Acceptance{
		Partner: "county", ControlID: "MSG-1", Raw: []byte("MSH|..."), State: ledger.MessageAccepted, Code: "accepted",
		Reserve: true, Window: 24 * time.Hour, Child: child, NewChild: true,
		Deliveries: []ledger.NewDelivery{{Destination: "school", Lane: "school/" + child, Subjects: []string{child}}},
	})
	// Only now may the sender be told that we have it.

	head, _ := l.Head(ctx, accepted.Lanes[0].Lane)
	_, epoch, _ := l.Inputs(ctx, child)
	token, _, _ := l.Intend(ctx, ledger.Intent{
		Delivery: head.ID, Prior: head.Token, Children: []string{child}, Epochs: map[string]int64{child: epoch},
		GateUntil: time.Now().Add(5 * time.Second), Release: 1, Key: "key-1", DecisionBody: []byte(`{"permit":true}`),
	})
	// Only now may the first byte leave.

	next, _ := l.Record(ctx, ledger.Outcome{Delivery: head.ID, Token: token, State: ledger.DeliveryCompleted, Code: "accepted"})
	fmt.Println("more on the lane:", !next.Due.IsZero())
	// Output: more on the lane: false
}

// A revocation is answered when no older decision can still be on its way.
func ExampleLedger_GateClear() {
	dir, _ := os.MkdirTemp("", "ledger")
	defer os.RemoveAll(dir)
	ctx := context.Background()
	l, err := ledger.Open(ctx, ledger.Options{Dir: dir, KEK: make([]byte, 32)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	child := ledger.NewChildID()
	accepted, _ := l.Accept(ctx, &ledger.Acceptance{
		State: ledger.MessageAccepted, Child: child, NewChild: true,
		Inputs: []ledger.Input{{Child: child, Kind: "consent", Key: "Consent/1", Body: []byte("revoked"), Ended: true}},
	})
	clear, _, _ := l.GateClear(ctx, child, accepted.Epochs[child])
	fmt.Println(clear)
	// Output: true
}
