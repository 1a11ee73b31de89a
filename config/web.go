package config

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"caregate/adapters"
	"caregate/adapters/cdshooks"
)

// The bounds of the HTTP listener; the FHIR handler has its own for bodies.
const (
	maxHeaderBytes = 16 << 10
	headerTimeout  = 5 * time.Second
	writeTimeout   = 2 * time.Minute // an answer may wait for the gate
	idleTimeout    = time.Minute
)

// web is the HTTP listener of the gateway: health, FHIR and CDS Hooks by the configuration in force.
type web struct {
	app      *App
	listener net.Listener
	server   http.Server
}

var _ adapters.Receiver = (*web)(nil)

// web binds the HTTP listener.
func (a *App) web(c Config) (adapters.Receiver, error) {
	settings, err := c.server(c.Site.Listen.TLS)
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", c.Site.Listen.HTTP)
	if err != nil {
		return nil, err
	}
	if settings != nil {
		listener = tls.NewListener(listener, settings)
	}
	w := &web{app: a, listener: listener}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", w.healthy)
	mux.HandleFunc("GET /readyz", w.ready)
	consult := func(answer http.ResponseWriter, r *http.Request) { a.current.Load().consult.ServeHTTP(answer, r) }
	mux.HandleFunc(cdshooks.Path, consult)
	mux.HandleFunc(cdshooks.Path+"/", consult)
	mux.HandleFunc("/", func(answer http.ResponseWriter, r *http.Request) { a.current.Load().fhir.ServeHTTP(answer, r) })
	w.server = http.Server{
		Handler: mux, MaxHeaderBytes: maxHeaderBytes, ReadHeaderTimeout: headerTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // it quotes what the peer sent
	}
	return w, nil
}

// Addr is the bound address.
func (w *web) Addr() net.Addr { return w.listener.Addr() }

// Serve answers until the context ends, and finishes what is in work.
func (w *web) Serve(ctx context.Context) error {
	ended := make(chan error, 1)
	go func() { ended <- w.server.Serve(w.listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), DrainTime)
	defer cancel()
	err := w.server.Shutdown(drain)
	if err != nil {
		_ = w.server.Close() // the time to be orderly is over
	}
	<-ended // http.ErrServerClosed
	return err
}

func (w *web) healthy(answer http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(answer, "ok\n") // nobody to tell when the asker has gone
}

func (w *web) ready(answer http.ResponseWriter, _ *http.Request) {
	if err := w.app.Ready(); err != nil {
		http.Error(answer, "not ready: messages cannot be stored durably", http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(answer, "ready\n")
	if why := w.app.Law().Refused; why != "" {
		_, _ = io.WriteString(answer, "law refused, the law in force stays: see caregate work list\n")
	}
}
