package translate

import (
	"strings"

	"caregate/fhir"
	"caregate/hl7v2"
)

// updated are the segments of which a message has one and which a later message updates field
// by field: the child and the visit, the referral. Segments that repeat are sent whole.
var updated = []string{"PID", "PD1", "PV1", "PV2", "RF1"}

// Update returns the Bundle of a message as an update of what is known of its resources: a
// field that is empty changes nothing and stands as it did, one that is "" is gone, one that
// is valued replaces what stood, with all its repetitions. The known resources have the ids
// that the message gives them. Without any, and in a profile of snapshots, it is the Bundle of
// ToFHIR, and fails as that does.
func Update(m *hl7v2.Message, known []*fhir.Node, p Profile) (*fhir.Node, error) {
	r, err := ToFHIR(m, p)
	if err != nil || len(known) == 0 || p.Updates == "snapshot" {
		return r.Bundle, err
	}
	before, _, err := ToV2(asKnown(r.Bundle, known), p, Meta{})
	if err != nil {
		return nil, err
	}
	old, err := hl7v2.Parse(before)
	if err != nil {
		return nil, err
	}
	merged, err := hl7v2.Parse(over(readSegments(m), readSegments(old)))
	if err != nil {
		return nil, err
	}
	r, err = ToFHIR(merged, p)
	return r.Bundle, err
}

// asKnown is a message about resources as they were known.
func asKnown(bundle *fhir.Node, known []*fhir.Node) *fhir.Node {
	out := fhir.NewResource("Bundle").SetText("type", "transaction")
	for _, r := range fhir.Entries(bundle) {
		if r.ResourceType() == "MessageHeader" {
			out.Add("entry", fhir.NewObject().Set("resource", r))
		}
	}
	for _, r := range known {
		out.Add("entry", fhir.NewObject().Set("resource", r))
	}
	return out
}

// over writes a message in which the empty fields of single segments are as they were.
func over(now, before []*segment) []byte {
	for _, name := range updated {
		seg, was := only(now, name), only(before, name)
		if seg == nil || was == nil {
			continue
		}
		for n := 2; n <= len(was.fields); n++ {
			if seg.field(n) == "" && was.field(n) != "" {
				seg.put(n, was.reps(n))
			}
		}
	}
	var b strings.Builder
	for _, seg := range now {
		b.WriteString(seg.String())
		b.WriteByte('\r')
	}
	return []byte(b.String())
}

// only returns the one segment of a name, nil where there are none or several.
func only(segs []*segment, name string) *segment {
	var found *segment
	for _, s := range segs {
		if s.name != name {
			continue
		}
		if found != nil {
			return nil
		}
		found = s
	}
	return found
}
