package workbench

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const diffed = "MSH|^~\\&|A|B|||20261104||ADT^A08|7|P|2.5.1\rPID|1||77^^^X^MR||Zztest^Rowan\rNK1|1|Zzkin^Riley\rOBX|1|ST|a^b||one\rOBX|2|ST|a^b||two\r"

func TestDiff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		other string
		want  []Difference
	}{
		"equal":         {diffed, nil},
		"line ends":     {strings.ReplaceAll(diffed, "\r", "\r\n"), nil},
		"delimiters":    {strings.NewReplacer("^~\\&", "!~\\&", "^", "!").Replace(diffed), nil},
		"a component":   {strings.Replace(diffed, "Rowan", "Robin", 1), []Difference{{Path: "PID-5.2", First: "Rowan", Other: "Robin"}}},
		"a field more":  {strings.Replace(diffed, "Rowan\r", "Rowan|||F\r", 1), []Difference{{Path: "PID-8.1", Other: "F"}}},
		"delete is not": {strings.Replace(diffed, "Rowan\r", "Rowan|||\"\"\r", 1), []Difference{{Path: "PID-8.1", Other: `""`}}},
		"a repetition":  {strings.Replace(diffed, "X^MR", "X^MR~78", 1), []Difference{{Path: "PID-3[2].1", Other: "78"}}},
		"one less":      {strings.Replace(diffed, "OBX|1|ST|a^b||one\r", "", 1), []Difference{{Path: "OBX", Only: "first"}}},
		"one more":      {diffed + "OBX|3|ST|a^b||three\r", []Difference{{Path: "OBX(3)", Only: "second"}}},
		"changed late":  {strings.Replace(diffed, "two", "2", 1), []Difference{{Path: "OBX(2)-5.1", First: "two", Other: "2"}}},
		"another order": {"MSH|^~\\&|A|B|||20261104||ADT^A08|7|P|2.5.1\rNK1|1|Zzkin^Riley\rPID|1||77^^^X^MR||Zztest^Rowan\rOBX|1|ST|a^b||one\rOBX|2|ST|a^b||two\r", []Difference{{Path: "PID", Only: "first"}, {Path: "PID", Only: "second"}}},
	} {
		got, err := Diff([]byte(diffed), []byte(c.other))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if _, err := Diff([]byte(diffed), []byte("no message")); err == nil {
		t.Error("what is no message was compared")
	}
}

// TestDiffIsFair: the same differences either way, however long the messages are.
func TestDiffIsFair(t *testing.T) {
	t.Parallel()
	long := diffed + strings.Repeat("OBX|3|ST|c^d||same\r", 3000)
	other := strings.Replace(long, "Rowan", "Robin", 1)
	other = strings.Replace(other, "||one", "||1", 1) + "OBX|9|ST|e^f||last\r"
	there, err := Diff([]byte(long), []byte(other))
	if err != nil {
		t.Fatal(err)
	}
	back, err := Diff([]byte(other), []byte(long))
	if err != nil {
		t.Fatal(err)
	}
	if len(there) != 3 || len(back) != 3 {
		t.Errorf("%d differences one way, %d the other, want 3", len(there), len(back))
	}
}

// TestBatches: of several messages each is shown and compared by its number.
func TestBatches(t *testing.T) {
	t.Parallel()
	two := "FHS|^~\\&|A\rBHS|^~\\&|A\r" + diffed + diffed + "BTS|2\rFTS|1\r"
	lines, err := Show([]byte(two))
	if err != nil || len(lines) == 0 || lines[0].Path != "1/MSH" || lines[len(lines)-1].Path != "2/OBX(2)-5" {
		t.Fatalf("%v: %v", err, lines)
	}
	got, err := Diff([]byte(two), []byte(diffed+strings.Replace(diffed, "Rowan", "Robin", 1)))
	if diff := cmp.Diff([]Difference{{Path: "2/PID-5.2", First: "Rowan", Other: "Robin"}}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	got, err = Diff([]byte(two), []byte(diffed))
	if diff := cmp.Diff([]Difference{{Path: "2/MSH", Only: "first"}}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
