//go:build unix

package translation

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"caregate/hl7v2"
	"caregate/translate"
)

// speedMessages are messages of three sizes, as the flows have them: an update, a referral
// of 24 segments, and a report of 380 observations. Without a last \r, as all peers write them.
func speedMessages(tb testing.TB) map[string]string {
	tb.Helper()
	data, err := os.ReadFile("../../testdata/translate/ref-i12.hl7")
	if err != nil {
		tb.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(string(data), "\n", "\r")), "\r")
	var head []string
	for _, line := range lines {
		if strings.HasPrefix(line, "MSH") || strings.HasPrefix(line, "PID") {
			head = append(head, line)
		}
	}
	referral := slices.Clone(lines)
	for i := len(referral); i < 24; i++ {
		referral = append(referral, observation(i))
	}
	report := append(slices.Clone(head), "OBR|1|P-1^GW|F-1^LAB|58410-2^CBC panel^LN|||20261027")
	for i := range 380 {
		report = append(report, observation(i+1))
	}
	report[0] = strings.ReplaceAll(report[0], "REF^I12^REF_I12", "ORU^R01^ORU_R01")
	update := append(slices.Clone(head), "PV1|1|O|ZZCLINIC^^^ZZ&1.3.6.1.4.1.21367.2026.11&ISO")
	update[0] = strings.ReplaceAll(update[0], "REF^I12^REF_I12", "ADT^A08^ADT_A01")
	return map[string]string{"ADT": strings.Join(update, "\r"), "REF": strings.Join(referral, "\r"), "ORU": strings.Join(report, "\r")}
}

func observation(i int) string {
	return fmt.Sprintf("OBX|%d|NM|718-7^Hemoglobin [Mass/volume] in Blood^LN^HGB^Hb^L|%d|13.%d|g/dL^^UCUM|11.5-15.5|N|||F|||20261027093000+0000|LAB", i, i, i%10)
}

// readOnce parses, reads six fields and each observation's code and value, and writes the
// message again: what every peer does in one run.
func readOnce(m *hl7v2.Message, text string, out []byte) ([]byte, int, error) {
	if err := m.Reset(text); err != nil {
		return out, 0, err
	}
	header, child := m.First("MSH"), m.First("PID")
	n := len(header.Field(9).Rep(1).Component(1).Text()) + len(header.Field(10).Rep(1).Component(1).Text())
	for _, field := range [...]int{3, 5, 7, 8} {
		n += len(child.Field(field).Rep(1).Component(1).Text())
	}
	for s := range m.All("OBX") {
		n += len(s.Field(3).Rep(1).Component(1).Text()) + len(s.Field(5).Rep(1).Component(1).Text())
	}
	return m.AppendTo(out[:0]), n, nil
}

// peer is one other library in a process of its own, which is asked for so many runs.
type peer struct {
	name string
	in   io.WriteCloser
	out  *bufio.Reader
}

// speedAnswer is what a peer says of its runs.
type speedAnswer struct {
	NS   int64 `json:"ns"`
	Same bool  `json:"same"`
	Read int   `json:"read"`
}

func startPeer(t *testing.T, name string, command ...string) *peer {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return &peer{name: name, in: in, out: bufio.NewReader(out)}
}

func (p *peer) run(t *testing.T, text string, runs int) speedAnswer {
	t.Helper()
	question, err := json.Marshal(map[string]any{"v2": text, "runs": runs})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.in.Write(append(question, '\n')); err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	var a speedAnswer
	if err := json.Unmarshal(line, &a); err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	return a
}

// speedPeers are the libraries to measure beside. npm brings two, Debian one: without it
// continuous integration fails, and elsewhere the figures say that it is absent.
func speedPeers(t *testing.T) (peers []*peer, absent []string) {
	t.Helper()
	folder, err := installed()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"@medplum/core", "node-hl7-client"} {
		peers = append(peers, startPeer(t, name, "node", "readers/speed.mjs", folder, name))
	}
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(python, "-c", "import hl7").Run() == nil {
			return append(peers, startPeer(t, "python3-hl7", python, "readers/speed.py")), nil
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("python3-hl7 is missing: apt-get install python3-hl7")
	}
	return peers, []string{"python3-hl7 (apt-get install python3-hl7)"}
}

