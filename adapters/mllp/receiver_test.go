package mllp_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"caregate/adapters"
	"caregate/adapters/mllp"
	"caregate/hl7v2"
)

// answerTo is what each file is answered, the parts of a frame joined by "|": codes and the first location.
var answerTo = map[string]string{
	"bad_no_msh.hl7":               "AR MSH^1 100",
	"bad_xml.hl7":                  "AR MSH^1 100",
	"bad_separators_mixed.hl7":     "AE PID^1 102",
	"bad_no_type.hl7":              "AE MSH-9 101",
	"bad_pid3_empty.hl7":           "CE PID-3 101",
	"bad_control_id_empty.hl7":     "AR MSH-10 101",
	"batch_fhs_bhs.hl7":            "AA|AA",
	"two_in_one_frame.hl7":         "AA|AA",
	"odd_bom_crlf_latin1_z.hl7":    "AA",
	"odd_delimiters.hl7":           "AA",
	"odd_lf_truncation_ne.hl7":     "",
	"ack_ae_err.hl7":               "",
	"03-ack-ca-commit.hl7":         "",
	"03c-ack-cr-bad-version.hl7":   "",
	"03d-ack-aa-original-mode.hl7": "",

	"own_bad_no_msh.hl7":                 "AR MSH^1 100",
	"own_bad_xml_encoding.hl7":           "AR MSH^1 100",
	"own_bad_wrong_separators_mixed.hl7": "AE PID^1 102",
	"own_bad_missing_msh9.hl7":           "AE MSH-9 101",
	"own_bad_pid3_empty.hl7":             "CE PID-3 101",
	"own_ack_ae_err.hl7":                 "",
	"own_dev_ack.hl7":                    "",
	"rethink_invalid_missing_msh.hl7":    "AR MSH^1 100",
	"own_batch_fhs_bhs_3.hl7":            "CA|CA|CA",
	"own_odd_two_msh_one_frame.hl7":      "CA|CA",
	// Without MSH-10, though listed as valid.
	"lfh_adt_a01_hl7expressiontest_l202.hl7":     "AR MSH-10 101",
	"lfh_adt_a01_resourceexpressiontest_l99.hl7": "AR MSH-10 101",
	"lfh_oml_o21_hl7oml_l119.hl7":                "AR MSH-10 101",
	"lfh_oml_o21_hl7oml_l84.hl7":                 "AR MSH-10 101",
}

// TestAnswers sends every file over a socket: the committed ones, and the corpus where it is at hand.
func TestAnswers(t *testing.T) {
	t.Parallel()
	patterns := []string{"../../testdata/hl7v2/*.hl7", "../../testdata/flows/*/*.hl7"}
	if corpus := os.Getenv("CAREGATE_CORPUS"); corpus != "" {
		patterns = append(patterns, filepath.Join(corpus, "hl7v2", "*.hl7"))
	}
	var kept store
	address := serve(t, mllp.Config{}, kept.accept)
	sent := 0
	for _, pattern := range patterns {
		files, _ := filepath.Glob(pattern)
		if len(files) == 0 {
			t.Fatalf("nothing at %s", pattern)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sent++
			want, listed := answerTo[filepath.Base(file)]
			if !listed {
				want = byHeader(raw)
			}
			if got := answersTo(t, address, raw); got != want {
				t.Errorf("%s: answered %q, want %q", filepath.Base(file), got, want)
			}
		}
	}
	t.Logf("%d files sent, %d messages handed over", sent, len(kept.got()))
}

// byHeader is what a good message asks for in MSH-15 and MSH-16.
func byHeader(raw []byte) string {
	h, _ := hl7v2.ReadHeader(raw)
	switch {
	case h.AcceptAck == "AL":
		return "CA"
	case h.Mode() == hl7v2.ModeOriginal, h.ApplicationAck == "AL" && h.AcceptAck == "NE":
		return "AA"
	}
	return ""
}

func answersTo(t *testing.T, address string, raw []byte) string {
	t.Helper()
	var codes []string
	for _, a := range talk(t, address, hl7v2.Frame(raw)) {
		code, rest, _ := strings.Cut(a, " ")
		if code[1] != 'A' {
			_, located, _ := strings.Cut(" "+rest, " MSH")
			if at := strings.LastIndex(rest, " "); at > 0 {
				located = rest[strings.LastIndex(rest[:at], " ")+1:]
			}
			code += " " + located
		}
		codes = append(codes, code)
	}
	return strings.Join(codes, "|")
}

