package hl7v2

import "testing"

func TestNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		segment        string
		field          int
		version        string
		name, datatype string
	}{
		{"PID", 3, "2.1", "Patient id internal", "CK"},
		{"PID", 3, "2.3", "Patient ID", "CX"},
		{"PID", 3, "2.3.1", "Patient Identifier List", "CX"},
		{"PID", 3, "2.9", "Patient Identifier List", "CX"},
		{"PID", 8, "2.3", "Sex", "IS"},
		{"PID", 8, "2.8.2", "Administrative Sex", "CWE"},
		{"PID", 8, "not a version", "Administrative Sex", "CWE"},
		{"PID", 40, "2.3", "Patient Telecommunication Information", "XTN"}, // sent before its time
		{"RF1", 6, "2.5.1", "Originating Referral Identifier", "EI"},
		{"ARV", 9, "2.9", "Access Restriction Message Location", "ERL"},
		{"PID", 41, "2.9", "", ""},
		{"ZZZ", 1, "2.5", "", ""},
	} {
		name, datatype := FieldName(c.segment, c.field, c.version)
		if name != c.name || datatype != c.datatype {
			t.Errorf("%s-%d in %s is %q %s, want %q %s", c.segment, c.field, c.version, name, datatype, c.name, c.datatype)
		}
	}
	if name, of := ComponentName("CX", 4, "2.5.1"); name != "Assigning Authority" || of != "HD" {
		t.Errorf("CX.4 is %q %s", name, of)
	}
	if name := SegmentName("NK1", "2.5.1"); name != "Next of kin / associated parties" {
		t.Errorf("NK1 is %q", name)
	}
	if n := LastField("PID"); n != 40 {
		t.Errorf("PID has %d fields", n)
	}
	if n := LastField("ZZZ"); n != 0 {
		t.Errorf("ZZZ has %d fields", n)
	}
}
