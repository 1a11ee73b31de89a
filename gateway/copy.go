package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"caregate/consent"
	"caregate/fhir"
	"caregate/policy"
)

// dutyCopy asks that the consent itself goes with what it permits (42 CFR 2.32).
const dutyCopy = "PART2-COPY-OF-CONSENT"

// copier is a codec whose format can hold the consent beside what is released. Any other
// carries its reference and hash in the notice, or refuses notices altogether.
type copier interface{ CarriesConsent() bool }

// copies carries out the duty to send the consent along: the document where the format can
// hold it, and in every case a notice that identifies it by its hash. A consent that is not on
// file as it was decided by stops the release.
func (a *asked) copies(d policy.Decision) ([]string, error) {
	at := slices.IndexFunc(d.Obligations, func(o policy.Obligation) bool { return o.ID == dutyCopy })
	if at < 0 {
		return nil, nil
	}
	var notices []string
	for _, ref := range d.Obligations[at].Target {
		form := a.form(ref)
		if form == nil {
			return nil, fmt.Errorf("obligation %s cannot be carried out: %s is not on file", dutyCopy, ref)
		}
		sum := sha256.Sum256(form.JSON())
		notices = append(notices, "Copy of consent: "+ref+", SHA-256 "+hex.EncodeToString(sum[:]))
		if c, can := a.route.Codec.(copier); can && c.CarriesConsent() && !hasRef(resourcesOf(a.out.Bundle), ref) {
			a.out.Bundle.Add("entry", fhir.NewObject().Set("resource", form.Clone()))
		}
	}
	return notices, nil
}

func (a *asked) form(ref string) *fhir.Node {
	at := slices.IndexFunc(a.forms, func(f consent.Filed) bool { return f.Node.Ref() == ref })
	if at < 0 {
		return nil
	}
	return a.forms[at].Node
}

func resourcesOf(bundle *fhir.Node) []*fhir.Node {
	var out []*fhir.Node
	for _, r := range fhir.Entries(bundle) {
		out = append(out, r)
	}
	return out
}