func TestAnswerModes(t *testing.T) {
	t.Parallel()
	accept := func(context.Context, adapters.Inbound) adapters.Ack { return adapters.Ack{Code: adapters.CodeAccepted} }
	original := serve(t, mllp.Config{}, accept)
	enhanced := serve(t, mllp.Config{Enhanced: true}, accept)
	if got := talk(t, original, frames("1")); got[0] != "AA 1" {
		t.Errorf("original mode: %q", got)
	}
	if got := talk(t, enhanced, frames("1")); got[0] != "CA 1" {
		t.Errorf("configured enhanced mode: %q", got)
	}
	silent := serve(t, mllp.Config{}, func(context.Context, adapters.Inbound) adapters.Ack {
		return adapters.Ack{Code: adapters.CodeUnavailable, Silent: true}
	})
	if got := talk(t, silent, frames("1", "2")); len(got) != 0 {
		t.Errorf("when nothing was stored, nothing is answered: %q", got)
	}
	located := serve(t, mllp.Config{}, func(context.Context, adapters.Inbound) adapters.Ack {
		return adapters.Ack{Code: adapters.CodeUnknownKey, Issues: []adapters.Issue{{Location: "PID-3[2].1", Text: "not known"}}}
	})
	if got := talk(t, located, frames("1")); got[0] != "AE 1 PID-3^2^1 204" {
		t.Errorf("location: %q", got)
	}
}

func TestPartiesOfASharedListener(t *testing.T) {
	t.Parallel()
	var partner string
	accept := func(_ context.Context, in adapters.Inbound) adapters.Ack {
		partner = in.Partner
		return adapters.Ack{Code: adapters.CodeAccepted}
	}
	shared := serve(t, mllp.Config{Parties: mllp.Parties{Applications: map[string]string{"CMO|FAC": "care", "OTHER": "other"}}}, accept)
	if got := talk(t, shared, frames("1")); got[0] != "AA 1" || partner != "care" {
		t.Errorf("registered application: %q, partner %q", got, partner)
	}
	partner = ""
	strange := []byte(strings.Replace(string(adt("1")), "|CMO|", "|XXX|", 1))
	if got := talk(t, shared, hl7v2.Frame(strange)); got[0] != "AR 1 MSH-3 207" || partner != "" {
		t.Errorf("strange application: %q, partner %q", got, partner)
	}
	own := serve(t, mllp.Config{Parties: mllp.Parties{Partner: "clinic", Applications: map[string]string{"CMO|FAC": "care"}}}, accept)
	if got := talk(t, own, frames("1")); got[0] != "AR 1 MSH-3 207" || partner != "" {
		t.Errorf("another partner's application on the clinic's listener: %q, partner %q", got, partner)
	}
	if _, err := mllp.New(mllp.Config{Address: "127.0.0.1:0"}, accept); err == nil {
		t.Error("a listener on which nobody can be known was opened")
	}
	if _, err := mllp.New(mllp.Config{Address: "0.0.0.0:0", Parties: mllp.Parties{Partner: "clinic"}}, accept); err == nil {
		t.Error("plain text beyond loopback was opened")
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	accept := func(context.Context, adapters.Inbound) adapters.Ack { return adapters.Ack{Code: adapters.CodeAccepted} }
	t.Run("connections", func(t *testing.T) {
		t.Parallel()
		address := serve(t, mllp.Config{MaxConns: 1}, accept)
		first, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer first.Close()
		exchange(t, first, "1", true)
		second, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		exchange(t, second, "2", false)
		exchange(t, first, "3", true)
	})
	t.Run("idle", func(t *testing.T) {
		t.Parallel()
		endsWithin(t, serve(t, mllp.Config{IdleTimeout: 50 * time.Millisecond}, accept), nil)
	})
	t.Run("dripping", func(t *testing.T) {
		t.Parallel()
		endsWithin(t, serve(t, mllp.Config{FrameTimeout: 100 * time.Millisecond}, accept), []byte("\x0bMSH|"))
	})
	t.Run("nothing but bad frames", func(t *testing.T) {
		t.Parallel()
		if got := talk(t, serve(t, mllp.Config{}, accept), []byte(strings.Repeat("x\x1c\r", 50))); len(got) != 10 {
			t.Errorf("%d answers before the connection was closed", len(got))
		}
	})
}

// exchange sends a message and checks whether it is answered.
func exchange(t *testing.T, conn net.Conn, id string, want bool) {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = conn.Write(frames(id))
	_, err := hl7v2.NewFrameReader(conn, 0).Read()
	if (err == nil) != want {
		t.Errorf("message %s: answer %v, want %v", id, err, want)
	}
}

// endsWithin checks that the receiver hangs up on a partner who sends begin, byte by byte, and no end.
func endsWithin(t *testing.T, address string, begin []byte) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, conn)
		ended <- err
	}()
	for i := 0; ; i++ {
		select {
		case <-ended:
			return
		case <-time.After(10 * time.Millisecond):
		}
		if i > 1000 {
			t.Fatal("the connection is still open")
		}
		if i < len(begin) {
			_, _ = conn.Write(begin[i : i+1])
		} else if begin != nil {
			_, _ = conn.Write([]byte("x"))
		}
	}
}

