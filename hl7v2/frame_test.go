package hl7v2

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

const (
	vt = "\x0b"
	fs = "\x1c"
)

var frameCases = []struct {
	name, in string
	want     []string // content, or the name of the error
}{
	{"one", vt + "A\r" + fs + "\r", []string{"A\r"}},
	{"five at once", strings.Repeat(vt+"A"+fs+"\r", 5), []string{"A", "A", "A", "A", "A"}},
	{"empty", vt + fs + "\r", []string{""}},
	{"blanks between", "\r\n" + vt + "A" + fs + "\r\r\n " + vt + "B" + fs + "\r", []string{"A", "B"}},
	{"garbage before", "GET / HTTP/1.1\r\n" + vt + "A" + fs + "\r", []string{"garbage", "A"}},
	{"no start byte", "MSH|^~" + fs + "\r" + vt + "A" + fs + "\r", []string{"garbage", "A"}},
	{"no end byte", vt + "A" + vt + "B" + fs + "\r", []string{"truncated", "B"}},
	{"end byte without CR", vt + "A" + fs + "x" + vt + "B" + fs + "\r", []string{"end", "garbage", "B"}},
	{"end byte then start byte", vt + "A" + fs + vt + "B" + fs + "\r", []string{"end", "B"}},
	{"cut off", vt + "A", []string{"truncated"}},
	{"cut off between the end bytes", vt + "A" + fs, []string{"truncated"}},
	{"too large", vt + strings.Repeat("A", 65) + fs + "\r" + vt + "B" + fs + "\r", []string{"large", "B"}},
	{"as large as allowed", vt + strings.Repeat("A", 64) + fs + "\r", []string{strings.Repeat("A", 64)}},
	{"too large and no end", vt + strings.Repeat("A", 65) + vt + "B" + fs + "\r", []string{"large", "B"}},
	{"too large with an end byte inside", vt + strings.Repeat("A", 65) + fs + "x" + fs + "\r" + vt + "B" + fs + "\r", []string{"large", "B"}},
	{"too much garbage", strings.Repeat("A", 100) + vt + "B" + fs + "\r", []string{"garbage", "garbage", "B"}},
}

func TestFrameReader(t *testing.T) {
	t.Parallel()
	readers := map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader,
		"halves": iotest.HalfReader, "data with the error": iotest.DataErrReader,
	}
	for _, tt := range frameCases {
		for how, wrap := range readers {
			got := readAll(t, NewFrameReader(wrap(strings.NewReader(tt.in)), 64))
			if strings.Join(got, "|") != strings.Join(tt.want, "|") {
				t.Errorf("%s, %s: %q, want %q", tt.name, how, got, tt.want)
			}
		}
	}
}

// readAll reads until the end: contents and short names of bad frames.
func readAll(t *testing.T, f *FrameReader) []string {
	t.Helper()
	names := map[error]string{ErrFrameGarbage: "garbage", ErrFrameTooLarge: "large", ErrFrameTruncated: "truncated", ErrFrameEnd: "end"}
	var got []string
	for range 1000 {
		block, err := f.Read()
		bad, isBad := errors.AsType[*FrameError](err)
		switch {
		case isBad:
			got = append(got, names[bad.Err])
		case errors.Is(err, io.EOF):
			return got
		case err != nil:
			t.Fatal(err)
		default:
			got = append(got, string(block))
		}
	}
	t.Fatal("the reader does not end")
	return nil
}

func TestFrameReaderOwnsWhatItReturns(t *testing.T) {
	t.Parallel()
	f := NewFrameReader(bytes.NewReader(append(Frame([]byte("first")), Frame([]byte("other"))...)), 0)
	first, _ := f.Read()
	if _, err := f.Read(); err != nil || string(first) != "first" {
		t.Errorf("first block became %q (%v)", first, err)
	}
}

func FuzzFrameReader(f *testing.F) {
	for _, tt := range frameCases {
		f.Add([]byte(tt.in), uint8(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, chunk uint8) {
		whole := readAll2(NewFrameReader(bytes.NewReader(data), 32))
		dripped := readAll2(NewFrameReader(&dripper{data, int(chunk%7) + 1}, 32))
		if strings.Join(whole, "\x00") != strings.Join(dripped, "\x00") {
			t.Fatalf("whole %q, dripped %q", whole, dripped)
		}
		for _, block := range whole {
			if len(block) > 32+1 {
				t.Fatalf("a block of %d bytes", len(block))
			}
		}
		if !bytes.ContainsAny(data, vt+fs) && len(data) <= 32 {
			if got, err := NewFrameReader(bytes.NewReader(Frame(data)), 32).Read(); err != nil || !bytes.Equal(got, data) {
				t.Fatalf("Frame(%q) reads as %q, %v", data, got, err)
			}
		}
	})
}

// readAll2 reads until the end: "+" and content, or "!" for a bad frame.
func readAll2(f *FrameReader) []string {
	var got []string
	for {
		block, err := f.Read()
		if _, bad := errors.AsType[*FrameError](err); bad {
			got = append(got, "!")
			continue
		}
		if err != nil {
			return got
		}
		got = append(got, "+"+string(block))
	}
}

// dripper gives its bytes n at a time.
type dripper struct {
	rest []byte
	n    int
}

func (d *dripper) Read(p []byte) (int, error) {
	if len(d.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, d.rest[:min(d.n, len(d.rest))])
	d.rest = d.rest[n:]
	return n, nil
}
