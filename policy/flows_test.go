package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"caregate/consent"
	"caregate/fhir"
)

// delivery is the sample child's delivery of one flow payload under one filed consent.
func delivery(t testing.TB, bundle, consentFile string, to consent.Recipient, purpose string) consent.Request {
	t.Helper()
	zone, err := time.LoadLocation("America/Chicago")
	if err != nil {
		t.Fatal(err)
	}
	b := flow(t, bundle)
	labeler(t).Label(b)
	r := consent.Request{
		Jurisdiction: "US-IL", Zone: zone, AsOf: time.Date(2026, 11, 1, 18, 0, 0, 0, time.UTC),
		Child: consent.Child{Ref: "Patient/child-il-1", BirthDate: "2016-03-09"},
		Authorities: []consent.Authority{{
			Holder: "RelatedPerson/guardian-state-1", Relationship: "GUARD", Domains: []string{consent.DomainAll}, Basis: "State guardian", Start: "2025-11-20",
		}},
		Consents: []consent.Filed{consent.File(flow(t, consentFile), "1")},
		Action:   "disclose", Purpose: purpose, Recipient: to, Implicit: consent.ImplicitDeny, LapseAtMajority: true,
	}
	for _, n := range fhir.Entries(b) {
		r.Resources = append(r.Resources, consent.Resource{Ref: n.Ref(), Node: n})
	}
	return r
}

// withheldTypes are the types of what a decision withholds; every withheld resource must say why and what it needs.
func withheldTypes(t *testing.T, d Decision) []string {
	t.Helper()
	var out []string
	for _, rd := range d.Resources {
		if len(rd.Reasons) == 0 {
			t.Errorf("%s has no reason", rd.Ref)
			continue
		}
		for _, reason := range rd.Reasons {
			if reason.Rule == "" || reason.Code == "" || reason.Cite == "" || reason.Text == "" || (rd.Withheld && reason.Needs == "") {
				t.Errorf("%s: reason is incomplete: %+v", rd.Ref, reason)
			}
		}
		if rd.Withheld {
			kind, _, _ := strings.Cut(rd.Ref, "/")
			out = append(out, kind)
			t.Logf("withheld %s: %s, %s", rd.Ref, rd.Reasons[0].Code, rd.Reasons[0].Needs)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

var (
	clinic   = consent.Recipient{Organization: "Organization/psych-clinic", OrgType: "clinic", Clinician: true}
	district = consent.Recipient{Organization: "Organization/school-district", OrgType: "school"}
)

const (
	consultRequest = "01-medication-consult/01-fhir-consult-request-transaction.json"
	needsRequest   = "02-school-educational-needs/01-fhir-request-transaction.json"
	consultConsent = "06-consent-lifecycle/01-fhir-consent-active.json"
	ferpaConsent   = "06-consent-lifecycle/04-fhir-consent-ferpa.json"
)

func TestConsultReachesTheClinic(t *testing.T) {
	t.Parallel()
	d := engine(t).Decide(t.Context(), delivery(t, consultRequest, consultConsent, clinic, "TREAT"))
	if d.Effect != PermitWithRedaction {
		t.Errorf("effect %s", d.Effect)
	}
	if got, want := withheldTypes(t, d), []string{"Consent"}; !slices.Equal(got, want) {
		t.Errorf("withheld %v, want %v", got, want)
	}
	if !slices.Equal(d.Consents, []string{"Consent/consent-consult@1"}) {
		t.Errorf("consents %v", d.Consents)
	}
	if want := time.Date(2027, 3, 9, 6, 0, 0, 0, time.UTC); !d.ValidUntil.Equal(want) {
		t.Errorf("valid until %s, want the 11th birthday, %s", d.ValidUntil, want)
	}
}

func TestNeedsRequestReachesTheSchool(t *testing.T) {
	t.Parallel()
	d := engine(t).Decide(t.Context(), delivery(t, needsRequest, ferpaConsent, district, "COC"))
	if got, want := withheldTypes(t, d), []string{"Consent", "RelatedPerson"}; !slices.Equal(got, want) {
		t.Errorf("withheld %v, want %v", got, want)
	}
}

func TestClinicalRecordDoesNotReachTheSchool(t *testing.T) {
	t.Parallel()
	d := engine(t).Decide(t.Context(), delivery(t, consultRequest, ferpaConsent, district, "COC"))
	got := withheldTypes(t, d)
	for _, kind := range []string{"Condition", "MedicationRequest", "AllergyIntolerance", "Observation", "RelatedPerson"} {
		if !slices.Contains(got, kind) {
			t.Errorf("%s was released to the school", kind)
		}
	}
}

func TestSampleConsentsAreRefusedTo(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*consent.Request)
		code   string
	}{
		{"another organisation", func(r *consent.Request) { r.Recipient.Organization = "Organization/other" }, "no-provision-matches"},
		{"another purpose", func(r *consent.Request) { r.Purpose = "HMARKT" }, "no-provision-matches"},
		{"a day after its end", func(r *consent.Request) { r.AsOf = time.Date(2027, 4, 19, 5, 0, 0, 0, time.UTC) }, "expired"},
		{"a guardian whose authority has ended", func(r *consent.Request) { r.Authorities[0].End = "2026-10-31" }, "grantor-without-authority"},
		{"a guardian appointed after signing", func(r *consent.Request) { r.Authorities[0].Start = "2026-10-21" }, "grantor-without-authority"},
		{"a revoked consent", func(r *consent.Request) {
			n := r.Consents[0].Node.Clone().Set("status", fhir.NewString("inactive"))
			r.Consents[0] = consent.File(n, "2")
		}, "status:inactive"},
		{"an unknown jurisdiction", func(r *consent.Request) { r.Jurisdiction = "US-XX" }, "no-law-for-jurisdiction"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := delivery(t, consultRequest, consultConsent, clinic, "TREAT")
			tt.change(&r)
			d := engine(t).Decide(t.Context(), r)
			if d.Effect != Deny {
				t.Errorf("effect %s", d.Effect)
			}
			for _, rd := range d.Resources {
				if rd.Ref == "Condition/cond-adhd" && rd.Reasons[0].Code != tt.code {
					t.Errorf("reason %+v, want %s", rd.Reasons, tt.code)
				}
			}
		})
	}
}
