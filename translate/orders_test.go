package translate

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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
		if dir := os.Getenv("ORDERS_OUT"); dir != "" {
			base := filepath.Join(dir, strings.TrimSuffix(name, ".hl7#1"))
			_ = os.WriteFile(base+".json", indent(t, r.Bundle.JSON()), 0o600)
			_ = os.WriteFile(base+".acc", accounting(t, r, nil), 0o600)
			_ = os.WriteFile(base+".back", []byte(strings.ReplaceAll(string(raw), "\r", "\n")), 0o600)
			_ = os.WriteFile(base+".in", []byte(strings.ReplaceAll(string(m.Encode()), "\r", "\n")), 0o600)
		}
	}
	for code := range total {
		t.Logf("%s: %d of %d leaves in place, %d in the issue list; %v", code, kept[code], total[code], unread[code], classes[code])
	}
}
