package ledger

import "time"

// Intent is a decision to release, recorded before the first byte leaves.
type Intent struct {
	Delivery               string
	Prior                  int64            // the token seen in Head
	Children               []string         // whose gate this send holds
	Epochs                 map[string]int64 // what the decision was made on
	Holder                 string           // the process that sends
	GateUntil              time.Time        // by then the last byte has left; at most GateLimit ahead
	Release                int              // number of the release, from 1
	Key, ControlID, SHA256 string           // of the rendered bytes
	Decision               string           // digest
	DecisionBody           []byte
	Predecessor            string
	Events                 []Event
}

// Decided is a decision that released nothing.
type Decided struct {
	Delivery               string
	Prior                  int64
	Epochs                 map[string]int64
	State                  string    // DeliveryDenied, DeliveryHeld, DeliveryFailed, DeliveryCancelled or DeliveryPending
	Due                    time.Time // when State is DeliveryPending
	Code, Reason, Decision string
	DecisionBody           []byte
	Work                   []NewWork
	Events                 []Event
}
