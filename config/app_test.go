package config

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a configuration directory that a test changes.
type site struct {
	t   *testing.T
	dir string
	env Lookup
}

func newSite(t *testing.T) site {
	t.Helper()
	dir, env, _ := overlay(t, "valid.txtar")
	return site{t, dir, env}
}

func (s site) write(file, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, file), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s site) load() Config {
	s.t.Helper()
	c, problems := Load(s.dir, s.env)
	if err := problems.Err(); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// running starts an App that ends with the test.
func (s site) running() *App {
	s.t.Helper()
	app, err := Build(s.t.Context(), s.load(), BuildOptions{DataDir: s.t.TempDir(), Writer: "test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := app.Listen(); err != nil {
		s.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	s.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			s.t.Errorf("run ended with %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	waitFor(s.t, "health", func() bool { return get(app.Addresses().HTTP, "/healthz") == http.StatusOK })
	return app
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("waited in vain: %s", what)
}

func get(address, path string) int {
	answer, err := http.Get("http://" + address + path)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode
}

func reachable(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

const extraPartner = `organization: {reference: Organization/extra}
endpoints: {mllp: {listen: "%s", connect: "127.0.0.1:9009", enhanced: %v}}
`

func TestReload(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	app := s.running()
	before := app.Addresses()
	gateway := app.Gateway()

	s.write("partners/extra.yaml", fmt.Sprintf(extraPartner, "127.0.0.1:0", false))
	if err := app.Reload(t.Context(), s.load()); err != nil {
		t.Fatal(err)
	}
	joined := app.Addresses()
	if !reachable(joined.MLLP["extra"]) {
		t.Error("the new partner cannot connect")
	}
	if joined.HTTP != before.HTTP || joined.MLLP["cmo"] != before.MLLP["cmo"] {
		t.Errorf("listeners that did not change have moved: %v, then %v", before, joined)
	}
	if app.Gateway() == gateway {
		t.Error("the old pipeline is still in force")
	}
	if get(joined.HTTP, "/readyz") != http.StatusOK {
		t.Error("not ready after the reload")
	}

	// A changed listener is made anew at the same address.
	s.write("partners/extra.yaml", fmt.Sprintf(extraPartner, joined.MLLP["extra"], true))
	if err := app.Reload(t.Context(), s.load()); err != nil {
		t.Fatal(err)
	}
	if !reachable(joined.MLLP["extra"]) {
		t.Error("the changed listener is gone")
	}

	if err := os.Remove(filepath.Join(s.dir, "partners/extra.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := app.Reload(t.Context(), s.load()); err != nil {
		t.Fatal(err)
	}
	if reachable(joined.MLLP["extra"]) {
		t.Error("the removed partner can still connect")
	}
}

func TestReloadThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	app := s.running()
	before, gateway := app.Addresses(), app.Gateway()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cmo, err := os.ReadFile(filepath.Join(s.dir, "partners/cmo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("partners/cmo.yaml", strings.Replace(string(cmo), "listen: 127.0.0.1:0", "enhanced: true\n    listen: "+before.MLLP["cmo"], 1))
	s.write("partners/other.yaml", fmt.Sprintf(extraPartner, "127.0.0.1:0", false))
	s.write("partners/extra.yaml", fmt.Sprintf(extraPartner, taken.Addr(), false))
	if err := app.Reload(t.Context(), s.load()); err == nil {
		t.Fatal("an address that is taken was not noticed")
	}
	if app.Gateway() != gateway {
		t.Error("the configuration that failed is in force")
	}
	after := app.Addresses()
	if len(after.MLLP) != len(before.MLLP) || !reachable(after.MLLP["cmo"]) || get(after.HTTP, "/readyz") != http.StatusOK {
		t.Errorf("the old listeners do not stand: %v, then %v", before, after)
	}
}

func TestHTTPNeedsACredential(t *testing.T) {
	t.Parallel()
	app := newSite(t).running()
	for token, want := range map[string]int{"": http.StatusUnauthorized, "wrong": http.StatusUnauthorized, "synthetic-cmo": http.StatusBadRequest} {
		request, err := http.NewRequest(http.MethodPost, "http://"+app.Addresses().HTTP+"/fhir", strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/fhir+json")
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("token %q: %d, want %d", token, answer.StatusCode, want)
		}
	}
}

// TestConsultationsAreServed: the service is listed for everybody and answers a credential; a
// partner without FHIR and so without a credential has none.
func TestConsultationsAreServed(t *testing.T) {
	t.Parallel()
	app := newSite(t).running()
	if status := get(app.Addresses().HTTP, "/cds-services"); status != http.StatusOK {
		t.Errorf("discovery: %d", status)
	}
	body := `{"hook":"patient-consent-consult","hookInstance":"1","context":{"patientId":[{"system":"urn:x","value":"1"}]}}`
	for token, want := range map[string]int{"": http.StatusUnauthorized, "wrong": http.StatusUnauthorized, "synthetic-cmo": http.StatusOK} {
		request, err := http.NewRequest(http.MethodPost, "http://"+app.Addresses().HTTP+"/cds-services/patient-consent-consult", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+token)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != want || want == http.StatusOK && !strings.Contains(string(text), `"cards"`) {
			t.Errorf("token %q: %d %s", token, answer.StatusCode, text)
		}
	}
}

func TestDevelopmentKey(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, key := range map[string][]byte{"none": nil, "given": []byte(strings.Repeat("k", 32))} {
		app, err := Open(t.Context(), s.load(), BuildOptions{DataDir: t.TempDir(), Key: key, Writer: "test"})
		if err != nil {
			t.Fatal(err)
		}
		if app.DevelopmentKey() != (key == nil) {
			t.Errorf("key %s: development key %v", name, app.DevelopmentKey())
		}
		if err := app.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestHooksAreRefusedBeyondLoopback(t *testing.T) {
	t.Parallel()
	for archive, refused := range map[string]bool{"valid.txtar": false, "plaintext-allowed.txtar": true} {
		dir, env, _ := overlay(t, archive)
		hooks := filepath.Join(t.TempDir(), "hooks.json")
		if err := os.WriteFile(hooks, []byte(`{"plaintext": true}`), 0o600); err != nil {
			t.Fatal(err)
		}
		c, problems := Load(dir, env)
		if err := problems.Err(); err != nil {
			t.Fatal(err)
		}
		app, err := Build(t.Context(), c, BuildOptions{DataDir: t.TempDir(), TestHooks: hooks, Writer: "test"})
		if (err != nil) != refused {
			t.Errorf("%s: %v, refused must be %v", archive, err, refused)
		}
		if app != nil {
			_ = app.Close()
		}
	}
}
