package config

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"caregate/adapters"
	"caregate/gateway"
	"caregate/ledger"
	"caregate/policy"
	"caregate/queue"
)

// ErrNotFound means that the ledger has nothing under this id.
var ErrNotFound = ledger.ErrNotFound

// DrainTime bounds the orderly end of a running gateway. What is not finished by then is
// not lost: it is recorded as intended and repeated with the same key.
const DrainTime = 10 * time.Second

// BuildOptions are the parts of a gateway that its configuration does not say.
type BuildOptions struct {
	DataDir   string
	Key       []byte           // key-encryption key; nil: the configured one, CAREGATE_KEY, or a development key
	Writer    string           // names this process in the audit log: "serve", "work resolve"
	Version   string           // of the software
	TestHooks string           // file of the test hooks; "" in production
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: slog.Default
}

// App is a gateway with its ledger, its listeners and its connections.
type App struct {
	options  BuildOptions
	ledger   *ledger.Ledger
	schedule queue.Schedule
	hooks    *Hooks
	current  atomic.Pointer[generation]
	lawState lawState

	reload    sync.Mutex // one reload at a time
	listeners listeners
	deliver   *delivering // nil before Run
	ended     bool
	devKey    bool
}

// Build opens the ledger and builds the parts of a configuration that has no problems. It
// binds no address: Listen does.
func Build(ctx context.Context, c Config, o BuildOptions) (*App, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &App{options: o, listeners: listeners{}}
	if err := a.open(ctx, c); err != nil {
		return nil, err
	}
	a.schedule = queue.NewHeap(queue.Options{PerDestination: c.Site.Delivery.PerDestination, Now: a.options.Now})
	g, err := a.build(ctx, c, nil)
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	a.current.Store(g)
	a.activated(ctx, g.tried)
	return a, nil
}

// Open opens the ledger to look into it: what it returns can find, explain, list and verify,
// and neither accepts nor delivers. It needs of the configuration only the key.
func Open(ctx context.Context, c Config, o BuildOptions) (*App, error) {
	a := &App{options: o, listeners: listeners{}}
	if a.options.Log == nil {
		a.options.Log = slog.Default()
	}
	if a.options.Now == nil {
		a.options.Now = time.Now
	}
	if err := a.open(ctx, c); err != nil {
		return nil, err
	}
	pipeline := a.pipeline(c)
	pipeline.Policy, pipeline.Labeler, pipeline.Zone = new(policy.Engine), new(policy.Labeler), time.UTC
	g, err := gateway.New(pipeline)
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	a.current.Store(&generation{config: c, gateway: g})
	return a, nil
}

// open opens the ledger, with the test hooks where there are any.
func (a *App) open(ctx context.Context, c Config) error {
	o := ledger.Options{Dir: a.options.DataDir, Writer: a.options.Writer}
	if a.options.TestHooks != "" {
		if !c.Loopback() {
			return errors.New("--test-hooks is refused: a listener can be reached from outside this machine")
		}
		hooks, err := newHooks(a.options.TestHooks, a.options.Now)
		if err != nil {
			return err
		}
		a.hooks, a.options.Now = hooks, hooks.Now
		o.BeforeCommit, o.Plaintext = hooks.BeforeCommit, hooks.Plaintext()
	}
	var err error
	if o.KEK, a.devKey, err = c.keyOr(a.options.Key, a.options.DataDir); err != nil {
		return err
	}
	o.Now = a.options.Now
	a.ledger, err = ledger.Open(ctx, o)
	return err
}

// DevelopmentKey reports whether the data is encrypted under a key that lies next to it.
func (a *App) DevelopmentKey() bool { return a.devKey }

// Gateway is the pipeline in force; a reload replaces it.
func (a *App) Gateway() *gateway.Gateway { return a.current.Load().gateway }

// Ledger is the durable record behind it.
func (a *App) Ledger() *ledger.Ledger { return a.ledger }

// accept is the way in of every listener, whichever configuration is in force.
func (a *App) accept(ctx context.Context, in adapters.Inbound) adapters.Ack {
	if a.hooks != nil {
		in.Received = a.options.Now() // the receivers' clock is not shifted
	}
	return a.Gateway().Accept(ctx, in)
}

func (a *App) read(ctx context.Context, partner, typ, id string) (adapters.Permit, adapters.Ack) {
	return a.Gateway().Read(ctx, partner, typ, id)
}

func (a *App) consult(ctx context.Context, q adapters.Consultation) (adapters.Permit, adapters.Ack) {
	return a.Gateway().Consult(ctx, q)
}

// Run answers partners and delivers until the context ends, then drains within DrainTime
// and closes everything. Listen comes before it.
func (a *App) Run(ctx context.Context) error {
	a.reload.Lock()
	a.deliver = a.start(a.current.Load())
	a.listeners.serve(a.options.Log)
	a.reload.Unlock()
	watched := make(chan struct{})
	go func() { a.watchLaw(ctx); close(watched) }()
	<-ctx.Done()
	<-watched
	a.reload.Lock()
	a.ended = true // nothing is reloaded any more
	a.reload.Unlock()
	patience := time.After(DrainTime)
	drained := make(chan struct{})
	go func() {
		a.listeners.stop()
		a.deliver.stop()
		close(drained)
	}()
	select {
	case <-drained:
	case <-patience:
		a.options.Log.Warn("not everything could be finished in time, it will be repeated after the next start")
	}
	return a.Close()
}

// Close lets go of what Run or Listen did not; an App that ran is closed already.
func (a *App) Close() error {
	if g := a.current.Load(); g != nil {
		g.close()
	}
	a.hooks.close()
	for _, l := range a.listeners {
		if l.done == nil { // bound, and Run never came
			l.stop()
		}
	}
	if a.ledger == nil {
		return nil
	}
	return a.ledger.Close()
}

// delivering is a gateway at work.
type delivering struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func (a *App) start(g *generation) *delivering {
	ctx, cancel := context.WithCancel(context.Background())
	d := &delivering{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(d.done)
		if err := g.gateway.Run(ctx); err != nil && ctx.Err() == nil {
			a.options.Log.Error("delivery stopped", slog.Any("error", err))
		}
	}()
	return d
}

// stop takes no new work and waits until what is being sent is recorded.
func (d *delivering) stop() {
	if d == nil {
		return
	}
	d.cancel()
	<-d.done
}

// Reload puts another configuration in force, without a restart: new listeners start, those
// that went drain, and what waits is decided and sent by the new routes. Where it cannot be
// built nothing changes. It returns when nothing decided under the old one can still leave.
func (a *App) Reload(ctx context.Context, c Config) error {
	a.reload.Lock()
	defer a.reload.Unlock()
	old := a.current.Load()
	if a.ended {
		return errEnding
	}
	if a.hooks != nil && !c.Loopback() {
		return errors.New("with --test-hooks every listener has to stay on the loopback interface")
	}
	next, err := a.build(ctx, c, old)
	if err != nil {
		return err
	}
	opened, err := a.bind(c)
	if err != nil {
		next.close()
		return err
	}
	a.current.Store(next)
	a.activated(ctx, next.tried)
	gone := a.listeners.replace(opened)
	before := a.deliver
	if before != nil { // else Run has not started yet
		a.deliver = a.start(next)
		a.listeners.serve(a.options.Log)
	}
	if next.engine != old.engine {
		old.gateway.Govern(ctx, next.engine) // what it has not recorded yet is decided by the new law
	}
	gone.stop()
	before.stop()
	old.close()
	return nil
}

// Ready is nil while messages can be accepted durably.
func (a *App) Ready() error {
	if err := a.ledger.Ready(); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}
