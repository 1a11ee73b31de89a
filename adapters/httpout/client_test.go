package httpout

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"caregate/adapters"
)

func code(t *testing.T, err error) adapters.Code {
	t.Helper()
	var failure *adapters.Failure
	if !errors.As(err, &failure) {
		t.Fatalf("got %T %v, want *adapters.Failure", err, err)
	}
	return failure.Code
}

func client(t *testing.T, c Config) *Client {
	t.Helper()
	c.AllowPrivate = true
	made, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = made.Close() })
	return made
}

// TestTLS holds that a certificate is always verified: authority, name and version.
func TestTLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	old := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	old.Config.ErrorLog = log.New(io.Discard, "", 0)
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11}
	old.StartTLS()
	defer old.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	roots.AddCert(old.Certificate())
	ask := func(url string, roots *x509.CertPool) error {
		_, err := client(t, Config{URL: url, Roots: roots}).Do(t.Context(), Request{Method: "GET"})
		return err
	}
	if err := ask(server.URL, roots); err != nil {
		t.Errorf("a good certificate is refused: %v", err)
	}
	if err := ask(server.URL, nil); code(t, err) != adapters.CodeUnavailable {
		t.Errorf("unknown authority: %v", err)
	}
	if err := ask(strings.Replace(server.URL, "127.0.0.1", "localhost", 1), roots); code(t, err) != adapters.CodeUnavailable {
		t.Errorf("another name: %v", err)
	}
	if err := ask(old.URL, roots); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

// TestGoesNowhereElse holds that neither a redirect nor a proxy variable leads a request
// away. It sets the environment, so it is not parallel.
func TestGoesNowhereElse(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, other.URL)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	answer, err := client(t, Config{URL: server.URL, Bearer: "x"}).Do(t.Context(), Request{Method: "POST", Body: []byte("{}")})
	if err != nil || answer.Status != http.StatusTemporaryRedirect || answer.Failure().Code != adapters.CodeConfiguration {
		t.Errorf("got %d %v", answer.Status, err)
	}
	// net/http never asks a proxy for a loopback address, so the proxy needs another name to be tempted by.
	_, err = client(t, Config{URL: "https://partner.invalid", Bearer: "x"}).Do(t.Context(), Request{Method: "POST", Body: []byte("{}")})
	if code(t, err) != adapters.CodeUnavailable {
		t.Errorf("a name that does not resolve: %v", err)
	}
	if elsewhere.Load() > 0 {
		t.Error("the request went elsewhere")
	}
}

// office is a token endpoint and an API that takes the current token only.
type office struct {
	tokens, calls atomic.Int64
	life          int
	refuse        atomic.Bool // refuse every token
}

func (o *office) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/oauth/token" {
		id, secret, _ := r.BasicAuth()
		if id != "key" || secret != "s:e" || r.FormValue("grant_type") != "client_credentials" {
			http.Error(w, "{}", http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token":"t%d","token_type":"Bearer","expires_in":%d}`, o.tokens.Add(1), o.life)
		return
	}
	o.calls.Add(1)
	if o.refuse.Load() || r.Header.Get("Authorization") != fmt.Sprintf("Bearer t%d", o.tokens.Load()) {
		w.WriteHeader(http.StatusUnauthorized)
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	o := &office{life: 1800}
	server := httptest.NewServer(o)
	defer server.Close()
	grant := &OAuth{TokenURL: server.URL + "/oauth/token", ClientID: "key", Secret: "s:e"}
	c := client(t, Config{URL: server.URL, OAuth: grant})
	get := func() int {
		answer, err := c.Do(t.Context(), Request{Method: "GET", Path: "/x"})
		if err != nil {
			t.Fatal(err)
		}
		return answer.Status
	}
	for range 3 {
		if got := get(); got != 200 {
			t.Fatalf("status %d", got)
		}
	}
	if o.tokens.Load() != 1 {
		t.Errorf("%d tokens for three requests, want 1", o.tokens.Load())
	}
	o.tokens.Add(1) // the server forgot our token
	if got := get(); got != 200 || o.tokens.Load() != 3 {
		t.Errorf("status %d after %d tokens: a refused token is renewed once", got, o.tokens.Load())
	}
	o.refuse.Store(true)
	before := o.calls.Load()
	if got := get(); got != 401 || o.calls.Load()-before != 2 {
		t.Errorf("status %d after %d calls, want 401 after 2", got, o.calls.Load()-before)
	}
	wrong := client(t, Config{URL: server.URL, OAuth: &OAuth{TokenURL: grant.TokenURL, ClientID: "key", Secret: "wrong"}})
	if _, err := wrong.Do(t.Context(), Request{Method: "GET"}); code(t, err) != adapters.CodeUnauthenticated {
		t.Errorf("wrong secret: %v", err)
	}
}

func TestTokenEnds(t *testing.T) {
	t.Parallel()
	o := &office{life: 1} // used for half a second
	server := httptest.NewServer(o)
	defer server.Close()
	c := client(t, Config{URL: server.URL, OAuth: &OAuth{TokenURL: server.URL + "/oauth/token", ClientID: "key", Secret: "s:e"}})
	for range 2 {
		if _, err := c.Do(t.Context(), Request{Method: "GET"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(600 * time.Millisecond) // longer than the token is used; longer waits change nothing
	}
	if o.tokens.Load() != 2 {
		t.Errorf("%d tokens, want 2", o.tokens.Load())
	}
}

// TestNoRepeatOfAnAnswer holds that the pause a partner asks for is kept: waiting belongs to the ledger.
func TestNoRepeatOfAnAnswer(t *testing.T) {
	t.Parallel()
	for _, status := range []int{429, 500, 502, 503, 504} {
		var calls atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			calls.Add(1)
			w.WriteHeader(status)
		}))
		answer, err := client(t, Config{URL: server.URL}).Do(t.Context(), Request{Method: "POST", Body: []byte("{}")})
		if err != nil || answer.Status != status || calls.Load() != 1 {
			t.Errorf("%d: %d calls, %v", status, calls.Load(), err)
		}
		server.Close()
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 10, 27, 14, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "120": 2 * time.Minute, "-5": 0, "soon": 0, "1e9": 0, "99999999": maxAfter,
		"Tue, 27 Oct 2026 14:00:30 GMT": 30 * time.Second, "Tue, 27 Oct 2026 13:00:00 GMT": 0,
	} {
		a := Answer{Status: 503, Header: http.Header{"Retry-After": {text}}, At: at}
		if got := a.Failure().After; got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
		a.Status = 404
		if got := a.Failure().After; got != 0 {
			t.Errorf("%q on a 404 waits %v", text, got)
		}
	}
}

func TestHeaderText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"A1/b c": "A1/b c", "a\r\nX: y": "a%0D%0AX: y", "ü%": "%C3%BC%25", "\x00\x7f": "%00%7F"} {
		if got := HeaderText(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestWriteByAfterReuse holds that a used connection gets each request's own time to write.
func TestWriteByAfterReuse(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer server.Close()
	c := client(t, Config{URL: server.URL})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := c.Do(ctx, Request{Method: "POST", Body: []byte("{}"), WriteBy: time.Now().Add(200 * time.Millisecond)}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(250 * time.Millisecond) // past the first request's time
	for _, by := range []time.Time{{}, time.Now().Add(10 * time.Second)} {
		if _, err := c.Do(ctx, Request{Method: "POST", Body: []byte("{}"), WriteBy: by}); err != nil {
			t.Errorf("the old deadline stands: %v", err)
		}
	}
}
