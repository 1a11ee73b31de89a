package hl7v2

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// sizes are messages of three sizes: an update, a referral, and a report of 380 observations.
func sizes(tb testing.TB) map[string]string {
	tb.Helper()
	referral := string(lineEnds(messages(tb)["../testdata/flows/01-medication-consult/02a-ref-i12-from-care-organisation.hl7"]))
	head, _, _ := strings.Cut(referral, "\rRF1")
	report := head + "\rORC|RE|P-1^GW|F-1^LAB||CM\rOBR|1|P-1^GW|F-1^LAB|58410-2^CBC panel^LN|||20261027"
	for i := range 380 {
		report += fmt.Sprintf("\rOBX|%d|NM|718-7^Hemoglobin [Mass/volume] in Blood^LN^HGB^Hb^L|%d|13.%d|g/dL^^UCUM|11.5-15.5|N|||F|||20261027093000+0000|LAB", i+1, i+1, i%10)
	}
	return map[string]string{"ADT": head + "\r", "REF": referral, "ORU": report + "\r"}
}

// read reads six fields of the header and the child, and each observation's code and value.
func read(m *Message) (n int) {
	header, child := m.First("MSH"), m.First("PID")
	n += len(header.Field(9).Rep(1).Component(1).Text()) + len(header.Field(10).Rep(1).Text())
	n += len(child.Field(3).Rep(1).Component(1).Text()) + len(child.Field(5).Rep(1).Component(1).Text())
	n += len(child.Field(7).Rep(1).Text()) + len(child.Field(8).Rep(1).Text())
	for s := range m.All("OBX") {
		n += len(s.Field(3).Rep(1).Component(1).Text()) + len(s.Field(5).Rep(1).Text())
	}
	return n
}

// TestSteadyPath: reading one message after another, its fields, and writing it allocates nothing.
func TestSteadyPath(t *testing.T) {
	m, out := &Message{}, make([]byte, 0, 1<<20)
	for name, text := range sizes(t) {
		var err error
		allocs := testing.AllocsPerRun(20, func() {
			err = m.Reset(text)
			_ = read(m)
			_ = m.Get("PID-3[1].4.2")
			out = m.AppendTo(out[:0])
		})
		if err != nil || allocs > 0 || string(out) != text {
			t.Errorf("%s: %v, %v allocations, written as read: %t", name, err, allocs, string(out) == text)
		}
	}
}

// TestReset: a Message that is used again reads as a new one, and is empty after an error.
func TestReset(t *testing.T) {
	t.Parallel()
	m := &Message{}
	for name, raw := range messages(t) {
		parts, _ := Split(raw)
		for _, part := range parts {
			fresh, want := Parse(part)
			err := m.Reset(string(part))
			if (err == nil) != (want == nil) {
				t.Errorf("%s: %v, a new one says %v", name, err, want)
			}
			if err != nil {
				if m.Len() > 0 || len(m.Encode()) > 0 || m.Get("MSH-9") != "" {
					t.Errorf("%s: something of a refused message is left", name)
				}
				continue
			}
			if !bytes.Equal(m.Encode(), fresh.Encode()) || m.Len() != fresh.Len() {
				t.Errorf("%s: reads otherwise than a new one", name)
			}
			for i := range m.Len() {
				for n := range m.Segment(i).FieldCount() + 2 {
					if m.Segment(i).Field(n).Raw() != fresh.Segment(i).Field(n).Raw() {
						t.Fatalf("%s: %s-%d reads otherwise than of a new one", name, m.Segment(i).Name(), n)
					}
				}
			}
		}
	}
}

// BenchmarkSteady reads a message into the memory of the one before, reads fields, and writes it.
func BenchmarkSteady(b *testing.B) {
	for name, text := range sizes(b) {
		b.Run(name, func(b *testing.B) {
			m, out := &Message{}, make([]byte, 0, len(text))
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if err := m.Reset(text); err != nil {
					b.Fatal(err)
				}
				_ = read(m)
				out = m.AppendTo(out[:0])
			}
		})
	}
}

// BenchmarkScanFloor is the least that a reader can do: look at each byte once, note the separators, copy.
func BenchmarkScanFloor(b *testing.B) {
	for name, text := range sizes(b) {
		b.Run(name, func(b *testing.B) {
			var class [256]uint8
			class['|'], class['\r'] = fieldEnd, segmentEnd
			index, out := make([]uint32, 0, len(text)), make([]byte, 0, len(text))
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				index = index[:0]
				for i := range len(text) {
					if class[text[i]] != ordinary {
						index = append(index, uint32(i))
					}
				}
				out = append(out[:0], text...)
			}
		})
	}
}

// BenchmarkParseAndAccess reads a new message and the first component of every field.
func BenchmarkParseAndAccess(b *testing.B) {
	raw := []byte(sizes(b)["REF"])
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		m, err := Parse(raw)
		if err != nil {
			b.Fatal(err)
		}
		for i := range m.Len() {
			s := m.Segment(i)
			for n := 1; n <= s.FieldCount(); n++ {
				_ = s.Field(n).Rep(1).Component(1).Text()
			}
		}
	}
}
