# Child-protection records and who reported: CAPTA, 42 USC 5106a.
package caregate.law

finding[s] contains {
	"stage": "guard", "effect": "withhold", "rule": "CPS-02", "code": "reporter-identity",
	"needs": "needs a child-protection agency as the recipient; no consent opens it",
} if {
	some s, sig in record
	in_force("CPS-02")
	sig.labels["REPORTER-ID"]
	not protects_children
}

finding[s] contains {
	"stage": "child-protection", "effect": "withhold", "rule": "CPS-01", "code": "child-protection-record",
	"needs": "needs a child-protection agency as the recipient, or a court order",
} if {
	some s, sig in record
	in_force("CPS-01")
	sig.labels["CPS-INVEST"]
	not protects_children
}

# The agencies themselves, unless the record is protected for another reason too.
finding[s] contains {"stage": "child-protection", "effect": "permit", "rule": "CPS-01", "code": "child-protection-record"} if {
	some s, sig in record
	in_force("CPS-01")
	sig.labels["CPS-INVEST"]
	count(object.remove(sig.labels, ["CPS-INVEST", "REPORTER-ID"])) == 0
	protects_children
}

protects_children if input.request.recipient.org_type == "child-protection"

duty[s] contains {"id": "CPS-NO-REDISCLOSURE"} if {
	some s, "child-protection" in data.caregate.decision.stage
}
