package hl7v2

import (
	"bytes"
	"strings"
)

// Header is what is needed to answer a message, read even from a bad one. The application and
// facility fields are raw text in the message's own delimiters; the others are unescaped.
type Header struct {
	Delimiters                                Delimiters
	SendingApplication, SendingFacility       string // MSH-3, MSH-4
	ReceivingApplication, ReceivingFacility   string // MSH-5, MSH-6
	Created                                   string // MSH-7
	MessageType, Event, Structure             string // MSH-9
	ControlID, ProcessingID, VersionID        string // MSH-10, MSH-11.1, MSH-12.1
	AcceptAck, ApplicationAck                 string // MSH-15, MSH-16
	Country, CharacterSet                     string // MSH-17, MSH-18
	AcknowledgedControlID, AcknowledgmentCode string // MSA-2, MSA-1, where the message is an answer
}

// ReadHeader reads the header of a message that need not parse. The error is a *ParseError when
// there is no MSH or its separators are unusable; the Header then holds what could be told.
func ReadHeader(data []byte) (Header, error) {
	data = data[leading(data):]
	d, err := readDelimiters(data)
	if err != nil {
		d = DefaultDelimiters
		if !begins(data, "MSH") || len(data) < 4 || data[3] != d.Field {
			return Header{Delimiters: d}, err
		}
	}
	line := string(data[:lineEnd(data, 0)])
	field := func(n int) string { return nthPart(line, d.Field, n) }
	plain := func(n, comp int) string { return strings.TrimSpace(text(nthPart(field(n), d.Component, comp), &d)) }
	h := Header{
		Delimiters:         d,
		SendingApplication: field(3), SendingFacility: field(4),
		ReceivingApplication: field(5), ReceivingFacility: field(6),
		Created:     plain(7, 1),
		MessageType: plain(9, 1), Event: plain(9, 2), Structure: plain(9, 3),
		ControlID:    strings.TrimSpace(text(field(10), &d)),
		ProcessingID: plain(11, 1), VersionID: plain(12, 1),
		AcceptAck: plain(15, 1), ApplicationAck: plain(16, 1),
		Country: field(17), CharacterSet: field(18),
	}
	h.readAnswer(data, d)
	return h, err
}

// readAnswer reads MSA-1 and MSA-2.
func (h *Header) readAnswer(data []byte, d Delimiters) {
	for at := 0; at < len(data); at = lineEnd(data, at) + 1 {
		if !begins(data[at:], "MSA") {
			continue
		}
		line := string(bytes.TrimSpace(data[at:lineEnd(data, at)]))
		h.AcknowledgmentCode = text(nthPart(line, d.Field, 2), &d)
		h.AcknowledgedControlID = text(nthPart(line, d.Field, 3), &d)
		return
	}
}