// rounds is how many pairs are measured, ours and theirs in turn; the median is what counts.
const rounds = 5

// measured says that speed is asked for: at full size, and by make bench.
func measured(t *testing.T) {
	t.Helper()
	if !full && os.Getenv("CAREGATE_BENCH") == "" {
		t.Skip("speed is measured at full size and by make bench")
	}
}

// TestSpeedBesidePeers measures parse, read and write beside the other libraries, and our
// whole translation to a Bundle beside their parse, read and write alone: none of them has one.
func TestSpeedBesidePeers(t *testing.T) {
	measured(t)
	peers, absent := speedPeers(t)
	profile := proveProfile(t)
	for _, name := range []string{"ADT", "REF", "ORU"} {
		text := speedMessages(t)[name]
		m, out := &hl7v2.Message{}, make([]byte, 0, len(text))
		_, read, err := readOnce(m, text, out)
		if err != nil {
			t.Fatal(err)
		}
		allocs := testing.AllocsPerRun(100, func() { _, _, _ = readOnce(m, text, out) })
		must(t, allocs == 0, "%s: %v allocations on the steady path", name, allocs)
		for _, p := range peers {
			first := p.run(t, text, 1) // warm
			if !first.Same || first.Read != read {
				t.Logf("%s: %s writes it as it was: %t, reads %d characters, ours are %d", name, p.name, first.Same, first.Read, read)
			}
			runs := int(max(2, 60e6/max(p.run(t, text, 2).NS/2, 1)))
			var parse, whole, ns []float64
			for range rounds {
				ours := perRun(t, func() { _, _, _ = readOnce(m, text, out) })
				theirs := float64(p.run(t, text, runs).NS) / float64(runs)
				bundle := perRun(t, func() { bundleOf(t, text, profile) })
				parse, whole, ns = append(parse, theirs/ours), append(whole, theirs/bundle), append(ns, ours)
			}
			figure(t, 8, "parse, read and write "+name+" beside "+p.name, rounds, "bytes", len(text), "allocations", allocs,
				"MBperSecond", round(float64(len(text))/median(ns)*1e3), "timesFaster", round(median(parse)), "range", spread(parse),
				"translatedBesideTheirParse", round(median(whole)), "sameText", first.Same)
			if name == "REF" && p.name == "@medplum/core" {
				must(t, median(parse) >= 20, "%.1f times faster than %s, not 20", median(parse), p.name)
			}
		}
	}
	figure(t, 8, "peers", len(peers), "absent", absent)
}

// TestSpeedBesideFloor measures a referral, from its bytes to those of the Bundle, beside
// a program that does nothing but append about the same output.
func TestSpeedBesideFloor(t *testing.T) {
	measured(t)
	text, profile := speedMessages(t)["REF"], proveProfile(t)
	var ratios, ours []float64
	for range rounds {
		floor := perRun(t, func() { appendBundle(t, text) })
		own := perRun(t, func() { bundleOf(t, text, profile) })
		ratios, ours = append(ratios, own/floor), append(ours, own/1e3)
	}
	allocs := testing.AllocsPerRun(20, func() { bundleOf(t, text, profile) })
	figure(t, 8, "REF^I12 to Bundle bytes beside the append-built floor", rounds, "segments", strings.Count(text, "\r")+1, "bytes", len(text),
		"bundleBytes", len(bundleOf(t, text, profile)), "floorBytes", len(appendBundle(t, text)), "microseconds", round(median(ours)),
		"timesTheFloor", round(median(ratios)), "range", spread(ratios), "allocations", allocs)
	must(t, median(ratios) <= 3, "%.1f times the floor, not 3", median(ratios))
}

