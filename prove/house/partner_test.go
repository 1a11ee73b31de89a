package house

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"caregate/demo"
	"caregate/ledger"
	"caregate/prove/proof"
)

// newcomer is a third clinic, and how it comes in: by commands and an editor.
type newcomer struct {
	name    string
	add     []string    // of caregate partner add
	edits   [][2]string // in the file that partner add wrote
	route   string      // appended to routes.yaml
	secrets map[string]string
	up      func() error
	counts  func(h hearing) int // bodies about the child at its door
}

const eastsideRoute = `  - name: consult-to-eastside
    kinds: [referral]
    services: [PSY]
    from: [cmo]
    to: eastside
    purpose: TREAT
    needs: [MedicationStatement, MedicationRequest, AllergyIntolerance]
`

// newcomers are the same clinic with a FHIR server, and with an HL7 v2 system. Neither is up yet.
func newcomers(t *testing.T) []newcomer {
	t.Helper()
	web, err := demo.NewFHIRServer("eastside")
	if err != nil {
		t.Fatal(err)
	}
	v2, err := demo.NewV2System("EAST")
	if err != nil {
		t.Fatal(err)
	}
	web.Down()
	v2.Down()
	t.Cleanup(web.Down)
	t.Cleanup(v2.Down)
	clinic := [2]string{"  # type: clinic\n  # clinician: true\n", "  type: clinic\n  clinician: true\n"}
	return []newcomer{
		{
			name: "fhir", add: []string{"--kind", "fhir", "--url", web.URL()}, up: web.Up, route: eastsideRoute,
			edits: [][2]string{clinic}, secrets: map[string]string{"eastside.token": "token-eastside", "at-eastside.token": "token-gateway"},
			counts: func(h hearing) int { return about(h.child, bodies(web.Received())) },
		},
		{
			name: "mllp", add: []string{"--kind", "mllp", "--connect", v2.Addr()}, up: v2.Up, route: eastsideRoute,
			edits:  [][2]string{clinic, {"identifiers: []", "identifiers:\n        - {namespace: IL-DCFS, oid: 1.3.6.1.4.1.21367.2026.10.1, system: \"https://soc.example.org/id/il-dcfs-id\"}"}},
			counts: func(h hearing) int { return about(h.child, v2.Received()) },
		},
	}
}

func about(c child, all [][]byte) (n int) {
	for _, body := range all {
		n += one(slices.ContainsFunc(marks(c), func(mark string) bool { return strings.Contains(string(body), mark) }))
	}
	return n
}

// TestThirdClinicJoins is point 8: partner add, partner test, check and SIGHUP, no Go, while
// the gateway runs and the first two clinics go on.
func TestThirdClinicJoins(t *testing.T) {
	t.Parallel()
	for _, n := range newcomers(t) {
		t.Run(n.name, func(t *testing.T) {
			t.Parallel()
			w := proof.NewTown(t)
			s := newServed(t, proof.WriteConfig(t), w.Environment(), false)
			s.Start()
			pid, addresses := s.Cmd.Process.Pid, s.Addresses
			before, after := hearing{t: t, s: s, w: w, child: 1}, hearing{t: t, s: s, w: w, child: 2}
			story := readRefusals(t).Story
			before.play(story)
			n.join(s)
			after.prepare(story)
			after.file(story, "psych-clinic-east", nil)
			told := after.settled(after.refer(story))
			completed := 0
			for _, d := range told.Destinations {
				completed += one(d.State == ledger.DeliveryCompleted)
			}
			got := []int{n.counts(after), n.counts(before), left(after.arrived()), left(before.arrived())}
			if want := []int{1, 0, 2, 2}; completed != 3 || len(told.Destinations) != 3 || !slices.Equal(got, want) {
				t.Errorf("%d of 3 completed; the third clinic, before it joined, the first two, before: %v, want %v\n%+v", completed, got, want, told.Destinations)
			}
			if s.Cmd.Process.Pid != pid || s.Addresses.HTTP != addresses.HTTP {
				t.Error("the gateway was started again")
			}
			s.Stop()
			figure(t, 8, "third clinic by "+n.name, 3, "delivered", completed, "at the third clinic's door", got[0])
		})
	}
}

// join is what an operator does.
func (n newcomer) join(s *served) {
	t := s.T
	t.Helper()
	command := func(exit int, says string, args ...string) {
		t.Helper()
		out, errs, got := s.Run(false, args...)
		if got != exit || !strings.Contains(out+errs, says) {
			t.Fatalf("caregate %v ended with %d, want %d, and said\n%s%swant %q", args, got, exit, out, errs, says)
		}
	}
	file := filepath.Join("partners", "eastside.yaml")
	command(0, "wrote "+s.Config+"/"+file, slices.Concat([]string{"partner", "add", "eastside", "--organization", "Organization/psych-clinic-east", "--config", s.Config}, n.add)...)
	if n.secrets != nil { // the clinic's credentials are not there yet, and the running gateway must not mind
		command(2, file, "check", s.Config)
		s.hangup("is not reloaded")
		n.keepSecrets(t, s.Config)
	}
	for _, e := range n.edits {
		proof.Edit(t, s.Config, file, e[0], e[1])
	}
	routes := filepath.Join(s.Config, "routes.yaml")
	text, err := os.ReadFile(routes)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(routes, append(text, n.route...), 0o600); err != nil {
		t.Fatal(err)
	}
	command(1, "eastside "+n.name+": ", "partner", "test", "eastside", "--config", s.Config) // nobody answers there yet
	if err := n.up(); err != nil {
		t.Fatal(err)
	}
	command(0, "eastside "+n.name+": OK", "partner", "test", "eastside", "--config", s.Config)
	command(0, "no problems", "check", s.Config)
	s.hangup("the configuration is reloaded")
}

