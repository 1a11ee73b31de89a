package mllp

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"

	"caregate/adapters"
	"caregate/fhir"
	"caregate/hl7v2"
	"caregate/translate"
)

// maxIssues is the largest number of issues of one refusal.
const maxIssues = 50

// Codec is the adapters.Codec of HL7 v2 for one partner.
type Codec struct {
	Profile    translate.Profile
	Processing []string // processing ids (MSH-11.1) that are taken; empty: all
	Versions   []string // version ids (MSH-12.1) that are taken; empty: all
}

var _ adapters.Codec = Codec{}

// Decode reads one message: its characters, syntax, required fields, whether this partner's profile
// takes its version and structure, and its meaning.
func (c Codec) Decode(in adapters.Inbound) (adapters.Decoded, error) {
	raw, foreign, refusal := toUTF8(in.Raw, c.Profile.Charset)
	if refusal != nil {
		return named(in.Raw), refusal
	}
	m, err := hl7v2.Parse(raw)
	if err != nil {
		return named(in.Raw), unparsed(err)
	}
	out := outline(m)
	if missing := hl7v2.Check(m); len(missing) > 0 {
		return out, lacking(missing)
	}
	if refusal := c.admit(m); refusal != nil {
		return out, refusal
	}
	open := c.Profile
	open.Structures = nil // admitted already
	result, err := translate.ToFHIR(m, open)
	if err != nil {
		return out, refuse(adapters.CodeInternal, "MSH-9", "the message could not be translated")
	}
	if slices.ContainsFunc(result.Issues, noTable) && !c.listed(m) {
		return out, untaken(m, "no table says what this message means; the profile may take it with structures: any")
	}
	out.Bundle = result.Bundle
	out.Issues = slices.Concat(foreign, issues(result.Issues))
	for _, u := range result.Unmapped {
		out.Unmapped = append(out.Unmapped, adapters.Unmapped(u))
	}
	return out, nil
}

var _ adapters.Updater = Codec{}

// Update reads a message that Decode took as a change of what is known: an empty field changes
// nothing, "" takes away (HL7 v2.5.1 section 2.5.3).
func (c Codec) Update(in adapters.Inbound, known []*fhir.Node) (*fhir.Node, error) {
	raw, _, err := toUTF8(in.Raw, c.Profile.Charset)
	if err != nil {
		return nil, err
	}
	m, err := hl7v2.Parse(raw)
	if err != nil {
		return nil, err
	}
	open := c.Profile
	open.Structures = nil
	return translate.Update(m, known, open)
}

// Encode renders a released Bundle. Redisclosure notices travel as NTE segments at the end.
func (c Codec) Encode(out adapters.Outbound) (adapters.Encoded, error) {
	body, dropped, err := translate.ToV2(out.Bundle, c.Profile, translate.Meta{
		Event: eventFor(out), ControlID: out.ControlID, Created: out.Created, ReplyTo: out.ReplyTo,
		OriginPartner: out.Origin.Partner, OriginControlID: out.Origin.ControlID,
	})
	if err != nil {
		located := issues(dropped)
		if len(located) == 0 {
			located = []adapters.Issue{{Location: "Bundle", Text: "no message of the profile can hold this"}}
		}
		code := adapters.CodeUnsupportedEvent
		if errors.Is(err, translate.ErrLength) {
			code = adapters.CodeTooLarge
			located = slices.DeleteFunc(located, func(i adapters.Issue) bool { return i.Code != code })
		}
		for i := range located {
			located[i].Code = code
		}
		return adapters.Encoded{}, &adapters.Refusal{Code: code, Issues: located}
	}
	if _, err := hl7v2.Parse(body); err != nil {
		return adapters.Encoded{}, refuse(adapters.CodeInternal, "Bundle", "the rendering is not a message")
	}
	body, err = fromUTF8(withNotices(body, out.Notices), c.Profile.Charset)
	return adapters.Encoded{ContentType: ContentType, Body: body}, err
}

// eventFor is the message a destination gets: the event that came in, where it came in by
// v2, else the one that says the same.
func eventFor(out adapters.Outbound) string {
	if strings.Contains(out.Event, "^") && !strings.HasPrefix(out.Event, "message:") {
		return out.Event
	}
	switch out.Kind {
	case "referral":
		return "REF^I12"
	case "status":
		return "RRI^I12"
	case "details":
		return "ADT^A31"
	default:
		return out.Event
	}
}

// withNotices adds the notices.
func withNotices(body []byte, notices []string) []byte {
	if len(notices) == 0 {
		return body
	}
	header, _ := hl7v2.ReadHeader(body)
	b := hl7v2.NewBuilder(header.Delimiters)
	for i, notice := range notices {
		b.Segment("NTE").Set("1", strconv.Itoa(i+1)).Set("3", notice).Set("4.1", "RE").Set("4.2", "Remark").Set("4.3", "HL70364")
	}
	block := b.Bytes()
	if line := bytes.TrimRight(body, "\r\n"); len(line) < len(body) { // segments end as those of the message
		block = bytes.ReplaceAll(block, []byte("\r"), body[len(line):])
	}
	return slices.Concat(body, block)
}

