package demo

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"caregate/hl7v2"
)

// V2System is a partner's HL7 v2 system: it listens for messages on MLLP, keeps every one,
// and acknowledges as its header asks. Down, it refuses connections.
type V2System struct {
	Name string
	mu   sync.Mutex
	got  [][]byte
	ln   net.Listener
	addr string
	open map[net.Conn]bool
	held func([]byte)
}

// NewV2System reserves an address on loopback and starts listening.
func NewV2System(name string) (*V2System, error) {
	s := &V2System{Name: name, addr: "127.0.0.1:0", open: map[net.Conn]bool{}}
	return s, s.Up()
}

// Addr is host:port, the same after Down and Up.
func (s *V2System) Addr() string { return s.addr }

// Up starts listening.
func (s *V2System) Up() error {
	ln, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("%s cannot listen: %w", s.Name, err)
	}
	s.mu.Lock()
	s.ln, s.addr = ln, ln.Addr().String()
	s.mu.Unlock()
	go s.serve(ln)
	return nil
}

// Down stops listening and cuts every connection.
func (s *V2System) Down() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.ln.Close()
	for c := range s.open {
		_ = c.Close()
	}
}

// Received returns the messages so far, in order of arrival, repeats included.
func (s *V2System) Received() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([][]byte(nil), s.got...)
}

// Hold calls f with each message that was received, before it is answered; nil ends that.
func (s *V2System) Hold(f func(msg []byte)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = f
}

// last is the newest message.
func (s *V2System) last() []byte {
	got := s.Received()
	if len(got) == 0 {
		return nil
	}
	return got[len(got)-1]
}

func (s *V2System) serve(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.open[conn] = true
		s.mu.Unlock()
		go s.talk(conn)
	}
}

func (s *V2System) talk(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		s.mu.Lock()
		delete(s.open, conn)
		s.mu.Unlock()
	}()
	frames := hl7v2.NewFrameReader(conn, 1<<20)
	for n := 1; ; n++ {
		msg, err := frames.Read()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.got = append(s.got, msg)
		held := s.held
		s.mu.Unlock()
		if held != nil {
			held(msg)
		}
		header, err := hl7v2.ReadHeader(msg)
		if err != nil {
			return
		}
		code, wanted := hl7v2.AckFor(header, hl7v2.AA)
		if !wanted {
			continue
		}
		ack := hl7v2.NewAck(header, code, fmt.Sprintf("%s%d", s.Name, n), time.Now(), nil)
		if _, err := conn.Write(hl7v2.Frame(ack)); err != nil {
			return
		}
	}
}

// SendV2 sends one message as a partner's system would and returns the acknowledgement.
func SendV2(addr string, msg []byte) ([]byte, error) {
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := conn.Write(hl7v2.Frame(msg)); err != nil {
		return nil, err
	}
	ack, err := hl7v2.NewFrameReader(bufio.NewReader(conn), 1<<20).Read()
	if err != nil {
		return nil, errors.New("no acknowledgement came")
	}
	return ack, nil
}
