package ledger

import "time"

// Outcome is what came of an intent.
type Outcome struct {
	Delivery             string
	Token                int64     // from Intend
	State                string    // any delivery state but DeliveryIntended
	Due                  time.Time // when State is DeliveryPending
	Code, Answer, Reason string
	Work                 []NewWork
	Events               []Event
}
