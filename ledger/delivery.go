package ledger

import "time"

// States of a delivery.
const (
	DeliveryPending   = "pending"   // waits for its turn or its due time
	DeliveryIntended  = "intended"  // bytes may be on the way
	DeliveryCompleted = "completed" // the partner took it
	DeliveryDenied    = "denied"    // a decision let nothing out
	DeliveryHeld      = "held"      // a person has to look
	DeliveryFailed    = "failed"    // given up, with a reason
	DeliveryCancelled = "cancelled" // withdrawn before it left
)

// Delivery is one message on its way to one destination.
type Delivery struct {
	ID, Message, Destination, Route, Lane string
	Urgency                               int
	Seq                                   int64 // of its message: the order of the lane
	State                                 string
	Due                                   time.Time
	Attempts, Release                     int
	Key, ControlID, SHA256                string // of the last release
	Decision                              string // digest of the last decision
	Predecessor                           string // key of a release the partner possibly received before this one
	Token                                 int64  // fencing token: pass it as Prior
	Created, Expires                      time.Time
	Subjects                              []string
	Reason                                string
}

// States of an attempt.
const (
	AttemptIntended  = "intended"
	AttemptCompleted = "completed"
	AttemptFailed    = "failed"
	AttemptDeclined  = "declined" // the decision released nothing
)

// Attempt is one decision about a delivery and, where it released something, the send.
type Attempt struct {
	ID, Delivery           string
	N, Release             int
	Token                  int64
	Key, ControlID, SHA256 string
	State, Code, Answer    string
	Decision               string
	Intended, Recorded     time.Time
	DecisionBody           []byte
}
