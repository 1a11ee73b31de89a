package hl7v2

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// The bytes of an MLLP block: <SB> data <EB><CR> (HL7 v2 Transport: MLLP release 1).
const (
	startBlock = 0x0b
	endBlock   = 0x1c
	carriage   = '\r'
)

// headBytes is how much of a bad frame a FrameError keeps: enough for any header.
const headBytes = 4 << 10

// What can be wrong with a frame. After each the reader goes on with the next start byte.
var (
	ErrFrameGarbage   = errors.New("bytes outside of a frame")
	ErrFrameTooLarge  = errors.New("frame is larger than the limit")
	ErrFrameTruncated = errors.New("frame has no end")
	ErrFrameEnd       = errors.New("frame end 0x1C is not followed by 0x0D")
)

// FrameError is one bad frame: which ErrFrame it is, and its beginning.
type FrameError struct {
	Err  error
	Head []byte // first bytes after the start byte, at most 4 KiB; for the answer, not for logs
}

// Error names what is wrong.
func (e *FrameError) Error() string { return fmt.Sprintf("mllp: %v", e.Err) }

// Unwrap returns the ErrFrame.
func (e *FrameError) Unwrap() error { return e.Err }

// FrameReader reads MLLP blocks from a connection. It holds at most maxBytes of one block, keeps
// pipelined blocks for the next Read, and finds the next block after a bad one.
type FrameReader struct {
	r        *bufio.Reader
	max      int
	skipping bool // inside of a block that was too large
}

// NewFrameReader returns a reader of blocks of at most maxBytes; 0 means MaxBytes.
func NewFrameReader(r io.Reader, maxBytes int) *FrameReader {
	if maxBytes <= 0 {
		maxBytes = MaxBytes
	}
	return &FrameReader{r: bufio.NewReaderSize(r, 16<<10), max: maxBytes}
}

// Wait returns once a frame has begun, so that a deadline for idleness can end and one for the
// frame begin. It passes over the blank bytes that may stand between frames.
func (f *FrameReader) Wait() error {
	for {
		b, err := f.r.Peek(1)
		if err != nil || f.skipping || !isBlank(b[0]) {
			return err
		}
		f.discard(1)
	}
}

// Buffered reports whether bytes are there that no Read has taken yet.
func (f *FrameReader) Buffered() bool { return f.r.Buffered() > 0 }

// Read returns the content of the next block, owned by the caller. A bad block is a *FrameError and
// leaves the reader usable; any other error is the connection's.
func (f *FrameReader) Read() ([]byte, error) {
	if f.skipping {
		if err := f.skip(); err != nil {
			return nil, err
		}
	}
	if err := f.start(); err != nil {
		return nil, err
	}
	return f.block()
}

// start passes over blank bytes to the start byte; other bytes are garbage, reported once they end.
func (f *FrameReader) start() error {
	var head []byte
	for n := 0; ; {
		b, err := f.r.ReadByte()
		switch {
		case err != nil && n > 0:
			return &FrameError{ErrFrameGarbage, head}
		case err != nil:
			return err
		case b == startBlock && n == 0:
			return nil
		case b == startBlock:
			_ = f.r.UnreadByte() // cannot fail after ReadByte
			return &FrameError{ErrFrameGarbage, head}
		case n == 0 && isBlank(b):
			continue
		}
		n++
		if len(head) < headBytes {
			head = append(head, b)
		}
		if b == endBlock || n >= f.max {
			return &FrameError{ErrFrameGarbage, head}
		}
	}
}

// block reads up to the end bytes.
func (f *FrameReader) block() ([]byte, error) {
	var out []byte
	for {
		chunk, err := f.chunk()
		if err != nil {
			return nil, truncated(err, out)
		}
		end := boundary(chunk)
		take := end
		if end < 0 {
			take = len(chunk)
		}
		if len(out)+take > f.max {
			f.skipping = true
			return nil, &FrameError{ErrFrameTooLarge, head(append(out, chunk[:take]...))}
		}
		out = append(out, chunk[:take]...)
		f.discard(take)
		if end < 0 {
			continue
		}
		if chunk[end] == startBlock {
			return nil, &FrameError{ErrFrameTruncated, head(out)}
		}
		return f.finish(out)
	}
}

// finish reads the two end bytes.
func (f *FrameReader) finish(out []byte) ([]byte, error) {
	f.discard(1)
	b, err := f.r.ReadByte()
	if err != nil {
		return nil, truncated(err, out)
	}
	if b != carriage {
		_ = f.r.UnreadByte() // cannot fail after ReadByte
		return nil, &FrameError{ErrFrameEnd, head(out)}
	}
	return out, nil
}

// skip passes over the rest of a block that was too large.
func (f *FrameReader) skip() error {
	for {
		chunk, err := f.chunk()
		if err != nil {
			return err
		}
		end := boundary(chunk)
		if end < 0 {
			f.discard(len(chunk))
			continue
		}
		f.discard(end)
		if chunk[end] == startBlock {
			break
		}
		f.discard(1)
		next, err := f.r.Peek(1)
		if err != nil {
			return err
		}
		if next[0] == carriage {
			break
		}
	}
	f.skipping = false
	return nil
}

// chunk returns the bytes at hand, at least one.
func (f *FrameReader) chunk() ([]byte, error) {
	if _, err := f.r.Peek(1); err != nil {
		return nil, err
	}
	return f.r.Peek(f.r.Buffered())
}

// discard drops bytes that chunk has shown.
func (f *FrameReader) discard(n int) {
	_, _ = f.r.Discard(n) // they are buffered
}

// truncated makes the end of the connection inside of a block a bad frame.
func truncated(err error, out []byte) error {
	if errors.Is(err, io.EOF) {
		return &FrameError{ErrFrameTruncated, head(out)}
	}
	return err
}

// boundary returns the offset of the first start or end byte, -1 for none.
func boundary(chunk []byte) int {
	end := bytes.IndexByte(chunk, endBlock)
	if end >= 0 {
		chunk = chunk[:end]
	}
	if start := bytes.IndexByte(chunk, startBlock); start >= 0 {
		return start
	}
	return end
}

// head returns the beginning of a bad block.
func head(out []byte) []byte { return out[:min(len(out), headBytes)] }

// isBlank reports whether b may stand between blocks.
func isBlank(b byte) bool { return b == '\r' || b == '\n' || b == ' ' || b == '\t' }

// Frame returns msg as one MLLP block. Start and end bytes cannot stand in a message that Builder wrote.
func Frame(msg []byte) []byte {
	out := make([]byte, 0, len(msg)+3)
	out = append(out, startBlock)
	out = append(out, msg...)
	return append(out, endBlock, carriage)
}
