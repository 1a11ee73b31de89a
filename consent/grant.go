package consent

import "slices"

// grant states what a permitting provision is worth for one record.
func (e *evaluation) grant(d *directive, r *rule, it *item, domains []string) Grant {
	w := &r.when
	g := Grant{
		Consent: d.ref, Path: r.path, Evidence: d.evidence,
		NamesRecipient: e.named(w.actors), NamesOthers: len(w.actors) > 1,
		HasActor: len(w.actors) > 0, HasPurpose: len(w.purposes) > 0,
		NamesRecords: names(w.labels) || len(w.classes) > 0 || len(w.codes) > 0 || len(w.data) > 0,
		HasExpiry:    w.period != nil && w.period.to != nil,
		SameDay:      d.dateTime.start(e.zone).In(e.zone).Format("2006-01-02") == e.facts.LocalDate,
		NotesAlone:   d.notesAlone(),
		Witnessed:    d.witness != "",
	}
	if w.labels != nil {
		g.Named = labelSet{bits: w.labels.covered(it.labels)}.codes()
	}
	for _, ref := range d.performers {
		s := e.signer(d, ref, domains)
		g.Signers = append(g.Signers, s)
		g.Sound = g.Sound || (g.Evidence && (s.Child || (s.AuthorityAtSigning && s.AuthorityNow)))
	}
	return g
}

// names reports whether a label list names a kind of record; a confidentiality alone does not.
func names(l *listed) bool { return l != nil && l.set.bits != 0 }

func (e *evaluation) signer(d *directive, ref string, domains []string) Signer {
	at := d.dateTime.start(e.zone)
	return Signer{
		Ref: ref, Child: e.req.Child.Is(ref),
		AuthorityAtSigning: e.req.holds(ref, domains, at),
		AuthorityNow:       e.req.holds(ref, domains, e.req.AsOf),
		AgeAtSigning:       ageOn(e.req.Child.BirthDate, at, e.zone),
	}
}

// notesAlone reports whether every permit of the consent names psychotherapy notes and no
// other kind of record (45 CFR 164.508(b)(3)(ii)).
func (d *directive) notesAlone() bool {
	permits := d.root.permits(nil)
	return len(permits) > 0 && !slices.ContainsFunc(permits, func(r *rule) bool {
		return r.when.labels == nil || r.when.labels.set.bits != bitNotes
	})
}

// joint lists who, with authority and evidence, signed the same policy and provision as this consent.
func (e *evaluation) joint(consent string, s *Signature) []string {
	print := e.fingerprint(consent)
	var out []string
	for _, g := range s.Grants {
		if !g.Evidence || e.fingerprint(g.Consent) != print {
			continue
		}
		for _, signer := range g.Signers {
			if signer.AuthorityAtSigning && signer.AuthorityNow && !slices.Contains(out, signer.Ref) {
				out = append(out, signer.Ref)
			}
		}
	}
	return out
}

func (e *evaluation) fingerprint(consent string) string {
	for _, d := range e.usable {
		if d.ref == consent {
			return d.fingerprint
		}
	}
	return ""
}

// named reports whether a recipient is named itself, by reference or identifier.
func (e *evaluation) named(actors []actor) bool {
	to := &e.req.Recipient
	return slices.ContainsFunc(actors, func(a actor) bool {
		byRef := a.reference != "" && (a.reference == to.Ref || a.reference == to.Organization)
		return a.recipient && (byRef || a.identifier.Value != "" && slices.Contains(to.Identifiers, a.identifier))
	})
}
