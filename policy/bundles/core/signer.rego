# Who gave the consent, and may they?
package caregate.law

defect[s][g] contains {"rule": "CON-06", "code": "no-grantor", "needs": sprintf("needs %s to say who gave it", [grant.consent])} if {
	some s, sig in record
	some g, grant in sig.grants
	count(grant.signers) == 0
}

defect[s][g] contains {"rule": "CON-06", "code": "no-evidence", "needs": sprintf("needs the signed form of %s, or its verification", [grant.consent])} if {
	some s, sig in record
	some g, grant in sig.grants
	not grant.evidence
}

# Nobody whose signature counts: say why for each kind of signer.
defect[s][g] contains {
	"rule": "CON-07", "code": "grantor-without-authority",
	"needs": sprintf("needs the signature of someone with authority for %s", [concat(", ", sig.domains)]),
} if {
	some s, sig in record
	some g, grant in sig.grants
	count(grant.signers) > 0
	not signed_by_child(sig, grant)
	not authorised_guardian(grant)
	not child_signature(grant)
}

defect[s][g] contains {
	"rule": "CON-07", "code": "minor-below-consent-age",
	"needs": "needs the signature of a guardian with authority",
} if {
	some s, sig in record
	some g, grant in sig.grants
	child_signature(grant)
	not signed_by_child(sig, grant)
	not authorised_guardian(grant)
}

defect[s][g] contains bar if {
	some s, sig in record
	some g, grant in sig.grants
	authorised_guardian(grant)
	not signed_by_child(sig, grant)
	some bar in guardian_bar[s]
}

defect[s][g] contains {
	"rule": "GEN-03", "code": "joint-consent-incomplete",
	"needs": sprintf("needs the signature of %s", [concat(" and ", missing)]),
} if {
	some s, sig in record
	some g, grant in sig.grants
	not signed_by_child(sig, grant)
	missing := {ref | some ref in sig.joint_required} - {ref | some ref in grant.joint}
	count(missing) > 0
}

duty_withheld[s] contains {"id": "REQUEST-COSIGN", "target": sort(missing)} if {
	some s, sig in record
	some grant in sig.grants
	missing := {ref | some ref in sig.joint_required} - {ref | some ref in grant.joint}
	count(missing) > 0
}

child_signature(grant) if {
	some signer in grant.signers
	signer.child
}

authorised_guardian(grant) if {
	some signer in grant.signers
	signer.authority_at_signing
	signer.authority_now
}

# The child's own signature counts if the child was of age, is emancipated, or could consent alone to all of it.
signed_by_child(_, grant) if {
	some signer in grant.signers
	signer.child
	signer.age_at_signing >= 18
}

signed_by_child(_, grant) if {
	child_signature(grant)
	input.child.emancipated
}

signed_by_child(sig, grant) if {
	some signer in grant.signers
	signer.child
	of_age_for_all(sig.domains, signer.age_at_signing)
}

# What a minor may be treated for without telling a parent is not the parent's to see or release.
guardian_bar[s] contains {
	"rule": rule, "code": "minor-only-consent",
	"needs": "needs the minor's own consent",
} if {
	some s, sig in record
	some domain in sig.domains
	minor_only_in(domain)
	rule := minor_consent(domain).rule
	in_force(rule)
}

# Why a guardian with authority still may not release the record.
guardian_bar[s] contains {
	"rule": "GEN-01", "code": "guardian-consent-lapsed-at-majority",
	"needs": "needs the consent of the child, who is of age",
} if {
	some s, sig in record
	input.child.adult
	input.lapse_at_majority
	not outlives_majority(sig)
}

# A row of majority keeps a guardian's consent alive for a kind of record: for each of its domains.
outlives_majority(sig) if {
	every domain in sig.domains {
		some jurisdiction, _ in input.jurisdictions
		some row in data.caregate.majority[jurisdiction][domain]
		current(row)
		row.lapses == false
	}
}

guardian_bar[s] contains {"rule": "GEN-01", "code": "child-age-unknown", "needs": "needs the child's full date of birth"} if {
	some s, _ in record
	input.child.age < 0
	not input.child.emancipated
}
