package config

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	"caregate/adapters"
)

// Addresses are the bound addresses, ports resolved.
type Addresses struct {
	HTTP string            `json:"http"`
	MLLP map[string]string `json:"mllp"` // by partner
}

// listener is one bound address and, once it serves, the way to stop it.
type listener struct {
	open     func() (adapters.Receiver, error)
	receiver adapters.Receiver
	settings string // a change of them makes another listener
	cancel   context.CancelFunc
	done     chan struct{}
}

// listeners are the bound addresses by name: "http", or "mllp PARTNER".
type listeners map[string]*listener

const (
	webListener = "http"
	mllpPrefix  = "mllp "
)

// Listen binds every address of the configuration in force.
func (a *App) Listen() error {
	a.reload.Lock()
	defer a.reload.Unlock()
	opened, err := a.bind(a.current.Load().config)
	if err != nil {
		return err
	}
	a.listeners.replace(opened)
	return nil
}

// Addresses returns where partners reach this gateway.
func (a *App) Addresses() Addresses {
	a.reload.Lock()
	defer a.reload.Unlock()
	all := Addresses{MLLP: map[string]string{}}
	for name, l := range a.listeners {
		if partner, isMLLP := strings.CutPrefix(name, mllpPrefix); isMLLP {
			all.MLLP[partner] = l.receiver.Addr().String()
		} else {
			all.HTTP = l.receiver.Addr().String()
		}
	}
	return all
}

// bind returns the listeners of a configuration: those that stand, and new ones, bound and
// not serving. Where one cannot be bound all stays as it was.
func (a *App) bind(c Config) (wanted listeners, err error) {
	wanted, inTheWay := listeners{}, listeners{}
	for name, l := range a.wanted(c) {
		if have := a.listeners[name]; have != nil && have.settings == l.settings {
			wanted[name] = have
			continue
		}
		openErr := l.bind()
		switch {
		case openErr == nil:
			wanted[name] = l
		case a.listeners[name] != nil: // perhaps its predecessor has the address
			inTheWay[name] = l
		default:
			err = errors.Join(err, fmt.Errorf("listener %s: %w", name, openErr))
		}
	}
	for name, l := range inTheWay {
		if err == nil {
			err = a.supersede(name, l)
			wanted[name] = l
		}
	}
	if err == nil {
		return wanted, nil
	}
	for name, l := range wanted {
		switch {
		case a.listeners[name] == l || l.receiver == nil:
		case inTheWay[name] == l: // its predecessor is gone: better this one than none
			a.listeners[name] = l
		default:
			l.stop()
		}
	}
	if a.deliver != nil {
		a.listeners.serve(a.options.Log)
	}
	return nil, err
}

// supersede stops a listener to bind the next one at its address, and brings it back where that fails.
func (a *App) supersede(name string, next *listener) error {
	have := a.listeners[name]
	have.stop()
	err := next.bind()
	if err == nil {
		delete(a.listeners, name)
		return nil
	}
	again := &listener{open: have.open, settings: have.settings}
	if again.bind() == nil {
		a.listeners[name] = again
	}
	return fmt.Errorf("listener %s: %w", name, err)
}

// wanted are the listeners of a configuration, not bound.
func (a *App) wanted(c Config) listeners {
	web := c.Site.Listen
	all := listeners{webListener: {
		settings: c.fingerprint(web.HTTP, web.TLS),
		open:     func() (adapters.Receiver, error) { return a.web(c) },
	}}
	for _, p := range c.Partners {
		if m := p.Endpoints.MLLP; m != nil && m.Listen != "" {
			all[mllpPrefix+p.ID] = &listener{
				settings: c.fingerprint(m.Listen, m.TLS, m.Certificates, m.Applications, m.Insecure, m.Enhanced, c.Site.Limits),
				open:     func() (adapters.Receiver, error) { return a.mllpReceiver(c, p) },
			}
		}
	}
	return all
}

func (l *listener) bind() (err error) {
	l.receiver, err = l.open()
	return err
}

// fingerprint tells whether a listener has to be made anew: by its settings and by what its certificate files hold.
func (c Config) fingerprint(settings ...any) string {
	hash := sha256.New()
	for _, s := range settings {
		if t, ok := s.(*ServerTLS); ok && t != nil {
			for _, file := range []string{t.Certificate, t.Key, t.ClientCA} {
				text, _ := os.ReadFile(within(c.Dir, file)) // an unreadable one is refused elsewhere
				hash.Write(text)
			}
			s = *t
		}
		fmt.Fprintf(hash, "%+v\n", s)
	}
	return string(hash.Sum(nil))
}

// replace puts other listeners in place and returns those that are no longer wanted.
func (l listeners) replace(wanted listeners) (gone listeners) {
	gone = listeners{}
	for name, have := range l {
		if wanted[name] != have {
			gone[name] = have
			delete(l, name)
		}
	}
	maps.Copy(l, wanted)
	return gone
}

// serve starts those that do not serve yet.
func (l listeners) serve(log *slog.Logger) {
	for name, one := range l {
		if one.done == nil {
			one.serve(name, log)
		}
	}
}

func (l *listener) serve(name string, log *slog.Logger) {
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel, l.done = cancel, make(chan struct{})
	go func() {
		defer close(l.done)
		if err := l.receiver.Serve(ctx); err != nil && ctx.Err() == nil {
			log.Error("listener stopped", slog.String("listener", name), slog.Any("error", err))
		}
	}()
}

// stop drains all at once.
func (l listeners) stop() {
	for _, one := range l {
		if one.cancel != nil {
			one.cancel()
		}
	}
	for _, one := range slices.Collect(values(l)) {
		one.stop()
	}
}

func values(l listeners) func(func(*listener) bool) {
	return func(yield func(*listener) bool) {
		for _, one := range l {
			if !yield(one) {
				return
			}
		}
	}
}

// stop drains a listener; one that never served is served for an instant, which closes it.
func (l *listener) stop() {
	if l.done == nil {
		l.serve("", slog.New(slog.DiscardHandler))
	}
	l.cancel()
	<-l.done
}
