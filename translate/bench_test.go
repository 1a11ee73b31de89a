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

// TestAllocationsPerLeaf: what a translation allocates stays in proportion to what there is to translate.
func TestAllocationsPerLeaf(t *testing.T) {
	p, err := LoadProfile([]byte("zone: America/Chicago"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ref-i12.hl7", "siu-s12.hl7", "omg-o19.hl7"} {
		m := readMessage(t, filepath.Join(goldenDir, name))
		leaves := len(toFHIR(t, m, p).Leaves)
		if each := testing.AllocsPerRun(5, func() { toFHIR(t, m, p) }) / float64(leaves); each > 20 {
			t.Errorf("%s: %.0f allocations for each valued leaf, not 20 at most", name, each)
		} else {
			t.Logf("%s: %d leaves, %.0f allocations each", name, leaves, each)
		}
	}
}
