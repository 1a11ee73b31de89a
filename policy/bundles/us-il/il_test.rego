package caregate.us_il_test

import data.caregate.decision
import data.caregate.us_test

il := {"US": true, "US-IL": true}

mental_health(age, grant, child) := object.union(
	us_test.facts(il, age, {"PSY": true}, ["mental-health"], grant),
	{"child": child},
)

code(input_) := us_test.code(input_)

test_complete_consent_goes if code(mental_health(10, us_test.grant, {})) == {"consent"}

test_not_named if {
	"label-not-named" in code(mental_health(10, object.union(us_test.grant, {"named": null}), {}))
}

test_without_purpose if {
	code(mental_health(10, object.union(us_test.grant, {"has_purpose": false}), {})) == {"il-mh-recipient-or-purpose-missing"}
}

test_without_end if {
	code(mental_health(10, object.union(us_test.grant, {"has_expiry": false}), {})) == {"il-mh-no-expiry"}
}

test_without_end_on_its_day if {
	code(mental_health(10, object.union(us_test.grant, {"has_expiry": false, "same_day": true}), {})) == {"consent"}
}

test_at_11 if code(mental_health(11, us_test.grant, {})) == {"consent"}

test_at_12 if code(mental_health(12, us_test.grant, {})) == {"il-minor-12-17-not-informed-or-objects"}

test_at_12_informed if code(mental_health(12, us_test.grant, {"minor_informed": true})) == {"consent"}

test_at_12_informed_and_objects if {
	code(mental_health(12, us_test.grant, {"minor_informed": true, "minor_objects": true})) == {"il-minor-12-17-not-informed-or-objects"}
}

test_only_the_minor_releases_substance_use if {
	code(us_test.facts(il, 12, {"SUD": true}, ["sud"], us_test.grant)) == {"minor-only-consent-42CFR2.14"}
}

test_guardian_releases_substance_use_at_11 if {
	code(us_test.facts(il, 11, {"SUD": true}, ["sud"], us_test.grant)) == {"consent"}
}

test_hiv_not_named if {
	"label-not-named" in code(us_test.facts(il, 10, {"HIV": true}, ["hiv"], object.union(us_test.grant, {"named": null})))
}

# The rule is law in Illinois only.
test_not_elsewhere if code(us_test.facts({"US": true}, 12, {"PSY": true}, ["mental-health"], us_test.grant)) == {"consent"}

test_rights_are_the_patients_at_18 if {
	of_age := mental_health(18, us_test.grant, {})
	"IL-MH-07" in us_test.rules(of_age)
	not "IL-MH-07" in us_test.rules(mental_health(11, us_test.grant, {}))
}
