package consent

import (
	"fmt"
	"slices"
	"time"

	"caregate/fhir"
)

// ExtensionGuardianAuthority is the published extension on RelatedPerson that carries
// authority: domain 1..*, basis, start, end, evidence (docs/fhir).
const ExtensionGuardianAuthority = "http://systems-of-care.example/fhir/StructureDefinition/guardian-authority"

// domains is the closed list of domains of authority.
var domains = []string{DomainAll, DomainHealth, DomainMentalHealth, DomainSUD, DomainHIV, DomainEducation, DomainChildWelfare, DomainOrdinaryCare}

// AuthorityFrom reads the guardian-authority extensions of a RelatedPerson. It refuses an
// extension without a known domain or with an unreadable date; the error names the place, not the value.
func AuthorityFrom(relatedPerson *fhir.Node) ([]Authority, error) {
	var out []Authority
	for i, ext := range relatedPerson.Get("extension").Items() {
		if ext.Get("url").Text() != ExtensionGuardianAuthority {
			continue
		}
		a := Authority{Holder: relatedPerson.Ref(), Source: relatedPerson.Ref(), Relationship: relationship(relatedPerson)}
		for _, part := range ext.Get("extension").Items() {
			a.take(part)
		}
		if err := a.check(); err != nil {
			return nil, fmt.Errorf("RelatedPerson.extension[%d]: %w", i, err)
		}
		out = append(out, a)
	}
	return out, nil
}

func (a *Authority) take(part *fhir.Node) {
	switch part.Get("url").Text() {
	case "domain":
		a.Domains = append(a.Domains, part.Get("valueCode").Text())
	case "basis":
		a.Basis = part.Get("valueString").Text()
	case "start":
		a.Start = part.Get("valueDate").Text()
	case "end":
		a.End = part.Get("valueDate").Text()
	case "evidence":
		a.Evidence = reference(part.Get("valueReference"))
	case "sha256":
		a.Origin.SHA256 = part.Get("valueString").Text()
	case "witness":
		a.Origin.Witness = part.Get("valueString").Text()
	case "by":
		a.Origin.By = part.Get("valueString").Text()
	case "received":
		a.Origin.Received = part.Get("valueDateTime").Text()
	}
}

func (a *Authority) check() error {
	if len(a.Domains) == 0 {
		return fmt.Errorf("needs a domain")
	}
	for _, d := range a.Domains {
		if !slices.Contains(domains, d) {
			return fmt.Errorf("domain is not a known code")
		}
	}
	if _, err := newPeriod(a.Start, a.End); err != nil {
		return fmt.Errorf("start or end: %w", err)
	}
	return nil
}

func relationship(relatedPerson *fhir.Node) string {
	for c := range codings(relatedPerson.Get("relationship").Item(0)) {
		return c.code
	}
	return ""
}

// covers reports whether the authority holds for one domain on the day of an instant.
func (a *Authority) covers(domain string, at time.Time, zone *time.Location) bool {
	named := slices.Contains(a.Domains, DomainAll) || slices.Contains(a.Domains, domain) ||
		(partOfHealth(domain) && slices.Contains(a.Domains, DomainHealth))
	return named && !a.Endangerment && inForce(a.Start, a.End, at, zone, false)
}

// partOfHealth: authority over health reaches it, where the law does not give it to the minor alone.
func partOfHealth(domain string) bool { return domain == DomainSTI || domain == DomainReproductive }

// holds reports whether a holder has authority in every domain of a record at an instant.
func (r *Request) holds(holder string, domains []string, at time.Time) bool {
	for _, d := range domains {
		has := slices.ContainsFunc(r.Authorities, func(a Authority) bool {
			return a.Holder == holder && a.covers(d, at, r.zone())
		})
		if !has {
			return false
		}
	}
	return holder != "" && !r.excluded(holder, at)
}

// InForce reports whether the authority is on at an instant, for whatever domain.
func (a *Authority) InForce(at time.Time, zone *time.Location) bool {
	return inForce(a.Start, a.End, at, zoneOr(zone), false)
}

func (r *Request) zone() *time.Location { return zoneOr(r.Zone) }

func zoneOr(zone *time.Location) *time.Location {
	if zone == nil {
		return time.UTC
	}
	return zone
}
