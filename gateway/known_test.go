package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"caregate/adapters"
	"caregate/adapters/mllp"
	"caregate/fhir"
	"caregate/gateway"
	"caregate/translate"
)

// v2House is a house whose state and care organisation speak HL7 v2 too.
func v2House(t *testing.T, profile string) *house {
	t.Helper()
	p, err := translate.LoadProfile([]byte(profile + `
zone: America/Chicago
identifiers: [{namespace: IL-DCFS, system: "https://soc.example.org/id/il-dcfs-id"}]
`))
	if err != nil {
		t.Fatal(err)
	}
	return newHouse(t, func(o *gateway.Options) {
		for i := range o.Partners {
			o.Partners[i].Codecs["mllp"] = mllp.Codec{Profile: p}
		}
		o.Routes[0].Kinds = append(o.Routes[0].Kinds, gateway.KindDetails)
		o.Routes[0].From = append(o.Routes[0].From, "dcfs")
	})
}

// v2 sends one message and returns our id of it.
func (h *house) v2(partner, event, body string, want adapters.Code) string {
	h.t.Helper()
	sentV2++ // control ids are not repeated
	raw := fmt.Sprintf("MSH|^~\\&|A|B|C|D|20261101090000-0600||%s|%d|T|2.5.1\r%s\r", event, sentV2, body)
	ack := h.Accept(h.t.Context(), adapters.Inbound{Partner: partner, Protocol: "mllp", Raw: []byte(raw), Received: asOf})
	if ack.Code != want {
		h.t.Fatalf("%s of %s: answered %s, want %s: %+v", event, partner, ack.Code, want, ack.Issues)
	}
	return ack.MessageID
}

var sentV2 int

// patients are the Patients of an accepted message.
func (h *house) patients(message string) []*fhir.Node {
	h.t.Helper()
	body, err := h.ledger.Bundle(h.t.Context(), message)
	if err != nil {
		h.t.Fatal(err)
	}
	bundle, err := fhir.Parse(body)
	if err != nil {
		h.t.Fatal(err)
	}
	var list []*fhir.Node
	for _, r := range fhir.Entries(bundle) {
		if r.ResourceType() == "Patient" {
			list = append(list, r)
		}
	}
	return list
}

const (
	fullPID   = "PID|1||90000017^^^IL-DCFS||Zztest^Rowan||20160309|M|||100 Example Foster Ln^^Chicago^IL||3125550101|3125550102"
	sparsePID = `PID|1||90000017^^^IL-DCFS||Zztest^Rowan||20160309||||||""|3125550109`
)

// TestUpdateChangesWhatItSays: an empty field changes nothing, "" takes away, a value replaces;
// not for a partner who sends snapshots, and not with what another partner said.
func TestUpdateChangesWhatItSays(t *testing.T) {
	for _, c := range []struct {
		name, profile, first, second string
		address, gender, phones      string
	}{
		{"the standard", "", "cmo", "cmo", "Chicago", "male", "work 3125550109"},
		{"a snapshot", "updates: snapshot", "cmo", "cmo", "", "", "work 3125550109"},
		{"of another partner", "", "dcfs", "cmo", "", "", "work 3125550109"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := v2House(t, c.profile)
			h.introduce()
			h.v2(c.first, "ADT^A28", fullPID, adapters.CodeAccepted)
			p := h.patients(h.v2(c.second, "ADT^A08", sparsePID, adapters.CodeAccepted))[0]
			var phones []string
			for _, telecom := range p.Get("telecom").Items() {
				if telecom.Get("value") != nil {
					phones = append(phones, telecom.Get("use").Text()+" "+telecom.Get("value").Text())
				}
			}
			if got := p.At("address[0].city").Text(); got != c.address || p.Get("gender").Text() != c.gender || strings.Join(phones, ",") != c.phones {
				t.Errorf("city %q, gender %q, phones %v: %s", got, p.Get("gender").Text(), phones, p.JSON())
			}
			again := h.patients(h.v2(c.second, "ADT^A08", sparsePID, adapters.CodeAccepted))[0]
			if string(again.JSON()) != string(p.JSON()) {
				t.Errorf("the same once more changed something:\n%s\n%s", p.JSON(), again.JSON())
			}
		})
	}
}

const merge = "PID|1||90000017^^^IL-DCFS||Zztest^Rowan||20160309|M\rMRG|90000099^^^IL-DCFS"

func oldPID(name string) string { return "PID|1||90000099^^^IL-DCFS||" + name + "||20160309|M" }

// TestMergeIsOneChild: after A40 both numbers are the child's, whether it was known before or
// is introduced by the merge, and what comes late about the old number does not revive it.
func TestMergeIsOneChild(t *testing.T) {
	for _, known := range []bool{true, false} {
		h := v2House(t, "")
		if known {
			h.v2("dcfs", "ADT^A28", fullPID, adapters.CodeAccepted)
		}
		merged := h.v2("dcfs", "ADT^A40", merge, adapters.CodeAccepted)
		late := h.v2("dcfs", "ADT^A28", oldPID("Zztest^Rowan"), adapters.CodeAccepted)
		if h.child(merged) != h.child(late) {
			t.Errorf("known before %t: the old number is another child", known)
		}
		p := h.patients(late)[0]
		if p.Get("active").Text() != "false" || p.At("link[0].type").Text() != "replaced-by" {
			t.Errorf("known before %t: the merged record came to life: %s", known, p.JSON())
		}
		h.v2("dcfs", "ADT^A08", oldPID("Zzother^Rowan"), adapters.CodeHeld)
	}
}

// TestMergeOfTwoChildrenWaits: two children who are both known are one only when a person says so.
func TestMergeOfTwoChildrenWaits(t *testing.T) {
	h := v2House(t, "")
	h.v2("dcfs", "ADT^A28", fullPID, adapters.CodeAccepted)
	h.v2("dcfs", "ADT^A28", oldPID("Zztest^Rowan"), adapters.CodeAccepted)
	h.v2("dcfs", "ADT^A40", merge, adapters.CodeHeld)
	h.v2("cmo", "ADT^A40", "PID|1||90000055^^^IL-DCFS||Zztest^Robin||20160309|M\rMRG|90000056^^^IL-DCFS", adapters.CodeHeld) // may introduce nobody
}
