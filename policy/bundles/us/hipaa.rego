# HIPAA Privacy Rule: 45 CFR part 164, subpart E.
package caregate.law

# HIP-04: psychotherapy notes need an authorisation that covers nothing else.
defect[s][g] contains {
	"rule": "HIP-04", "code": "psychotherapy-notes-need-separate-authorization",
	"needs": "needs a consent that names psychotherapy notes and nothing else",
} if {
	some s, sig in record
	in_force("HIP-04")
	sig.labels.PSYTHPN
	some g, grant in sig.grants
	not grant.notes_alone
}

# HIP-06: a report of child abuse to the agency that receives reports, over any denial.
finding[s] contains {"stage": "mandated-report", "effect": "permit", "rule": "HIP-06", "code": "mandated-report"} if {
	some s, _ in record
	in_force("HIP-06")
	mandated_report
}

finding[s] contains {
	"stage": "mandated-report", "effect": "withhold", "rule": "HIP-04", "code": "psychotherapy-notes-need-separate-authorization",
	"needs": "needs a consent that names psychotherapy notes and nothing else",
} if {
	some s, sig in record
	mandated_report
	sig.labels.PSYTHPN
}

mandated_report if {
	input.request.legal_basis == "mandated-report"
	input.request.recipient.org_type == "child-protection"
}

# HIP-05: treatment without a consent, where the site chose so.
finding[s] contains {"stage": "implicit", "effect": "permit", "rule": "HIP-05", "code": "implicit-basic-normal"} if {
	some s, sig in record
	in_force("HIP-05")
	nothing_on_file
	implicit_permits(sig)
}

# HIP-07: what a court orders.
finding[s] contains {"stage": "court-authorisation", "effect": "permit", "rule": "HIP-07", "code": "court-order-authorizes"} if {
	some s, sig in record
	in_force("HIP-07")
	some order in sig.orders
	order.effect == "authorize"
	not order_falls_short(sig, order)
}

# HIP-08: the own record.
finding[s] contains {"stage": "own-access", "effect": "permit", "rule": "HIP-08", "code": "own-access"} if {
	some s, sig in record
	in_force("HIP-08")
	input.request.purpose == "PATRQT"
	input.request.recipient.child
	not sig.labels.PSYTHPN
	own_record(sig)
}

own_record(_) if input.child.adult

own_record(sig) if of_age_for_all(sig.domains, input.child.age)

# HIP-01: the guardian as personal representative.
finding[s] contains {"stage": "representative", "effect": "permit", "rule": "HIP-01", "code": "personal-representative"} if {
	some s, sig in record
	in_force("HIP-01")
	representative_asks
	sig.guardian.authority
	not sig.labels.PSYTHPN
}

finding[s] contains object.union({"stage": "representative", "effect": "withhold"}, bar) if {
	some s, sig in record
	representative_asks
	sig.guardian.authority
	some bar in guardian_bar[s]
	not summary_for_parents(sig, bar)
}

# What a state lets a parent have of a record that is otherwise barred.
summary_for_parents(sig, bar) if {
	some jurisdiction, _ in input.jurisdictions
	row := data.caregate.parent_summary[jurisdiction]
	in_force(row.rule)
	sig.labels[row.label]
	row.bars[bar.code]
}

finding[s] contains {"stage": "representative", "effect": "permit", "rule": row.rule, "code": "il-parent-summary"} if {
	some s, sig in record
	representative_asks
	sig.guardian.authority
	not sig.labels.PSYTHPN
	some jurisdiction, _ in input.jurisdictions
	row := data.caregate.parent_summary[jurisdiction]
	in_force(row.rule)
	sig.labels[row.label]
}

# HIP-02: not the care that the minor consents to alone.
finding[s] contains {
	"stage": "representative", "effect": "withhold", "rule": "HIP-02", "code": "minor-consents-alone",
	"needs": "needs the minor's own consent",
} if {
	some s, sig in record
	in_force("HIP-02")
	representative_asks
	sig.guardian.known
	some domain in sig.domains
	row := minor_consent(domain)
	row.parents == "excluded"
	row.release != "minor"
	young_adult(row)
}

# The act of the state that lets the minor decide, beside the federal rule.
finding[s] contains {
	"stage": "representative", "effect": "withhold", "rule": row.act, "code": "minor-consents-alone",
	"needs": "needs the minor's own consent",
} if {
	some s, sig in record
	representative_asks
	sig.guardian.known
	some domain in sig.domains
	row := minor_consent(domain)
	in_force(row.act)
	row.parents == "excluded"
	row.release != "minor"
	young_adult(row)
}

# HIP-03: not someone who may endanger the child.
finding[s] contains {
	"stage": "representative", "effect": "withhold", "rule": "HIP-03", "code": "representative-endangers",
	"needs": "needs the endangerment flag reviewed by the privacy officer",
} if {
	some s, sig in record
	in_force("HIP-03")
	representative_asks
	sig.guardian.endangerment
}

finding[s] contains {
	"stage": "representative", "effect": "withhold", "rule": "HIP-04", "code": "psychotherapy-notes-need-separate-authorization",
	"needs": "needs a consent that names psychotherapy notes and nothing else",
} if {
	some s, sig in record
	representative_asks
	sig.guardian.authority
	sig.labels.PSYTHPN
}

representative_asks if {
	input.request.purpose == "FAMRQT"
	not input.child.adult
}

duty_withheld[s] contains {"id": "NOTIFY-PRIVACY-OFFICER"} if {
	some s, sig in record
	representative_asks
	sig.guardian.endangerment
}
