package policy

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"caregate/consent"

	"github.com/open-policy-agent/opa/v1/ast"
)

// asked is all that the law may know of a request. What is not in it cannot get into the
// document, so that its JSON is a key for what the law answers: whoever adds to the document
// adds to the key.
type asked struct {
	Request consent.Request
	Facts   consent.Facts
}

// askedOf leaves out what differs from one delivery to the next and makes no difference to the law.
func askedOf(r *consent.Request, f *consent.Facts) *asked {
	a := &asked{Request: *r, Facts: *f}
	a.Request.AsOf, a.Request.Zone = time.Time{}, nil // the day is among the facts
	a.Request.Authorities, a.Request.Consents, a.Request.Resources = nil, nil, nil
	a.Request.Justification = strings.TrimSpace(r.Justification)
	if a.Request.Justification != "" {
		a.Request.Justification = "given" // what it says is for people
	}
	c := &a.Request.Child
	c.Refs, c.BirthDate, c.CourtOrders, c.JointRequired = nil, "", nil, nil
	if c.Ref = ""; r.Child.Is(r.Recipient.Ref) {
		c.Ref = r.Recipient.Ref
	}
	a.Facts.ValidUntil = time.Time{}
	a.Facts.Signatures = slices.Clone(f.Signatures)
	for i := range a.Facts.Signatures {
		a.Facts.Signatures[i].Items = nil
	}
	return a
}

// Document is what the law is asked about a request, as JSON: the input of `opa eval` beside
// the bundles. Requests with the same document have the same answer of the law.
func Document(r consent.Request) []byte {
	facts := r.Evaluate()
	return []byte(askedOf(&r, &facts).document().String())
}

// document is what the law reads, built as values so that nothing is converted twice.
func (a *asked) document() ast.Value {
	r, f := &a.Request, &a.Facts
	return obj(
		"jurisdiction", str(r.Jurisdiction),
		"jurisdictions", jurisdictions(r.Jurisdiction),
		"local_date", str(f.LocalDate),
		"lapse_at_majority", flag(r.LapseAtMajority),
		"implicit", str(r.Implicit),
		"ask_witness", flag(r.AskWitness),
		"usable", num(len(f.Usable)),
		"unused", list(f.Unused, unusedTerm),
		"unreadable", list(f.Unreadable, unusedTerm),
		"child", child(r, f),
		"request", request(r),
		"signatures", signatures(f.Signatures),
	).Value
}

// jurisdictions lists every jurisdiction that contains this one: US-IL is in US.
func jurisdictions(j string) *ast.Term {
	set := []string{j}
	if country, _, sub := strings.Cut(j, "-"); sub {
		set = append(set, country)
	}
	return keys(set)
}

func child(r *consent.Request, f *consent.Facts) *ast.Term {
	c := &r.Child
	return obj(
		"age", num(f.Age),
		"adult", flag(f.Adult),
		"care", keys(f.Care),
		"emancipated", flag(c.Emancipated),
		"minor_informed", flag(c.MinorInformed),
		"minor_objects", flag(c.MinorObjects),
		"flags", keys(c.Flags),
		"address_allowed", keys(c.AddressAllowed),
		"responsible_agency", str(c.ResponsibleAgency),
		"custody", str(c.LegalStatus),
	)
}

func request(r *consent.Request) *ast.Term {
	to := &r.Recipient
	return obj(
		"purpose", str(r.Purpose),
		"emergency", flag(r.Emergency),
		"justified", flag(strings.TrimSpace(r.Justification) != ""),
		"legal_basis", str(r.LegalBasis),
		"recipient", obj(
			"ref", str(to.Ref),
			"organization", str(to.Organization),
			"org_type", str(to.OrgType),
			"role", str(to.Role),
			"clinician", flag(to.Clinician),
			"educational_interest", flag(to.EducationalInterest),
			"child", flag(r.Child.Is(to.Ref)),
			"intermediary", flag(to.Intermediary),
		),
	)
}

func signatures(list []consent.Signature) *ast.Term {
	pairs := make([][2]*ast.Term, len(list))
	for i := range list {
		pairs[i] = [2]*ast.Term{str(signatureKey(i)), signature(&list[i])}
	}
	return ast.ObjectTerm(pairs...)
}

