package caregate.us_nj_test

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
