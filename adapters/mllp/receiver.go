// Package mllp speaks HL7 v2 over MLLP in both directions: a Receiver that hands over
// raw messages and answers with acknowledgements, a Codec between v2 and the canonical
// Bundle, and a Sender that believes only the acknowledgement of its own message.
package mllp

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"caregate/adapters"
)

// Protocol is the value of Inbound.Protocol for messages of this package.
const Protocol = "mllp"

// ContentType is the media type of HL7 v2 with vertical bars.
const ContentType = "x-application/hl7-v2+er7"

// The bounds of a Receiver where its configuration names none.
const (
	DefaultMaxBytes     = 16 << 20 // one frame
	DefaultMaxConns     = 256      // connections at a time
	DefaultIdleTimeout  = 10 * time.Minute
	DefaultFrameTimeout = time.Minute // from the first byte of a frame to its last
	DefaultWriteTimeout = 30 * time.Second
	DefaultDrain        = 10 * time.Second
	handshakeTimeout    = 10 * time.Second
	maxBadFrames        = 10 // in a row, then the connection is closed
)

// Config is one MLLP listener.
type Config struct {
	Address  string      // host:port; port 0 takes a free one
	TLS      *tls.Config // nil: plain text, which only a loopback address may use
	Insecure bool        // permits plain text beyond loopback, inside a tunnel for example
	Parties  Parties     // who sends here

	// Enhanced answers messages with MSH-15 and MSH-16 empty with CA, CE and CR instead of AA, AE and AR.
	Enhanced bool

	MaxBytes     int           // of one frame; 0: DefaultMaxBytes
	MaxConns     int           // at a time; 0: DefaultMaxConns
	IdleTimeout  time.Duration // between frames; 0: DefaultIdleTimeout
	FrameTimeout time.Duration // to receive one frame; 0: DefaultFrameTimeout
	WriteTimeout time.Duration // to send one answer; 0: DefaultWriteTimeout
	Drain        time.Duration // for messages in work when the context ends; 0: DefaultDrain

	Log *slog.Logger // nil: slog.Default()
}

// Receiver is an adapters.Receiver. Messages of one connection are handed over and answered one
// after the other, in their order; what is pipelined behind waits in the socket.
type Receiver struct {
	config   Config
	accept   adapters.Accept
	listener net.Listener
	slots    chan struct{}
	work     sync.WaitGroup

	mu       sync.Mutex
	draining bool
	open     map[*session]struct{}
}

var _ adapters.Receiver = (*Receiver)(nil)

// New makes a Receiver and binds its address.
func New(c Config, accept adapters.Accept) (*Receiver, error) {
	setDefaults(&c)
	if err := c.Parties.check(c.TLS); err != nil {
		return nil, err
	}
	listener, err := listen(c)
	if err != nil {
		return nil, err
	}
	return &Receiver{
		config: c, accept: accept, listener: listener,
		slots: make(chan struct{}, c.MaxConns), open: map[*session]struct{}{},
	}, nil
}

func setDefaults(c *Config) {
	c.MaxBytes = positive(c.MaxBytes, DefaultMaxBytes)
	c.MaxConns = positive(c.MaxConns, DefaultMaxConns)
	c.IdleTimeout = positive(c.IdleTimeout, DefaultIdleTimeout)
	c.FrameTimeout = positive(c.FrameTimeout, DefaultFrameTimeout)
	c.WriteTimeout = positive(c.WriteTimeout, DefaultWriteTimeout)
	c.Drain = positive(c.Drain, DefaultDrain)
	if c.Log == nil {
		c.Log = slog.Default()
	}
}

// positive returns n, or the default where n is not positive.
func positive[T int | time.Duration](n, byDefault T) T {
	if n <= 0 {
		return byDefault
	}
	return n
}

func listen(c Config) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", c.Address)
	if err != nil {
		return nil, err
	}
	bound, _ := listener.Addr().(*net.TCPAddr)
	if c.TLS == nil && !c.Insecure && (bound == nil || !bound.IP.IsLoopback()) {
		_ = listener.Close()
		return nil, errors.New("mllp: a listener without TLS may only bind a loopback address, unless it is configured insecure")
	}
	return listener, nil
}

// Addr is the bound address.
func (r *Receiver) Addr() net.Addr { return r.listener.Addr() }

// Serve answers partners until the context ends; then it takes no further frame, answers the
// messages in work, and returns. Messages still in work after Drain are cut off unanswered.
func (r *Receiver) Serve(ctx context.Context) error {
	inWork, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	stop := context.AfterFunc(ctx, r.drain)
	defer stop()
	err := r.acceptAll(inWork)
	if ctx.Err() != nil {
		err = nil
	}
	r.drain()
	return errors.Join(err, r.finish(cut))
}

// acceptAll takes connections until the listener is closed.
func (r *Receiver) acceptAll(ctx context.Context) error {
	for {
		conn, err := r.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil { // out of file descriptors, or the peer is gone already
			time.Sleep(10 * time.Millisecond)
			continue
		}
		select {
		case r.slots <- struct{}{}:
			r.work.Go(func() { r.serve(ctx, conn) })
		default:
			_ = conn.Close()
		}
	}
}

// serve runs one connection to its end.
func (r *Receiver) serve(ctx context.Context, conn net.Conn) {
	defer func() { <-r.slots }()
	s := &session{r: r, conn: conn}
	defer s.close()
	if !r.register(s) {
		return
	}
	defer r.forget(s)
	if err := s.secure(ctx); err != nil {
		r.config.Log.Info("mllp: TLS handshake failed", slog.String("peer", conn.RemoteAddr().String()))
		return
	}
	s.run(ctx)
}

// register adds a session unless the receiver is draining.
func (r *Receiver) register(s *session) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.draining {
		r.open[s] = struct{}{}
	}
	return !r.draining
}

func (r *Receiver) forget(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, s)
}

// drain closes the listener and ends every wait for a further frame.
func (r *Receiver) drain() {
	_ = r.listener.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.draining = true
	for s := range r.open {
		_ = s.conn.SetReadDeadline(time.Now())
	}
}

// await sets the deadline of a session's next read; it answers false when the receiver is draining.
func (r *Receiver) await(s *session, timeout time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.draining && s.conn.SetReadDeadline(time.Now().Add(timeout)) == nil
}

// finish waits for the sessions, at most Drain, then cuts them off.
func (r *Receiver) finish(cut context.CancelFunc) error {
	done := make(chan struct{})
	go func() { r.work.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-time.After(r.config.Drain):
	}
	cut()
	r.mu.Lock()
	for s := range r.open {
		s.close()
	}
	r.mu.Unlock()
	<-done
	return errors.New("mllp: messages were still in work at the end and got no answer")
}
