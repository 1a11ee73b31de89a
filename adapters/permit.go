package adapters

import "time"

// Permit is the right to move one rendered body to one destination, once decided.
// The zero Permit permits nothing. Only gateway.release makes one: a test of the
// import and call laws holds that, because Go cannot.
type Permit struct{ release *Release }

// Release is what a decision released: the body and the names under which it travels.
type Release struct {
	Destination string // partner id
	DeliveryID  string
	ContentType string
	Body        []byte
	Key         string
	ControlID   string
	Origin      Origin
	Notices     []string
	WriteBy     time.Time // the last byte is written before this instant, or the send fails
}

// Permitted makes a Permit. Only gateway.release may call it.
func Permitted(r Release) Permit { return Permit{release: &r} }

// Valid reports whether the permit permits anything.
func (p Permit) Valid() bool { return p.release != nil }

// Release returns what was released; the zero value for an invalid permit.
func (p Permit) Release() Release {
	if p.release == nil {
		return Release{}
	}
	return *p.release
}
