# Substance-use disorder records: 42 CFR part 2.
package caregate.law

part2(sig) if {
	some label, _ in sig.labels
	data.caregate.part2_labels[label]
}

# P2-01: the consent names recipient and purpose (that it names the information is asked by must_be_named).
defect[s][g] contains {
	"rule": "P2-01", "code": "part2-recipient-or-purpose-missing",
	"needs": sprintf("needs %s to name the recipient and the purpose", [grant.consent]),
} if {
	some s, sig in record
	in_force("P2-01")
	part2(sig)
	some g, grant in sig.grants
	not recipient_and_purpose(grant)
}

recipient_and_purpose(grant) if {
	grant.has_actor
	grant.has_purpose
}

# P2-02: an intermediary is named itself, together with its participants or their class.
defect[s][g] contains {
	"rule": "P2-02", "code": "part2-intermediary-not-named",
	"needs": sprintf("needs %s to name the intermediary and its participants, or the class of treating providers", [grant.consent]),
} if {
	some s, sig in record
	in_force("P2-02")
	part2(sig)
	input.request.recipient.intermediary
	some g, grant in sig.grants
	not intermediary_named(grant)
}

intermediary_named(grant) if {
	grant.names_recipient
	grant.names_others
}

# P2-07b: where state law asks for both, the minor and a parent sign.
joint_minor := row if {
	some jurisdiction, _ in input.jurisdictions
	some row in data.caregate.joint_minor_consent[jurisdiction].sud
	current(row)
}

defect[s][g] contains {
	"rule": "P2-07b", "code": "part2-minor-and-parent-must-sign",
	"needs": sprintf("needs the signatures of the minor and of a parent on %s", [grant.consent]),
} if {
	some s, sig in record
	in_force("P2-07b")
	"sud" in sig.domains
	young_adult(joint_minor)
	some g, grant in sig.grants
	not both_signed(grant)
}

both_signed(grant) if {
	child_signature(grant)
	authorised_guardian(grant)
}

duty_withheld[s] contains {"id": "REQUEST-COSIGN"} if {
	some s, sig in record
	in_force("P2-07b")
	"sud" in sig.domains
	young_adult(joint_minor)
	some grant in sig.grants
	not both_signed(grant)
}

# P2-04: where the minor may consent alone, a guardian may neither see nor release.
guardian_bar[s] contains {
	"rule": "P2-04", "code": "minor-only-consent-42CFR2.14",
	"needs": "needs the minor's own consent",
} if {
	some s, sig in record
	in_force("P2-04")
	"sud" in sig.domains
	minor_only_in("sud")
}

# P2-06: a report of abuse does not carry the record itself.
finding[s] contains {
	"stage": "mandated-report", "effect": "withhold", "rule": "P2-06",
	"code": "part2-original-record-not-covered-by-report-exception",
	"needs": "needs a court order under 42 CFR part 2 subpart E",
} if {
	some s, sig in record
	in_force("P2-06")
	mandated_report
	sig.labels["42CFRPart2"]
}

# P2-07: an order that does not meet subpart E opens nothing of part 2.
order_falls_short(sig, order) if {
	sig.labels["42CFRPart2"]
	not order.part2
}

# P2-03: the notice of the day, and since 2026 the consent itself, go with the record.
duty[s] contains {"id": "PART2-REDISCLOSURE-NOTICE"} if {
	some s, "consent" in data.caregate.decision.stage
	part2(record[s])
	notice("PART2-REDISCLOSURE-NOTICE")
}

duty[s] contains {"id": "PART2-COPY-OF-CONSENT", "target": [reason.consent | some reason in data.caregate.decision.decisive[s]]} if {
	some s, "consent" in data.caregate.decision.stage
	part2(record[s])
	notice("PART2-COPY-OF-CONSENT")
}

duty[s] contains {"id": "PART2-EMERGENCY-RECORD"} if {
	some s, "break-glass" in data.caregate.decision.stage
	part2(record[s])
}
