package consent

// rule is one provision of a Consent, compiled: immutable, with every criterion that it
// states or inherits. A child inherits its parent's criteria element by element and
// overrides those that it states itself (IHE PCF 1.1 break-glass example needs this).
type rule struct {
	permit   bool
	path     string // "provision.provision[1]"
	when     criteria
	children []*rule
}

// criteria are the conditions of one rule. A nil element is no condition.
// Items of one element are alternatives; different elements must all hold.
type criteria struct {
	period     *period
	actors     []actor
	actions    []coding
	purposes   []coding
	labels     *listed
	classes    []coding
	codes      []coding
	dataPeriod *period
	data       []datum
}

// listed is a securityLabel element: what it names and whether a permit wrote it.
type listed struct {
	set      labelSet
	byPermit bool
}

// actor is one recipient of a provision. Only a reference or an identifier can match.
type actor struct {
	recipient  bool // role is IRCP
	reference  string
	identifier Identifier
}

// datum is one provision.data: a meaning and the resource it speaks of.
type datum struct{ meaning, reference string }

// decide finds the rule that speaks for a resource: the deepest match wins, and among
// matching siblings a denial wins. It answers nil when no rule matches.
func (r *rule) decide(q *question) *rule {
	var found *rule
	for _, child := range r.children {
		if m := child.decide(q); m != nil && (found == nil || !m.permit) {
			found = m
			if !m.permit {
				break
			}
		}
	}
	if found == nil && r.when.missed(q, r.permit) == 0 {
		found = r
	}
	return found
}

// residual reports whether a root denial is only the rest of an opt-in: it has nested
// permits and no condition but a period, so it denies nothing to another consent.
func (r *rule) residual() bool {
	w := r.when
	bare := w.actors == nil && w.actions == nil && w.purposes == nil && w.labels == nil &&
		w.classes == nil && w.codes == nil && w.dataPeriod == nil && w.data == nil
	return !r.permit && bare && len(r.permits(nil)) > 0
}

// permits lists the permitting rules of a tree.
func (r *rule) permits(out []*rule) []*rule {
	if r.permit {
		out = append(out, r)
	}
	for _, child := range r.children {
		out = child.permits(out)
	}
	return out
}
