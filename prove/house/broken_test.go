package house

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"caregate/gateway"
	"caregate/ledger"
	"caregate/policy"
	"caregate/prove/proof"
)

// brokenLaws are rules that cannot be followed, each added to a bundle that was sound. The
// law is built into the binary, so a broken one is a binary of its own.
var brokenLaws = []struct {
	name, file, rego string
	starts           bool   // its embedded tests pass, so that only a decision shows the fault
	says             string // the fault, at the start or in explain
}{
	{
		name: "two answers for two clinics", file: "core/decision.rego", starts: true, says: "the law failed to evaluate",
		rego: "\nresult := {\"signatures\": {}, \"redaction\": {}} if startswith(input.request.recipient.organization, \"Organization/psych-clinic\")\n",
	},
	{
		name: "a rule whose test fails", file: "us/part2.rego", says: "test_",
		rego: "\nfinding[s] contains {\"stage\": \"guard\", \"effect\": \"withhold\", \"rule\": \"GEN-CHILD\", \"code\": \"patient-unknown\"} if some s, _ in input.signatures\n",
	},
	{name: "a rule that does not compile", file: "us-il/mental_health.rego", says: "var x is unsafe", rego: "\nfinding[s] contains x if some s, _ in record\n"},
}

// TestBrokenLaw is the broken policy of point 4: law that is seen to be broken does not
// start, and law that breaks in a decision lets nothing leave. The twin is the sound law on the
// same data: the same deliveries go once a person has repaired the law and resolved their work items.
func TestBrokenLaw(t *testing.T) {
	t.Parallel()
	broken := brokenLaws
	if !full { // each one costs the linking of a binary; the others are held in-process
		broken = broken[:1]
	}
	for _, law := range broken {
		t.Run(law.name, func(t *testing.T) {
			t.Parallel()
			program := withLaw(t, law.file, law.rego)
			w := proof.NewTown(t)
			s := newServed(t, proof.WriteConfig(t), w.Environment(), false)
			s.Program = program
			if !law.starts {
				s.refusesToStart(exitUnavailable, law.says)
				return
			}
			s.Start()
			h := hearing{t: t, s: s, w: w, child: 1}
			sum := h.withheldByFault(law.says)
			s.Stop()
			s.Program = ""
			leaked := left(h.arrived())
			s.Start()
			resolved := h.resolve("repair the law bundle")
			h.until("cmo/"+h.controlID(), func(e gateway.Explanation) bool {
				return !slices.ContainsFunc(h.clinics(e), func(d gateway.Destination) bool { return d.State != ledger.DeliveryCompleted })
			})
			s.Stop()
			figure(t, 4, "broken law", 1, "bodies that left", leaked, "resources withheld by policy-error", sum, "resolved after the repair", resolved, "delivered then", left(h.arrived()))
		})
	}
}

const (
	exitUsage       = 2
	exitUnavailable = 3
)

func left(all []arrivals) (bodies int) {
	for _, a := range all {
		bodies += len(a.bodies)
	}
	return bodies
}

// withheldByFault plays the story in which everything else is right.
func (h hearing) withheldByFault(fault string) (withheld int) {
	h.t.Helper()
	e := h.play(readRefusals(h.t).Story)
	for _, d := range h.clinics(e) {
		if d.State != ledger.DeliveryHeld || len(d.Attempts) == 0 {
			h.t.Errorf("%s is %s under broken law", d.Destination, d.State)
			continue
		}
		for _, res := range d.Attempts[len(d.Attempts)-1].Resources {
			withheld += one(res.Withheld)
			if !res.Withheld || !explains(res) || res.Reasons[0].Code != "policy-error" || res.Reasons[0].Text != fault {
				h.t.Errorf("%s at %s: %+v", res.Ref, d.Destination, res)
			}
		}
	}
	for _, a := range h.arrived() {
		if len(a.bodies) > 0 {
			h.t.Errorf("%d bodies reached %s under broken law", len(a.bodies), a.at)
		}
	}
	return withheld
}

// resolve settles the work items of the child's referral, whose remedy is as said.
func (h hearing) resolve(remedy string) (resolved int) {
	h.t.Helper()
	for _, item := range h.explain("cmo/" + h.controlID()).Work {
		if !strings.Contains(item.Remedy, remedy) {
			h.t.Errorf("work item %s: %s", item.Kind, item.Remedy)
		}
		if out, errs, exit := h.s.Run(true, "work", "resolve", item.ID, "--reason", "law repaired"); exit != 0 {
			h.t.Errorf("work resolve ended with %d: %s%s", exit, out, errs)
			continue
		}
		resolved++
	}
	return resolved
}

