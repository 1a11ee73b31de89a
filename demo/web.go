package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// Request is one HTTP request that a simulator received.
type Request struct {
	Method, Path string
	Header       http.Header
	Body         []byte
}

// WebSystem is a partner's HTTP system: a FHIR server or an Ed-Fi API. It keeps every
// request that carries a body. Down, it refuses connections.
type WebSystem struct {
	Name   string
	answer func(Request) (int, string)
	mu     sync.Mutex
	got    []Request
	srv    *http.Server
	addr   string
	held   func(Request)
}

// NewFHIRServer says what it is under /metadata, and answers each POST 200 with an empty transaction response.
func NewFHIRServer(name string) (*WebSystem, error) {
	return newWeb(name, func(r Request) (int, string) {
		if r.Method == http.MethodGet && r.Path == "/metadata" {
			return http.StatusOK, `{"resourceType":"CapabilityStatement","status":"active","kind":"instance","fhirVersion":"4.0.1","format":["json"]}`
		}
		return http.StatusOK, `{"resourceType":"Bundle","type":"transaction-response"}`
	})
}

// NewEdFiAPI gives a token to anybody with a key, knows one student, and takes what is posted.
func NewEdFiAPI(name string) (*WebSystem, error) {
	return newWeb(name, func(r Request) (int, string) {
		switch {
		case r.Path == "/oauth/token":
			return http.StatusOK, `{"access_token":"edfi-session","token_type":"bearer","expires_in":1800}`
		case r.Method == http.MethodGet:
			return http.StatusOK, `[]`
		default:
			return http.StatusCreated, ``
		}
	})
}

func newWeb(name string, answer func(Request) (int, string)) (*WebSystem, error) {
	s := &WebSystem{Name: name, answer: answer, addr: "127.0.0.1:0"}
	return s, s.Up()
}

// URL is the base address, the same after Down and Up.
func (s *WebSystem) URL() string { return "http://" + s.addr }

// Up starts listening.
func (s *WebSystem) Up() error {
	ln, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("%s cannot listen: %w", s.Name, err)
	}
	s.addr = ln.Addr().String()
	s.srv = &http.Server{Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: 5 * time.Second}
	go func(srv *http.Server) { _ = srv.Serve(ln) }(s.srv)
	return nil
}

// Down stops listening and cuts every connection.
func (s *WebSystem) Down() { _ = s.srv.Close() }

// Received returns the requests that carried content, in order of arrival; token requests are left out.
func (s *WebSystem) Received() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.got...)
}

// Hold calls f with each request that was received, before it is answered; nil ends that.
func (s *WebSystem) Hold(f func(Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = f
}

func (s *WebSystem) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	if err != nil {
		return
	}
	req := Request{Method: r.Method, Path: r.URL.Path, Header: r.Header.Clone(), Body: body}
	if len(body) > 0 && r.URL.Path != "/oauth/token" {
		s.keep(req)
	}
	status, text := s.answer(req)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func (s *WebSystem) keep(req Request) {
	s.mu.Lock()
	s.got = append(s.got, req)
	held := s.held
	s.mu.Unlock()
	if held != nil {
		held(req)
	}
}

// FHIRClient is a partner that speaks to the gateway's FHIR endpoint.
type FHIRClient struct{ Base, Token string }

// Send sends one resource and returns the status, the gateway's id of the message, and the answer.
func (c FHIRClient) Send(method, path string, body []byte) (status int, id string, answer []byte, err error) {
	req, err := http.NewRequest(method, c.Base+path, bytes.NewReader(body))
	if err != nil {
		return 0, "", nil, err
	}
	req.Header.Set("Content-Type", "application/fhir+json")
	req.Header.Set("Authorization", "Bearer "+c.Token)
	resp, err := (&http.Client{Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		return 0, "", nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, resp.Header.Get("Caregate-Message-Id"), answer, err
}

// last is the newest request that carried content.
func (s *WebSystem) last() Request {
	got := s.Received()
	if len(got) == 0 {
		return Request{}
	}
	return got[len(got)-1]
}

// compact is for showing JSON on one line.
func compact(body []byte) string {
	var b bytes.Buffer
	if json.Compact(&b, body) != nil {
		return string(body)
	}
	return b.String()
}
