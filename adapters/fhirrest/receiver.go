// Package fhirrest speaks FHIR R4 over HTTP in both directions: a Receiver that takes
// Bundles and Consents in, a Codec between JSON and the canonical Bundle, and a Sender
// that posts released Bundles. JSON only: XML is answered with 415.
package fhirrest

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"caregate/adapters"
)

// Protocol is the value of Inbound.Protocol for messages of this package.
const Protocol = "fhirrest"

// The bounds of a Receiver where its configuration names none.
const (
	DefaultMaxBytes    = 8 << 20  // one body, compressed or not
	DefaultBudget      = 32 << 20 // all bodies being read or worked on
	DefaultMaxInFlight = 64       // requests worked on at a time
	DefaultBodyTimeout = 30 * time.Second
	DefaultDrain       = 10 * time.Second
	maxHeaderBytes     = 16 << 10
	headerTimeout      = 5 * time.Second
	idleTimeout        = time.Minute
	answerTimeout      = 2 * time.Minute // one request, answer included; a revocation waits for the gate
	slotWait           = 5 * time.Second // for a free place among the requests in flight
)

// Read releases one resource to a partner: the permit holds the body of the answer, or is
// invalid and the Ack says why. CodeForbidden and CodeUnknownKey give the same answer.
type Read func(ctx context.Context, partner string, typ, id string) (adapters.Permit, adapters.Ack)

// Config is one HTTP listener for FHIR.
type Config struct {
	Address     string // host:port; port 0 takes a free one; "" makes a handler to mount elsewhere
	Base        string // path in front of /fhir, such as "/partners"; "" for none
	Credentials Credentials
	TLS         *tls.Config   // nil: plain text, which only a loopback address may use
	MaxBytes    int64         // of one body, before and after decompression; 0: DefaultMaxBytes
	Budget      int64         // of all bodies at a time; 0: DefaultBudget
	MaxInFlight int           // 0: DefaultMaxInFlight
	BodyTimeout time.Duration // to receive one body; 0: DefaultBodyTimeout
	Drain       time.Duration // for requests in work when the context ends; 0: DefaultDrain
	Software    string        // version in the CapabilityStatement
}

// Receiver is an adapters.Receiver and an http.Handler.
type Receiver struct {
	config   Config
	accept   adapters.Accept
	read     Read
	listener net.Listener
	routes   []route
	slots    chan struct{}
	budget   budget
	started  time.Time
}

var _ adapters.Receiver = (*Receiver)(nil)

// New makes a Receiver and binds its address where it has one. read may be nil: there is
// then no route to read resources.
func New(c Config, accept adapters.Accept, read Read) (*Receiver, error) {
	setDefaults(&c)
	r := &Receiver{config: c, accept: accept, read: read, started: time.Now()}
	r.slots = make(chan struct{}, c.MaxInFlight)
	r.budget.left.Store(c.Budget)
	for _, route := range allRoutes() {
		if route.available == nil || route.available(r) {
			r.routes = append(r.routes, route)
		}
	}
	if c.Address == "" {
		return r, nil
	}
	listener, err := listen(c)
	if err != nil {
		return nil, err
	}
	r.listener = listener
	return r, nil
}

func setDefaults(c *Config) {
	if c.MaxBytes <= 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	if c.Budget <= 0 {
		c.Budget = max(DefaultBudget, c.MaxBytes)
	}
	if c.MaxInFlight <= 0 {
		c.MaxInFlight = DefaultMaxInFlight
	}
	if c.BodyTimeout <= 0 {
		c.BodyTimeout = DefaultBodyTimeout
	}
	if c.Drain <= 0 {
		c.Drain = DefaultDrain
	}
}

func listen(c Config) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", c.Address)
	if err != nil {
		return nil, err
	}
	bound, _ := listener.Addr().(*net.TCPAddr)
	switch {
	case c.TLS != nil:
		settings := c.TLS.Clone()
		settings.MinVersion = max(settings.MinVersion, tls.VersionTLS12)
		if settings.ClientAuth == tls.NoClientCert && len(c.Credentials.Names) > 0 {
			settings.ClientAuth = tls.VerifyClientCertIfGiven
		}
		return tls.NewListener(listener, settings), nil
	case bound == nil || !bound.IP.IsLoopback():
		_ = listener.Close()
		return nil, errors.New("a listener without TLS may only bind a loopback address")
	}
	return listener, nil
}

// Addr is the bound address; nil for a handler that is mounted elsewhere.
func (r *Receiver) Addr() net.Addr {
	if r.listener == nil {
		return nil
	}
	return r.listener.Addr()
}

// Serve answers requests until the context ends, finishes those in work, and returns.
func (r *Receiver) Serve(ctx context.Context) error {
	if r.listener == nil {
		return errors.New("fhirrest: no address to serve on")
	}
	server := &http.Server{
		Handler:           r,
		ReadHeaderTimeout: headerTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // it quotes what the peer sent
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(r.listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.config.Drain)
	defer cancel()
	err := server.Shutdown(drain)
	if err != nil {
		_ = server.Close()
	}
	<-ended // http.ErrServerClosed
	return err
}

// ServeHTTP authenticates, then routes, then reads the body.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	c := &call{w: w, request: request, requestID: safeToken(request.Header.Get("X-Request-Id"))}
	defer func() {
		if recover() != nil { // the panic's value may quote the message
			c.refuse(adapters.CodeInternal, "the request could not be worked on; it was not accepted")
		}
	}()
	// Until the request is let in, its body has this long to be thrown away by net/http.
	deadline := http.NewResponseController(w)
	_ = deadline.SetReadDeadline(time.Now().Add(headerTimeout))
	route, found := r.match(c)
	if !found.open {
		partner, ok := r.config.Credentials.Partner(request)
		if !ok {
			w.Header().Set("WWW-Authenticate", `Bearer realm="fhir"`)
			c.refuse(adapters.CodeUnauthenticated, "a credential of a registered partner is needed")
			return
		}
		c.partner = partner
	}
	if route == nil {
		c.noRoute(found.methods)
		return
	}
	if !wantsJSON(request) {
		c.answer(http.StatusNotAcceptable, adapters.CodeUnsupportedType, outcome(adapters.CodeUnsupportedType, nil, "answers are JSON only"))
		return
	}
	if !r.enter(request.Context()) {
		c.refuseBusy()
		return
	}
	defer func() { <-r.slots }()
	_ = deadline.SetReadDeadline(time.Now().Add(r.config.BodyTimeout))
	route.serve(r, c)
}

// enter takes a place among the requests in flight, or gives up after slotWait.
func (r *Receiver) enter(ctx context.Context) bool {
	select {
	case r.slots <- struct{}{}:
		return true
	default:
	}
	patience := time.NewTimer(slotWait)
	defer patience.Stop()
	select {
	case r.slots <- struct{}{}:
		return true
	case <-patience.C:
	case <-ctx.Done():
	}
	return false
}
