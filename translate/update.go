package translate

import (
	"strings"

	"caregate/fhir"
	"caregate/hl7v2"
)

// updated are the segments of which a message has one and which a later message updates field
// by field, each from this field on: the child and the visit, the referral. Set ids say nothing,
// and the status of a referral (RF1-1) is not said again by a message that leaves it out.
// Segments that repeat are sent whole.
var updated = []struct {
	name  string
	first int
}{{"PID", 2}, {"PD1", 1}, {"PV1", 2}, {"PV2", 1}, {"RF1", 2}}

// Update returns the Bundle of a message as an update of what is known of its resources: a
// field that is empty changes nothing and stands as it did, one that is "" is gone, one that
// is valued replaces what stood, with all its repetitions. The known resources have the ids
// that the message gives them. Without any, and in a profile of snapshots, it is the Bundle of
// ToFHIR, and fails as that does.
func Update(m *hl7v2.Message, known []*fhir.Node, p Profile) (*fhir.Node, error) {
	r, err := ToFHIR(m, p)
	question := m.Get("MSH-9.2") == "I15" // which changes nothing
	if err != nil || len(known) == 0 || p.Updates == "snapshot" || question {
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
	if r, err = ToFHIR(merged, p); err != nil {
		return nil, err
	}
	statusStands(r.Bundle, known)
	return r.Bundle, nil
}

// statusStands keeps the status of an order where the message says none; there is no Task then.
func statusStands(bundle *fhir.Node, known []*fhir.Node) {
	for _, r := range fhir.Entries(bundle) {
		for _, was := range known {
			if r.ResourceType() == "ServiceRequest" && r.Ref() == was.Ref() && r.Get("status").Text() == "unknown" && was.Get("status") != nil {
				r.Set("status", was.Get("status"))
			}
		}
	}
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
	for _, u := range updated {
		seg, was := only(now, u.name), only(before, u.name)
		if seg == nil || was == nil {
			continue
		}
		for n := u.first; n <= len(was.fields); n++ {
			if seg.field(n) == "" {
				seg.put(n, standing(was.reps(n)))
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

// standing returns repetitions without the wishes to delete in them: those were for once.
func standing(reps []string) []string {
	out := make([]string, 0, len(reps))
	for _, raw := range reps {
		v := parseValue(raw)
		for c := range v {
			for i, sub := range v[c] {
				if sub == null {
					v[c][i] = ""
				}
			}
		}
		if left := v.String(); left != "" {
			out = append(out, left)
		}
	}
	return out
}
