package consent

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"caregate/config"
	"caregate/prove/proof"
)

// office is a gateway whose law comes from a signed directory, among its simulated partners.
type office struct {
	t    *testing.T
	app  *config.App
	town *proof.Town
	at   *proof.Served // where partners reach it
	dir  string        // of the configuration
	env  map[string]string
}

const officeLaw = `
lawFrom:
  path: law
  key: law.pem
  poll: 1h # the proof says when
`

// newOffice starts a gateway under law that closes one clinic.
func newOffice(t *testing.T, closed string) *office {
	t.Helper()
	o := &office{t: t, town: proof.NewTown(t), dir: proof.WriteConfig(t)}
	o.env = o.town.Environment()
	name := filepath.Join(o.dir, "caregate.yaml")
	site, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	o.write(name, strings.Replace(string(site), "law: [us, us-il]", "law: [us, us-il, us-xx, local]"+officeLaw, 1))
	o.keys()
	o.state(closed, "")
	if o.app, err = config.Build(t.Context(), o.load(), config.BuildOptions{DataDir: t.TempDir(), Writer: "proof", Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	if err := o.app.Listen(); err != nil {
		t.Fatal(err)
	}
	o.at = &proof.Served{T: t, Addresses: o.app.Addresses()}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- o.app.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the gateway ended with %v", err)
		}
	})
	return o
}

func (o *office) load() config.Config {
	o.t.Helper()
	c, problems := config.Load(o.dir, func(name string) (string, bool) { v, ok := o.env[name]; return v, ok })
	if err := problems.Err(); err != nil {
		o.t.Fatal(err)
	}
	return c
}

func (o *office) write(name, text string) {
	o.t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(text), 0o600)); err != nil {
		o.t.Fatal(err)
	}
}

// keys makes the pair that signs the law of this office.
func (o *office) keys() {
	o.t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		o.t.Fatal(err)
	}
	secret, err1 := x509.MarshalPKCS8PrivateKey(private)
	open, err2 := x509.MarshalPKIXPublicKey(public)
	if err := errors.Join(err1, err2); err != nil {
		o.t.Fatal(err)
	}
	o.write(filepath.Join(o.dir, "private.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
	o.write(filepath.Join(o.dir, "law.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: open})))
}

// state writes and signs the law on disk: one clinic closed, and the case of ../../testdata/law
// laid over the sound law of another state, "" for none.
func (o *office) state(closed, broken string) {
	o.t.Helper()
	law := filepath.Join(o.dir, "law")
	if err := os.RemoveAll(law); err != nil {
		o.t.Fatal(err)
	}
	o.unpack(filepath.Join("testdata", "local.txtar"), "local/", closed)
	o.unpack(filepath.Join(lawCases, "valid.txtar"), "", closed)
	if broken != "" {
		o.unpack(broken, "", closed)
	}
	if _, err := config.SignLaw(law, filepath.Join(o.dir, "private.pem")); err != nil {
		o.t.Fatal(err)
	}
}

const lawCases = "../../testdata/law"

func (o *office) unpack(archive, below, closed string) {
	o.t.Helper()
	parsed, err := txtar.ParseFile(archive)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, f := range parsed.Files {
		switch f.Name {
		case "problems":
		case "remove":
			for name := range strings.FieldsSeq(string(f.Data)) {
				if err := os.Remove(filepath.Join(o.dir, "law", name)); err != nil {
					o.t.Fatal(err)
				}
			}
		default:
			o.write(filepath.Join(o.dir, "law", below+f.Name), strings.ReplaceAll(string(f.Data), "CLOSED", closed))
		}
	}
}
