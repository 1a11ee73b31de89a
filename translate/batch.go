package translate

import (
	"bytes"
	"fmt"
	"strings"

	"caregate/fhir"
	"caregate/hl7v2"
)

// envelope are the segments around the messages of a batch (HL7 v2.5.1 section 2.10.3).
var envelope = []string{"FHS", "BHS", "BTS", "FTS"}

// IsBatch tells whether the bytes are a batch or several messages.
func IsBatch(data []byte) bool {
	parts, err := hl7v2.Split(data)
	return err == nil && (len(parts) > 1 || len(parts[0]) != len(data))
}

// BatchToFHIR turns a batch into a collection: in the order of the file the transaction
// Bundle of each message, and a Basic for each segment around them, one field per carrier.
// Locations and paths begin with the number of the message: "2/PID-3".
func BatchToFHIR(data []byte, p Profile) (Result, error) {
	messages, err := hl7v2.Split(data)
	if err != nil {
		return Result{}, err
	}
	all := Result{Bundle: fhir.NewResource("Bundle").SetText("type", "collection")}
	rest, seen := data, map[string]int{}
	for i, raw := range messages {
		at := bytes.Index(rest, raw)
		all.envelop(rest[:at], p, seen)
		rest = rest[at+len(raw):]
		m, err := hl7v2.Parse(raw)
		if err != nil {
			return Result{}, fmt.Errorf("message %d: %w", i+1, err)
		}
		r, err := ToFHIR(m, p)
		if err != nil {
			return Result{}, fmt.Errorf("message %d: %w", i+1, err)
		}
		all.addMessage(i+1, r, p)
	}
	all.envelop(rest, p, seen)
	return all, nil
}

// addMessage adds what became of message n.
func (r *Result) addMessage(n int, one Result, p Profile) {
	j := &job{p: &p}
	r.addEntry("urn:uuid:"+j.id("Bundle", itoa(n)+"\x1d"+one.Bundle.At("identifier.value").Text()), one.Bundle)
	for _, issue := range one.Issues {
		issue.Location = itoa(n) + "/" + issue.Location
		r.Issues = append(r.Issues, issue)
	}
	for _, leaf := range one.Leaves {
		leaf.Path = itoa(n) + "/" + leaf.Path
		r.Leaves = append(r.Leaves, leaf)
	}
}

func (r *Result) addEntry(url string, resource *fhir.Node) {
	r.Bundle.Add("entry", fhir.NewObject().SetText("fullUrl", url).Set("resource", resource))
}

// envelop keeps the segments of a batch that stand between two messages.
func (r *Result) envelop(between []byte, p Profile, seen map[string]int) {
	for line := range strings.FieldsFuncSeq(string(between), func(c rune) bool { return c == '\r' || c == '\n' }) {
		seg := readEnvelope(strings.TrimPrefix(line, "\ufeff"))
		if seg == nil {
			continue
		}
		seen[seg.name]++
		seg.seq = seen[seg.name]
		b := &builder{job: &job{p: &p, segs: []*segment{seg}, singles: map[string]*fhir.Node{}}}
		n := b.basic(seg)
		n.Set("id", fhir.NewString(b.id("Basic", seg.String()+"\x1d"+itoa(seg.seq))))
		f := &frame{seg: seg, table: &table{name: seg.name, segment: seg.name}}
		for i := range seg.fields {
			if raw := seg.field(i + 1); raw != "" && (i > 1 || seg.name[1] == 'T') {
				addCarrier(n, seg.name+"-"+itoa(i+1), raw)
			}
		}
		r.addEntry(p.base()+"/"+n.Ref(), n)
		r.Leaves = b.classify(r.Leaves, f, func(int, int, leafAt) (Class, string) { return Carried, "Basic.extension" })
	}
}

// readEnvelope reads one segment around messages, nil for any other line. Its header
// segments say their delimiters as MSH does.
func readEnvelope(line string) *segment {
	for _, name := range envelope {
		if len(line) < 3 || !strings.EqualFold(line[:3], name) {
			continue
		}
		text := "MSH" + line[3:]
		if name[1] == 'T' {
			text = "MSH|^~\\&\r" + line
		}
		m, err := hl7v2.Parse([]byte(text))
		if err != nil {
			return nil
		}
		segs := readSegments(m)
		seg := segs[len(segs)-1]
		seg.name = name
		return seg
	}
	return nil
}

// IsCollection tells whether a Bundle is what BatchToFHIR makes.
func IsCollection(bundle *fhir.Node) bool {
	return bundle.Get("type").Text() == "collection" && bundle.At("entry") != nil
}

// BatchToV2 is the way back of BatchToFHIR; render writes the Bundle of one message.
func BatchToV2(collection *fhir.Node, render func(*fhir.Node) ([]byte, []Issue, error)) ([]byte, []Issue, error) {
	var out bytes.Buffer
	var issues []Issue
	for _, n := range fhir.Entries(collection) {
		if n.ResourceType() != "Bundle" {
			out.WriteString(envelopeOf(n))
			continue
		}
		raw, found, err := render(n)
		if err != nil {
			return nil, nil, err
		}
		out.Write(raw)
		issues = append(issues, found...)
	}
	return out.Bytes(), issues, nil
}

// envelopeOf writes a segment around messages; "" for a resource that is none.
func envelopeOf(n *fhir.Node) string {
	code := n.At("code.coding[0].code").Text()
	for _, name := range envelope {
		if n.ResourceType() != "Basic" || code != name {
			continue
		}
		seg := &segment{name: name}
		for field, raw := range (&job{}).carriers(n)[name] {
			seg.put(field, strings.Split(raw, "~"))
		}
		if name[1] == 'H' {
			return name + string(delims.Field) + delims.Encoding() + strings.TrimPrefix(seg.String()[3:], "||") + "\r"
		}
		return seg.String() + "\r"
	}
	return ""
}
