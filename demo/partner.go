package demo

import (
	"bytes"
	"errors"
	"strconv"
	"time"

	"caregate/consent"
	"caregate/fhir"
	"caregate/hl7v2"
	"caregate/testdata/flows"
)

// payload reads one flow payload, with its dates moved to today.
func payload(name string, today time.Time) []byte {
	raw, err := flows.Files.ReadFile(name)
	if err != nil {
		panic("demo payload is not embedded: " + name) // a wrong name in this package, not a user's mistake
	}
	return Shift(raw, today)
}

// WithAuthority adds to the cast what the state says of authority: the State guardian
// decides about everything, the foster parent about ordinary care.
func WithAuthority(bundle *fhir.Node) {
	for _, r := range fhir.Entries(bundle) {
		switch r.ID() {
		case "guardian-state-1":
			r.Add("extension", authority("all", "juvenile court order: State guardianship", r.At("period.start").Text()))
		case "foster-parent-1":
			r.Add("extension", authority("ordinary-care", "foster care agreement", r.At("period.start").Text()))
		}
	}
}

func authority(domain, basis, start string) *fhir.Node {
	part := func(url, member, value string) *fhir.Node {
		return fhir.NewObject().SetText("url", url).SetText(member, value)
	}
	return fhir.NewObject().SetText("url", consent.ExtensionGuardianAuthority).Set("extension", fhir.NewArray(
		part("domain", "valueCode", domain), part("basis", "valueString", basis), part("start", "valueDate", start),
	))
}

// acceptTask is what a clinic with a FHIR server does with a consult: it takes the Task
// that it received, accepts it under its own number, and sends it back.
func acceptTask(received []byte, filler string) ([]byte, error) {
	bundle, err := fhir.Parse(received)
	if err != nil {
		return nil, err
	}
	for _, r := range fhir.Entries(bundle) {
		if r.ResourceType() != "Task" {
			continue
		}
		task := r.Clone()
		task.Set("status", fhir.NewString("accepted"))
		task.Add("identifier", fhir.NewObject().
			Set("type", fhir.NewObject().Set("coding", fhir.NewArray(fhir.NewObject().
				SetText("system", "http://terminology.hl7.org/CodeSystem/v2-0203").SetText("code", "FILL")))).
			SetText("system", "urn:oid:1.3.6.1.4.1.21367.2026.40").SetText("value", filler))
		answer := fhir.NewResource("Bundle").SetText("type", "transaction")
		answer.Add("entry", fhir.NewObject().Set("resource", task).
			Set("request", fhir.NewObject().SetText("method", "PUT").SetText("url", task.Ref())))
		return answer.JSON(), nil
	}
	return nil, errors.New("the clinic received no Task")
}

// rejectReferral is what a clinic on HL7 v2 does with a consult that it cannot take: an
// RRI^I12 that echoes the referral it received, with RF1-1 R and the reason.
func rejectReferral(received []byte, controlID string) ([]byte, error) {
	ref, err := hl7v2.Parse(received)
	if err != nil {
		return nil, err
	}
	b := hl7v2.NewBuilder(ref.Delimiters())
	msh, in := b.Segment("MSH"), ref.First("MSH")
	for to, from := range map[string]int{"3": 5, "4": 6, "5": 3, "6": 4, "7": 7, "11": 11, "12": 12, "17": 17, "18": 18} {
		msh.SetRaw(to, in.Field(from).Raw())
	}
	msh.SetRaw("9", "RRI^I12^RRI_I12").Set("10", controlID).Set("15", "AL").Set("16", "NE")
	b.Segment("MSA").Set("1", "AA").Set("2", ref.Get("MSH-10"))
	for i := range ref.Len() {
		switch seg := ref.Segment(i); seg.Name() {
		case "RF1":
			out := echo(b, seg)
			out.SetRaw("1", "R^Rejected^HL70283").SetRaw("10", "NC^Not accepting new patients^L")
		case "PRD", "PID":
			echo(b, seg)
		}
	}
	return b.Bytes(), nil
}

func echo(b *hl7v2.Builder, seg hl7v2.Segment) *hl7v2.SegmentBuilder {
	out := b.Segment(seg.Name())
	for n := 1; n <= seg.FieldCount(); n++ {
		if seg.Field(n).Valued() {
			out.SetRaw(strconv.Itoa(n), seg.Field(n).Raw())
		}
	}
	return out
}

// second makes another referral of the sample: a new message, a new order, the same child.
func second(ref []byte, controlID, placer string) []byte {
	ref = bytes.Replace(ref, []byte("CMO000004411"), []byte(controlID), 1)
	return bytes.ReplaceAll(ref, []byte("SOC-2026-004411"), []byte(placer))
}
