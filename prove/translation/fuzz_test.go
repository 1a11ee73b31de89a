package translation

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
)

// fuzzed are the targets that random messages are thrown at: the frame, the parser, the
// escapes, and the translation there and back.
var fuzzed = []struct{ target, folder string }{
	{"FuzzFrameReader", "./hl7v2"},
	{"FuzzParse", "./hl7v2"},
	{"FuzzEscape", "./hl7v2"},
	{"FuzzToFHIR", "./translate"},
}

var executions = regexp.MustCompile(`execs: (\d+)`)

// TestFuzz runs every target for FUZZTIME, one after the other in one process each, and
// says what that was: ten minutes each (FUZZTIME=10m) make the whole proof take an hour.
func TestFuzz(t *testing.T) {
	length := os.Getenv("FUZZTIME")
	if !full || length == "" {
		t.Skip("make prove runs the fuzz targets for FUZZTIME")
	}
	for _, f := range fuzzed {
		cmd := exec.Command("go", "test", "-run", "^$", "-fuzz", "^"+f.target+"$", "-fuzztime", length, "-parallel", "1", "-timeout", "0", f.folder)
		cmd.Dir = "../.."
		out, err := cmd.CombinedOutput()
		runs, findings := 0, 0
		for _, m := range executions.FindAllSubmatch(out, -1) {
			runs, _ = strconv.Atoi(string(m[1]))
		}
		if err != nil {
			findings++
			t.Errorf("%s: %v\n%s", f.target, err, out[max(0, len(out)-2000):])
		}
		cpu := (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
		figure(t, 1, "fuzz "+f.target, runs, "fuzztime", length, "cpuSeconds", round(cpu), "findings", findings)
	}
}
