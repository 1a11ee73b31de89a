package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"caregate/config"
	"caregate/demo"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"caregate": main})
}

// TestScripts runs testdata/script/*.txtar: the commands as a person types them.
//
//	serve NAME ARG...     starts "caregate serve ARG...", sets $HTTP and $MLLP_partner
//	hup NAME WORDS        sends SIGHUP, waits until its log says WORDS, and sets the addresses anew
//	end NAME, crash NAME SIGTERM, which must exit 0; SIGKILL
//	log NAME REGEXP...    what it wrote to stderr so far
//	server VAR            starts a FHIR server that takes everything, sets $VAR to its URL
//	received VAR N TEXT   waits until that server has N bodies that hold TEXT
//	repeats VAR N TEXT    waits until it has N such bodies, all with one key and the same bytes
//	reached FILE          waits until a file is there, and removes it
//	flow NAME FILE        copies a payload of testdata/flows, its dates moved to today
//	eventually TEXT ARG... repeats a command until stdout holds TEXT
//	httpget URL           asks, and wants a 200
//	exits CODE ARG...     runs a command that ends with exactly this code
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			flows, err := filepath.Abs("../../testdata/flows")
			env.Setenv("FLOWS", flows)
			env.Values["processes"] = map[string]*process{}
			env.Values["servers"] = map[string]*server{}
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve": cmdServe, "hup": cmdHup, "end": cmdStop, "crash": cmdKill, "log": cmdLog,
			"exits": cmdExits, "repeats": cmdRepeats, "reached": cmdReached, "httpget": cmdGet, "server": cmdServer, "received": cmdReceived, "flow": cmdFlow, "eventually": cmdEventually,
		},
	})
}

// patience bounds every wait of the scripts; a machine that is busy needs it, a sound one does not.
const patience = 30 * time.Second

type process struct {
	cmd *exec.Cmd
	mu  sync.Mutex
	log strings.Builder
	out *bufio.Reader
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

func processes(ts *testscript.TestScript) map[string]*process {
	return ts.Value("processes").(map[string]*process)
}

func cmdServe(ts *testscript.TestScript, _ bool, args []string) {
	binary, err := exec.LookPath("caregate")
	ts.Check(err)
	p := &process{cmd: exec.CommandContext(context.Background(), binary, append([]string{"serve"}, args[1:]...)...)}
	p.cmd.Dir, p.cmd.Stderr = ts.Getenv("WORK"), p
	p.cmd.Env = append(os.Environ(), "CMO_TOKEN="+ts.Getenv("CMO_TOKEN"), "STATE_TOKEN="+ts.Getenv("STATE_TOKEN"),
		"CLINIC_URL="+ts.Getenv("CLINIC_URL"), "THIRD_TOKEN=third", "GATEWAY_TOKEN_AT_THIRD=us")
	out, err := p.cmd.StdoutPipe()
	ts.Check(err)
	p.out = bufio.NewReader(out)
	ts.Check(p.cmd.Start())
	processes(ts)[args[0]] = p
	ts.Defer(func() { _ = p.cmd.Process.Kill(); _, _ = p.cmd.Process.Wait() })
	line, err := p.out.ReadString('\n')
	if err != nil {
		_ = p.cmd.Wait()
		ts.Fatalf("serve is not ready: %v\n%s", err, p.text())
	}
	var said ready
	ts.Check(json.Unmarshal([]byte(line), &said))
	addresses(ts, said.Addresses)
}

func addresses(ts *testscript.TestScript, a config.Addresses) {
	ts.Setenv("HTTP", a.HTTP)
	for partner, address := range a.MLLP {
		ts.Setenv("MLLP_"+partner, address)
	}
}

func cmdHup(ts *testscript.TestScript, _ bool, args []string) {
	p := processes(ts)[args[0]]
	before := len(p.text())
	ts.Check(p.cmd.Process.Signal(syscall.SIGHUP))
	await(ts, "the log says "+args[1], func() bool { return strings.Contains(p.text()[before:], args[1]) })
	var said struct{ Addresses config.Addresses }
	for line := range strings.Lines(p.text()[before:]) {
		if json.Unmarshal([]byte(line), &said) == nil && said.Addresses.HTTP != "" {
			addresses(ts, said.Addresses)
		}
	}
}

func cmdStop(ts *testscript.TestScript, _ bool, args []string) {
	p := processes(ts)[args[0]]
	ts.Check(p.cmd.Process.Signal(syscall.SIGTERM))
	start := time.Now()
	if err := p.cmd.Wait(); err != nil {
		ts.Fatalf("serve ended with %v\n%s", err, p.text())
	}
	if took := time.Since(start); took > config.DrainTime+time.Second {
		ts.Fatalf("draining took %s", took)
	}
}

func cmdKill(ts *testscript.TestScript, _ bool, args []string) {
	p := processes(ts)[args[0]]
	ts.Check(p.cmd.Process.Kill())
	_ = p.cmd.Wait()
}

func cmdLog(ts *testscript.TestScript, neg bool, args []string) {
	text := processes(ts)[args[0]].text()
	for _, want := range args[1:] {
		if strings.Contains(text, want) == neg {
			ts.Fatalf("the log says %q: %v\n%s", want, !neg, text)
		}
	}
}

type server struct {
	mu     sync.Mutex
	bodies []string
}

func cmdServer(ts *testscript.TestScript, _ bool, args []string) {
	s := &server{}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.bodies = append(s.bodies, r.Method+" "+r.URL.Path+" "+r.Header.Get("Idempotency-Key")+" "+string(body))
		s.mu.Unlock()
		w.Header().Set("Content-Type", "application/fhir+json")
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, `{"resourceType":"CapabilityStatement","status":"active","kind":"instance","fhirVersion":"4.0.1"}`)
			return
		}
		_, _ = io.WriteString(w, `{"resourceType":"Bundle","type":"transaction-response"}`)
	}))
	ts.Defer(web.Close)
	ts.Value("servers").(map[string]*server)[args[0]] = s
	ts.Setenv(args[0], web.URL)
}

