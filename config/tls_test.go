package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certify writes a self-signed certificate for 127.0.0.1 and returns who trusts it.
func (s site) certify(name string) *x509.CertPool {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		s.t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	s.write(name+".pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	s.write(name+".key", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return pool
}

func handshake(address string, trust *x509.CertPool) error {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", address, &tls.Config{RootCAs: trust})
	if err != nil {
		return err
	}
	return conn.Close()
}

func TestTLSListeners(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	trust := s.certify("own")
	for file, change := range map[string][2]string{
		"caregate.yaml":     {"http: 127.0.0.1:0", "http: 127.0.0.1:0\n  tls: {certificate: own.pem, key: own.key}"},
		"partners/cmo.yaml": {"listen: 127.0.0.1:0", "listen: 127.0.0.1:0\n    tls: {certificate: own.pem, key: own.key}"},
	} {
		text, err := os.ReadFile(filepath.Join(s.dir, file))
		if err != nil {
			t.Fatal(err)
		}
		s.write(file, strings.Replace(string(text), change[0], change[1], 1))
	}
	app, err := Build(t.Context(), s.load(), BuildOptions{DataDir: t.TempDir(), Writer: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	if err := app.Listen(); err != nil {
		t.Fatal(err)
	}
	app.listeners.serve(app.options.Log)
	defer func() { app.listeners.stop() }()
	both := func(pool *x509.CertPool) [2]error {
		a := app.Addresses()
		return [2]error{handshake(a.HTTP, pool), handshake(a.MLLP["cmo"], pool)}
	}
	if errs := both(trust); errs != [2]error{} {
		t.Errorf("not trusted: %v", errs)
	}

	// A renewed certificate in the same files takes effect by a reload.
	renewed := s.certify("own")
	if err := app.Reload(t.Context(), s.load()); err != nil {
		t.Fatal(err)
	}
	app.listeners.serve(app.options.Log)
	if errs := both(renewed); errs != [2]error{} {
		t.Errorf("the renewed certificate is not shown: %v", errs)
	}
	if errs := both(trust); errs[0] == nil || errs[1] == nil {
		t.Errorf("the old certificate is still shown: %v", errs)
	}
}

// Beyond this machine encryption is not enough: whoever connects would be the partner.
func TestListenerThatProvesNobodyIsAProblem(t *testing.T) {
	t.Parallel()
	const open = "listen: 0.0.0.0:0\n    tls: {certificate: own.pem, key: own.key"
	cases := map[string]struct {
		listen  string
		problem bool
	}{
		"certificate of the partner": {open + ", clientCA: own.pem}\n    certificates: [cmo.example.org]", false},
		"loopback":                   {"listen: 127.0.0.1:0\n    tls: {certificate: own.pem, key: own.key}", false},
		"no client certificate":      {open + "}", true},
		"any certificate of the CA":  {open + ", clientCA: own.pem}", true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.certify("own")
			text, err := os.ReadFile(filepath.Join(s.dir, "partners/cmo.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			s.write("partners/cmo.yaml", strings.Replace(string(text), "listen: 127.0.0.1:0", c.listen, 1))
			if _, problems := Load(s.dir, s.env); (len(problems) > 0) != c.problem {
				t.Errorf("problems: %v", problems)
			}
		})
	}
}
