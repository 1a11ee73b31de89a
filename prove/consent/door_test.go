package consent

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"caregate/hl7v2"
)

// manner is how a partner's system behaves towards one child's messages.
type manner int

const (
	taking    manner = iota // reads and accepts
	refusing                // reads and answers that it cannot, for now
	holding                 // reads and does not answer
	trickling               // reads slowly
	deaf                    // does not read
)

// arrival is one message at a partner's socket.
type arrival struct {
	mark  string    // of the referral that it comes from
	first time.Time // when the first byte of its body was in the socket
	last  time.Time // when its last byte was read; zero where it never came
	whole []byte
}

// door is a partner's system that sees when the first byte of a body reaches its socket,
// whether it reads or not. What it does is told by the mark of the message.
type door struct {
	net.Listener
	web    bool
	manner func(mark string) manner
	opened chan struct{} // closed: it takes everything now

	mu       sync.Mutex
	arrivals []*arrival
}

func newDoor(t *testing.T, web bool, how func(mark string) manner) *door {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{Listener: ln, web: web, manner: how, opened: make(chan struct{})}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go d.talk(conn.(*net.TCPConn))
		}
	}()
	return d
}

// seen returns the messages so far, in the order of their first bytes.
func (d *door) seen() []arrival {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]arrival, len(d.arrivals))
	for i, a := range d.arrivals {
		out[i] = *a
	}
	return out
}

func (d *door) talk(conn *net.TCPConn) {
	defer conn.Close()
	_ = conn.SetReadBuffer(1 << 16) // so that most of a large message stays with its sender
	for {
		a, ok := d.await(conn)
		if !ok {
			return
		}
		how := taking
		select {
		case <-d.opened:
		default:
			how = d.manner(a.mark)
		}
		if how == deaf {
			<-d.opened
		}
		whole, err := d.read(conn, how)
		if err != nil {
			return
		}
		d.mu.Lock()
		a.last, a.whole = time.Now(), whole
		d.mu.Unlock()
		if how == holding {
			<-d.opened
		}
		if _, err := conn.Write(d.answer(whole, how == refusing)); err != nil {
			return
		}
	}
}

var marked = regexp.MustCompile(`MARK[0-9]{6}`)

// await looks into the socket without reading until the body of a message has begun, and
// notes when; then it looks for the mark of the message.
func (d *door) await(conn *net.TCPConn) (*arrival, bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, false
	}
	var a *arrival
	begin := []byte{0x0b}
	if d.web {
		begin = []byte("\r\n\r\n")
	}
	buf := make([]byte, 1<<16)
	for patience := 2000; patience > 0; {
		n, ended := 0, false
		err := raw.Read(func(fd uintptr) bool {
			var err error
			n, _, err = syscall.Recvfrom(int(fd), buf, syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			ended = err != syscall.EAGAIN && n <= 0
			return n > 0 || ended
		})
		if err != nil || ended {
			return nil, false
		}
		now := time.Now()
		if _, body, found := bytes.Cut(buf[:n], begin); found && len(body) > 0 {
			if a == nil {
				a = &arrival{first: now}
				d.mu.Lock()
				d.arrivals = append(d.arrivals, a)
				d.mu.Unlock()
			}
			if mark := marked.Find(buf[:n]); mark != nil {
				d.mu.Lock()
				a.mark = string(mark)
				d.mu.Unlock()
				return a, true
			}
			patience--
		}
		time.Sleep(time.Millisecond) // more has to come
	}
	return a, true
}

// slowly reads 64 KiB at a time, with a rest.
type slowly struct{ io.Reader }

func (s slowly) Read(b []byte) (int, error) {
	time.Sleep(140 * time.Millisecond)
	return s.Reader.Read(b[:min(len(b), 1<<16)])
}

func (d *door) read(conn net.Conn, how manner) ([]byte, error) {
	var r io.Reader = conn
	if how == trickling {
		r = bufio.NewReaderSize(slowly{conn}, 1<<16)
	}
	if !d.web {
		return hl7v2.NewFrameReader(r, 64<<20).Read()
	}
	req, err := http.ReadRequest(bufio.NewReaderSize(r, 1<<16))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(req.Body)
}

func (d *door) answer(msg []byte, no bool) []byte {
	const web = "HTTP/1.1 %s\r\nContent-Type: application/fhir+json\r\nContent-Length: %d\r\n\r\n%s"
	const done = `{"resourceType":"Bundle","type":"transaction-response"}`
	switch {
	case d.web && no:
		return fmt.Appendf(nil, web, "503 Service Unavailable", 0, "")
	case d.web:
		return fmt.Appendf(nil, web, "200 OK", len(done), done)
	}
	header, err := hl7v2.ReadHeader(msg)
	if err != nil {
		return nil
	}
	code := hl7v2.AA
	if no {
		code = hl7v2.AE
	}
	code, _ = hl7v2.AckFor(header, code)
	return hl7v2.Frame(hl7v2.NewAck(header, code, "DOOR1", time.Now(), nil))
}

// count returns how many messages of a mark have come, and how many of them whole.
func (d *door) count(mark string) (begun, whole int) {
	for _, a := range d.seen() {
		if a.mark == mark {
			begun++
			whole += min(1, len(a.whole))
		}
	}
	return begun, whole
}