// posted returns the requests that hold a text.
func posted(ts *testscript.TestScript, name, text string) (some []string) {
	s := ts.Value("servers").(map[string]*server)[name]
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.bodies {
		if strings.HasPrefix(b, "POST") && strings.Contains(b, text) {
			some = append(some, b)
		}
	}
	return some
}

func cmdRepeats(ts *testscript.TestScript, _ bool, args []string) {
	cmdReceived(ts, false, args)
	if different := slices.Compact(posted(ts, args[0], args[2])); len(different) != 1 {
		ts.Fatalf("%d different requests hold %q", len(different), args[2])
	}
}

func cmdReached(ts *testscript.TestScript, _ bool, args []string) {
	await(ts, args[0], func() bool { return os.Remove(ts.MkAbs(args[0])) == nil })
}

func cmdReceived(ts *testscript.TestScript, _ bool, args []string) {
	count := func() int { return len(posted(ts, args[0], args[2])) }
	if args[1] == "0" { // nothing more can come: the script made sure before
		if n := count(); n > 0 {
			ts.Fatalf("%d bodies hold %q", n, args[2])
		}
		return
	}
	await(ts, args[1]+" bodies that hold "+args[2], func() bool { return itoa(count()) == args[1] })
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

func cmdFlow(ts *testscript.TestScript, _ bool, args []string) {
	payload, err := os.ReadFile(filepath.Join(ts.Getenv("FLOWS"), args[0]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), demo.Shift(payload, time.Now()), 0o600))
}

func cmdGet(ts *testscript.TestScript, neg bool, args []string) {
	answer, err := http.Get(args[0])
	ts.Check(err)
	answer.Body.Close()
	if (answer.StatusCode == http.StatusOK) == neg {
		ts.Fatalf("%s answers %d", args[0], answer.StatusCode)
	}
}

func cmdExits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
		code = ended.ExitCode()
	}
	if itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func cmdEventually(ts *testscript.TestScript, _ bool, args []string) {
	want, command := args[0], args[1:]
	binary, err := exec.LookPath(command[0])
	ts.Check(err)
	await(ts, strings.Join(command, " ")+" says "+want, func() bool {
		cmd := exec.CommandContext(context.Background(), binary, command[1:]...)
		cmd.Dir = ts.Getenv("WORK")
		out, _ := cmd.Output() // not found yet is not an error yet
		return strings.Contains(string(out), want)
	})
	ts.Check(ts.Exec(command[0], command[1:]...)) // for stdout and stderr of the script
}

func await(ts *testscript.TestScript, what string, done func() bool) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if done() {
			return
		}
	}
	ts.Fatalf("waited %s in vain: %s", patience, what)
}
