package caregate.decision_test

import data.caregate.decision

# A request that no rule can permit, to be changed by each test.
nobody := {
	"jurisdiction": "US", "jurisdictions": {"US": true}, "local_date": "2026-03-01",
	"lapse_at_majority": true, "implicit": "deny", "usable": 0, "unused": [], "unreadable": [],
	"child": {
		"age": 10, "adult": false, "emancipated": false, "minor_informed": false, "minor_objects": false,
		"flags": {}, "address_allowed": {}, "responsible_agency": "",
	},
	"request": {
		"purpose": "TREAT", "emergency": false, "justified": false, "legal_basis": "",
		"recipient": {
			"ref": "Practitioner/1", "organization": "Organization/1", "org_type": "clinic", "role": "physician",
			"clinician": true, "educational_interest": false, "child": false,
		},
	},
	"signatures": {"s0": record},
}

record := {
	"kind": "", "patient": "child", "confidentiality": "N", "labels": {}, "unknown_label": false, "domains": ["health"],
	"own_custodian": false, "guardian": {"known": false, "authority": false, "endangerment": false}, "notify": [],
	"joint_required": [], "orders": [], "grants": {}, "denies": [],
}

test_nothing_on_file_withholds if {
	decision.effect.s0 == "withhold" with input as nobody
}

test_implicit_policy_permits if {
	decision.effect.s0 == "permit" with input as object.union(nobody, {"implicit": "basic-normal"})
}

test_implicit_policy_needs_normal if {
	restricted := object.union(record, {"confidentiality": "R"})
	decision.effect.s0 == "withhold" with input as object.union(nobody, {"implicit": "basic-normal", "signatures": {"s0": restricted}})
}