// TestDrainTakesNoFurtherFrame: two frames are there when the receiver is told to end, the first in work.
func TestDrainTakesNoFurtherFrame(t *testing.T) {
	t.Parallel()
	inside, proceed := make(chan struct{}, 2), make(chan struct{})
	r, err := mllp.New(mllp.Config{Address: "127.0.0.1:0", Parties: mllp.Parties{Partner: "clinic"}},
		func(context.Context, adapters.Inbound) adapters.Ack {
			inside <- struct{}{}
			<-proceed
			return adapters.Ack{Code: adapters.CodeAccepted}
		})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ctx) }()
	answers := make(chan []string, 1)
	go func() { answers <- talk(t, r.Addr().String(), frames("1", "2")) }()
	<-inside
	cancel()
	for { // the listener closes when the drain has begun
		conn, err := net.Dial("tcp", r.Addr().String())
		if err != nil {
			break
		}
		_ = conn.Close()
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond) // and with it the mark on the sessions; a shorter wait only weakens the test
	close(proceed)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := strings.Join(<-answers, "|"); got != "AA 1" {
		t.Errorf("answers %q, want only the message in work", got)
	}
}

func TestDrainCutsOffWhatHangs(t *testing.T) {
	t.Parallel()
	inside := make(chan struct{})
	r, err := mllp.New(mllp.Config{Address: "127.0.0.1:0", Drain: 50 * time.Millisecond, Parties: mllp.Parties{Partner: "clinic"}},
		func(ctx context.Context, _ adapters.Inbound) adapters.Ack {
			close(inside)
			<-ctx.Done()
			return adapters.Ack{Silent: true}
		})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ctx) }()
	go func() { _, _ = post(r.Addr().String(), adt("1")) }()
	<-inside
	cancel()
	if err := <-ended; err == nil {
		t.Error("a message that was cut off was not reported")
	}
}

// authority makes certificates for one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	a.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.cert, _ = x509.ParseCertificate(der)
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) issue(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestMutualTLS(t *testing.T) {
	t.Parallel()
	ca, stranger := newAuthority(t), newAuthority(t)
	var partner string
	address := serve(t, mllp.Config{
		TLS:     &tls.Config{Certificates: []tls.Certificate{ca.issue(t, "gateway.example")}, ClientCAs: ca.pool},
		Parties: mllp.Parties{Certificates: map[string]string{"clinic.example": "clinic"}},
	}, func(_ context.Context, in adapters.Inbound) adapters.Ack {
		partner = in.Partner
		return adapters.Ack{Code: adapters.CodeAccepted}
	})
	send := func(certificates ...tls.Certificate) error {
		s, err := mllp.NewSender(mllp.SenderConfig{Address: address, TLS: &tls.Config{RootCAs: ca.pool, Certificates: certificates}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if len(certificates) > 0 && certificates[0].Leaf == nil {
			if err := s.Probe(t.Context()); err != nil {
				t.Errorf("probe: %v", err)
			}
		}
		_, err = s.Send(t.Context(), permit(adt("1"), time.Minute))
		return err
	}
	if err := send(ca.issue(t, "clinic.example")); err != nil || partner != "clinic" {
		t.Errorf("registered certificate: %v, partner %q", err, partner)
	}
	partner = ""
	if failure, ok := errors.AsType[*adapters.Failure](send(ca.issue(t, "other.example"))); !ok || failure.Code != adapters.CodeForbidden {
		t.Errorf("unregistered name: %v", failure)
	}
	if send(stranger.issue(t, "clinic.example")) == nil || send() == nil || partner != "" {
		t.Errorf("a certificate of a strange authority, or none, was let in as %q", partner)
	}
}
