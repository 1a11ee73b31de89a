package gateway

import (
	"slices"
	"strings"

	"caregate/fhir"
	"caregate/policy"
)

// incompleteNotice travels with every delivery for treatment, whether or not anything is
// left out: on some only, it would say that something is.
const incompleteNotice = "This may not be the whole record: what may not be shared is left out without a mark."

// treatment are the purposes for which somebody acts on what is there (v3-ActReason).
var treatment = map[string]bool{"TREAT": true, "ETREAT": true, "BTG": true}

// incomplete reports whether a delivery has to say that it may be incomplete. A status tells
// of a referral and not of a child's health, and a read is one resource.
func incomplete(a *asked) bool {
	return a.route.Sender != nil && treatment[a.route.Purpose] && a.out.Kind != string(KindStatus)
}

// nilCodes say that there is none of a kind: SNOMED CT, LOINC of lists.
var nilCodes = map[string]string{
	"716186003": "allergy", "409137002": "allergy", "429625007": "allergy", "428607008": "allergy", "787481004": "medication",
}

// nilWords are the same in free text, lower case.
var nilWords = map[string]string{
	"no known allergies": "allergy", "no known allergy": "allergy", "nka": "allergy", "nkda": "allergy", "no known drug allergies": "allergy",
	"no medications": "medication", "no current medications": "medication", "no known medications": "medication",
}

// kindOfList is what a List is of, by its LOINC code.
var kindOfList = map[string]string{"48765-2": "allergy", "10160-0": "medication", "29549-3": "medication"}

// kindOfRecord is what a type of record is one of.
var kindOfRecord = map[string]string{
	"AllergyIntolerance": "allergy", "MedicationRequest": "medication", "MedicationStatement": "medication",
	"MedicationAdministration": "medication", "MedicationDispense": "medication",
}

// withoutNil withholds what says that there is none of a kind of which one is withheld. This
// goes before the rule that protected records do not show: such a statement could kill.
func withoutNil(bundle *fhir.Node, d *policy.Decision) {
	withheld := map[string]bool{}
	says := map[string]string{}
	for _, r := range fhir.Entries(bundle) {
		says[r.Ref()] = saysNone(r)
	}
	for _, rd := range d.Resources {
		kind, _, _ := strings.Cut(rd.Ref, "/")
		if rd.Withheld && says[rd.Ref] == "" {
			withheld[kindOfRecord[kind]] = true
		}
	}
	for i := range d.Resources {
		rd := &d.Resources[i]
		if none := says[rd.Ref]; none != "" && withheld[none] && !rd.Withheld {
			rd.Withheld, rd.Redact, rd.Protected = true, nil, policy.ProtectedReason
			rd.Reasons = []policy.Reason{{Rule: "GEN-NIL", Code: "nil-beside-withheld", Cite: "project rule"}}
			d.Effect = policy.PermitWithRedaction
		}
	}
	withoutCompany(d)
}

// company are the codes of records that only go along with others.
var company = map[string]bool{"administrative-context": true, "attached-to-released": true}

// withoutCompany keeps back what would go along with nothing any more.
func withoutCompany(d *policy.Decision) {
	for _, rd := range d.Resources {
		if !rd.Withheld && !slices.ContainsFunc(rd.Reasons, func(r policy.Reason) bool { return company[r.Code] }) {
			return
		}
	}
	for i := range d.Resources {
		if rd := &d.Resources[i]; !rd.Withheld {
			rd.Withheld, rd.Redact = true, nil
			rd.Reasons = []policy.Reason{{Rule: "GEN-CONTEXT", Code: "nothing-released", Needs: "needs some record of the child to be released"}}
		}
	}
	d.Effect = policy.Deny
}

// saysNone returns the kind of which the record says that there is none; "" where it does not.
func saysNone(r *fhir.Node) string {
	if r.ResourceType() == "List" && r.Get("emptyReason") != nil {
		return kindIn(r.Get("code"), kindOfList)
	}
	for _, name := range []string{"code", "medicationCodeableConcept"} {
		concept := r.Get(name)
		if kind := kindIn(concept, nilCodes); kind != "" {
			return kind
		}
		if kind := nilWords[strings.ToLower(strings.TrimSpace(concept.Get("text").Text()))]; kind != "" {
			return kind
		}
	}
	return ""
}

func kindIn(concept *fhir.Node, kinds map[string]string) string {
	for _, coding := range concept.Get("coding").Items() {
		if kind := kinds[coding.Get("code").Text()]; kind != "" {
			return kind
		}
	}
	return ""
}