// bundleOf translates a message to the bytes of its Bundle.
func bundleOf(tb testing.TB, text string, p translate.Profile) []byte {
	tb.Helper()
	m, err := hl7v2.Parse([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	r, err := translate.ToFHIR(m, p)
	if err != nil {
		tb.Fatal(err)
	}
	return r.Bundle.JSON()
}

// perRun returns the nanoseconds of processor time of one run, garbage collection included,
// over runs of about 100 ms. Time on the clock would measure what else the machine does.
func perRun(t *testing.T, run func()) float64 {
	t.Helper()
	for n := 1; ; n *= 2 {
		start := processorTime(t)
		for range n {
			run()
		}
		if took := processorTime(t) - start; took > 60e6 {
			return float64(took) / float64(n)
		}
	}
}

// processorTime is what this process has used of the processors so far, in nanoseconds.
func processorTime(t *testing.T) int64 {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return used.Utime.Nano() + used.Stime.Nano()
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

func spread(all []float64) string {
	return fmt.Sprintf("%.1f-%.1f", slices.Min(all), slices.Max(all))
}

func round(f float64) float64 { return float64(int(f*10+0.5)) / 10 }

// TestEmbeddedDocument translates a message with a document of 4 MB in OBX-5 and counts all
// memory that is allocated on the way, from the bytes of the message to those of the Bundle.
func TestEmbeddedDocument(t *testing.T) {
	document := strings.Repeat("JVBERi0xLjQKJcfsj6IK", (4<<20)/20)
	text := speedMessages(t)["ADT"]
	text = strings.Replace(text, "ADT^A08^ADT_A01", "ORU^R01^ORU_R01", 1) + "\rOBR|1|P-1^GW|F-1^LAB|11488-4^Consult note^LN|||20261027" +
		"\rOBX|1|ED|11488-4^Consult note^LN||^application^pdf^Base64^" + document + "||||||F"
	raw, profile := []byte(text), proveProfile(t)
	m, err := hl7v2.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := translate.ToFHIR(m, profile); err != nil || !strings.Contains(string(r.Bundle.JSON()), document) {
		t.Fatalf("the document is not in the Bundle: %v", err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	bundle := bundleOf(t, text, profile)
	runtime.ReadMemStats(&after)
	factor := float64(after.TotalAlloc-before.TotalAlloc) / float64(len(document))
	figure(t, 8, "a document of 4 MB", len(document), "timesItsSizeInMemory", round(factor), "bundleBytes", len(bundle))
	if factor > 4 {
		t.Errorf("a document takes %.1f times its size in memory, not 4", factor)
	}
}

// BenchmarkReferralToBundle is a referral of 24 segments, from its bytes to those of its Bundle.
func BenchmarkReferralToBundle(b *testing.B) {
	text := speedMessages(b)["REF"]
	data, err := os.ReadFile(filepath.Join("testdata", "profile.yaml"))
	if err != nil {
		b.Fatal(err)
	}
	p, err := translate.LoadProfile(data)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		bundleOf(b, text, p)
	}
}

// BenchmarkReferralFloor is what a program takes that only appends about the same output.
func BenchmarkReferralFloor(b *testing.B) {
	text := speedMessages(b)["REF"]
	b.ReportAllocs()
	for b.Loop() {
		appendBundle(b, text)
	}
}

// appendBundle writes a Bundle of about the size of ours with nothing but append: an entry
// for each segment with an id of its own, a member for each valued field, every text quoted.
// It looks nothing up, decides nothing, checks nothing and accounts for nothing.
func appendBundle(tb testing.TB, text string) []byte {
	tb.Helper()
	m, err := hl7v2.Parse([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	f := floor{out: make([]byte, 0, 16<<10)}
	f.out = append(f.out, `{"resourceType":"Bundle","type":"transaction","entry":[`...)
	for i := range m.Len() {
		f.entry(m.Segment(i), i)
	}
	return append(f.out, `]}`...)
}
