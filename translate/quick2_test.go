package translate

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"caregate/fhir"
	"caregate/hl7v2"
)

func TestQuick2(t *testing.T) {
	if os.Getenv("Q2") == "" {
		t.Skip()
	}
	p := flowProfile(t)
	p.Sending = Party{"SOCGW^1.3.6.1.4.1.21367.2026.1^ISO", "SOCAGENCY"}
	p.Receiving = Party{"PSYEHR", "ZZCLINIC"}
	p.Processing, p.AcceptAck, p.ApplicationAck, p.Country, p.Charset = "T", "AL", "AL", "USA", "UNICODE UTF-8"
	at := time.Date(2026, 10, 27, 14, 6, 0, 0, time.UTC)
	data, _ := os.ReadFile("../testdata/flows/01-medication-consult/02a-ref-i12-from-care-organisation.hl7")
	m, _ := hl7v2.Parse(data)
	r, _ := ToFHIR(m, p)
	show := func(b *fhir.Node, p Profile, meta Meta) {
		out, is, err := ToV2(b, p, meta)
		fmt.Println(strings.ReplaceAll(string(out), "\r", "\n"), err)
		for _, i := range is {
			fmt.Println("  ", i)
		}
	}
	show(r.Bundle, p, Meta{Event: "REF^I12", ControlID: "SOCGW0000001", Created: at, OriginPartner: "cmo", OriginControlID: "CMO000004411"})
	data, _ = os.ReadFile("../testdata/flows/01-medication-consult/01-fhir-consult-request-transaction.json")
	b, _ := fhir.Parse(data)
	show(b, p, Meta{Event: "REF^I12", ControlID: "SOCGW0000002", Created: at, OriginPartner: "cmo", OriginControlID: "CMO000004411"})
	data, _ = os.ReadFile("../testdata/flows/01-medication-consult/09-fhir-task-accepted-update.json")
	task, _ := fhir.Parse(data)
	b2 := fhir.NewResource("Bundle").Add("entry", fhir.NewObject().Set("resource", task))
	for _, n := range fhir.Entries(b) {
		switch n.ResourceType() {
		case "ServiceRequest", "Patient", "PractitionerRole", "Practitioner":
			b2.Add("entry", fhir.NewObject().Set("resource", n))
		}
	}
	p.SendIdentifiers = []string{"https://soc.example.org/id/il-dcfs-id"}
	show(b2, p, Meta{Event: "RRI^I12", ControlID: "SOCGW0000003", Created: at, ReplyTo: "CMO000004411", OriginPartner: "clinic", OriginControlID: "x"})
	task.Set("status", fhir.NewString("in-progress"))
	show(b2, p, Meta{Event: "RRI^I12", ControlID: "SOCGW0000003", Created: at, ReplyTo: "CMO000004411", OriginPartner: "clinic", OriginControlID: "x"})
	data, _ = os.ReadFile("../testdata/flows/01-medication-consult/04b-rri-i12-rejected.hl7")
	m, _ = hl7v2.Parse(data)
	r, _ = ToFHIR(m, p)
	show(r.Bundle, p, Meta{Event: "RRI^I12", ControlID: "SOCGW0000003", Created: at, ReplyTo: "CMO000004411", OriginPartner: "clinic", OriginControlID: "x"})
}
