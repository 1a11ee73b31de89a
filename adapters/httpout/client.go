// Package httpout is the one HTTP client of the adapters that call out. It checks the
// address at connect time, verifies TLS, follows no redirect and no proxy variable,
// bounds every answer, and has written a request before its time or gives up.
package httpout

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"caregate/adapters"
)

// The bounds of one exchange.
const (
	DefaultTimeout = 30 * time.Second       // one exchange, from connecting to the last byte of the answer
	MaxAnswer      = 64 << 10               // bytes of an answer's body that are read
	maxHeader      = 64 << 10               // bytes of an answer's header
	connectTimeout = 5 * time.Second        // TCP, and TLS on top of it
	dialAgain      = 100 * time.Millisecond // pause before the one repeat of a refused connection
)

// Config is one destination.
type Config struct {
	URL          string            // base URL, https; http only to a loopback address with AllowPrivate
	AllowPrivate bool              // loopback, RFC 1918 and ULA addresses are refused unless this is set
	Roots        *x509.CertPool    // authorities that may vouch for the destination; nil: those of the system
	Certificates []tls.Certificate // our client certificate, where the destination asks for one
	Timeout      time.Duration     // of one exchange; 0: DefaultTimeout
	Bearer       string            // static bearer token; "" for none
	OAuth        *OAuth            // client credentials; nil for none
}

// Client talks to one destination. It is safe for concurrent use.
type Client struct {
	base    *url.URL
	timeout time.Duration
	bearer  string
	tokens  *tokens
	plain   *http.Client
	http    *retryablehttp.Client
}

// New checks the configuration and makes a client; it connects to nothing.
func New(c Config) (*Client, error) {
	base, err := parseURL(c.URL, c.AllowPrivate)
	if err != nil {
		return nil, err
	}
	client := &Client{base: base, timeout: c.Timeout, bearer: c.Bearer}
	if client.timeout <= 0 {
		client.timeout = DefaultTimeout
	}
	guard := guard{private: c.AllowPrivate, loopbackOnly: base.Scheme == "http"}
	if c.OAuth != nil {
		at, err := parseURL(c.OAuth.TokenURL, c.AllowPrivate)
		if err != nil {
			return nil, fmt.Errorf("token url: %w", err)
		}
		guard.loopbackOnly = guard.loopbackOnly || at.Scheme == "http"
		client.tokens = newTokens(*c.OAuth)
	}
	client.plain = &http.Client{Transport: transport(c, guard), CheckRedirect: noRedirect}
	client.http = &retryablehttp.Client{
		HTTPClient:   client.plain,
		Logger:       nil, // it would log addresses and errors
		RetryWaitMin: dialAgain,
		RetryWaitMax: dialAgain,
		RetryMax:     1,
		CheckRetry:   refusedOnly,
		Backoff:      retryablehttp.DefaultBackoff,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	return client, nil
}

// Close lets go of idle connections.
func (c *Client) Close() error {
	c.plain.CloseIdleConnections()
	return nil
}

// transport speaks HTTP/1.1 only: a connection carries one request at a time, so a write
// deadline on the connection is the write deadline of the request.
func transport(c Config, g guard) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	dialer := &net.Dialer{Timeout: connectTimeout, Control: g.control}
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.Roots, Certificates: c.Certificates},
		TLSHandshakeTimeout:    connectTimeout,
		Protocols:              protocols,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        time.Minute,
	}
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// refusedOnly repeats a request only where nothing was sent: longer waiting, and every
// repeat of an answered request, belongs to the ledger.
func refusedOnly(ctx context.Context, _ *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" && !errors.Is(err, errForbidden), nil
}

// Request is one request to the destination.
type Request struct {
	Method  string
	Path    string // appended to the base URL
	Query   string // encoded query, without the question mark
	Header  map[string]string
	Body    []byte
	WriteBy time.Time // the last byte is written before this instant; zero for a request without child data
}

// Answer is what the destination said.
type Answer struct {
	Status    int
	Header    http.Header
	Body      []byte // at most MaxAnswer
	Truncated bool   // the body was longer, or ended too early
	At        time.Time
}

// Do makes one exchange, with one new token when the old one is refused. An error is a
// *adapters.Failure: no answer came. Any answer at all, also 500, is an Answer.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	if over(r.WriteBy) {
		return Answer{}, tooLate()
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	token, err := c.token(ctx)
	if err != nil {
		return Answer{}, err
	}
	answer, err := c.exchange(ctx, r, token)
	if err != nil || answer.Status != http.StatusUnauthorized || c.tokens == nil {
		return answer, err
	}
	c.tokens.drop(token)
	if token, err = c.token(ctx); err != nil {
		return Answer{}, err
	}
	return c.exchange(ctx, r, token)
}

func over(writeBy time.Time) bool { return !writeBy.IsZero() && !time.Now().Before(writeBy) }

func tooLate() error {
	return &adapters.Failure{Code: adapters.CodeTimeout, Detail: "the time to write was over before the first byte"}
}

func (c *Client) token(ctx context.Context) (string, error) {
	if c.tokens == nil {
		return c.bearer, nil
	}
	return c.tokens.get(ctx, c)
}

func (c *Client) exchange(ctx context.Context, r Request, token string) (Answer, error) {
	to := *c.base
	to.Path = strings.TrimSuffix(to.Path, "/") + r.Path
	to.RawQuery = r.Query
	request, err := retryablehttp.NewRequestWithContext(ctx, r.Method, to.String(), r.Body)
	if err != nil {
		return Answer{}, &adapters.Failure{Code: adapters.CodeConfiguration, Detail: "the request cannot be formed"}
	}
	for name, value := range r.Header {
		request.Header.Set(name, HeaderText(value))
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return c.roundTrip(request, r.WriteBy)
}

func (c *Client) roundTrip(request *retryablehttp.Request, writeBy time.Time) (Answer, error) {
	if over(writeBy) { // connecting and the token took time
		return Answer{}, tooLate()
	}
	// The kernel refuses to take bytes after the deadline, whatever the goroutines do.
	// A reused connection gets its deadline anew, also a zero one.
	request = request.WithContext(httptrace.WithClientTrace(request.Context(), &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { _ = info.Conn.SetWriteDeadline(writeBy) },
	}))
	response, err := c.http.Do(request)
	if err != nil {
		return Answer{}, unanswered(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer := Answer{Status: response.StatusCode, Header: response.Header, At: time.Now()}
	body, err := io.ReadAll(io.LimitReader(response.Body, MaxAnswer+1))
	answer.Truncated = err != nil || len(body) > MaxAnswer
	answer.Body = body[:min(len(body), MaxAnswer)]
	if ctxErr := request.Context().Err(); err != nil && ctxErr != nil {
		return Answer{}, unanswered(ctxErr)
	}
	return answer, nil
}

// JSON reports whether the answer says that its body is JSON, or has no body.
func (a Answer) JSON() bool {
	if len(bytes.TrimSpace(a.Body)) == 0 {
		return true
	}
	kind, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	return kind == "application/json" || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")
}
