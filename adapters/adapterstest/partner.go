package adapterstest

import (
	"bufio"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// partner is a real listener on 127.0.0.1 whose behaviour is one function per connection.
type partner struct {
	listener net.Listener
	received atomic.Int64 // bytes read off the wire
	sent     atomic.Int64 // bytes the partner managed to send
	conns    atomic.Int64
	stop     chan struct{}
	work     sync.WaitGroup
}

func newPartner(t *testing.T, talk func(p *partner, conn net.Conn)) *partner {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &partner{listener: listener, stop: make(chan struct{})}
	p.work.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.conns.Add(1)
			p.work.Go(func() {
				end := make(chan struct{})
				p.work.Go(func() {
					select {
					case <-p.stop:
						_ = conn.Close()
					case <-end:
					}
				})
				talk(p, &counted{Conn: conn, p: p})
				_ = conn.Close()
				close(end)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		close(p.stop)
		p.work.Wait()
	})
	return p
}

func (p *partner) address() string { return p.listener.Addr().String() }

// wait sleeps until the partner stops, or for d; it answers false when stopped.
func (p *partner) wait(d time.Duration) bool {
	select {
	case <-p.stop:
		return false
	case <-time.After(d):
		return true
	}
}

type counted struct {
	net.Conn
	p *partner
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.p.received.Add(int64(n))
	return n, err
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.p.sent.Add(int64(n))
	return n, err
}

// answering reads requests and answers each; it keeps what it read.
type answering struct {
	mu       sync.Mutex
	requests []Request
}

func (a *answering) talk(read func(*bufio.Reader) (Request, error), answer func(Request) []byte) func(*partner, net.Conn) {
	return func(_ *partner, conn net.Conn) {
		r := bufio.NewReader(conn)
		for {
			request, err := read(r)
			if err != nil {
				return
			}
			a.mu.Lock()
			a.requests = append(a.requests, request)
			a.mu.Unlock()
			wire := answer(request)
			if wire == nil {
				return
			}
			if _, err := conn.Write(wire); err != nil {
				return
			}
		}
	}
}

func (a *answering) messages() []Request {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []Request
	for _, r := range a.requests {
		if !r.Handshake {
			out = append(out, r)
		}
	}
	return out
}

// swallow reads everything and never answers.
func swallow(_ *partner, conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// drip answers one byte of the text every 20 ms, again and again.
func drip(text []byte) func(*partner, net.Conn) {
	return func(p *partner, conn net.Conn) {
		go func() { _, _ = io.Copy(io.Discard, conn) }()
		for i := 0; p.wait(20 * time.Millisecond); i++ {
			if _, err := conn.Write(text[i%len(text) : i%len(text)+1]); err != nil {
				return
			}
		}
	}
}

// babble answers with the beginning and then with junk without end.
func babble(beginning []byte) func(*partner, net.Conn) {
	return func(_ *partner, conn net.Conn) {
		go func() { _, _ = io.Copy(io.Discard, conn) }()
		junk := make([]byte, 64<<10)
		for i := range junk {
			junk[i] = 'A'
		}
		_, err := conn.Write(beginning)
		for err == nil {
			_, err = conn.Write(junk)
		}
	}
}