// admit checks what the partner's profile takes.
func (c Codec) admit(m *hl7v2.Message) error {
	kind := m.Get("MSH-9.1")
	if id := m.Get("MSH-11.1"); len(c.Processing) > 0 && !slices.Contains(c.Processing, id) {
		return refuse(adapters.CodeUnsupportedMode, "MSH-11", "this processing id is not taken here")
	}
	if version := m.Get("MSH-12.1"); len(c.Versions) > 0 && !slices.Contains(c.Versions, version) {
		return refuse(adapters.CodeVersion, "MSH-12", "this version is not taken here")
	}
	if kind == "ACK" || len(c.Profile.Structures) == 0 || c.listed(m) {
		return nil
	}
	return untaken(m, "the profile of this partner does not take messages of this structure")
}

// listed reports whether the profile names the structure of a message, or takes any.
func (c Codec) listed(m *hl7v2.Message) bool {
	structure := structureOf(m.Get("MSH-9.1"), m.Get("MSH-9.2"), m.Get("MSH-9.3"))
	return slices.Contains(c.Profile.Structures, "any") || slices.Contains(c.Profile.Structures, structure)
}

// noTable reports whether an issue says that nothing but the header of a message was understood.
func noTable(i translate.Issue) bool {
	return i.Code == translate.IssueUnmapped && i.Location == "MSH-9"
}

// untaken is the refusal of a message by its type, or by its event where the type is known.
func untaken(m *hl7v2.Message, text string) error {
	if kind := m.Get("MSH-9.1"); knownType(kind) {
		return refuse(adapters.CodeUnsupportedEvent, "MSH-9.2", text)
	}
	return refuse(adapters.CodeUnsupportedType, "MSH-9", text)
}

// outline reads under which names a message travels.
func outline(m *hl7v2.Message) adapters.Decoded {
	out := adapters.Decoded{ControlID: m.Get("MSH-10"), Event: eventOf(m.Get("MSH-9.1"), m.Get("MSH-9.2")), ReplyTo: m.Get("MSA-2")}
	for _, place := range []struct {
		segment string
		field   int
	}{{"RF1", 6}, {"ORC", 2}} {
		for s := range m.All(place.segment) {
			number := s.Field(place.field).Rep(1).Component(1).Text()
			if number != "" && !slices.Contains(out.Placers, number) {
				out.Placers = append(out.Placers, number)
			}
		}
	}
	return out
}

// named reads what can be told of a message that cannot be read.
func named(raw []byte) adapters.Decoded {
	header, _ := hl7v2.ReadHeader(raw)
	return adapters.Decoded{ControlID: header.ControlID, Event: eventOf(header.MessageType, header.Event), ReplyTo: header.AcknowledgedControlID}
}

// eventOf returns "REF^I12", or the type alone.
func eventOf(kind, event string) string {
	if event == "" {
		return kind
	}
	return kind + "^" + event
}

// unparsed is the refusal of bytes that are no message.
func unparsed(err error) error {
	code, location, reason := adapters.CodeMalformed, "MSH", "not readable as HL7 v2"
	if broken, ok := errors.AsType[*hl7v2.ParseError](err); ok {
		code, location, reason = meaning(broken.Code, adapters.CodeTooLarge), broken.Location().String(), broken.Reason
	}
	return refuse(code, location, reason)
}

// lacking is the refusal of a message without what is required.
func lacking(missing []*hl7v2.ParseError) error {
	refusal := &adapters.Refusal{Code: adapters.CodeMissing}
	for _, e := range missing[:min(len(missing), maxIssues)] {
		refusal.Issues = append(refusal.Issues, adapters.Issue{Location: e.Location().String(), Code: adapters.CodeMissing, Text: e.Reason})
	}
	return refusal
}

func refuse(code adapters.Code, location, text string) *adapters.Refusal {
	return &adapters.Refusal{Code: code, Issues: []adapters.Issue{{Location: location, Code: code, Text: text}}}
}

// issues passes on what was not understood.
func issues(found []translate.Issue) []adapters.Issue {
	out := make([]adapters.Issue, 0, len(found))
	for _, i := range found {
		code := adapters.CodeDataType
		switch i.Code {
		case translate.IssueNoCode, translate.IssueNoSystem:
			code = adapters.CodeTableValue
		case translate.IssueUnmapped, translate.IssueNotCarried:
			code = adapters.CodeUnsupportedType
		case translate.IssueTooLong:
			code = adapters.CodeTooLarge
		case translate.IssueNoKey, translate.IssueNoAssigner:
			code = adapters.CodeMissing
		}
		out = append(out, adapters.Issue{Location: i.Location, Code: code, Text: i.Text})
	}
	return out
}
