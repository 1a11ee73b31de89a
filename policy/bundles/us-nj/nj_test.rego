package caregate.us_nj_test

import data.caregate.decision
import data.caregate.us_test

nj := {"US": true, "US-NJ": true}

code(input_) := us_test.code(input_)

test_any_minor_releases_substance_use_alone if {
	code(us_test.facts(nj, 5, {"SUD": true}, ["sud"], us_test.grant)) == {"minor-only-consent-42CFR2.14"}
}

own(age) := object.union(us_test.grant, {"signers": [{"child": true, "authority_at_signing": false, "authority_now": false, "age_at_signing": age}]})

test_mental_health_at_16 if code(us_test.facts(nj, 16, {"PSY": true}, ["mental-health"], own(16))) == {"consent"}

test_mental_health_at_15 if code(us_test.facts(nj, 15, {"PSY": true}, ["mental-health"], own(15))) == {"minor-below-consent-age"}

test_mental_health_before_the_act if {
	before := object.union(us_test.facts(nj, 16, {"PSY": true}, ["mental-health"], own(16)), {"local_date": "2016-04-30"})
	code(before) == {"minor-below-consent-age"}
}

test_hiv_not_named if {
	"label-not-named" in code(us_test.facts(nj, 10, {"HIV": true}, ["hiv"], object.union(us_test.grant, {"named": null})))
}

# NJ-01: whose signature it takes in custody and under guardianship.
unsigned := object.union(us_test.grant, {"signers": [{"child": false, "authority_at_signing": false, "authority_now": false, "age_at_signing": 5}]})

in_care(standing, grant) := object.union(us_test.facts(nj, 10, {}, ["health"], grant), {"child": {"care": {standing: true}}})

test_parents_keep_authority_in_custody if "nj-parents-keep-authority" in code(in_care("state-custody", unsigned))

test_manager_consents_under_guardianship if "nj-manager-consents" in code(in_care("state-guardian", unsigned))

test_signed_in_custody if code(in_care("state-custody", us_test.grant)) == {"consent"}

rules(input_) := found if {
	found := {reason.rule | some reason in decision.reasons.s0} with input as input_
}

test_nj_rules_beside_the_federal_ones if {
	"NJ-04" in rules(us_test.facts(nj, 10, {"CPS-INVEST": true}, ["child-welfare"], us_test.grant))
	"NJ-05" in rules(us_test.facts(nj, 10, {"REPORTER-ID": true}, ["health"], us_test.grant))
	not "NJ-05" in rules(us_test.facts({"US": true}, 10, {"REPORTER-ID": true}, ["health"], us_test.grant))
}

test_nj_act_keeps_the_parent_out if {
	asks := us_test.as_guardian(us_test.facts(nj, 16, {"PSY": true}, ["mental-health"], us_test.grant), {})
	"NJ-03" in rules(asks)
}

test_hiv_rule_is_told if {
	"NJ-HIV-01" in rules(us_test.facts(nj, 10, {"HIV": true}, ["hiv"], object.union(us_test.grant, {"named": null})))
}
