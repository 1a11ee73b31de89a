package translate

import (
	"strings"

	"caregate/fhir"
	"caregate/hl7v2"
)

// updated are the segments that a later message updates field by field, from which field on, and
// the fields that say which of several it is: those that make the id of its resource. Set ids say
// nothing, and the status of a referral (RF1-1) is not said again by a message that leaves it out.
var updated = []struct {
	name  string
	first int
	keys  [][]int // the first alternative whose fields are not all empty; none where a message has one
}{
	{"PID", 2, nil},
	{"PD1", 1, nil},
	{"PV1", 2, nil},
	{"PV2", 1, nil},
	{"RF1", 2, nil},
	{"NK1", 2, [][]int{{33}, {2, 3, 13}}},
	{"PRB", 1, [][]int{{4}}},
	{"GOL", 1, [][]int{{4}}},
	{"PTH", 1, [][]int{{3}}},
	{"SCH", 1, [][]int{{1}, {2}}},
	{"TXA", 2, [][]int{{12}}},
}

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
	said := readSegments(m)
	hash := (&job{segs: said}).content()
	filled, changed := over(said, readSegments(old))
	if changed {
		merged, err := hl7v2.Parse(filled)
		if err != nil {
			return nil, err
		}
		if r, err = translated(merged, p, hash); err != nil {
			return nil, err
		}
	}
	statusStands(r.Bundle, known)
	maps, err := loaded()
	if err != nil {
		return nil, err
	}
	maps.restrictionsStand(r.Bundle, known, said)
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

// over writes a message in which the empty fields of segments that are known are as they were,
// and tells whether there are any.
func over(now, before []*segment) (message []byte, changed bool) {
	for _, u := range updated {
		for _, seg := range now {
			was := other(before, now, seg, u.keys)
			if seg.name != u.name || was == nil {
				continue
			}
			for n := u.first; n <= len(was.fields); n++ {
				if left := standing(was.reps(n)); seg.field(n) == "" && len(left) > 0 {
					seg.put(n, left)
					changed = true
				}
			}
		}
	}
	var b strings.Builder
	for _, seg := range now {
		b.WriteString(seg.String())
		b.WriteByte('\r')
	}
	return []byte(b.String()), changed
}

// other returns the segment of before that is the same thing as one of now, nil where there is
// none or where either message has several that it could be.
func other(before, now []*segment, seg *segment, keys [][]int) *segment {
	key := keyOf(seg, keys)
	if found := theOne(now, seg.name, key, keys); found != seg || (key == "" && keys != nil) {
		return nil
	}
	return theOne(before, seg.name, key, keys)
}

// theOne returns the one segment of a name and key, nil for none or several.
func theOne(segs []*segment, name, key string, keys [][]int) *segment {
	var found *segment
	for _, s := range segs {
		if s.name != name || keyOf(s, keys) != key {
			continue
		}
		if found != nil {
			return nil
		}
		found = s
	}
	return found
}

// keyOf returns what tells a segment from others of its name, "" where nothing does.
func keyOf(seg *segment, keys [][]int) string {
	for i, fields := range keys {
		parts := []string{itoa(i)}
		for _, n := range fields {
			parts = append(parts, seg.field(n))
		}
		if strings.Join(parts[1:], "") != "" {
			return strings.Join(parts, "|")
		}
	}
	return ""
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
