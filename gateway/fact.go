package gateway

import (
	"encoding/json"
	"time"

	"caregate/consent"
	"caregate/ledger"
)

// Fact is one versioned fact that a decision rested on, and where it is from. It names
// documents and people by reference and holds no content.
type Fact struct {
	Kind     string    `json:"kind"`
	Key      string    `json:"key"`
	Version  int64     `json:"version"`
	By       string    `json:"by,omitempty"`       // partner or operator who said so
	Evidence string    `json:"evidence,omitempty"` // reference of the document
	SHA256   string    `json:"sha256,omitempty"`   // of the document
	Witness  string    `json:"witness,omitempty"`
	Received time.Time `json:"received,omitzero"`
	Message  string    `json:"message,omitempty"` // that brought it
}

// inForce lists the facts that count at the instant of a request, with their origins.
func (f facts) inForce(r *consent.Request) []Fact {
	var out []Fact
	filed := r.Consents // in the order of their inputs
	for _, in := range f {
		if in.Ended || in.Kind == inputReference {
			continue
		}
		fact := Fact{Kind: in.Kind, Key: in.Key, Version: in.Version, Message: in.Message, Received: in.At.UTC()}
		if in.Kind == inputConsent {
			form := filed[0]
			filed = filed[1:]
			fact.Evidence, fact.Witness = form.Node.At("sourceReference.reference").Text(), form.Witness()
			if form.Node.Get("status").Text() == "active" {
				out = append(out, fact)
			}
			continue
		}
		if fact.describe(in, r) {
			out = append(out, fact)
		}
	}
	return out
}

// describe fills in the origin; it answers whether the fact counts at the instant of the request.
func (f *Fact) describe(in ledger.InputVersion, r *consent.Request) bool {
	switch in.Kind {
	case inputStatement:
		s := statementOf(in)
		f.from(s.Origin)
		return s.InForce(r.AsOf, r.Zone)
	case inputAuthority:
		counts := false
		for _, a := range authoritiesOf(in) {
			if a.InForce(r.AsOf, r.Zone) {
				a.Origin.Evidence = a.Evidence
				f.from(a.Origin)
				counts = true
			}
		}
		return counts
	}
	return true
}

func (f *Fact) from(o consent.Origin) {
	f.By, f.Evidence, f.SHA256, f.Witness = o.By, o.Evidence, o.SHA256, o.Witness
	if at, err := time.Parse(time.RFC3339, o.Received); err == nil {
		f.Received = at.UTC()
	}
}

// authoritiesOf reads authority on file; one that cannot be read gives nobody authority.
func authoritiesOf(in ledger.InputVersion) (list []consent.Authority) {
	_ = json.Unmarshal(in.Body, &list)
	return list
}
