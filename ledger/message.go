package ledger

import "time"

// States of a message.
const (
	MessageAccepted   = "accepted"   // processed: its deliveries are on their lanes
	MessageHeld       = "held"       // kept, a person has to look
	MessageRefused    = "refused"    // kept, the sender was told to correct it
	MessageSuperseded = "superseded" // a later copy took its place
)

// Message is what the ledger knows of one received message without its bodies.
type Message struct {
	ID, Partner, Protocol, ContentType, Interaction string
	Seq                                             int64 // place in the order of acceptance
	ControlID, Event, State, Code                   string
	Child                                           string // "" unknown
	Received                                        time.Time
	RawSHA256                                       string // lower-case hex
	Supersedes                                      string // id of the held copy it replaced
	Flagged                                         bool   // its control id was used before for other content
	Position                                        int64  // place in the order of projection; 0 when not accepted
}
