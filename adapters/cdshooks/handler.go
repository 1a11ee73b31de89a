// Package cdshooks answers the CDS Hooks service patient-consent-consult, as the services of
// SHARES and LEAP-CDS do: may this partner have records of this child, and which of those it
// shows. It is a facade: it decides nothing, and believes nothing of what a caller says about
// consents, roles and switches.
package cdshooks

import (
	"context"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"caregate/adapters"
)

// Protocol is the name of this protocol among a partner's codecs.
const Protocol = "cdshooks"

// Service is the id of the service and the name of its hook.
const Service = "patient-consent-consult"

// Path is where the services are listed; the service itself is below it.
const Path = "/cds-services"

// The bounds of a Handler where its configuration names none.
const (
	DefaultMaxBytes    = 1 << 20 // one body
	DefaultMaxInFlight = 16      // requests worked on at a time
	bodyTimeout        = 30 * time.Second
	slotWait           = 5 * time.Second
	mediaType          = "application/json"
)

// Consult releases what a partner may have: the permit holds the body of the answer, or is
// invalid and the Ack says why. CodeBusinessRule is a denial, in the words of its first
// issue; CodeUnknownKey stands for an unknown child and for a child without a consent.
type Consult func(ctx context.Context, q adapters.Consultation) (adapters.Permit, adapters.Ack)

// Config is what a Handler needs.
type Config struct {
	Partner     func(*http.Request) (id string, proved bool) // who asks, by its credential
	MaxBytes    int64                                        // of one body; 0: DefaultMaxBytes
	MaxInFlight int                                          // 0: DefaultMaxInFlight
}

// Handler serves Path and Path/Service.
type Handler struct {
	config  Config
	consult Consult
	slots   chan struct{}
}

// New makes a Handler.
func New(c Config, consult Consult) *Handler {
	if c.MaxBytes <= 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	if c.MaxInFlight <= 0 {
		c.MaxInFlight = DefaultMaxInFlight
	}
	return &Handler{config: c, consult: consult, slots: make(chan struct{}, c.MaxInFlight)}
}

// ServeHTTP routes by the path as it was sent, authenticates, then reads the body.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if recover() != nil { // the panic's value may quote the question
			refuse(w, adapters.CodeInternal, "the question could not be worked on")
		}
	}()
	switch r.URL.EscapedPath() {
	case Path:
		if allow(w, r, http.MethodGet) {
			write(w, http.StatusOK, discovery())
		}
	case Path + "/" + Service:
		if allow(w, r, http.MethodPost) {
			h.serve(w, r)
		}
	default:
		refuse(w, adapters.CodeUnknownKey, "no such service")
	}
}

func allow(w http.ResponseWriter, r *http.Request, method string) bool {
	if r.Method == method {
		return true
	}
	w.Header().Set("Allow", method)
	problem(w, http.StatusMethodNotAllowed, "this path takes "+method)
	return false
}

// services is the answer of discovery (CDS Hooks 2.0, "Discovery").
type services struct {
	Services []service `json:"services"`
}

type service struct {
	Hook        string `json:"hook"`
	ID          string `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description"`
}

// discovery lists the one service; it says nothing about anybody and needs no credential.
func discovery() []byte {
	text, _ := json.Marshal(services{[]service{{
		Hook: Service, ID: Service, Title: "Patient consent consult",
		Description: "Answers whether the caller may have records of a child for a registered purpose, and redacts those it shows. Consents on file here decide, not those of the request.",
	}}})
	return text
}

// serve answers one question.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request) {
	partner, proved := h.config.Partner(r)
	if !proved {
		w.Header().Set("WWW-Authenticate", `Bearer realm="cds-services"`)
		refuse(w, adapters.CodeUnauthenticated, "a credential of a registered partner is needed")
		return
	}
	if !h.enter(r) {
		refuse(w, adapters.CodeBusy, "too many questions are in work at the moment; ask again")
		return
	}
	defer func() { <-h.slots }()
	body, ok := h.body(w, r)
	if !ok {
		return
	}
	q, err := read(body)
	if err != nil {
		refuse(w, adapters.CodeMalformed, err.Error())
		return
	}
	q.Partner = partner
	permit, ack := h.consult(r.Context(), q)
	answer(w, permit, ack)
}

// enter takes a place among the requests in work, or gives up after slotWait.
func (h *Handler) enter(r *http.Request) bool {
	patience := time.NewTimer(slotWait)
	defer patience.Stop()
	select {
	case h.slots <- struct{}{}:
		return true
	case <-patience.C:
	case <-r.Context().Done():
	}
	return false
}

// body reads one JSON body within its bound and its time.
func (h *Handler) body(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != mediaType {
		problem(w, http.StatusUnsupportedMediaType, "Content-Type must be "+mediaType)
		return nil, false
	}
	deadline := http.NewResponseController(w)
	_ = deadline.SetReadDeadline(time.Now().Add(bodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.config.MaxBytes))
	_ = deadline.SetReadDeadline(time.Time{}) // one left behind would end the pipeline's context
	if err != nil {
		refuse(w, adapters.CodeTooLarge, "the body is incomplete, late or larger than this gateway takes")
		return nil, false
	}
	return body, true
}

// answer writes a card, or why there is none.
func answer(w http.ResponseWriter, permit adapters.Permit, ack adapters.Ack) {
	switch {
	case permit.Valid():
		release := permit.Release()
		_ = http.NewResponseController(w).SetWriteDeadline(release.WriteBy)
		write(w, http.StatusOK, release.Body)
	case ack.Code == adapters.CodeUnknownKey:
		write(w, http.StatusOK, unknown())
	case ack.Code == adapters.CodeBusinessRule:
		write(w, http.StatusOK, denied(why(ack, "A consent in force denies this.")))
	case ack.Code == adapters.CodeAccepted, ack.Code == adapters.CodeHeld, ack.Code == "":
		refuse(w, adapters.CodeInternal, "nothing was released")
	default:
		refuse(w, ack.Code, why(ack, "the question cannot be answered"))
	}
}

func why(ack adapters.Ack, otherwise string) string {
	if len(ack.Issues) == 0 {
		return otherwise
	}
	return ack.Issues[0].Text
}

func refuse(w http.ResponseWriter, code adapters.Code, text string) {
	if code.Row().Retry {
		w.Header().Set("Retry-After", "2")
	}
	problem(w, code.Row().HTTP, text)
}

type fault struct {
	Error string `json:"error"`
}

func problem(w http.ResponseWriter, status int, text string) {
	body, _ := json.Marshal(fault{text})
	write(w, status, body)
}

func write(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the connection is the caller's; it asks again when it broke
}
