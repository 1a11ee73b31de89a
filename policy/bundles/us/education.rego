# Education records: FERPA, 20 USC 1232g and 34 CFR part 99.
package caregate.law

# FER-01: the consent names the records, the recipient and the purpose.
defect[s][g] contains {
	"rule": "FER-01", "code": "ferpa-consent-incomplete",
	"needs": sprintf("needs %s to name the records, the recipient and the purpose", [grant.consent]),
} if {
	some s, sig in record
	in_force("FER-01")
	sig.labels.FERPA
	some g, grant in sig.grants
	not names_records_recipient_purpose(grant)
}

names_records_recipient_purpose(grant) if {
	recipient_and_purpose(grant)
	grant.names_records
}

# FER-02: the caseworker of the agency that is legally responsible for the child.
finding[s] contains {"stage": "education", "effect": "permit", "rule": "FER-02", "code": "ferpa-caseworker"} if {
	some s, sig in record
	in_force("FER-02")
	education_only(sig)
	input.request.recipient.org_type == "child-welfare"
	input.request.recipient.role == "caseworker"
	input.request.recipient.organization == input.child.responsible_agency
	input.child.responsible_agency != ""
}

# FER-03: an official of the school that keeps the record.
finding[s] contains {"stage": "education", "effect": "permit", "rule": "FER-03", "code": "ferpa-school-official"} if {
	some s, sig in record
	in_force("FER-03")
	education_only(sig)
	input.request.recipient.role == "school-official"
	input.request.recipient.educational_interest
	sig.own_custodian
}

# The exceptions open education records only, not another protected record that a school keeps.
education_only(sig) if {
	sig.labels.FERPA
	count(sig.labels) == 1
}

# FER-04: at 18 the rights pass, whatever the site chose for other records.
guardian_bar[s] contains {
	"rule": "FER-04", "code": "ferpa-rights-passed-at-18",
	"needs": "needs the student's own consent",
} if {
	some s, sig in record
	in_force("FER-04")
	sig.labels.FERPA
	input.child.adult
}

duty[s] contains {"id": id} if {
	some s, "consent" in data.caregate.decision.stage
	record[s].labels.FERPA
	some id in ["FERPA-REDISCLOSURE-NOTICE", "FERPA-DISCLOSURE-RECORD"]
}

duty[s] contains {"id": "FERPA-REDISCLOSURE-NOTICE"} if {
	some s, "education" in data.caregate.decision.stage
	input.request.recipient.role == "caseworker"
}