func signatureKey(i int) string { return "s" + strconv.Itoa(i) }

func signature(s *consent.Signature) *ast.Term {
	return obj(
		"kind", str(s.Kind),
		"patient", str(s.Patient),
		"confidentiality", str(s.Confidentiality),
		"labels", keys(s.Labels),
		"unknown_label", flag(s.UnknownLabel),
		"domains", texts(s.Domains),
		"own_custodian", flag(s.OwnCustodian),
		"carer", str(s.Carer),
		"guardian", obj("known", flag(s.Guardian.Known), "authority", flag(s.Guardian.Authority), "endangerment", flag(s.Guardian.Endangerment)),
		"notify", texts(s.Notify),
		"joint_required", texts(s.JointRequired),
		"orders", list(s.Orders, orderTerm),
		"medication", medication(s.Medication),
		"grants", indexed(s.Grants, grantTerm),
		"denies", list(s.Denies, denialTerm),
	)
}

func grantTerm(g consent.Grant) *ast.Term {
	return obj(
		"consent", str(g.Consent),
		"path", str(g.Path),
		"evidence", flag(g.Evidence),
		"sound", flag(g.Sound),
		"named", keys(g.Named),
		"notes_alone", flag(g.NotesAlone),
		"has_actor", flag(g.HasActor),
		"has_purpose", flag(g.HasPurpose),
		"names_recipient", flag(g.NamesRecipient),
		"names_others", flag(g.NamesOthers),
		"names_records", flag(g.NamesRecords),
		"has_expiry", flag(g.HasExpiry),
		"same_day", flag(g.SameDay),
		"witnessed", flag(g.Witnessed),
		"signers", list(g.Signers, signerTerm),
		"joint", texts(g.Joint),
	)
}

func signerTerm(s consent.Signer) *ast.Term {
	return obj(
		"child", flag(s.Child),
		"authority_at_signing", flag(s.AuthorityAtSigning),
		"authority_now", flag(s.AuthorityNow),
		"age_at_signing", num(s.AgeAtSigning),
	)
}

func orderTerm(o consent.AppliedOrder) *ast.Term {
	return obj("id", str(o.ID), "effect", str(o.Effect), "part2", flag(o.Part2), "notes", flag(o.Notes))
}

func denialTerm(d consent.Denial) *ast.Term {
	return obj("consent", str(d.Consent), "path", str(d.Path))
}

func unusedTerm(u consent.Unused) *ast.Term {
	return obj("consent", str(u.Consent), "code", str(u.Code), "needs", str(u.Needs))
}

// obj builds an object from alternating names and values.
func obj(pairs ...any) *ast.Term {
	terms := make([][2]*ast.Term, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		terms = append(terms, [2]*ast.Term{ast.InternedTerm(pairs[i].(string)), pairs[i+1].(*ast.Term)})
	}
	return ast.ObjectTerm(terms...)
}

func str(s string) *ast.Term { return ast.StringTerm(s) }

func num(n int) *ast.Term { return ast.InternedTerm(n) }

func flag(b bool) *ast.Term { return ast.InternedTerm(b) }

// keys builds a set as an object with true values, so that the law looks up instead of searching.
func keys(names []string) *ast.Term {
	terms := make([][2]*ast.Term, len(names))
	for i, name := range names {
		terms[i] = [2]*ast.Term{str(name), flag(true)}
	}
	return ast.ObjectTerm(terms...)
}

func texts(ss []string) *ast.Term { return list(ss, str) }

func list[T any](items []T, term func(T) *ast.Term) *ast.Term {
	terms := make([]*ast.Term, len(items))
	for i, item := range items {
		terms[i] = term(item)
	}
	return ast.ArrayTerm(terms...)
}

// indexed builds an object keyed "g0", "g1" ... so that the law can speak of one entry.
func indexed[T any](items []T, term func(T) *ast.Term) *ast.Term {
	terms := make([][2]*ast.Term, len(items))
	for i, item := range items {
		terms[i] = [2]*ast.Term{str("g" + strconv.Itoa(i)), term(item)}
	}
	return ast.ObjectTerm(terms...)
}
