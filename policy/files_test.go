package policy

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// builtIn reads the built-in law with the committed cases.
func builtIn(t *testing.T) Files {
	t.Helper()
	files, err := ReadFiles(Bundles())
	if err != nil {
		t.Fatal(err)
	}
	cases := Files{}
	if err := cases.read(os.DirFS("../testdata"), "consent"); err != nil {
		t.Fatal(err)
	}
	for name, text := range cases {
		files[strings.Replace(name, "consent/", CasesFolder+"/", 1)] = text
	}
	return files
}

func TestGoldenCasesRunBeforeActivation(t *testing.T) {
	t.Parallel()
	files := builtIn(t)
	found, err := files.Test(t.Context(), []string{"us", "us-il", "us-nj"}, Limits{})
	if err != nil || found.Err() != nil || found.Cases < 90 || found.Tests < 25 {
		t.Fatalf("%+v, %v, %v", found, err, found.Err())
	}
	some, err := files.Test(t.Context(), []string{"us", "us-nj"}, Limits{})
	if err != nil || some.Err() != nil || some.Cases >= found.Cases || some.Skipped <= found.Skipped {
		t.Fatalf("without Illinois: %+v, %v", some, err)
	}
	changed := maps.Clone(files)
	changed["cases/break-glass.yaml"] = []byte(strings.Replace(string(files["cases/break-glass.yaml"]), "permit-with-redaction", "deny", 1))
	_, err = changed.Load(t.Context(), []string{"us", "us-il", "us-nj"}, Limits{})
	if err == nil || !strings.Contains(err.Error(), "cases/break-glass.yaml: the decision is permit-with-redaction, the case says deny") {
		t.Errorf("a case that does not hold: %v", err)
	}
}

func TestPackedLawComesBack(t *testing.T) {
	t.Parallel()
	files := builtIn(t)
	packed, err := files.Pack()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Unpack(packed)
	if err != nil || cmp.Diff(files, back) != "" || back.Hash() != files.Hash() {
		t.Errorf("what was packed does not come back: %v", err)
	}
	if _, err := Unpack(packed[:len(packed)/2]); err == nil {
		t.Error("half an archive was read")
	}
	bad, err := Files{"../us/data.yaml": nil}.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Unpack(bad); err == nil {
		t.Error("a path that leads out was read")
	}
}

func TestABundleReplacesOneOfItsName(t *testing.T) {
	t.Parallel()
	over := Files{"us/b": []byte("2"), "cases/x": []byte("2")}.Over(Files{"us/a": []byte("1"), "us-il/a": []byte("1"), "cases/x": []byte("1"), "cases/y": []byte("1")})
	want := Files{"us/b": []byte("2"), "us-il/a": []byte("1"), "cases/x": []byte("2"), "cases/y": []byte("1")}
	if diff := cmp.Diff(want, over); diff != "" {
		t.Error(diff)
	}
}

// pair makes a key pair in the forms that Sign and NewVerifier read.
func pair(t *testing.T, private, public any) (signing, verifying []byte) {
	t.Helper()
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	open, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: open})
}

func ecPair(t *testing.T) (signing, verifying []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pair(t, key, key.Public())
}

func sign(t *testing.T, files Files, key []byte) Files {
	t.Helper()
	out := maps.Clone(files)
	for _, folder := range files.Folders() {
		name, content, err := Sign(files, folder, key)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = content
	}
	return out
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	secret, public := ecPair(t)
	_, other := ecPair(t)
	law := builtIn(t).Only("us-nj", "us-il")
	signed := sign(t, law, secret)
	changes := map[string]struct {
		change func(Files)
		key    []byte
		want   string
	}{
		"as signed":    {func(Files) {}, public, ""},
		"other key":    {func(Files) {}, other, "not one of the configured key"},
		"not signed":   {func(f Files) { delete(f, "us-nj/.signatures.json") }, public, "us-nj/.signatures.json: the folder is not signed"},
		"one byte":     {func(f Files) { f["us-nj/data.yaml"] = append([]byte("#"), f["us-nj/data.yaml"]...) }, public, "us-nj/data.yaml is not as it was signed"},
		"a file more":  {func(f Files) { f["us-nj/more.rego"] = []byte("package x") }, public, "us-nj/more.rego is not as it was signed"},
		"a file less":  {func(f Files) { delete(f, "us-nj/nj_test.rego") }, public, "us-nj/nj_test.rego was signed and is missing"},
		"another name": {func(f Files) { rename(f, "us-nj", "us-ny") }, public, "is not as it was signed"},
		"swapped":      {func(f Files) { rename(f, "us-nj", "us-il") }, public, "is not as it was signed"},
		"no signature": {func(f Files) { f["us-nj/.signatures.json"] = []byte(`{"signatures":[]}`) }, public, "not one of the configured key"},
		"unreadable":   {func(f Files) { f["us-nj/.signatures.json"] = []byte(`{`) }, public, "not readable"},
		"own verifier": {func(f Files) {
			f["us-nj/.signatures.json"] = []byte(strings.Replace(string(f["us-nj/.signatures.json"]), "{", `{"plugin":"mine",`, 1))
		}, public, ""},
	}
	for name, c := range changes {
		files := maps.Clone(signed)
		c.change(files)
		verifier, err := NewVerifier(c.key)
		if err != nil {
			t.Fatal(err)
		}
		err = verifier.Verify(files)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func rename(f Files, from, to string) {
	for _, name := range f.in(to) {
		delete(f, to+"/"+name)
	}
	for _, name := range f.in(from) {
		f[to+"/"+name] = f[from+"/"+name]
		delete(f, from+"/"+name)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	law := builtIn(t).Only("us-nj")
	for name, keys := range map[string][2]any{"RSA": {rsaKey, rsaKey.Public()}, "Ed25519": {private, public}} {
		secret, open := pair(t, keys[0], keys[1])
		verifier, err := NewVerifier(open)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(sign(t, law, secret)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := NewVerifier(secret); err == nil {
			t.Errorf("%s: a private key was taken for a public one", name)
		}
	}
	if _, err := NewVerifier([]byte("a shared secret")); err == nil {
		t.Error("a shared secret was taken for a public key")
	}
}

func TestASignatureDoesNotChangeTheRevision(t *testing.T) {
	t.Parallel()
	secret, _ := ecPair(t)
	law := builtIn(t)
	delete(law, "cases/cases.go")
	plain, err := readSource(law, []string{"us-nj"})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := readSource(sign(t, law, secret), []string{"us-nj"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plain.revisions, signed.revisions); diff != "" {
		t.Error(diff)
	}
}

func TestThePageListsWhatLawMayUse(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/law.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range pure {
		if !strings.HasPrefix(name, "internal.") && !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("%s is not listed", name)
		}
	}
}
