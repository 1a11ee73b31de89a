# Who cares for a child in placement: 42 USC 675(5)(D).
package caregate.law

# GEN-08: the minimum that a carer needs, by placement alone, until it ends. A denial on file,
# care that is the minor's to release, and the minor's objection keep a record back.
finding[s] contains {"stage": "placement", "effect": "permit", "rule": "GEN-08", "code": "current-carer"} if {
	some s, sig in record
	in_force("GEN-08")
	data.caregate.carer_minimum[sig.carer]
	data.caregate.carer_purposes[input.request.purpose]
	not input.child.adult
	not kept_from_carer(sig)
}

kept_from_carer(sig) if {
	some label, _ in sig.labels
	data.caregate.carer_never[label]
}

kept_from_carer(sig) if count(sig.denies) > 0

kept_from_carer(_) if count(input.unreadable) > 0

kept_from_carer(_) if input.child.age < 0 # perhaps of age

kept_from_carer(sig) if minor_only(sig)

kept_from_carer(sig) if sig.guardian.endangerment

kept_from_carer(sig) if {
	input.child.minor_objects
	"mental-health" in sig.domains
}