// withLaw builds caregate with a rule added to a file of the law.
func withLaw(t *testing.T, file, rego string) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir, original := t.TempDir(), filepath.Join(root, "policy", "bundles", filepath.FromSlash(file))
	text, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	replaced, overlay, program := filepath.Join(dir, "law.rego"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "caregate")
	listed, err := json.Marshal(map[string]map[string]string{"Replace": {original: replaced}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{replaced: append(text, rego...), overlay: listed} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "-o", program, "./cmd/caregate")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// refusesToStart runs serve, which must end by itself with this exit code and say why.
func (s *served) refusesToStart(exit int, why string) {
	s.T.Helper()
	program := s.Program
	if program == "" {
		program = proof.Binary(s.T)
	}
	cmd := exec.CommandContext(s.T.Context(), program, "serve", "--config", s.Config, "--data", s.Data)
	cmd.Env, cmd.Cancel, cmd.WaitDelay = s.Env, func() error { return cmd.Process.Kill() }, time.Second
	stop := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer stop.Stop()
	said, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != exit || !strings.Contains(string(said), why) {
		s.T.Errorf("serve ended with %d, want %d, and said %q, want %q", got, exit, said, why)
	}
}

// TestBrokenLawDoesNotLoad holds in-process what TestBrokenLaw shows of whole binaries, and that
// the unchanged law loads.
func TestBrokenLawDoesNotLoad(t *testing.T) {
	t.Parallel()
	refused := 0
	for _, law := range brokenLaws {
		tree := lawTree(t)
		tree[law.file].Data = append(tree[law.file].Data, law.rego...)
		_, err := policy.Load(t.Context(), tree, []string{"us", "us-il"}, policy.Limits{})
		if starts := err == nil; starts != law.starts || !starts && !strings.Contains(err.Error(), law.says) {
			t.Errorf("%s: %v, want %q", law.name, err, law.says)
		}
		refused += one(err != nil)
	}
	if _, err := policy.Load(t.Context(), policy.Bundles(), []string{"us", "us-il"}, policy.Limits{}); err != nil {
		t.Errorf("the unchanged law: %v", err)
	}
	figure(t, 4, "broken law at the start", len(brokenLaws), "refused", refused)
}

// lawTree is the law that is built in, as files that can be changed.
func lawTree(t *testing.T) fstest.MapFS {
	t.Helper()
	tree := fstest.MapFS{}
	err := fs.WalkDir(policy.Bundles(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(policy.Bundles(), name)
		tree[name] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// TestUnknownLaw: a configuration that names law which is not there does not start, and does
// not replace one that runs.
func TestUnknownLaw(t *testing.T) {
	t.Parallel()
	w := proof.NewTown(t)
	dir := proof.WriteConfig(t)
	s := newServed(t, dir, w.Environment(), false)
	proof.Edit(t, dir, "caregate.yaml", "law: [us, us-il]", "law: [us, us-zz]")
	s.refusesToStart(exitUsage, "caregate.yaml:6:11: no law bundle has this name")
	proof.Edit(t, dir, "caregate.yaml", "law: [us, us-zz]", "law: [us, us-il]")
	s.Start()
	proof.Edit(t, dir, "caregate.yaml", "law: [us, us-il]", "law: [us, us-zz]")
	s.hangup("no law bundle has this name")
	sum := &tally{}
	sum.deliver(hearing{t: t, s: s, w: w, child: 1}, refusal{ID: "unknown law"}, readRefusals(t).Story)
	// Law that does not speak of the child's state is not an answer either.
	proof.Edit(t, dir, "caregate.yaml", "law: [us, us-zz]", "law: [us]")
	s.hangup("the configuration is reloaded")
	h := hearing{t: t, s: s, w: w, child: 2}
	sum.refuse(h, refusal{Rule: "GEN-LAW", Code: "no-law-for-jurisdiction", Needs: "needs a law bundle for the child's jurisdiction"}, readRefusals(t).Story)
	proof.Edit(t, dir, "caregate.yaml", "law: [us]", "law: [us, us-il]")
	s.hangup("the configuration is reloaded")
	sum.deliver(hearing{t: t, s: s, w: w, child: 3}, refusal{ID: "law put back"}, readRefusals(t).Story)
	s.Stop()
	figure(t, 4, "law that is not there", 3, "left", sum.leaked, "twins delivered", sum.delivered, "without rule or remedy", sum.unexplained)
}

// hangup sends SIGHUP and waits until the log says what became of it. The listeners may have new addresses then.
func (s *served) hangup(says string) string {
	s.T.Helper()
	before, err := os.ReadFile(s.Stderr)
	if err != nil {
		s.T.Fatal(err)
	}
	if err := s.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
		s.T.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		after, err := os.ReadFile(s.Stderr)
		if err != nil {
			s.T.Fatal(err)
		}
		for line := range strings.Lines(string(after[len(before):])) {
			if strings.Contains(line, says) {
				return line
			}
		}
	}
	s.T.Fatalf("after SIGHUP the log does not say %q:\n%s", says, s.Log())
	return ""
}
