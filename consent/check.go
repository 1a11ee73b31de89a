package consent

import "caregate/fhir"

// Problem is one located, value-free reason why a Consent cannot be filed.
type Problem struct {
	Path string // "Consent.provision.provision[0].type"
	Text string
}

// Check answers why an active Consent is malformed, nothing when it can be processed.
// A gateway refuses such a Consent when it is filed (HTTP 422), so that none lies in wait:
// once on file it would block every release of the child's records. Consents that are not
// active, and those of another scope, are checked only for what R4 requires of them.
func Check(n *fhir.Node) []Problem {
	d := compile(Filed{Node: n})
	if statuses[d.status] && d.status != "active" {
		return nil
	}
	if d.root != nil {
		d.unmatchable(d.root)
	}
	return d.problems
}

// unmatchable finds recipients that could never match: a decision passes over them, so
// whoever wrote the form must hear of it. Inherited lists are reported once, where written.
func (d *directive) unmatchable(r *rule) {
	for _, a := range r.when.actors {
		if !a.recipient {
			d.once("Consent."+r.path+".actor", "needs the role IRCP (information recipient)")
		}
		if a.reference == "" && a.identifier.Value == "" {
			d.once("Consent."+r.path+".actor", "needs a reference or an identifier: a name alone never matches")
		}
	}
	for _, child := range r.children {
		d.unmatchable(child)
	}
}

func (d *directive) once(path, text string) {
	for _, p := range d.problems {
		if p.Text == text {
			return
		}
	}
	d.problem(path, text)
}
