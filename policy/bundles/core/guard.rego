# What no exception and no consent can open.
package caregate.law

finding[s] contains {
	"stage": "guard", "effect": "withhold", "rule": "GEN-CHILD", "code": "resource-of-another-patient",
	"needs": "needs a delivery of its own for that patient",
} if {
	some s, sig in input.signatures
	sig.patient == "other"
}

finding[s] contains {
	"stage": "guard", "effect": "withhold", "rule": "GEN-CHILD", "code": "patient-unknown",
	"needs": "needs a reference to the child",
} if {
	some s, sig in input.signatures
	sig.patient == "unknown"
}

finding[s] contains {
	"stage": "guard", "effect": "withhold", "rule": "GEN-LABEL", "code": "unknown-security-label",
	"needs": "needs its labels corrected by whoever labelled it",
} if {
	some s, sig in input.signatures
	sig.unknown_label
}

finding[s] contains {
	"stage": "guard", "effect": "withhold", "rule": "GEN-LAW", "code": "no-law-for-jurisdiction",
	"needs": "needs a law bundle for the child's jurisdiction",
} if {
	some s, _ in input.signatures
	not data.caregate.jurisdictions[input.jurisdiction]
}
