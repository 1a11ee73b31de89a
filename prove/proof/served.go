package proof

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
)

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

// Main runs the tests of a package, and takes the binary under proof away afterwards.
func Main(m *testing.M) {
	code := m.Run()
	if path, err := built(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// Binary returns the path of caregate, built from this tree.
func Binary(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatalf("caregate does not build: %v", err)
	}
	return path
}

// WriteConfig writes the demo's configuration into a new folder, and over it the files of
// each testdata/NAME.txtar.
func WriteConfig(t *testing.T, overlays ...string) string {
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

// Edit replaces a piece of a configuration file, as a person with an editor would.
func Edit(t *testing.T, dir, file, old, new string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(file))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		t.Fatalf("%s holds no %q", file, old)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), old, new)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Served is caregate serve as a process of its own.
type Served struct {
	T              *testing.T
	Program        string // "" for the binary under proof
	Config, Data   string
	Env            []string
	Stdout, Stderr string // files; what every start printed, one after the other
	Hooks          string // file of the test hooks; "" without
	Addresses      config.Addresses
	Cmd            *exec.Cmd
	args           []string // further flags of serve
	ended          chan struct{}
	err            error // of the last end
}

// NewServed prepares a gateway; Start starts it. hooked gives it a file of test hooks.
func NewServed(t *testing.T, configDir string, env map[string]string, hooked bool, args ...string) *Served {
	t.Helper()
	dir := t.TempDir()
	s := &Served{
		T: t, Config: configDir, Data: filepath.Join(dir, "data"), Env: os.Environ(), args: args,
		Stdout: filepath.Join(dir, "stdout"), Stderr: filepath.Join(dir, "stderr"),
	}
	for name, value := range env {
		s.Env = append(s.Env, name+"="+value)
	}
	if hooked {
		s.Hooks = filepath.Join(dir, "hooks.json")
		s.Hook(`{}`)
	}
	t.Cleanup(func() { s.Kill() })
	return s
}

// Start starts it, or starts it again on the same data, and waits until it is ready.
func (s *Served) Start() {
	s.T.Helper()
	s.awaitReady(s.Launch())
}

// Launch starts it and does not wait; it returns how much earlier starts have printed.
func (s *Served) Launch() (before int64) {
	s.T.Helper()
	args := append([]string{"serve", "--config", s.Config, "--data", s.Data}, s.args...)
	if s.Hooks != "" {
		args = append(args, "--test-hooks", s.Hooks)
	}
	stdout, stderr := s.logFile(s.Stdout), s.logFile(s.Stderr)
	defer stdout.Close()
	defer stderr.Close()
	before, err := stdout.Seek(0, 2)
	if err != nil {
		s.T.Fatal(err)
	}
	s.Cmd = exec.Command(cmp.Or(s.Program, Binary(s.T)), args...)
	s.Cmd.Env, s.Cmd.Stdout, s.Cmd.Stderr = s.Env, stdout, stderr
	if err := s.Cmd.Start(); err != nil {
		s.T.Fatal(err)
	}
	s.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		s.err = cmd.Wait()
		close(ended)
	}(s.Cmd, s.ended)
	return before
}

func (s *Served) logFile(name string) *os.File {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		s.T.Fatal(err)
	}
	return f
}

// awaitReady reads the addresses from the ready line, the first that this start prints.
func (s *Served) awaitReady(before int64) {
	s.T.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		out, err := os.ReadFile(s.Stdout)
		if err != nil {
			s.T.Fatal(err)
		}
		line, _, whole := bytes.Cut(out[before:], []byte("\n"))
		if whole {
			var ready struct {
				Ready bool `json:"ready"`
				config.Addresses
			}
			if err := json.Unmarshal(line, &ready); err != nil || !ready.Ready {
				s.T.Fatalf("no ready line but %q", line)
			}
			s.Addresses = ready.Addresses
			return
		}
		select {
		case <-s.ended:
			s.T.Fatalf("serve ended before it was ready: %v\n%s", s.err, s.Log())
		default:
		}
	}
	s.T.Fatalf("serve was not ready within 30 s\n%s", s.Log())
}

// Log is the end of what it wrote to stderr.
func (s *Served) Log() string {
	text, _ := os.ReadFile(s.Stderr)
	return string(text[max(0, len(text)-8000):])
}

// Stop ends it by SIGTERM and waits; it must drain and end with exit 0.
func (s *Served) Stop() {
	s.T.Helper()
	s.Signal(syscall.SIGTERM, 20*time.Second)
	if s.err != nil {
		s.T.Errorf("serve did not end in order: %v\n%s", s.err, s.Log())
	}
}

// Kill ends it by SIGKILL; it does nothing to one that has ended.
func (s *Served) Kill() {
	s.T.Helper()
	s.Signal(syscall.SIGKILL, 20*time.Second)
}

// Signal sends a signal to it and waits for its end; it fails the test and kills it after patience.
func (s *Served) Signal(sig os.Signal, patience time.Duration) {
	s.T.Helper()
	if s.Cmd == nil {
		return
	}
	select {
	case <-s.ended:
		return
	default:
	}
	_ = s.Cmd.Process.Signal(sig)
	select {
	case <-s.ended:
	case <-time.After(patience):
		s.T.Errorf("serve did not end within %s of %v\n%s", patience, sig, s.Log())
		_ = s.Cmd.Process.Kill()
		<-s.ended
	}
}

// Hook replaces the file of the test hooks in one step; it is in force within 50 ms.
func (s *Served) Hook(settings string) {
	s.T.Helper()
	if err := errors.Join(os.WriteFile(s.Hooks+".new", []byte(settings), 0o600), os.Rename(s.Hooks+".new", s.Hooks)); err != nil {
		s.T.Fatal(err)
	}
}

// FHIR is the base address of its FHIR endpoint.
func (s *Served) FHIR() string { return "http://" + s.Addresses.HTTP + "/fhir" }

// Run runs another caregate command; where place is true with this configuration and data.
func (s *Served) Run(place bool, args ...string) (stdout, stderr string, exit int) {
	s.T.Helper()
	if place {
		args = append(args, "--config", s.Config, "--data", s.Data)
	}
	cmd := exec.Command(Binary(s.T), args...)
	var out, errs strings.Builder
	cmd.Env, cmd.Stdout, cmd.Stderr = s.Env, &out, &errs
	err := cmd.Run()
	if failed := (*exec.ExitError)(nil); err != nil && !errors.As(err, &failed) {
		s.T.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}
