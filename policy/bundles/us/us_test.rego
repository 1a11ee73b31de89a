package caregate.us_test

import data.caregate.decision

# A child of 10, a sound and complete consent, a record of the labels and domains given.
facts(jurisdictions, age, labels, domains, grant) := {
	"jurisdiction": "US", "jurisdictions": jurisdictions, "local_date": "2026-11-01",
	"lapse_at_majority": true, "implicit": "deny", "usable": 1, "unused": [], "unreadable": [],
	"child": {
		"age": age, "adult": age >= 18, "emancipated": false, "minor_informed": false, "minor_objects": false,
		"flags": {}, "address_allowed": {}, "responsible_agency": "",
	},
	"request": {
		"purpose": "TREAT", "emergency": false, "justified": false, "legal_basis": "",
		"recipient": {
			"ref": "Practitioner/1", "organization": "Organization/1", "org_type": "clinic", "role": "physician",
			"clinician": true, "educational_interest": false, "child": false,
		},
	},
	"signatures": {"s0": {
		"kind": "", "patient": "child", "confidentiality": "R", "labels": labels, "unknown_label": false,
		"domains": domains, "own_custodian": false,
		"guardian": {"known": false, "authority": false, "endangerment": false}, "notify": [],
		"joint_required": [], "orders": [], "grants": {"g0": grant}, "denies": [],
	}},
}

grant := {
	"consent": "Consent/c", "path": "provision", "evidence": true, "sound": true, "notes_alone": false,
	"named": {"SUD": true, "42CFRPart2": true, "PSY": true, "PSYTHPN": true, "FERPA": true, "HIV": true},
	"has_actor": true, "has_purpose": true, "names_records": true, "has_expiry": true, "same_day": false,
	"signers": [{"child": false, "authority_at_signing": true, "authority_now": true, "age_at_signing": 10}], "joint": [],
}

us := {"US": true}

code(input_) := codes if {
	codes := {reason.code | some reason in decision.reasons.s0} with input as input_
}

test_ordinary_record_goes if code(facts(us, 10, {}, ["health"], grant)) == {"consent"}

test_substance_use_named_goes if code(facts(us, 10, {"SUD": true}, ["sud"], grant)) == {"consent"}

test_substance_use_not_named if {
	"label-not-named" in code(facts(us, 10, {"SUD": true}, ["sud"], object.union(grant, {"named": null})))
}

test_substance_use_without_purpose if {
	"part2-recipient-or-purpose-missing" in code(facts(us, 10, {"SUD": true}, ["sud"], object.union(grant, {"has_purpose": false})))
}

test_notes_alone_go if {
	code(facts(us, 10, {"PSYTHPN": true}, ["mental-health"], object.union(grant, {"notes_alone": true}))) == {"consent"}
}

test_notes_combined_stay if {
	"psychotherapy-notes-need-separate-authorization" in code(facts(us, 10, {"PSYTHPN": true}, ["mental-health"], grant))
}

test_education_without_purpose if {
	"ferpa-consent-incomplete" in code(facts(us, 10, {"FERPA": true}, ["education"], object.union(grant, {"has_purpose": false})))
}

test_education_at_18_even_with_the_switch_off if {
	off := object.union(facts(us, 18, {"FERPA": true}, ["education"], grant), {"lapse_at_majority": false})
	code(off) == {"ferpa-rights-passed-at-18"}
}

test_ordinary_record_at_18_with_the_switch_off if {
	off := object.union(facts(us, 18, {}, ["health"], grant), {"lapse_at_majority": false})
	code(off) == {"consent"}
}

test_reporter_stays if code(facts(us, 10, {"REPORTER-ID": true}, ["health"], grant)) == {"reporter-identity"}

test_investigation_stays if code(facts(us, 10, {"CPS-INVEST": true}, ["child-welfare"], grant)) == {"child-protection-record"}

test_mandated_report_goes if {
	asked := {"request": {"legal_basis": "mandated-report", "recipient": {"org_type": "child-protection"}}}
	code(object.union(facts(us, 10, {}, ["health"], grant), asked)) == {"mandated-report"}
}

test_mandated_report_without_part2 if {
	asked := {"request": {"legal_basis": "mandated-report", "recipient": {"org_type": "child-protection"}}}
	code(object.union(facts(us, 10, {"42CFRPart2": true}, ["sud"], grant), asked)) == {"part2-original-record-not-covered-by-report-exception"}
}

guardian_asks := {"request": {"purpose": "FAMRQT"}}

as_guardian(f, extra) := object.union(object.union(f, guardian_asks), {"signatures": {"s0": object.union({"guardian": {"known": true, "authority": true}}, extra)}})

test_guardian_has_access if code(as_guardian(facts(us, 10, {}, ["health"], grant), {})) == {"personal-representative"}

test_guardian_flagged_has_none if {
	code(as_guardian(facts(us, 10, {}, ["health"], grant), {"guardian": {"known": true, "authority": false, "endangerment": true}})) == {"representative-endangers"}
}

test_guardian_has_no_notes if {
	code(as_guardian(facts(us, 10, {"PSYTHPN": true}, ["mental-health"], grant), {})) == {"psychotherapy-notes-need-separate-authorization"}
}

carer_asks(labels, extra) := object.union(
	object.union(facts(us, 10, labels, ["health"], object.union(grant, {"sound": false, "evidence": false})), {"request": {"purpose": "FAMRQT"}}),
	{"signatures": {"s0": object.union({"carer": "Condition"}, extra)}},
)

test_carer_has_the_minimum if code(carer_asks({}, {})) == {"current-carer"}

test_carer_has_nothing_else if not "current-carer" in code(carer_asks({}, {"carer": "Observation"}))

test_carer_without_substance_use if not "current-carer" in code(carer_asks({"SUD": true}, {}))

test_carer_under_a_denial if not "current-carer" in code(carer_asks({}, {"denies": [{"consent": "c", "path": "p"}]}))
