package caregate.us_test

import data.caregate.decision
import data.caregate.law

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

test_carer_of_a_child_of_unknown_age if not "current-carer" in code(object.union(carer_asks({}, {}), {"child": {"age": -1}}))

test_carer_without_counselling_of_the_minor if not "current-carer" in code(carer_asks({"MINOR-COUNSELING": true}, {}))

test_carer_without_what_is_specially_protected if not "current-carer" in code(carer_asks({"SPI": true}, {}))

test_carer_under_a_denial if not "current-carer" in code(carer_asks({}, {"denies": [{"consent": "c", "path": "p"}]}))

rules(input_) := found if {
	found := {reason.rule | some reason in decision.reasons.s0} with input as input_
}

test_treatment_without_consent if {
	asked := object.union(facts(us, 10, {}, ["health"], grant), {"implicit": "basic-normal", "usable": 0, "signatures": {"s0": {"confidentiality": "N", "grants": null}}})
	"HIP-05" in rules(asked)
}

test_court_order_is_followed if {
	asked := object.union(facts(us, 10, {}, ["health"], grant), {"signatures": {"s0": {"orders": [{"id": "o", "effect": "authorize", "part2": false, "notes": false}]}}})
	"HIP-07" in rules(asked)
}

through_an_exchange(names) := object.union(
	facts(us, 10, {"SUD": true}, ["sud"], object.union(grant, names)),
	{"request": {"recipient": {"intermediary": true}}},
)

test_intermediary_named if code(through_an_exchange({"names_recipient": true, "names_others": true})) == {"consent"}

test_intermediary_without_participants if {
	"part2-intermediary-not-named" in code(through_an_exchange({"names_recipient": true, "names_others": false}))
}

test_intermediary_before_the_rule if {
	before := object.union(through_an_exchange({"names_recipient": true, "names_others": false}), {"local_date": "2024-04-15"})
	code(before) == {"consent"}
}

# P2-07b: no state of this catalogue asks for both signatures today.
both := {"US": {"sud": [{"jurisdiction": "US", "from": "2020-01-01", "age": 12, "cite": "synthetic"}]}}

signed_by(signers) := facts(us, 13, {"SUD": true}, ["sud"], object.union(grant, {"signers": signers}))

by_parent := {"child": false, "authority_at_signing": true, "authority_now": true, "age_at_signing": 13}

by_minor := {"child": true, "authority_at_signing": false, "authority_now": false, "age_at_signing": 13}

test_both_signed if code(signed_by([by_parent, by_minor])) == {"consent"} with data.caregate.joint_minor_consent as both

test_only_the_parent_signed if {
	"P2-07b" in rules(signed_by([by_parent])) with data.caregate.joint_minor_consent as both
	"part2-minor-and-parent-must-sign" in code(signed_by([by_parent])) with data.caregate.joint_minor_consent as both
}

test_only_the_parent_signed_where_one_suffices if code(signed_by([by_parent])) == {"consent"}

# GEN-01: a row may keep a guardian's consent alive past majority, for a kind of record.
lasting := {"US": {"health": [{"jurisdiction": "US", "from": "2020-01-01", "lapses": false, "cite": "synthetic"}]}}

test_lapses_at_majority if "guardian-consent-lapsed-at-majority" in code(facts(us, 18, {}, ["health"], grant))

test_outlives_majority if code(facts(us, 18, {}, ["health"], grant)) == {"consent"} with data.caregate.majority as lasting

test_outlives_majority_not_for_other_records if {
	"guardian-consent-lapsed-at-majority" in code(facts(us, 18, {"HIV": true}, ["health", "hiv"], grant)) with data.caregate.majority as lasting
}

duties(input_) := ids if {
	ids := {duty.id | some duty in decision.duties.s0} with input as input_
}

test_notice_and_copy_go_along if {
	law.in_force("P2-03") with input as facts(us, 10, {"SUD": true}, ["sud"], grant)
	given := duties(facts(us, 10, {"SUD": true}, ["sud"], grant))
	"PART2-REDISCLOSURE-NOTICE" in given
	"PART2-COPY-OF-CONSENT" in given
}

test_only_the_notice_before_the_rule if {
	before := object.union(facts(us, 10, {"SUD": true}, ["sud"], grant), {"local_date": "2026-02-15"})
	given := duties(before)
	"PART2-REDISCLOSURE-NOTICE" in given
	not "PART2-COPY-OF-CONSENT" in given
}

test_emergency_is_recorded if {
	asked := object.union(facts(us, 10, {"SUD": true}, ["sud"], grant), {"request": {"purpose": "ETREAT", "emergency": true, "justified": true}})
	law.in_force("P2-05") with input as asked
	"PART2-EMERGENCY-RECORD" in duties(asked)
	not "PART2-EMERGENCY-RECORD" in duties(object.union(asked, {"signatures": {"s0": {"labels": {"SUD": null}, "domains": ["health"]}}, "request": {"emergency": false}}))
}

ordered(subpart_e) := object.union(
	facts(us, 10, {"42CFRPart2": true}, ["sud"], grant),
	{"signatures": {"s0": {"grants": null, "orders": [{"id": "o", "effect": "authorize", "part2": subpart_e, "notes": false}]}}},
)

test_order_under_subpart_e if {
	law.in_force("P2-07") with input as ordered(true)
	code(ordered(true)) == {"court-order-authorizes"}
}

test_order_without_subpart_e if not "court-order-authorizes" in code(object.union(ordered(false), {"usable": 1}))

test_no_law_of_that_place if {
	asked := object.union(facts(us, 10, {}, ["health"], grant), {"jurisdiction": "US-ZZ"})
	"GEN-LAW" in rules(asked)
}

official(own) := object.union(
	facts(us, 10, {"FERPA": true}, ["education"], grant),
	{"request": {"recipient": {"role": "school-official", "educational_interest": true}}, "signatures": {"s0": {"own_custodian": own}}},
)

test_school_official if "FER-03" in rules(official(true))

test_school_official_of_another_school if not "FER-03" in rules(official(false))

test_student_of_age if "FER-04" in rules(facts(us, 18, {"FERPA": true}, ["education"], grant))
