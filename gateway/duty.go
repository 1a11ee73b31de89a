package gateway

import (
	"fmt"
	"strings"
	"time"

	"caregate/ledger"
	"caregate/policy"
)

// reviewDays is the time in which an emergency access has to be reviewed.
const reviewDays = 7

// done are the duties that every release fulfils by itself: it is redacted, and recorded in
// the transaction of its intent with its time, recipient, content and law, which is also the
// record that 42 CFR 2.51(c) and 34 CFR 99.32 ask for. The consent unit is told when the
// medication message comes in.
var done = map[string]bool{
	"AUDIT": true, "REDACT": true, "PART2-EMERGENCY-RECORD": true, "FERPA-DISCLOSURE-RECORD": true, "NOTIFY-CONSENT-UNIT": true,
}

// duty is something that a person does after a decision; it waits on the work list from the
// transaction of the decision on. Who is told of a release is told that it took place and nothing of it.
type duty struct {
	kind    string
	remedy  string
	always  bool // also when nothing was released
	targets bool // the remedy names whom it concerns
}

var after = map[string]duty{
	"NOTIFY-GUARDIAN":        {"notify-guardian", "tell that an emergency access took place, and nothing of its content, to: ", false, true},
	"NOTIFY-PRIVACY-OFFICER": {"notify-privacy-officer", "a decision needs the privacy officer: see caregate explain", true, false},
	"BREAK-GLASS-AUDIT":      {"break-glass-review", "review this emergency access by ", false, false},
	"REQUEST-COSIGN":         {"request-cosign", "ask those who have not signed to sign: ", true, true},
}

// notices carries out the obligations that must come before a release: the texts that have
// to travel with it. One that is neither a text nor known here stops the release.
func notices(a *asked, obligations []policy.Obligation) ([]string, error) {
	var texts []string
	for _, o := range obligations {
		_, later := after[o.ID]
		switch {
		case o.Text != "":
			texts = append(texts, o.Text)
		case done[o.ID], later && o.Phase == "after":
		default:
			return nil, fmt.Errorf("obligation %s cannot be carried out", o.ID)
		}
	}
	if incomplete(a) {
		texts = append(texts, incompleteNotice)
	}
	return texts, nil
}

// duties are the work items of a decision, for the ledger transaction that records it.
func (g *Gateway) duties(v *verdict, destination string, released bool) []ledger.NewWork {
	var work []ledger.NewWork
	for _, o := range v.Decision.Obligations {
		d, known := after[o.ID]
		if !known || !released && !d.always {
			continue
		}
		remedy := d.remedy
		switch {
		case d.targets:
			remedy += strings.Join(o.Target, ", ")
		case o.ID == "BREAK-GLASS-AUDIT":
			remedy += v.AsOf.In(g.Zone).AddDate(0, 0, reviewDays).Format(time.DateOnly)
		}
		work = append(work, ledger.NewWork{Kind: d.kind, Owner: g.owner(destination), Partner: destination, Remedy: remedy})
	}
	return work
}
