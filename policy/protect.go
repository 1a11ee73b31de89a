package policy

import (
	"slices"

	"caregate/consent"
)

// openLabel is the one label whose being there gives nothing away: every pupil has education records.
const openLabel = "FERPA"

// sensitive reports whether the labels of a record say what nobody may learn who may not
// have the record. A label that is not understood counts as one.
func sensitive(s *consent.Signature) bool {
	return s.UnknownLabel || slices.ContainsFunc(s.Labels, func(label string) bool { return label != openLabel })
}

// Why of what is cut only the privacy officer is told; to everybody else an explanation is a
// release. The reason tells of itself; a label does to a reader who may have the record.
const (
	ProtectedReason = "reason"
	ProtectedLabel  = "label"
)

func (d *Decision) protect(l *law, verdicts []*verdict) {
	for i := range d.Resources {
		rd := &d.Resources[i]
		switch {
		case !rd.Withheld && len(rd.Redact) == 0:
		case slices.ContainsFunc(rd.Reasons, func(r Reason) bool { return l.protected[r.Code] }),
			slices.ContainsFunc(verdicts[i].labels, func(label string) bool { return l.protected[label] }):
			rd.Protected = ProtectedReason
		case rd.Withheld && verdicts[i].sensitive:
			rd.Protected = ProtectedLabel
		}
	}
}
