package mllp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"caregate/adapters"
	"caregate/hl7v2"
)

// link is one open connection to a destination. Its goroutine reads answers all the time, so that the
// end of the connection shows before the next message is written, not after.
type link struct {
	conn    net.Conn
	answers chan []byte   // frames as they come; unread ones hold the reader back
	closing chan struct{} // closed by close
	ended   chan struct{} // closed when the reader has ended
	why     adapters.Code // set before ended is closed
}

func newLink(conn net.Conn) *link {
	l := &link{conn: conn, answers: make(chan []byte), closing: make(chan struct{}), ended: make(chan struct{})}
	go l.read()
	return l
}

// read passes on frames until the connection ends or says what is no frame.
func (l *link) read() {
	defer close(l.ended)
	frames := hl7v2.NewFrameReader(l.conn, maxAnswerBytes)
	for {
		frame, err := frames.Read()
		if err != nil {
			l.why = adapters.CodeUnavailable
			if _, bad := errors.AsType[*hl7v2.FrameError](err); bad {
				l.why = adapters.CodeBadAnswer
			}
			return
		}
		select {
		case l.answers <- frame:
		case <-l.closing:
			l.why = adapters.CodeUnavailable
			return
		}
	}
}

// usable reports whether the connection is open and in step. One with an unasked answer is not.
func (l *link) usable() bool {
	if l == nil {
		return false
	}
	select {
	case <-l.ended:
		return false
	case <-l.answers:
		return false
	default:
		return true
	}
}

// write writes a frame by an instant, or ends the connection so that the rest of it never leaves.
func (l *link) write(ctx context.Context, frame []byte, by time.Time) bool {
	if l.conn.SetWriteDeadline(by) != nil {
		return false
	}
	stop := context.AfterFunc(ctx, func() { _ = l.conn.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	if n, err := l.conn.Write(frame); err != nil || n < len(frame) {
		l.abort()
		return false
	}
	return true
}

// abort makes close throw away what the kernel holds unsent.
func (l *link) abort() {
	conn := l.conn
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
		_ = tcp.Close()
	}
}

// close ends the connection and waits for its reader. A nil link has none.
func (l *link) close() {
	if l == nil {
		return
	}
	close(l.closing)
	_ = l.conn.Close()
	<-l.ended
}
