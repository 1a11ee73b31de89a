package fhirrest_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"caregate/adapters"
	"caregate/adapters/fhirrest"
	"caregate/adapters/httpout"
)

// authority signs certificates for one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &authority{cert: cert, key: key, pool: pool}
}

func (a *authority) issue(t *testing.T, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: names, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestClientCertificate proves partners by the name in a verified certificate, and sends
// by our own Sender, which presents one.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	ours, foreign := newAuthority(t), newAuthority(t)
	var partner string
	receiver, err := fhirrest.New(fhirrest.Config{
		Address: "127.0.0.1:0",
		TLS:     &tls.Config{Certificates: []tls.Certificate{ours.issue(t, "localhost")}, ClientCAs: ours.pool},
		Credentials: fhirrest.Credentials{
			Names:  map[string]string{"clinic.example.org": "clinic", "school.example.org": "district"},
			Tokens: map[string]string{fhirrest.HashToken(token): "clinic"},
		},
	}, func(_ context.Context, in adapters.Inbound) adapters.Ack {
		partner = in.Partner
		return good
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- receiver.Serve(ctx) }()
	defer func() {
		cancel()
		<-ended
	}()
	_, port, _ := net.SplitHostPort(receiver.Addr().String())
	release := adapters.Release{ContentType: "application/fhir+json", Body: patientBundle("Zztest"), Key: "k"}
	send := func(bearer string, certificates ...tls.Certificate) error {
		partner = ""
		sender, err := fhirrest.NewSender(fhirrest.SenderConfig{Config: httpout.Config{
			URL: "https://localhost:" + port + "/fhir", AllowPrivate: true, Roots: ours.pool, Certificates: certificates, Bearer: bearer,
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = sender.Close() }()
		release.WriteBy = time.Now().Add(10 * time.Second)
		_, err = sender.Send(t.Context(), adapters.Permitted(release))
		return err
	}
	cases := []struct {
		name, bearer string
		certificates []tls.Certificate
		want         string // partner; "" for refused
	}{
		{"certificate", "", []tls.Certificate{ours.issue(t, "clinic.example.org")}, "clinic"},
		{"another certificate", "", []tls.Certificate{ours.issue(t, "school.example.org")}, "district"},
		{"token over TLS", token, nil, "clinic"},
		{"both, agreeing", token, []tls.Certificate{ours.issue(t, "clinic.example.org")}, "clinic"},
		{"both, disagreeing", token, []tls.Certificate{ours.issue(t, "school.example.org")}, ""},
		{"certificate of two partners", "", []tls.Certificate{ours.issue(t, "clinic.example.org", "school.example.org")}, ""},
		{"unregistered name", "", []tls.Certificate{ours.issue(t, "other.example.org")}, ""},
		{"foreign authority", "", []tls.Certificate{foreign.issue(t, "clinic.example.org")}, ""},
		{"nothing", "", nil, ""},
	}
	for _, c := range cases {
		err := send(c.bearer, c.certificates...)
		if (err == nil) != (c.want != "") || partner != c.want {
			t.Errorf("%s: partner %q, %v", c.name, partner, err)
		}
	}
}

// TestIdentityTravels holds that the message's identity reaches the destination in headers.
func TestIdentityTravels(t *testing.T) {
	t.Parallel()
	got := make(chan http.Header, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header
		w.Header().Set(fhirrest.MessageIDHeader, "m_theirs")
	}))
	defer server.Close()
	sender, err := fhirrest.NewSender(fhirrest.SenderConfig{Config: httpout.Config{URL: server.URL, AllowPrivate: true, Bearer: token}, Path: "/$process-message"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sender.Close() }()
	receipt, err := sender.Send(t.Context(), adapters.Permitted(adapters.Release{
		DeliveryID: "d_1", ContentType: "application/fhir+json", Body: []byte("{}"), Key: "key-1",
		Origin: adapters.Origin{Partner: "csa", ControlID: "MSG 1\r\nX-Evil: 1", Placer: "PL1"}, WriteBy: time.Now().Add(5 * time.Second),
	}))
	if err != nil || receipt.ControlID != "m_theirs" {
		t.Fatalf("%+v %v", receipt, err)
	}
	header := <-got
	for name, want := range map[string]string{
		fhirrest.KeyHeader: "key-1", fhirrest.OriginHeader: "csa/MSG 1%0D%0AX-Evil: 1", fhirrest.PlacerHeader: "PL1", "X-Request-Id": "d_1",
		"Authorization": "Bearer " + token, "X-Evil": "",
	} {
		if header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, header.Get(name), want)
		}
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	g := start(t, fhirrest.Config{}, good, nil)
	probe := func(url string) error {
		sender, err := fhirrest.NewSender(fhirrest.SenderConfig{Config: httpout.Config{URL: url, AllowPrivate: true, Bearer: token}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = sender.Close() }()
		return sender.Probe(t.Context())
	}
	if err := probe(g.url + "/fhir"); err != nil {
		t.Errorf("our own receiver is refused: %v", err)
	}
	if err := probe(g.url); err == nil {
		t.Error("a base without CapabilityStatement passes")
	}
	if len(g.seen) > 0 {
		t.Error("the probe sent something")
	}
}
