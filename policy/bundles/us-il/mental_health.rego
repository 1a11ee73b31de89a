# Illinois Mental Health and Developmental Disabilities Confidentiality Act: 740 ILCS 110.
package caregate.law

illinois_mental_health[s] := sig if {
	some s, sig in record
	input.jurisdictions["US-IL"]
	"mental-health" in sig.domains
}

# IL-MH-03: recipient and purpose ...
defect[s][g] contains {
	"rule": "IL-MH-03", "code": "il-mh-recipient-or-purpose-missing",
	"needs": sprintf("needs %s to name the recipient and the purpose", [grant.consent]),
} if {
	some s, sig in illinois_mental_health
	in_force("IL-MH-03")
	some g, grant in sig.grants
	not recipient_and_purpose(grant)
}

# ... and the day on which the consent ends; without one it is good only on the day it is given.
defect[s][g] contains {
	"rule": "IL-MH-03", "code": "il-mh-no-expiry",
	"needs": sprintf("needs %s to name the day on which it ends", [grant.consent]),
} if {
	some s, sig in illinois_mental_health
	in_force("IL-MH-03")
	some g, grant in sig.grants
	not grant.has_expiry
	not grant.same_day
}

# ... and a witness, where the site asks for it.
defect[s][g] contains {
	"rule": "IL-MH-03", "code": "il-mh-not-witnessed",
	"needs": sprintf("needs %s to name who witnessed the signature", [grant.consent]),
} if {
	input.ask_witness
	some s, sig in illinois_mental_health
	in_force("IL-MH-03")
	some g, grant in sig.grants
	not grant.witnessed
}

# IL-MH-01: at 12 to 17 a guardian counts only if the minor is informed and does not object.
guardian_bar[s] contains {
	"rule": "IL-MH-01", "code": "il-minor-12-17-not-informed-or-objects",
	"needs": "needs the minor to be informed and not to object",
} if {
	some s, _ in illinois_mental_health
	in_force("IL-MH-01")
	row := minor_consent("mental-health")
	row.parents == "informed"
	young_adult(row)
	not informed_and_agrees
}

# IL-MH-04: from 2024 to 2025 being informed was not asked for; an objection still counts here.
guardian_bar[s] contains {
	"rule": "IL-MH-04", "code": "il-minor-12-17-objects",
	"needs": "needs the minor not to object",
} if {
	some s, _ in illinois_mental_health
	in_force("IL-MH-04")
	row := minor_consent("mental-health")
	row.parents == "informed"
	young_adult(row)
	input.child.minor_objects
}

informed_and_agrees if {
	input.child.minor_informed
	not input.child.minor_objects
}

# IL-MH-07: the rights are the patient's own at 18, whatever the site chose for other records.
guardian_bar[s] contains {
	"rule": "IL-MH-07", "code": "il-mh-rights-passed-at-18",
	"needs": "needs the patient's own consent",
} if {
	some s, _ in illinois_mental_health
	in_force("IL-MH-07")
	input.child.adult
}

duty[s] contains {"id": "IL-MH-NO-REDISCLOSURE"} if {
	some s, _ in illinois_mental_health
	data.caregate.decision.effect[s] == "permit"
	not data.caregate.decision.stage[s] in {"own-access", "representative"}
}

# IL-MH-06: that there is such counselling at all is not the parent's to know or to release.
guardian_bar[s] contains {
	"rule": row.rule, "code": "il-minor-counseling",
	"needs": "needs the minor's own consent",
} if {
	some s, sig in record
	some row in data.caregate.service_withheld["US-IL"]
	current(row)
	in_force(row.rule)
	sig.labels[row.label]
	not input.child.adult
	input.child.age <= row.most
	young_adult(row_of(row))
}

row_of(row) := {"age": row.least}
