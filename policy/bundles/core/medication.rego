# Psychotropic medication of a child in the State's care: an order is carried out only with an
# approval of whoever the row of the jurisdiction names. It is about orders, not about records
# of medication.
package caregate.law

# medication_row(jurisdiction) is the row in force; it says for whom, who approves and for how long.
medication_row := row if {
	some jurisdiction, _ in input.jurisdictions
	some row in data.caregate.medication_approval[jurisdiction]
	current(row)
}

# order[s] is a group that orders a psychotropic medication for a child whose care the row is about.
order[s] := sig.medication if {
	some s, sig in record
	sig.medication.psychotropic
	not input.child.adult
	some care, _ in medication_row.care
	input.child.care[care]
}

carried_out[s] := m if {
	some s, m in order
	m.ordered
	input.request.recipient.org_type != "consent-unit"
}

agrees(a) if {
	a.evidence
	some agent in a.agents
	agent.at_signing
	agent.now
	some relationship, _ in agent.relationships
	medication_row.agents[relationship]
}


approves(a) if {
	a.permit
	a.covers
	a.state == "in-force"
	a.days < medication_row.days
	agrees(a)
}

approved(m) if {
	some a in m.approvals
	approves(a)
}

# It was given already: it is told afterwards and decided afterwards.
given_in_emergency(m) if {
	m.type == "one-time-emergency"
	medication_row.emergency
	input.request.purpose in {"ETREAT", "BTG"}
}

finding[s] contains {
	"stage": "medication", "effect": "withhold", "rule": medication_row.prn, "code": "psychotropic-prn",
	"needs": "needs an order that is not to be taken as needed",
} if {
	some s, m in carried_out
	prn_refused(m)
}

prn_refused(m) if {
	m.prn
	in_force(medication_row.prn)
}

finding[s] contains {
	"stage": "medication", "effect": "withhold", "rule": medication_row.rule, "code": "psychotropic-denied",
	"consent": a.consent, "path": a.path, "needs": "was denied by whoever approves such medication: needs a new request",
} if {
	some s, m in carried_out
	not prn_refused(m)
	some a in refusals(m)
}

refusals(m) := [a | some a in m.approvals; not a.permit; a.names; a.state != "ended"]

finding[s] contains {
	"stage": "medication", "effect": "withhold", "rule": medication_row.rule, "code": "psychotropic-modified",
	"consent": a.consent, "path": a.path, "needs": sprintf("was approved with a change, the approval %s: needs an order as it was approved", [a.lacks]),
} if {
	some s, m in carried_out
	undecided(m)
	some a in changes(m)
}

changes(m) := [a | some a in m.approvals; a.permit; a.names; not a.covers; a.state == "in-force"; agrees(a)]

finding[s] contains {
	"stage": "medication", "effect": "withhold", "rule": medication_row.rule, "code": "psychotropic-approval-ended",
	"consent": a.consent, "path": a.path, "needs": "needs a renewed approval: the one on file has ended",
} if {
	some s, m in carried_out
	undecided(m)
	count(changes(m)) == 0
	some a in m.approvals
	a.permit
	a.covers
	over(a)
}

over(a) if a.state == "ended"

over(a) if a.days >= medication_row.days

finding[s] contains {
	"stage": "medication", "effect": "withhold", "rule": medication_row.rule, "code": "psychotropic-approval-missing",
	"needs": medication_row.needs,
} if {
	some s, m in carried_out
	undecided(m)
	count(changes(m)) == 0
	count([a | some a in m.approvals; a.permit; a.covers; over(a)]) == 0
}

# nothing on file lets it go, and nothing refuses it
undecided(m) if {
	not prn_refused(m)
	count(refusals(m)) == 0
	not approved(m)
	not given_in_emergency(m)
}

# The request itself goes to whoever approves, when nothing but the medication makes it protected.
finding[s] contains {"stage": "medication-request", "effect": "permit", "rule": medication_row.request, "code": "psychotropic-request"} if {
	some s, _ in order
	in_force(medication_row.request)
	input.request.recipient.org_type == "consent-unit"
	input.request.purpose in {"TREAT", "COC", "CAREMGT"}
	count(object.remove(record[s].labels, ["PSY", "MH", "BH"])) == 0
}

duty[s] contains {"id": "NOTIFY-CONSENT-UNIT"} if {
	some s, m in carried_out
	given_in_emergency(m)
	not approved(m)
	data.caregate.decision.effect[s] == "permit"
}
