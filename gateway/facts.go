package gateway

import (
	"encoding/json"
	"strconv"

	"caregate/consent"
	"caregate/fhir"
	"caregate/ledger"
)

// facts are the decision inputs of one child, as one consistent read of the ledger gave them.
type facts []ledger.InputVersion

// changes keeps of what a message states only what does not stand already: the same fact
// again must not re-decide everything, and what never stood cannot end.
func (f facts) changes(stated []ledger.Input) []ledger.Input {
	standing := map[[2]string]string{}
	for _, in := range f {
		if !in.Ended {
			standing[[2]string{in.Kind, in.Key}] = string(in.Body)
		}
	}
	var changed []ledger.Input
	for _, in := range stated {
		body, stands := standing[[2]string{in.Kind, in.Key}]
		if in.Ended && stands || !in.Ended && (!stands || body != string(in.Body)) {
			changed = append(changed, in)
		}
	}
	return changed
}

// unreadable stands for a Consent on file that cannot be read: active, of this child, without a rule.
func unreadable(child string) *fhir.Node {
	return fhir.NewResource("Consent").SetText("id", "unreadable").SetText("status", "active").
		Set("patient", fhir.NewObject().SetText("reference", child))
}

// into fills the child, the authorities, the statements and the consents of a request whose
// instant and zone are set. An input that
// cannot be read is not skipped: an unreadable Consent goes in as an empty one, which blocks.
func (f facts) into(r *consent.Request, kept *forms) {
	for _, in := range f {
		if in.Kind == inputReference && !in.Ended {
			r.Child.Refs = append(r.Child.Refs, string(in.Body))
		}
	}
	if len(r.Child.Refs) > 0 {
		r.Child.Ref = r.Child.Refs[0]
	}
	var stated []consent.Statement
	for _, in := range f {
		if in.Ended {
			continue
		}
		switch in.Kind {
		case inputChild:
			var c childFacts
			_ = json.Unmarshal(in.Body, &c) // an unreadable birth date is an unknown age, which withholds
			r.Child.BirthDate, r.Child.Flags = c.BirthDate, c.Flags
		case inputAuthority:
			r.Authorities = append(r.Authorities, authoritiesOf(in)...)
		case inputStatement:
			stated = append(stated, statementOf(in))
		case inputConsent:
			version := strconv.FormatInt(in.Version, 10)
			filed, err := kept.file(in.Body, version)
			if err != nil {
				filed = consent.Filed{Node: unreadable(r.Child.Ref), Version: version}
			}
			r.Consents = append(r.Consents, filed)
		}
	}
	r.Take(stated)
}
