package gateway

import (
	"fmt"
	"testing"
)

// TestFormsAreCompiledOnce: the same bytes of the same version are read once, and any other
// byte or version is another form.
func TestFormsAreCompiledOnce(t *testing.T) {
	t.Parallel()
	var f forms
	file := func(body, version string) any {
		filed, err := f.file([]byte(body), version)
		if err != nil {
			t.Fatal(err)
		}
		return filed.Node
	}
	first := file(`{"resourceType":"Consent","status":"active"}`, "1")
	if file(`{"resourceType":"Consent","status":"active"}`, "1") != first {
		t.Error("the same form was read again")
	}
	if file(`{"resourceType":"Consent","status":"active"}`, "2") == first || file(`{"resourceType":"Consent","status":"inactive"}`, "1") == first {
		t.Error("another form was taken for the one that is kept")
	}
	if _, err := f.file([]byte(`{"resourceType":`), "1"); err == nil {
		t.Error("what cannot be read was filed")
	}
	for i := range 3 * formsKept {
		file(`{"resourceType":"Consent"}`, fmt.Sprint(i))
		if file(`{"resourceType":"Consent","status":"active"}`, "1") != first {
			t.Fatalf("a form in use was dropped after %d others", i)
		}
	}
	if n := len(f.recent) + len(f.earlier); n > 2*formsKept {
		t.Errorf("%d forms are kept", n)
	}
}
