package house

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"caregate/config"
	"caregate/demo"
	"caregate/prove/proof"
)

// full says that every proof runs at full size, as make prove does.
var full = proof.Full()

// built is the binary under proof, built once per run of the tests.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "caregate-prove-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "caregate")
	if out, err := exec.Command("go", "build", "-o", path, "../../cmd/caregate").CombinedOutput(); err != nil {
		return dir, fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := built(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// binary returns the path of caregate, built from this tree.
func binary(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatalf("caregate does not build: %v", err)
	}
	return path
}

// figure prints one figure of this topic.
func figure(t *testing.T, point int, name string, inputs int, pairs ...any) {
	t.Helper()
	proof.Figure(t, "house", point, name, inputs, pairs...)
}

// writeConfig writes the demo's configuration into a new folder, and over it the files of
// each testdata/NAME.txtar.
func writeConfig(t *testing.T, overlays ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "config")
	if err := demo.WriteConfig(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range overlays {
		archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			path := filepath.Join(dir, filepath.FromSlash(f.Name))
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, f.Data, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// served is caregate serve as a process of its own.
type served struct {
	t              *testing.T
	program        string // "" for the binary under proof
	config, data   string
	env            []string
	args           []string // further flags of serve
	hooks          string   // file of the test hooks; "" without
	stdout, stderr string   // files; what every start printed, one after the other
	addresses      config.Addresses
	cmd            *exec.Cmd
	ended          chan struct{}
	err            error // of the last end
}

// newServed prepares a gateway; start starts it. hooked gives it a file of test hooks.
func newServed(t *testing.T, configDir string, env map[string]string, hooked bool, args ...string) *served {
	t.Helper()
	dir := t.TempDir()
	s := &served{
		t: t, config: configDir, data: filepath.Join(dir, "data"), env: os.Environ(), args: args,
		stdout: filepath.Join(dir, "stdout"), stderr: filepath.Join(dir, "stderr"),
	}
	for name, value := range env {
		s.env = append(s.env, name+"="+value)
	}
	if hooked {
		s.hooks = filepath.Join(dir, "hooks.json")
		s.hook(`{}`)
	}
	t.Cleanup(func() { s.kill() })
	return s
}

// start starts it, or starts it again on the same data, and waits until it is ready.
func (s *served) start() {
	s.t.Helper()
	s.awaitReady(s.launch())
}

// launch starts it and does not wait; it returns how much earlier starts have printed.
func (s *served) launch() (before int64) {
	s.t.Helper()
	args := append([]string{"serve", "--config", s.config, "--data", s.data}, s.args...)
	if s.hooks != "" {
		args = append(args, "--test-hooks", s.hooks)
	}
	stdout, stderr := s.logFile(s.stdout), s.logFile(s.stderr)
	defer stdout.Close()
	defer stderr.Close()
	before, err := stdout.Seek(0, 2)
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd = exec.Command(cmp.Or(s.program, binary(s.t)), args...)
	s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = s.env, stdout, stderr
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		s.err = cmd.Wait()
		close(ended)
	}(s.cmd, s.ended)
	return before
}

func (s *served) logFile(name string) *os.File {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	return f
}

// awaitReady reads the addresses from the ready line, the first that this start prints.
func (s *served) awaitReady(before int64) {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		out, err := os.ReadFile(s.stdout)
		if err != nil {
			s.t.Fatal(err)
		}
		line, _, whole := bytes.Cut(out[before:], []byte("\n"))
		if whole {
			var ready struct {
				Ready bool `json:"ready"`
				config.Addresses
			}
			if err := json.Unmarshal(line, &ready); err != nil || !ready.Ready {
				s.t.Fatalf("no ready line but %q", line)
			}
			s.addresses = ready.Addresses
			return
		}
		select {
		case <-s.ended:
			s.t.Fatalf("serve ended before it was ready: %v\n%s", s.err, s.log())
		default:
		}
	}
	s.t.Fatalf("serve was not ready within 30 s\n%s", s.log())
}

// log is the end of what it wrote to stderr.
func (s *served) log() string {
	text, _ := os.ReadFile(s.stderr)
	return string(text[max(0, len(text)-8000):])
}

// stop ends it by SIGTERM and waits; it must drain and end with exit 0.
func (s *served) stop() {
	s.t.Helper()
	s.signal(syscall.SIGTERM, 20*time.Second)
	if s.err != nil {
		s.t.Errorf("serve did not end in order: %v\n%s", s.err, s.log())
	}
}

// kill ends it by SIGKILL; it does nothing to one that has ended.
func (s *served) kill() {
	s.t.Helper()
	s.signal(syscall.SIGKILL, 20*time.Second)
}

func (s *served) signal(sig os.Signal, patience time.Duration) {
	s.t.Helper()
	if s.cmd == nil {
		return
	}
	select {
	case <-s.ended:
		return
	default:
	}
	_ = s.cmd.Process.Signal(sig)
	select {
	case <-s.ended:
	case <-time.After(patience):
		s.t.Errorf("serve did not end within %s of %v\n%s", patience, sig, s.log())
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
}

// hook replaces the file of the test hooks in one step; it is in force within 50 ms.
func (s *served) hook(settings string) {
	s.t.Helper()
	if err := errors.Join(os.WriteFile(s.hooks+".new", []byte(settings), 0o600), os.Rename(s.hooks+".new", s.hooks)); err != nil {
		s.t.Fatal(err)
	}
}

// fhir is the base address of its FHIR endpoint.
func (s *served) fhir() string { return "http://" + s.addresses.HTTP + "/fhir" }

// run runs another caregate command; where place is true with this configuration and data.
func (s *served) run(place bool, args ...string) (stdout, stderr string, exit int) {
	s.t.Helper()
	if place {
		args = append(args, "--config", s.config, "--data", s.data)
	}
	cmd := exec.Command(binary(s.t), args...)
	var out, errs strings.Builder
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env, &out, &errs
	err := cmd.Run()
	if failed := (*exec.ExitError)(nil); err != nil && !errors.As(err, &failed) {
		s.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}
