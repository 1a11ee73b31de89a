package house

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"caregate/demo"
	"caregate/ledger"
	"caregate/prove/proof"
)

// storyTime bounds the demo, after the build.
const storyTime = 60 * time.Second

// promises are what the story tells a programme director, in this order: lines of the demo's output.
var promises = []string{
	`1\. The State introduces the child`,
	`denied: nothing of it may be released`, // the school's own system, before any consent
	`withheld: .*Patient.*needs a consent of someone with authority`,
	`2\. The State guardian signs three consents`,
	`consent-consult .*in force until \d{4}-\d\d-\d\d`,
	`3\. The care organisation asks two clinics`,
	`from the care organisation, by HL7 v2 \(REF\^I12\): accepted`,
	`lakeside\.fhir +received it \(answer 200\) for TREAT`,
	`northside\.mllp +received it \(answer CA\) for TREAT`,
	`4\. Northside declines by RRI\^I12, Lakeside accepts by FHIR Task`,
	`by HL7 v2 \(RRI\^I12\): accepted`,
	`cmo\.mllp +received it`,
	`dcfs\.mllp +received it`,
	`by FHIR \(Task accepted\): accepted`,
	`cmo\.mllp +received it`,
	`dcfs\.mllp +received it`,
	`5\. The care organisation asks the school`,
	`Consent: kept as a document: this partner may not assert consents`,
	`school\.fhir +received it \(answer 200\) for COC`,
	`6\. The child moves`,
	`school\.edfi +received it \(answer 201\) for COC`,
	`7\. Lakeside's server goes down`,
	`while it is down: pending after \d+ attempts?, one key throughout`,
	`after it is back: completed after \d+ attempts, one key throughout; Lakeside received 1 message`,
	`8\. Northside is down`,
	`withdrawn: effective, and answered, after \d+ ms`,
	`after it is back: denied`,
	`Northside received 0 messages of this consult`,
	`withheld: .*needs Consent/`,
	`9\. What everybody holds`,
	`Lakeside clinic +3 FHIR bundles`,
	`Northside clinic +2 REF\^I12`,
	`care organisation 2 RRI\^I12`,
	`the State +2 RRI\^I12`,
	`the school +1 FHIR bundle, \d+ Ed-Fi writes`,
	`audit chain +\d+ entries, unbroken`,
}

// kept counts the promises that the output keeps, each after the one before.
func kept(t *testing.T, output string) (n int) {
	t.Helper()
	for _, promise := range promises {
		at := regexp.MustCompile(promise).FindStringIndex(output)
		if at == nil {
			t.Errorf("the story does not say, at its place: %s", promise)
			continue
		}
		n++
		output = output[at[1]:]
	}
	return n
}

// TestDemo is point 1: the story, today and with the clock one and three years ahead.
func TestDemo(t *testing.T) {
	t.Parallel()
	for _, ahead := range []string{"0s", "8760h", "26280h"} {
		t.Run(ahead, func(t *testing.T) {
			t.Parallel()
			output, took := play(t, ".", proof.Binary(t), "demo", "--clock", ahead)
			offset, err := time.ParseDuration(ahead)
			if err != nil {
				t.Fatal(err)
			}
			year := time.Now().Add(offset).Year()
			if until := regexp.MustCompile(`in force until (\d{4})`).FindStringSubmatch(output); until == nil || until[1] < fmt.Sprint(year) {
				t.Errorf("the consents of a story in %d are in force until %v", year, until)
			}
			figure(t, 1, "demo", len(promises), "clock", ahead, "kept", kept(t, output), "seconds", took.Seconds())
		})
	}
}

// play runs a command that must end with exit 0 within the time of the story.
func play(t *testing.T, dir, name string, args ...string) (output string, took time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), storyTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var errs strings.Builder
	cmd.Dir, cmd.Stderr = dir, &errs
	start := time.Now()
	out, err := cmd.Output()
	took = time.Since(start)
	if err != nil {
		t.Errorf("%s %v: %v after %s\n%s%s", name, args, err, took, out, errs.String())
	}
	return string(out), took
}

// TestDemoStays: --stay keeps the gateway up until it is told to end; what it did can be explained and verified meanwhile.
func TestDemoStays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), storyTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, proof.Binary(t), "demo", "--stay", "--dir", dir)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	output := filepath.Join(t.TempDir(), "output")
	out, err := os.Create(output)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout = out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	told := ""
	for deadline := time.Now().Add(storyTime); !strings.Contains(told, "stay up until Ctrl-C") && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		text, err := os.ReadFile(output)
		if err != nil {
			t.Fatal(err)
		}
		told = string(text)
	}
	tried := 0
	for line := range strings.SplitSeq(told, "\n") {
		args := strings.Fields(line)
		if len(args) < 2 || args[0] != "caregate" || args[1] == "send" {
			continue
		}
		tried++
		if said, err := exec.CommandContext(ctx, proof.Binary(t), args[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", args, err, said)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("demo --stay ended with %v", err)
	}
	figure(t, 1, "commands that the demo invites to", tried, "kept", kept(t, told))
}

// written is the day that the payloads of the flows were written for, as demo.Shift has it.
var written = time.Date(2026, 11, 9, 0, 0, 0, 0, time.UTC)

// later moves the dates of a payload that is dated today ahead by some days.
func later(payload []byte, ahead time.Duration) []byte {
	return demo.Shift(payload, written.Add(ahead))
}

// TestServeInAnyYear: serve itself with its clock ahead, and a clock that jumps while it
// runs: what was consented for half a year is then over.
func TestServeInAnyYear(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * time.Hour
	w := proof.NewTown(t)
	s := newServed(t, proof.WriteConfig(t), w.Environment(), true)
	story := readRefusals(t).Story
	var delivered, denied int
	offsets := []time.Duration{0, year, 3 * year}
	for i, ahead := range offsets {
		s.Hook(fmt.Sprintf(`{"clockOffset":%q}`, ahead))
		if i == 0 {
			s.Start()
		}
		time.Sleep(100 * time.Millisecond) // until the file is read
		h := hearing{t: t, s: s, w: w, child: child(i + 1), ahead: ahead}
		for _, d := range h.clinics(h.play(story)) {
			if delivered += one(d.State == ledger.DeliveryCompleted); d.State != ledger.DeliveryCompleted {
				t.Errorf("%s ahead, %s is %s", ahead, d.Destination, d.State)
			}
		}
		if i == 0 {
			continue
		}
		h.child, h.ahead, h.again = child(i), offsets[i-1], true // the child introduced before the jump, with the consent of then
		for _, d := range h.clinics(h.settled(h.refer(story))) {
			if denied += one(d.State == ledger.DeliveryDenied && reasonOf(d) == "expired"); d.State != ledger.DeliveryDenied {
				t.Errorf("%s ahead, %s of the old consent is %s", ahead, d.Destination, d.State)
			}
		}
	}
	s.Stop()
	s.Start() // with the clock three years ahead from the start
	h := hearing{t: t, s: s, w: w, child: 4, ahead: 3 * year}
	for _, d := range h.clinics(h.play(story)) {
		delivered += one(d.State == ledger.DeliveryCompleted)
	}
	s.Stop()
	if delivered != 8 || denied != 4 {
		t.Errorf("%d of 8 delivered, %d of 4 denied as expired", delivered, denied)
	}
	figure(t, 1, "serve with its clock ahead", 4, "delivered", delivered, "expired meanwhile", denied)
}
