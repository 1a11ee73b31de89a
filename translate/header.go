package translate

import (
	"strings"

	"caregate/fhir"
)

// header writes MSH: as the message came on the way back, else from the profile and the Meta.
func (w *writer) header(code, structure string) {
	if w.wayBack {
		f := &frame{
			seg: &segment{name: "MSH", seq: 1}, row: &structureRow{segment: "MSH", table: "MSH"},
			table: w.maps.segments["MSH"], ordinal: 1,
		}
		if n := w.singles["MessageHeader"]; n != nil {
			f.bind("MessageHeader", n, true)
		}
		w.append(w.rebuild(f, nil))
		return
	}
	p := w.p
	msh := &segment{name: "MSH"}
	version := or(p.Version, defaultVersion)
	event := value(nil).set(1, code).set(2, w.trigger)
	if structure != "" && version >= "2.3.1" {
		event = event.set(3, structure)
	}
	for n, raw := range map[int]string{
		1: string(delims.Field), 2: delims.Encoding(),
		3: safeHD(p.Sending.Application), 4: safeHD(p.Sending.Facility),
		5: safeHD(p.Receiving.Application), 6: safeHD(p.Receiving.Facility),
		7: escape(p.formInstant(w.meta.Created)), 9: event.String(), 10: escape(w.meta.ControlID),
		11: escape(or(p.Processing, "P")), 12: escape(version), 15: escape(p.AcceptAck),
		16: escape(p.ApplicationAck), 17: escape(p.Country), 18: escape(p.Charset),
	} {
		msh.put(n, []string{raw})
	}
	w.append(msh)
}

// safeHD writes an HD of the profile; its ^ separate components.
func safeHD(hd string) string {
	var parts []string
	for part := range strings.SplitSeq(hd, "^") {
		parts = append(parts, escape(part))
	}
	return strings.Join(parts, "^")
}

// reply writes MSA for an answer to a message of this partner.
func (w *writer) reply() {
	if w.wayBack || w.meta.ReplyTo == "" {
		return
	}
	msa := &segment{name: "MSA"}
	msa.put(1, []string{"AA"})
	msa.put(2, []string{escape(w.meta.ReplyTo)})
	w.append(msa)
}

// trailer writes the Z segments that came with the message, on the way back or where the
// partner's profile wants them, then the origin of the message.
func (w *writer) trailer() {
	for _, n := range w.all {
		raw, ok := wholeSegment(n)
		if !ok || w.used[n] || (!w.wayBack && !w.p.sendsZ(raw[:3])) {
			continue
		}
		w.used[n] = true
		w.append(readWhole(raw))
	}
	if w.wayBack || !w.p.Trace || w.meta.OriginControlID == "" {
		return
	}
	zcg := &segment{name: "ZCG"}
	zcg.put(1, []string{escape(w.meta.OriginPartner)})
	zcg.put(2, []string{escape(w.meta.OriginControlID)})
	w.append(zcg)
}

// readWhole reads a segment that was kept whole.
func readWhole(raw string) *segment {
	fields := strings.Split(raw, "|")
	seg := &segment{name: fields[0]}
	for i, field := range fields[1:] {
		seg.put(i+1, strings.Split(field, "~"))
	}
	return seg
}

// wholeSegment returns the Z segment that a Basic carries. Anything that is not one Z
// segment is refused: a Basic may be forged.
func wholeSegment(n *fhir.Node) (string, bool) {
	if n.ResourceType() != "Basic" {
		return "", false
	}
	for _, ext := range n.Get("extension").Items() {
		raw := ext.Get("valueString").Text()
		if ext.Get("url").Text() != Extensions+"segment" || len(raw) < 4 || raw[0] != 'Z' || raw[3] != '|' {
			continue
		}
		if raw[:3] != "ZCG" && strings.ToUpper(raw[:3]) == raw[:3] && !strings.ContainsFunc(raw, func(r rune) bool { return r < ' ' || r == 0x7f }) &&
			!strings.ContainsAny(raw[:3], `^~\&| `) {
			return raw, true
		}
	}
	return "", false
}

// unrendered reports each resource that no segment speaks for.
func (w *writer) unrendered(bundle *fhir.Node) {
	for i, n := range fhir.Entries(bundle) {
		if w.used[n] || n.ResourceType() == "MessageHeader" {
			continue
		}
		w.report("Bundle.entry["+itoa(i)+"].resource", IssueNotCarried, or(n.ResourceType(), "resource")+" has no place in this message")
	}
}

func (w *writer) bytes() []byte {
	var b strings.Builder
	end := "\r"
	if !w.wayBack {
		end = w.p.ends()
	}
	for _, seg := range w.segs {
		b.WriteString(seg.String())
		b.WriteString(end)
	}
	return []byte(b.String())
}
