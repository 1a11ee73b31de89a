package gateway

import "caregate/fhir"

// Destination names the endpoint: the partner, and which of its endpoints where it has several.
func (r Route) Destination() string {
	if r.Endpoint == "" {
		return r.To
	}
	return r.To + "." + r.Endpoint
}

// carries reports whether the route takes this message. A partner never gets its own message back.
func (r Route) carries(m *inspection) bool {
	switch {
	case r.To == m.partner.ID, !has(r.Kinds, m.kind):
		return false
	case m.partner.ID == ownPartner && r.To != m.origin.Partner: // only who asked is answered
		return false
	case len(r.From) > 0 && !has(r.From, m.partner.ID):
		return false
	case r.OwnReferrals && m.origin.Partner != r.To:
		return false
	default:
		return len(r.Services) == 0 || asksFor(m.decoded.Bundle, r.Services)
	}
}

// asksFor reports whether an order of the bundle is of one of the services, by a code of its category or code.
func asksFor(bundle *fhir.Node, services []string) bool {
	for _, r := range fhir.Entries(bundle) {
		if r.ResourceType() != "ServiceRequest" {
			continue
		}
		if hasCoding(r.Get("code"), services) {
			return true
		}
		for _, category := range r.Get("category").Items() {
			if hasCoding(category, services) {
				return true
			}
		}
	}
	return false
}

func hasCoding(concept *fhir.Node, codes []string) bool {
	for _, coding := range concept.Get("coding").Items() {
		if has(codes, coding.Get("code").Text()) {
			return true
		}
	}
	return false
}
