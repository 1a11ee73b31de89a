package hl7v2

import (
	"strconv"
	"time"
)

// AckCode is MSA-1, HL7 table 0008.
type AckCode string

// The acknowledgement codes: application accept, error, reject; commit accept, error, reject.
const (
	AA AckCode = "AA"
	AE AckCode = "AE"
	AR AckCode = "AR"
	CA AckCode = "CA"
	CE AckCode = "CE"
	CR AckCode = "CR"
)

// AckMode is which acknowledgement rules a message asks for (HL7 v2.5.1 section 2.9).
type AckMode string

// The modes.
const (
	ModeOriginal AckMode = "original" // MSH-15 and MSH-16 empty: one AA, AE or AR
	ModeEnhanced AckMode = "enhanced" // MSH-15 and MSH-16 say which answers are wanted
)

// Mode returns the mode that the message asks for.
func (h Header) Mode() AckMode {
	if h.AcceptAck == "" && h.ApplicationAck == "" {
		return ModeOriginal
	}
	return ModeEnhanced
}

// AckFor returns the code that answers a message whose handling came out as AA, AE or AR, and
// whether an answer is due on this connection at all.
//
//   - An acknowledgement (MSH-9.1 ACK) is never acknowledged.
//   - A message without MSH-10 is rejected: there is no name under which it could be accepted.
//   - Original mode: the outcome as it is.
//   - Enhanced mode, MSH-15 other than NE: the accept acknowledgement CA, CE or CR, if MSH-15 (AL, ER, SU)
//     wants it for this outcome. The application's answer, such as an RRI, is a message of its own.
//   - Enhanced mode, MSH-15 NE or empty: MSH-16 decides on AA, AE or AR, because NE with AL is the
//     original mode by another name (section 2.9.2). NE with NE wants nothing.
func AckFor(h Header, outcome AckCode) (AckCode, bool) {
	if h.MessageType == "ACK" || h.MessageType == "MCF" {
		return "", false
	}
	if h.ControlID == "" {
		outcome = AR
	}
	if h.Mode() == ModeOriginal {
		return outcome, true
	}
	if h.AcceptAck != "" && h.AcceptAck != "NE" {
		return outcome.commit(), wanted(h.AcceptAck, outcome)
	}
	return outcome, wanted(h.ApplicationAck, outcome)
}

// wanted reads table 0155: AL always, NE never, ER on error or reject, SU on success. An unknown
// condition counts as AL, for a sender that waits in vain sends again.
func wanted(condition string, outcome AckCode) bool {
	switch condition {
	case "NE", "":
		return false
	case "ER":
		return outcome != AA
	case "SU":
		return outcome == AA
	}
	return true
}

// commit returns the enhanced mode's code of an outcome.
func (c AckCode) commit() AckCode { return "C" + c[1:] }

// AckError is one ERR segment.
type AckError struct {
	Location ErrLocation
	Code     string // HL7 table 0357
	Severity string // HL7 table 0516: E, W, I; "" means E
	Text     string // for people; never a value of the message
}

// NewAck writes the acknowledgement of the message with that header: the parties swapped, version,
// processing id and delimiters echoed, MSA with the sender's MSH-10, one ERR per error. For versions
// before 2.5 the same stands in ERR-1 and MSA-3, where those look for it.
func NewAck(h Header, code AckCode, ownControlID string, now time.Time, errs []AckError) []byte {
	b := NewBuilder(h.Delimiters)
	old := beforeERR(h.VersionID)
	h.writeAckHeader(b.Segment("MSH"), ownControlID, now)
	msa := b.Segment("MSA").Set("1", string(code)).Set("2", h.ControlID)
	if old && len(errs) > 0 {
		msa.Set("3", errs[0].Text)
	}
	for _, e := range errs {
		e.write(b.Segment("ERR"), old)
	}
	return b.Bytes()
}

// writeAckHeader writes MSH.
func (h Header) writeAckHeader(msh *SegmentBuilder, ownControlID string, now time.Time) {
	msh.SetRaw("3", h.ReceivingApplication).SetRaw("4", h.ReceivingFacility)
	msh.SetRaw("5", h.SendingApplication).SetRaw("6", h.SendingFacility)
	msh.Set("7", now.Format("20060102150405-0700"))
	msh.Set("9.1", "ACK").Set("9.2", h.Event)
	if h.Event != "" {
		msh.Set("9.3", "ACK")
	}
	msh.Set("10", ownControlID)
	processing, version := h.ProcessingID, h.VersionID
	if processing == "" {
		processing = "P"
	}
	if version == "" {
		version = "2.5.1"
	}
	msh.Set("11", processing).Set("12", version)
	msh.SetRaw("17", h.Country).SetRaw("18", h.CharacterSet)
}

// write writes one ERR.
func (e AckError) write(seg *SegmentBuilder, old bool) {
	severity := e.Severity
	if severity == "" {
		severity = "E"
	}
	l := e.Location
	if old {
		seg.Set("1.1", l.Segment).Set("1.2", ordinal(l.Sequence, l.Segment != "")).Set("1.3", ordinal(l.Field, false))
		seg.Set("1.4.1", e.Code).Set("1.4.2", CodeText(e.Code)).Set("1.4.3", "HL70357")
	}
	seg.Set("2.1", l.Segment).Set("2.2", ordinal(l.Sequence, l.Segment != "")).Set("2.3", ordinal(l.Field, false))
	seg.Set("2.4", ordinal(l.Repetition, l.Component > 0)).Set("2.5", ordinal(l.Component, false)).Set("2.6", ordinal(l.Subcomponent, false))
	seg.Set("3.1", e.Code).Set("3.2", CodeText(e.Code)).Set("3.3", "HL70357")
	seg.Set("4", severity).Set("8", e.Text)
}

// ordinal writes n; 0 is empty, or 1 where the deeper parts need it.
func ordinal(n int, needed bool) string {
	if n == 0 && needed {
		n = 1
	}
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// beforeERR reports whether a version is older than 2.5, where ERR had other fields.
func beforeERR(version string) bool {
	return len(version) >= 3 && version[:2] == "2." && version[2] < '5'
}
