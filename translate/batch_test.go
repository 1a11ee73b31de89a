package translate

import (
	"strings"
	"testing"

	"caregate/fhir"
)

// TestBatch: each message on its own, and the way back is the batch again, byte for byte.
func TestBatch(t *testing.T) {
	t.Parallel()
	p := flowProfile(t)
	message := string(readMessage(t, goldenDir+"/adt-a31.hl7").Encode())
	one := strings.ReplaceAll(strings.TrimRight(message, "\r")+"\r", "\n", "")
	back := func(n *fhir.Node) ([]byte, []Issue, error) { return ToV2(n, p, Meta{}) }
	r := toFHIR(t, parse(t, one), p)
	once, _, err := back(r.Bundle)
	if err != nil {
		t.Fatal(err)
	}
	batch := "FHS|^~\\&|NIGHTLY|^1.2.3&x^ISO||A|20260101||f.hl7\rBHS|^~\\&\r" + string(once) + string(once) + "BTS|2|all~of it\rFTS|1\r"
	if !IsBatch([]byte(batch)) || IsBatch([]byte(one)) {
		t.Fatal("a batch is not told from a message")
	}
	result, err := BatchToFHIR([]byte(batch), p)
	if err != nil {
		t.Fatal(err)
	}
	collection, err := fhir.Parse(result.Bundle.JSON())
	if err != nil {
		t.Fatal(err)
	}
	if issues := fhir.Validate(collection); len(issues) > 0 || !IsCollection(collection) {
		t.Errorf("the collection is not valid: %v", issues)
	}
	got, _, err := BatchToV2(collection, back)
	if err != nil || string(got) != batch {
		t.Errorf("%v\n%q\nwant\n%q", err, got, batch)
	}
	paths := map[string]Class{}
	for _, l := range result.Leaves {
		paths[l.Path] = l.Class
	}
	if paths["FHS-3"] != Carried || paths["BTS-2[2]"] != Carried || paths["2/PID-5.1"] == "" {
		t.Errorf("leaves of the batch are missing: %v", paths)
	}
	for _, bad := range []string{"FHS|^~\\&\r", "BHS|^~\\&\rMSH|^~\\&|A\rPID\rMSH|"} {
		if _, err := BatchToFHIR([]byte(bad), p); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
