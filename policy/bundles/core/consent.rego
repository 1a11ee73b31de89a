# The consents on file. A permit counts only if no rule finds a defect in it.
package caregate.law

finding[s] contains {
	"stage": "consent", "effect": "withhold", "rule": "CON-01", "code": "consent-deny",
	"consent": denial.consent, "path": denial.path, "needs": "needs the denial lifted by whoever gave it",
} if {
	some s, sig in record
	some denial in sig.denies
}

finding[s] contains {
	"stage": "consent", "effect": "withhold", "rule": "CON-02", "code": "consent-unprocessable",
	"consent": blocking.consent, "needs": blocking.needs,
} if {
	some s, _ in record
	some blocking in input.unreadable
}

finding[s] contains {"stage": "consent", "effect": "withhold", "rule": "CON-05", "code": "no-provision-matches"} if {
	some s, sig in record
	input.usable > 0
	count(sig.grants) == 0
	count(sig.denies) == 0
}

finding[s] contains {
	"stage": "consent", "effect": "permit", "rule": "CON-04", "code": "consent",
	"consent": grant.consent, "path": grant.path,
} if {
	some s, sig in record
	some g, grant in sig.grants
	grant.sound
	not defect[s][g]
}

# A defective permit is told of only where no other permit is without defect.
finding[s] contains object.union(
	{"stage": "consent", "effect": "withhold", "consent": grant.consent, "path": grant.path},
	found,
) if {
	some s, sig in record
	not permitted_by_consent(s, sig)
	some g, grant in sig.grants
	some found in defect[s][g]
}

permitted_by_consent(s, sig) if {
	some g, _ in sig.grants
	not defect[s][g]
}

# Labels that a permit must name itself: a general permission does not reach them.
defect[s][g] contains {
	"rule": rule, "code": "label-not-named",
	"needs": sprintf("needs %s to name the label %s", [grant.consent, label]),
} if {
	some s, sig in record
	some label, _ in sig.labels
	some jurisdiction, rule in data.caregate.must_be_named[label]
	input.jurisdictions[jurisdiction]
	in_force(rule)
	some g, grant in sig.grants
	not grant.named[label]
}
