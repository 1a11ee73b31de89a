# How a rule is looked up. A rule is law only in its jurisdiction and between its dates.
package caregate.law

# in_force(id) is the version of a rule on the day of the decision; undefined when there is none.
in_force(id) := row if {
	some row in data.caregate.rules[id]
	current(row)
}

current(row) if {
	input.jurisdictions[row.jurisdiction]
	row.from <= input.local_date
	not ended(row)
}

ended(row) if row.to < input.local_date

# record[s] is a group of records of the child. Every rule that releases asks for one.
record[s] := sig if {
	some s, sig in input.signatures
	sig.patient == "child"
}

# minor_consent(domain) is the rule by which a minor may consent to such care alone.
minor_consent(domain) := row if {
	some jurisdiction, _ in input.jurisdictions
	some row in data.caregate.minor_consent[jurisdiction][domain]
	current(row)
}

of_age_for_all(domains, age) if {
	every domain in domains {
		age >= minor_consent(domain).age
	}
}

# minor_only(sig): some of it is care that the child may consent to alone, and the release is the child's alone.
minor_only(sig) if {
	some domain in sig.domains
	minor_only_in(domain)
}

minor_only_in(domain) if {
	row := minor_consent(domain)
	row.release == "minor"
	young_adult(row)
}

# The child is a minor and old enough for the rule. An age that is not known counts as old enough.
young_adult(row) if {
	not input.child.adult
	input.child.age >= row.age
}

young_adult(_) if {
	not input.child.adult
	input.child.age < 0
}

normal(sig) if sig.confidentiality in {"U", "L", "M", "N"}

# notice(id) is the reference of the wording of a notice that is due on the day of the decision.
notice(id) := row.ref if {
	some row in data.caregate.notices[id]
	row.from <= input.local_date
	not ended(row)
}
