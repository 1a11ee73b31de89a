package ledger

import "time"

// Acceptance is everything that one received message adds to the ledger, in one transaction.
type Acceptance struct {
	Partner, Protocol, ContentType, Interaction, ControlID, Event string
	Received                                                      time.Time
	Raw, Bundle, Issues                                           []byte        // Bundle is nil when held before decoding
	State                                                         string        // MessageAccepted, MessageHeld or MessageRefused
	Code                                                          string        // how it was answered
	Reserve                                                       bool          // reserve (Partner, ControlID) against duplicates: only after AA, CA, 2xx
	Window                                                        time.Duration // how long it stays reserved
	AcceptConflict                                                bool          // same id, other content: accept and flag instead of ErrConflict
	Child                                                         string        // "" unknown
	NewChild                                                      bool          // Child is created here; its id is from NewChildID
	Links                                                         []Link
	Aliases                                                       []Alias
	Inputs                                                        []Input
	Deliveries                                                    []NewDelivery
	Work                                                          []NewWork
	Events                                                        []Event
	Reprocess                                                     string // id of the held message that this acceptance processes again
}

// Accepted is the durable result of an Acceptance.
type Accepted struct {
	Message    string
	Seq        int64
	Position   int64            // watermark at which a projection contains it; 0 when not accepted
	Duplicate  bool             // Message is the first copy, nothing was stored but an audit event
	FirstCode  string           // how the first copy was answered
	Deliveries []string         // ids, in the order of Acceptance.Deliveries
	Lanes      []LaneDue        // lanes with something new
	Epochs     map[string]int64 // new epochs of the children whose inputs changed
}

// Alias is a word by which a person finds a message: kind "placer", "bundle" or "file".
// Its value is stored in clear, so it must not be personal.
type Alias struct{ Kind, Value string }

// NewDelivery is one delivery that an acceptance puts on a lane.
type NewDelivery struct {
	Destination, Route string
	Lane               string    // destination + "/" + opaque ordering key
	Urgency            int       // 0 goes first
	Subjects           []string  // children that it is about
	Expires            time.Time // zero: never
}
