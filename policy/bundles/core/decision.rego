# How the rules become one decision. The first stage that has a finding decides;
# within it, withholding wins. What no rule speaks of stays undefined, and Go withholds it.
package caregate.decision

import data.caregate.law

stage[s] := first if {
	some s, found in law.finding
	spoken := {finding.stage | some finding in found}
	first := [name | some name in data.caregate.order; name in spoken][0]
}

decisive[s] := {finding | some finding in law.finding[s]; finding.stage == name} if {
	some s, name in stage
}

effect[s] := "withhold" if {
	some s, found in decisive
	some finding in found
	finding.effect == "withhold"
}

effect[s] := kind if {
	some s, found in decisive
	kinds := {finding.effect | some finding in found}
	not "withhold" in kinds
	some kind in kinds
}

reasons[s] := [reason |
	some finding in decisive[s]
	finding.effect == effect[s]
	row := law.in_force(finding.rule)
	reason := object.union(finding, {"cite": row.cite, "text": row.text})
] if {
	some s, _ in decisive
}

duties[s] := law.duty[s] if effect[s] == "permit"

duties[s] := law.duty_withheld[s] if effect[s] == "withhold"

result := {
	"signatures": {s: {
		"effect": kind,
		"stage": stage[s],
		"reasons": reasons[s],
		"duties": object.get(duties, s, set()),
	} |
		some s, kind in effect
	},
	"redaction": law.redaction,
}
