# New Jersey: who consents for a child in care, and child-protection records.
package caregate.law

new_jersey if input.jurisdictions["US-NJ"]

# NJ-01: whose signature it takes, where nobody with authority has signed.
defect[s][g] contains {
	"rule": "NJ-01", "code": code, "needs": needs,
} if {
	some s, sig in record
	new_jersey
	in_force("NJ-01")
	some g, grant in sig.grants
	count(grant.signers) > 0
	not signed_by_child(sig, grant)
	not authorised_guardian(grant)
	some standing, [code, needs] in {
		"state-custody": ["nj-parents-keep-authority", "needs the signature of a parent"],
		"state-guardian": ["nj-manager-consents", "needs the signature of the local office manager"],
	}
	input.child.care[standing]
}

# NJ-04 and NJ-05 beside the federal rules that withhold the same records.
finding[s] contains {
	"stage": "child-protection", "effect": "withhold", "rule": "NJ-04", "code": "child-protection-record",
	"needs": "needs a child-protection agency as the recipient, or a court order",
} if {
	some s, sig in record
	new_jersey
	in_force("NJ-04")
	sig.labels["CPS-INVEST"]
	not protects_children
}

finding[s] contains {
	"stage": "guard", "effect": "withhold", "rule": "NJ-05", "code": "reporter-identity",
	"needs": "needs a child-protection agency as the recipient; no consent opens it",
} if {
	some s, sig in record
	new_jersey
	in_force("NJ-05")
	sig.labels["REPORTER-ID"]
	not protects_children
}
