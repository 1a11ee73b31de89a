package hl7v2_test

import (
	"fmt"

	"caregate/hl7v2"
)

func ExampleParse() {
	m, err := hl7v2.Parse([]byte("MSH|^~\\&|CMO|FAC|GW|SOC|20261027||REF^I12^REF_I12|C-1|T|2.5.1\rPID|1||900^^^IL&1.2&ISO^SR~T7^^^ZZ^MR\rNTE|1||Mom \\T\\ Dad\r"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Get("MSH-9.2"), m.Get("PID-3[2].1"), m.Get("PID-3.4.2"), m.Get("NTE-3"))
	// Output: I12 T7 1.2 Mom & Dad
}

func ExampleBuilder() {
	b := hl7v2.NewBuilder(hl7v2.DefaultDelimiters)
	b.Segment("MSH").Set("9.1", "ADT").Set("10", "C-1")
	b.Segment("NTE").Set("3", "no | value ends a field\r")
	fmt.Printf("%q\n", b.Bytes())
	// Output: "MSH|^~\\&|||||||ADT|C-1\rNTE|||no \\F\\ value ends a field\\X0D\\\r"
}
