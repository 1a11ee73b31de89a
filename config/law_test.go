package config

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"caregate/ledger"
)

// lawSite is a site whose law comes from a directory, looked at often.
func lawSite(t *testing.T) site {
	t.Helper()
	s := newSite(t)
	parsed, err := txtar.ParseFile("../testdata/law/valid.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range parsed.Files {
		s.law(f.Name, string(f.Data))
	}
	text, err := os.ReadFile(filepath.Join(s.dir, SiteFile))
	if err != nil {
		t.Fatal(err)
	}
	s.write(SiteFile, strings.Replace(string(text), "law: [us, us-il]", "law: [us, us-il, us-xx]\nlawFrom: {path: law, poll: 100ms}", 1))
	return s
}

func (s site) law(name, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(filepath.Join(s.dir, "law", name)), 0o700); err != nil {
		s.t.Fatal(err)
	}
	s.write(filepath.Join("law", name), text)
}

const manifest = `{"revision": "REVISION", "roots": ["caregate"]}`

func TestLawIsWatched(t *testing.T) {
	t.Parallel()
	s := lawSite(t)
	app := s.running()
	revision := func() string { return app.Law().Revision["us-xx"] }
	if !strings.HasPrefix(revision(), "2026.12.1+") {
		t.Fatalf("the law of the directory does not decide: %v", app.Law())
	}
	s.law("us-xx/.manifest", strings.Replace(manifest, "REVISION", "2026.12.2", 1))
	waitFor(t, "the change", func() bool { return strings.HasPrefix(revision(), "2026.12.2+") })

	s.law("us-xx/xx.rego", "package caregate.law\n\nfinding contains if")
	waitFor(t, "the refusal", func() bool { return app.Law().Refused != "" })
	waitFor(t, "the work item", func() bool {
		items, err := app.Gateway().Work(t.Context(), ledger.WorkOpen)
		return err == nil && len(items) == 1 && items[0].Kind == workLawRefused && strings.Contains(items[0].Remedy, "us-xx/xx.rego:3")
	})
	if !strings.HasPrefix(revision(), "2026.12.2+") || app.Gateway().Law().Revision()["us-xx"] != revision() || get(app.Addresses().HTTP, "/readyz") != 200 {
		t.Errorf("broken law decides: %v", app.Law())
	}

	// A reload of the configuration goes on with the law that decides.
	s.write("partners/cmo.yaml", "name: Renamed\n"+s.read("partners/cmo.yaml")[len("name: Care organisation\n"):])
	if err := app.Reload(t.Context(), s.load()); err != nil || !strings.HasPrefix(revision(), "2026.12.2+") {
		t.Errorf("broken law keeps the configuration from being reloaded: %v", err)
	}

	s.law("us-xx/xx.rego", "package caregate.law\n")
	s.law("us-xx/xx_test.rego", "package caregate.us_xx_test\n\ntest_nothing_more if 1 == 1\n")
	waitFor(t, "the repair", func() bool { return app.Law().Refused == "" })
	waitFor(t, "an empty work list", func() bool {
		items, err := app.Gateway().Work(t.Context(), ledger.WorkOpen)
		return err == nil && len(items) == 0
	})
}

func (s site) read(file string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, file))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// TestAStartUnderBrokenLaw: the law that was last activated decides; without one nothing starts.
func TestAStartUnderBrokenLaw(t *testing.T) {
	t.Parallel()
	s := lawSite(t)
	data := t.TempDir()
	start := func(dir string) (*App, error) {
		return Build(context.Background(), s.load(), BuildOptions{DataDir: dir, Writer: "test", Log: slog.New(slog.DiscardHandler)})
	}
	app, err := start(data)
	if err != nil {
		t.Fatal(err)
	}
	sound := app.Law().Revision
	if err := app.Close(); err != nil {
		t.Fatal(err)
	}
	s.law("us-xx/xx.rego", "package caregate.law\n\nfinding contains if")
	if app, err := start(t.TempDir()); err == nil {
		t.Error("started under broken law")
		_ = app.Close()
	}
	if app, err = start(data); err != nil {
		t.Fatalf("the law that was last activated does not decide: %v", err)
	}
	defer app.Close()
	if now := app.Law(); now.Refused == "" || now.Revision["us-xx"] != sound["us-xx"] || app.Gateway().Law().Revision()["us-xx"] != sound["us-xx"] {
		t.Errorf("law %v, before %v", now, sound)
	}
}

func TestKeptLawIsNamedSafely(t *testing.T) {
	t.Parallel()
	app := &App{options: BuildOptions{DataDir: t.TempDir()}}
	for _, name := range []string{"../us", "us/x", "", ".us", "us@1"} {
		if _, err := app.keptFile(name, "1"); err == nil {
			t.Errorf("%q names a kept bundle", name)
		}
	}
	if _, err := app.keptFile("us-il", "2026.11.1+0123456789ab"); err != nil {
		t.Error(err)
	}
}

// TestAKeyThatIsAdded: law that nobody had to sign is tried again under a key, and again without.
func TestAKeyThatIsAdded(t *testing.T) {
	t.Parallel()
	s := lawSite(t)
	app := s.running()
	if app.Law().Refused != "" {
		t.Fatal(app.Law().Refused)
	}
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	s.write("law.pub", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	open := s.read(SiteFile)
	s.write(SiteFile, strings.Replace(open, "poll: 100ms}", "poll: 100ms, key: law.pub}", 1))
	if err := app.Reload(t.Context(), s.load()); err != nil {
		t.Fatal(err)
	}
	if app.Law().Refused == "" {
		t.Error("unsigned law is not tried under the key that was added")
	}
	s.write(SiteFile, open)
	if err := app.Reload(t.Context(), s.load()); err != nil || app.Law().Refused != "" {
		t.Errorf("%v, refused %q", err, app.Law().Refused)
	}
}
