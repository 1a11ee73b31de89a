# Releases and restrictions that do not rest on a consent, as this project orders them.
package caregate.law

# A declared emergency: purpose, emergency flag, stated reason, and someone entitled to declare it.
finding[s] contains {"stage": "break-glass", "effect": "permit", "rule": "GEN-06", "code": "break-glass"} if {
	some s, sig in record
	in_force("GEN-06")
	glass_broken
	not sig.labels.PSYTHPN
	not sig.labels["CPS-INVEST"]
	not sig.labels["REPORTER-ID"]
}

glass_broken if {
	input.request.purpose in {"BTG", "ETREAT"}
	input.request.emergency
	input.request.justified
	entitled_to_break
}

entitled_to_break if input.request.recipient.clinician

entitled_to_break if {
	input.request.recipient.org_type == "crisis-response"
	input.request.legal_basis == "dispatch"
}

duty[s] contains {"id": id} if {
	some s, "break-glass" in data.caregate.decision.stage
	some id in ["BREAK-GLASS-AUDIT", "NOTIFY-PRIVACY-OFFICER"]
}

duty[s] contains {"id": "NOTIFY-GUARDIAN", "target": [ref | some ref in record[s].notify; not minor_only(record[s])]} if {
	some s, "break-glass" in data.caregate.decision.stage
}

finding[s] contains {
	"stage": "court-restriction", "effect": "withhold", "rule": "GEN-10", "code": "court-order-restricts",
	"needs": sprintf("needs court order %s lifted", [order.id]),
} if {
	some s, sig in record
	some order in sig.orders
	order.effect == "restrict"
}

finding[s] contains {"stage": "court-authorisation", "effect": "permit", "rule": "GEN-10", "code": "court-order-authorizes"} if {
	some s, sig in record
	some order in sig.orders
	order.effect == "authorize"
	not order_falls_short(sig, order)
}

order_falls_short(sig, order) if {
	sig.labels.PSYTHPN
	not order.notes
}

# What a site chose for children without a consent in force.
finding[s] contains {"stage": "implicit", "effect": "permit", "rule": "GEN-IMPLICIT", "code": "implicit-basic-normal"} if {
	some s, sig in record
	nothing_on_file
	input.implicit == "basic-normal"
	basic_normal(sig)
}

finding[s] contains {
	"stage": "implicit", "effect": "withhold", "rule": "CON-03", "code": "no-consent",
	"needs": "needs a consent of someone with authority",
} if {
	some s, sig in record
	nothing_on_file
	count(input.unused) == 0
	not implicit_permits(sig)
}

finding[s] contains {
	"stage": "implicit", "effect": "withhold", "rule": "CON-03", "code": unused.code,
	"consent": unused.consent, "needs": unused.needs,
} if {
	some s, sig in record
	nothing_on_file
	some unused in input.unused
	not implicit_permits(sig)
}

implicit_permits(sig) if {
	input.implicit == "basic-normal"
	basic_normal(sig)
}

nothing_on_file if {
	input.usable == 0
	count(input.unreadable) == 0
}

basic_normal(sig) if {
	input.request.purpose == "TREAT"
	input.request.recipient.clinician
	normal(sig)
	count(sig.labels) == 0
}

# Every release is recorded.
duty[s] contains {"id": "AUDIT"} if {
	some s, "permit" in data.caregate.decision.effect
}

# An address that must not be told, by resource type. A flag that is not known counts as this one.
default redaction := {}

redaction := data.caregate.address_elements if {
	count(input.child.flags) > 0
	not address_allowed
}

address_allowed if {
	some ref in [input.request.recipient.ref, input.request.recipient.organization]
	input.child.address_allowed[ref]
}