// keepSecrets puts the credentials into files, which a running gateway can read; a variable
// it could see only after a restart.
func (n newcomer) keepSecrets(t *testing.T, config string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(config, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, secret := range n.secrets {
		if err := os.WriteFile(filepath.Join(config, "secrets", name), []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReloadUnderLoad: messages keep flowing while the configuration is reloaded, refused
// ones included; a listener that cannot be bound leaves the running gateway as it was.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	const children, each, reloads = 4, 50, 6
	w := proof.NewTown(t)
	east, err := demo.NewFHIRServer("eastside")
	if err != nil {
		t.Fatal(err)
	}
	defer east.Down()
	s := newServed(t, proof.WriteConfig(t), w.Environment(), false)
	s.Start()
	story := readRefusals(t).Story
	for c := range children {
		h := hearing{t: t, s: s, w: w, child: child(c + 1)}
		h.prepare(story)
		h.file(story, "psych-clinic-east", nil)
	}
	l := startLoad(t, children, each, s.Addresses.MLLP["cmo"])
	l.allow(children * each / 4)
	l.reach(t, children*each/8)
	refused := s.reloadsRefused(func() { l.allow(children * each / 2) })
	n := newcomer{
		name: "fhir", add: []string{"--kind", "fhir", "--url", east.URL()}, edits: [][2]string{{"  # type: clinic\n  # clinician: true\n", "  type: clinic\n  clinician: true\n"}},
		secrets: map[string]string{"eastside.token": "token-eastside", "at-eastside.token": "token-gateway"}, route: eastsideRoute, up: func() error { return nil },
	}
	s.Run(false, slices.Concat([]string{"partner", "add", "eastside", "--organization", "Organization/psych-clinic-east", "--config", s.Config}, n.add)...)
	n.keepSecrets(t, s.Config)
	proof.Edit(t, s.Config, "partners/eastside.yaml", n.edits[0][0], n.edits[0][1])
	proof.Edit(t, s.Config, "routes.yaml", "routes:\n", "routes:\n"+eastsideRoute)
	s.hangup("the configuration is reloaded")
	joined := len(l.accepted())
	l.allow(children * each)
	reloaded := 1
	for ; reloaded < reloads; reloaded++ {
		s.hangup("the configuration is reloaded")
	}
	l.reach(t, children*each)
	l.running.Wait()
	doors := map[string]func() int{
		"lakeside":  func() int { return different(placersOf(bodies(w.Lakeside.Received()))) },
		"northside": func() int { return different(placersOf(w.Northside.Received())) },
	}
	lost := 0
	for door, arrived := range doors {
		for deadline := time.Now().Add(30 * time.Second); arrived() < l.total() && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		}
		if missing := l.total() - arrived(); missing != 0 {
			lost += missing
			t.Errorf("%d of %d messages are missing at %s", missing, l.total(), door)
		}
	}
	least := l.total() - children*each/2 // sent after the third clinic joined
	for deadline := time.Now().Add(30 * time.Second); different(placersOf(bodies(east.Received()))) < least && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
	}
	third := different(placersOf(bodies(east.Received())))
	if third < least {
		t.Errorf("%d messages reached the third clinic, at least %d were sent after it joined", third, least)
	}
	s.Stop()
	figure(t, 8, "reload under load", l.total(), "reloads", reloaded, "refused reloads", refused, "acknowledged when the third clinic had joined", joined,
		"lost", lost, "at the third clinic", third, "sent again", l.sent.Load()-int64(l.total()))
}

// reloadsRefused sends SIGHUP with configurations that are not to be used: each is refused
// with its reason, and the running one goes on. between is done while the first is wrong.
func (s *served) reloadsRefused(between func()) (refused int) {
	s.T.Helper()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.T.Fatal(err)
	}
	defer taken.Close()
	for _, wrong := range []struct{ file, old, new, says string }{
		{"routes.yaml", "to: lakeside", "to: lakesied", `"file":"routes.yaml","line":8,"problem":"no partner has this id`},
		{"caregate.yaml", "zone: America/Chicago", "zone: America/Chikago", `"file":"caregate.yaml","line":4,"problem":"not an IANA time zone`},
		{"caregate.yaml", "name: caregate-demo", "name: [", `"file":"caregate.yaml"`},
		{"partners/dcfs.yaml", "connect: ${DCFS_MLLP}", "connect: ${DCFS_MLLP}\n    listen: " + taken.Addr().String(), "listener mllp dcfs"},
	} {
		proof.Edit(s.T, s.Config, wrong.file, wrong.old, wrong.new)
		line := s.hangup(wrong.says)
		if strings.Contains(line, "is not reloaded") {
			refused++
		} else {
			s.T.Errorf("the log says %q", line)
		}
		between()
		proof.Edit(s.T, s.Config, wrong.file, wrong.new, wrong.old)
	}
	return refused
}

func different(all []string) int {
	slices.Sort(all)
	return len(slices.Compact(all))
}

// placersOf finds the placer number in each body, whatever its format.
func placersOf(all [][]byte) []string {
	var found []string
	for _, body := range all {
		if at := strings.Index(string(body), "PL-"); at >= 0 {
			found = append(found, string(body[at:at+len(placer(1, 1))]))
		}
	}
	return found
}
