# Records that state no patient: the people and organisations of the system of care.
# "context" goes when anything of the child goes; "attached" goes when all it speaks of goes.
package caregate.law

finding[s] contains {"stage": "context", "effect": "context", "rule": "GEN-CONTEXT", "code": "administrative-context"} if {
	some s, sig in unowned
	data.caregate.administrative[sig.kind]
	plain(sig)
}

finding[s] contains {"stage": "context", "effect": "attached", "rule": "GEN-CONTEXT", "code": "attached-to-released"} if {
	some s, sig in unowned
	data.caregate.attached[sig.kind]
	plain(sig)
}

finding[s] contains {
	"stage": "context", "effect": "withhold", "rule": "GEN-CHILD", "code": "patient-unknown",
	"needs": "needs a reference to the child",
} if {
	some s, sig in unowned
	not data.caregate.administrative[sig.kind]
	not data.caregate.attached[sig.kind]
}

finding[s] contains {
	"stage": "context", "effect": "withhold", "rule": "GEN-LABEL", "code": "context-protected",
	"needs": "needs a reference to the child, so that a consent can speak of it",
} if {
	some s, sig in unowned
	not plain(sig)
}

finding[s] contains {
	"stage": "context", "effect": "withhold", "rule": "CON-01", "code": "consent-deny",
	"consent": denial.consent, "path": denial.path, "needs": "needs the denial lifted by whoever gave it",
} if {
	some s, sig in unowned
	some denial in sig.denies
}

unowned[s] := sig if {
	some s, sig in input.signatures
	sig.patient == "none"
}

plain(sig) if {
	normal(sig)
	count(sig.labels) == 0
}
