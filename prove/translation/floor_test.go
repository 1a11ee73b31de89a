package translation

import (
	"crypto/sha1"
	"encoding/hex"
	"strconv"

	"caregate/hl7v2"
)

// floor is a Bundle that is written by append alone.
type floor struct {
	out []byte
	id  [36]byte
}

// entry writes one segment as a resource of its own.
func (f *floor) entry(s hl7v2.Segment, i int) {
	if i > 0 {
		f.out = append(f.out, ',')
	}
	f.name(s)
	f.out = append(f.out, `{"fullUrl":"https://caregate.invalid/fhir/Basic/`...)
	f.out = append(f.out, f.id[:]...)
	f.out = append(f.out, `","resource":{"resourceType":"Basic","id":"`...)
	f.out = append(f.out, f.id[:]...)
	f.out = append(f.out, `","meta":{"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HTEST"}]}`...)
	for n := 1; n <= s.FieldCount(); n++ {
		f.field(s.Field(n), n)
	}
	f.out = append(f.out, `},"request":{"method":"PUT","url":"Basic/`...)
	f.out = append(f.out, f.id[:]...)
	f.out = append(f.out, `"}}`...)
}

// name makes the id of a segment.
func (f *floor) name(s hl7v2.Segment) {
	sum := sha1.Sum([]byte(s.Raw()))
	hex.Encode(f.id[:8], sum[:4])
	for i, at := range [...]int{8, 13, 18, 23} {
		f.id[at] = '-'
		from := 4 + 2*i
		if at < 23 {
			hex.Encode(f.id[at+1:at+5], sum[from:from+2])
		} else {
			hex.Encode(f.id[24:], sum[10:16])
		}
	}
}

// field writes each component of a field as a text with a system.
func (f *floor) field(field hl7v2.Field, n int) {
	if !field.Valued() {
		return
	}
	f.out = append(f.out, `,"field`...)
	f.out = strconv.AppendInt(f.out, int64(n), 10)
	f.out = append(f.out, `":[`...)
	for r := 1; r <= field.Repetitions(); r++ {
		rep := field.Rep(r)
		if r > 1 {
			f.out = append(f.out, ',')
		}
		f.out = append(f.out, '{')
		for c := 1; c <= rep.Components(); c++ {
			if c > 1 {
				f.out = append(f.out, ',')
			}
			f.out = append(f.out, `"part`...)
			f.out = strconv.AppendInt(f.out, int64(c), 10)
			f.out = append(f.out, `":{"system":"urn:oid:2.16.840","value":`...)
			f.out = append(strconv.AppendQuote(f.out, rep.Component(c).Text()), '}')
		}
		f.out = append(f.out, '}')
	}
	f.out = append(f.out, ']')
}
