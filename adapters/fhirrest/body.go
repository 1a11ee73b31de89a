package fhirrest

import (
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"sync/atomic"

	"caregate/adapters"
)

// readStep is how many bytes of a body are read, and taken from the budget, at a time.
const readStep = 64 << 10

// drainBytes is how much of a body that is too large is read on, within the deadline of
// the request, so that the answer is heard.
const drainBytes = 1 << 20

// budget bounds the bytes of all bodies in memory.
type budget struct{ left atomic.Int64 }

func (b *budget) take(n int64) bool {
	if b.left.Add(-n) < 0 {
		b.left.Add(n)
		return false
	}
	return true
}

// problem is why a body was not taken.
type problem struct {
	status int
	code   adapters.Code
	text   string
}

func refusal(code adapters.Code, text string) *problem {
	return &problem{status: code.Row().HTTP, code: code, text: text}
}

// body reads one JSON body within its bounds and its time; release gives its memory back.
// A gzip body is handed on decompressed: the coding is the transport's, not the message's.
func (r *Receiver) body(c *call) (raw []byte, release func(), why *problem) {
	defer func() {
		switch {
		case why == nil:
			c.unhurried()
		case why.code == adapters.CodeTooLarge: // a partner that is cut off while it writes does not hear why
			_, _ = io.CopyN(io.Discard, c.request.Body, drainBytes)
		}
	}()
	release = func() {}
	if why = media(c.request); why != nil {
		return nil, release, why
	}
	if c.request.ContentLength > r.config.MaxBytes {
		return nil, release, tooLarge()
	}
	var from io.Reader = http.MaxBytesReader(c.w, c.request.Body, r.config.MaxBytes)
	if c.request.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(from)
		if err != nil {
			return nil, release, refusal(adapters.CodeMalformed, "the body is not gzip")
		}
		from = unzipped
	}
	raw, taken, why := r.readAll(from)
	return raw, func() { r.budget.left.Add(taken) }, why
}

func (r *Receiver) readAll(from io.Reader) (raw []byte, taken int64, why *problem) {
	for {
		if int64(cap(raw)-len(raw)) < readStep {
			grow := max(int64(cap(raw)), readStep)
			if !r.budget.take(grow) {
				return nil, taken, refusal(adapters.CodeBusy, "too much is being received at the moment; send again")
			}
			taken += grow
			raw = append(make([]byte, 0, int64(len(raw))+grow), raw...)
		}
		n, err := from.Read(raw[len(raw):cap(raw)])
		raw = raw[:len(raw)+n]
		switch {
		case int64(len(raw)) > r.config.MaxBytes:
			return nil, taken, tooLarge()
		case errors.Is(err, io.EOF):
			return raw, taken, nil
		case err != nil:
			return nil, taken, unreadable(err)
		}
	}
}

func tooLarge() *problem {
	return refusal(adapters.CodeTooLarge, "the body is larger than this gateway takes")
}

func unreadable(err error) *problem {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &problem{http.StatusRequestTimeout, adapters.CodeTimeout, "the body did not arrive in time"}
	}
	return refusal(adapters.CodeMalformed, "the body is incomplete or wrongly compressed")
}

// wantsJSON reports whether JSON is among what the partner takes as an answer. A missing or
// wide Accept takes anything; _format overrides it (R4 3.1.0.1.11).
func wantsJSON(request *http.Request) bool {
	if format := request.URL.Query().Get("_format"); format != "" {
		return strings.Contains(format, "json")
	}
	accept := strings.Join(request.Header.Values("Accept"), ",")
	return accept == "" || strings.Contains(accept, "json") || strings.Contains(accept, "*/*") || strings.Contains(accept, "application/*")
}

// media takes JSON only, in UTF-8, plain or gzip.
func media(request *http.Request) *problem {
	kind, params, err := mime.ParseMediaType(request.Header.Get("Content-Type"))
	charset := strings.ToLower(params["charset"])
	encoding := request.Header.Values("Content-Encoding")
	switch {
	case err != nil || kind != mediaType && kind != "application/json":
		return unsupported("Content-Type must be " + mediaType + "; XML is not taken")
	case charset != "" && charset != "utf-8":
		return unsupported("charset must be utf-8")
	case len(encoding) > 1 || len(encoding) == 1 && encoding[0] != "gzip" && encoding[0] != "identity":
		return unsupported("Content-Encoding must be gzip or absent")
	}
	return nil
}

func unsupported(text string) *problem {
	return &problem{http.StatusUnsupportedMediaType, adapters.CodeUnsupportedType, text}
}
