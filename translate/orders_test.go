package translate

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"caregate/fhir"
	"caregate/hl7v2"
)

// orderCodes are the message codes of orders.
var orderCodes = []string{"OMG", "OSU", "ORM", "OML", "OMP", "RDE", "RDS"}

// TestOrders counts, for every order of the flows and the corpus, what came back in place.
func TestOrders(t *testing.T) {
	t.Parallel()
	p := flowProfile(t)
	kept, total, unread := map[string]int{}, map[string]int{}, map[string]int{}
	classes := map[string]map[Class]int{}
	for name, m := range messages(t) {
		code := m.Get("MSH-9.1")
		if !slices.Contains(orderCodes, code) {
			continue
		}
		r := toFHIR(t, m, p)
		for _, issue := range fhir.Validate(r.Bundle) {
			t.Errorf("%s: %s: %s", name, issue.Path, issue.Text)
		}
		raw, _, err := ToV2(r.Bundle, p, Meta{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		back, err := hl7v2.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		k, n, u := inPlace(t, name, m, back, r.Leaves)
		kept[code], total[code], unread[code] = kept[code]+k, total[code]+n, unread[code]+u
		if classes[code] == nil {
			classes[code] = map[Class]int{}
		}
		for _, l := range r.Leaves {
			classes[code][l.Class]++
		}
	}
	for code := range total {
		t.Logf("%s: %d of %d leaves in place, %d in the issue list; %v", code, kept[code], total[code], unread[code], classes[code])
		if 1000*kept[code] < 995*total[code] {
			t.Errorf("%s: %d of %d leaves are not in place", code, total[code]-kept[code], total[code])
		}
	}
}

// TestOneOrder: an order, its acceptance, its refusal and its cancellation are about one
// ServiceRequest and one Task.
func TestOneOrder(t *testing.T) {
	t.Parallel()
	p := flowProfile(t)
	ids := map[string]bool{}
	for name, want := range map[string]struct{ task, request, reason, due string }{
		"omg-o19":         {"requested", "active", "", "2026-11-10"},
		"osu-o51-accept":  {"accepted", "active", "", "2026-11-18"},
		"osu-o51-decline": {"rejected", "revoked", "CAP", ""},
		"omg-o19-cancel":  {"cancelled", "revoked", "FAM", ""},
	} {
		r := toFHIR(t, readMessage(t, filepath.Join(goldenDir, name+".hl7")), p)
		task, request := resource(t, r.Bundle, "Task"), resource(t, r.Bundle, "ServiceRequest")
		ids[task.ID()+request.ID()] = true
		got := struct{ task, request, reason, due string }{
			task.Get("status").Text(), request.Get("status").Text(),
			task.At("statusReason.coding[0].code").Text(), task.At("restriction.period.end").Text(),
		}
		if got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	if len(ids) != 1 {
		t.Errorf("four messages about one order made %d pairs of ServiceRequest and Task", len(ids))
	}
}

// TestWhoCancelled: table 0038 has one code for a refusal and a cancellation; the control
// code or the sender tells them apart, and where neither does, there is no Task.
func TestWhoCancelled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ sender, event, control, want string }{
		{"A^1.2.3^ISO", "OMG^O19", "SC", "cancelled"},
		{"B^1.2.4^ISO", "OMG^O19", "SC", "rejected"},
		{"C^1.2.5^ISO", "OMG^O19", "SC", ""},
		{"C^1.2.5^ISO", "OMG^O19", "CA", "cancelled"},
		{"C^1.2.5^ISO", "OMG^O19", "UA", "rejected"},
		{"A^1.2.3^ISO", "OSU^O51", "SC", "rejected"},
		{"A^1.2.3^ISO", "OSU^O51", "CR", "cancelled"},
	} {
		text := "MSH|^~\\&|" + c.sender + "|F|X|Y|20261103||" + c.event + "|1|T|2.5.1\rPID|1||1^^^IL-DCFS\rORC|" + c.control + "|7^A^1.2.3^ISO|8^B^1.2.4^ISO||CA\r"
		r := toFHIR(t, parse(t, text), Profile{})
		if got := resource(t, r.Bundle, "Task").Get("status").Text(); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
		if got := resource(t, r.Bundle, "ServiceRequest").Get("status").Text(); got != "revoked" {
			t.Errorf("%+v: the ServiceRequest is %q", c, got)
		}
	}
}

// TestTellOrder: a Task that was changed since is told in the codes of today.
func TestTellOrder(t *testing.T) {
	t.Parallel()
	p := flowProfile(t)
	for _, c := range []struct{ status, event, want string }{
		{"accepted", "OSU^O51", "OK|IP"},
		{"rejected", "OSU^O51", "UA|CA"},
		{"completed", "OSU^O51", "SC|CM"},
		{"cancelled", "OSU^O51", "CR|CA"},
		{"on-hold", "OSU^O51", "OH|HD"},
		{"requested", "OMG^O19", "NW|"},
		{"cancelled", "OMG^O19", "CA|CA"},
	} {
		r := toFHIR(t, readMessage(t, filepath.Join(goldenDir, "omg-o19.hl7")), p)
		resource(t, r.Bundle, "Task").Set("status", fhir.NewString(c.status))
		raw, _, err := ToV2(r.Bundle, p, Meta{Event: c.event, ControlID: "1", Created: time.Date(2026, 11, 5, 0, 0, 0, 0, time.UTC)})
		if err != nil {
			t.Fatal(err)
		}
		m, err := hl7v2.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Get("ORC-1") + "|" + m.Get("ORC-5"); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
		if got := m.Get("ORC-2"); !strings.HasPrefix(got, "ORD-31") {
			t.Errorf("%+v: ORC-2 is %q", c, got)
		}
	}
}
