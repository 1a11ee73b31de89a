package translate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"caregate/fhir"
	"caregate/hl7v2"
)

func TestQuick(t *testing.T) {
	f := os.Getenv("QF")
	if f == "" {
		t.Skip()
	}
	data, _ := os.ReadFile(f)
	m, err := hl7v2.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	py, _ := os.ReadFile(os.Getenv("QP"))
	p, err := LoadProfile(py)
	if err != nil {
		t.Fatal(err)
	}
	r, err := ToFHIR(m, p)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	json.Indent(&buf, r.Bundle.JSON(), "", " ")
	if os.Getenv("QJ") != "" {
		fmt.Println(buf.String())
	}
	for _, is := range r.Issues {
		fmt.Println(is)
	}
	n := map[Class]int{}
	for _, l := range r.Leaves {
		n[l.Class]++
		if l.Class != Mapped && os.Getenv("QL") != "" {
			fmt.Println(l)
		}
	}
	fmt.Println(n)
	back, iss, err := ToV2(r.Bundle, p, Meta{})
	if err != nil {
		t.Fatal(err)
	}
	for _, is := range iss {
		fmt.Println("back", is)
	}
	a := bytes.Split(bytes.TrimRight(m.Encode(), "\r"), []byte("\r"))
	b := bytes.Split(bytes.TrimRight(back, "\r"), []byte("\r"))
	for i := 0; i < len(a) || i < len(b); i++ {
		var x, y []byte
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if !bytes.Equal(x, y) {
			fmt.Printf("- %s\n+ %s\n", x, y)
		}
	}
	for _, is := range fhir.Validate(r.Bundle) {
		fmt.Println("VALIDATE", is)
	}
}
