package translate

import (
	"path/filepath"
	"testing"
)

func BenchmarkToFHIR(b *testing.B) {
	p, err := LoadProfile([]byte("zone: America/Chicago"))
	if err != nil {
		b.Fatal(err)
	}
	m := readMessage(b, filepath.Join(goldenDir, "ref-i12.hl7"))
	b.ReportAllocs()
	for b.Loop() {
		toFHIR(b, m, p)
	}
}

func BenchmarkToV2(b *testing.B) {
	p, err := LoadProfile([]byte("zone: America/Chicago"))
	if err != nil {
		b.Fatal(err)
	}
	r := toFHIR(b, readMessage(b, filepath.Join(goldenDir, "ref-i12.hl7")), p)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := ToV2(r.Bundle, p, sent); err != nil {
			b.Fatal(err)
		}
	}
}
