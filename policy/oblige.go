package policy

import (
	"maps"
	"slices"
	"strings"

	"caregate/consent"
)

// oblige gathers the duties of what was decided, each once, with the records or persons it concerns.
func (d *Decision) oblige(l *law, r *consent.Request, verdicts []*verdict) {
	targets := map[string]map[string]bool{}
	add := func(id string, refs ...string) {
		if targets[id] == nil {
			targets[id] = map[string]bool{}
		}
		for _, ref := range refs {
			targets[id][ref] = true
		}
	}
	released, cut := false, false
	for i, rd := range d.Resources {
		for _, du := range verdicts[i].duties {
			if du.Target == nil {
				add(du.ID, rd.Ref)
			} else {
				add(du.ID, du.Target...)
			}
		}
		released = released || !rd.Withheld
		cut = cut || rd.Withheld || len(rd.Redact) > 0
	}
	if released && cut {
		add("REDACT")
	}
	for _, id := range slices.Sorted(maps.Keys(targets)) {
		notice, target := l.notice(id, r), slices.Sorted(maps.Keys(targets[id]))
		d.Obligations = append(d.Obligations, Obligation{
			ID: id, Phase: l.obligations[id], Target: target, TextRef: notice.ref,
			Text: strings.ReplaceAll(notice.text, "{targets}", strings.Join(target, ", ")),
		})
	}
}

// notice is the wording of a notice on the day of the decision.
func (l *law) notice(id string, r *consent.Request) noticeText {
	day := r.AsOf.In(zoneOf(r)).Format("2006-01-02")
	for _, n := range l.notices[id] {
		if n.from <= day && day <= n.to {
			return n
		}
	}
	return noticeText{}
}
