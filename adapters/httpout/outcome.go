package httpout

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"caregate/adapters"
)

// maxAfter is the longest pause that a partner's Retry-After can ask for.
const maxAfter = 24 * time.Hour

// statuses says what each HTTP status of a partner means. Whatever is not here follows
// its class: 3xx configuration, 4xx business rule, 5xx internal.
//
// 401 is not retried: the token was renewed once, so a person must look at the credential.
// 409 is not a receipt: it names another content under our key, or a newer version there.
// With Retry-After it means "the same key is in work" and is waited for.
var statuses = map[int]adapters.Code{
	http.StatusBadRequest:            adapters.CodeBusinessRule,
	http.StatusUnauthorized:          adapters.CodeUnauthenticated,
	http.StatusForbidden:             adapters.CodeForbidden,
	http.StatusNotFound:              adapters.CodeUnknownKey,
	http.StatusMethodNotAllowed:      adapters.CodeUnsupportedType,
	http.StatusNotAcceptable:         adapters.CodeUnsupportedType,
	http.StatusProxyAuthRequired:     adapters.CodeConfiguration,
	http.StatusRequestTimeout:        adapters.CodeTimeout,
	http.StatusConflict:              adapters.CodeDuplicate,
	http.StatusGone:                  adapters.CodeUnknownKey,
	http.StatusRequestEntityTooLarge: adapters.CodeTooLarge,
	http.StatusUnsupportedMediaType:  adapters.CodeUnsupportedType,
	http.StatusMisdirectedRequest:    adapters.CodeUnavailable,
	http.StatusLocked:                adapters.CodeBusy,
	http.StatusTooEarly:              adapters.CodeBusy,
	http.StatusTooManyRequests:       adapters.CodeBusy,
	http.StatusNotImplemented:        adapters.CodeUnsupportedType,
	http.StatusBadGateway:            adapters.CodeUnavailable,
	http.StatusServiceUnavailable:    adapters.CodeUnavailable,
	http.StatusGatewayTimeout:        adapters.CodeTimeout,
}

// Failure says why the answer is not an acceptance; nil for 200, 201, 202 and 204.
// It repeats nothing of the answer but the status: a partner's text may quote the message.
func (a Answer) Failure() *adapters.Failure {
	switch a.Status {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent:
		return nil
	}
	code, listed := statuses[a.Status]
	switch {
	case listed:
	case a.Status >= 500 && a.Status < 600:
		code = adapters.CodeInternal
	case a.Status >= 400 && a.Status < 500:
		code = adapters.CodeBusinessRule
	case a.Status >= 300 && a.Status < 400:
		code = adapters.CodeConfiguration
	default:
		code = adapters.CodeBadAnswer
	}
	after := a.after()
	if a.Status == http.StatusConflict && after > 0 {
		code = adapters.CodeBusy
	}
	if !code.Row().Retry {
		after = 0
	}
	return &adapters.Failure{Code: code, Answer: statusText(a.Status), Detail: detail(a.Status), After: after}
}

func statusText(status int) string { return strconv.Itoa(status) }

func detail(status int) string {
	if status >= 300 && status < 400 {
		return "the destination redirects; configure its final address"
	}
	if text := http.StatusText(status); text != "" {
		return strings.ToLower(text)
	}
	return "not a status of HTTP"
}

// after reads Retry-After in both its forms (RFC 9110 section 10.2.3). A date is taken
// relative to the partner's own Date, so that its clock does not matter.
func (a Answer) after() time.Duration {
	text := a.Header.Get("Retry-After")
	var after time.Duration
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		after = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		now := a.At
		if date, err := http.ParseTime(a.Header.Get("Date")); err == nil {
			now = date
		}
		after = at.Sub(now)
	}
	return min(max(after, 0), maxAfter)
}

// unanswered says why there is no answer, in fixed words: errors of net/http quote
// addresses and what the peer sent.
func unanswered(err error) error {
	code, text := adapters.CodeBadAnswer, "the answer is not HTTP"
	var timeout net.Error
	var name *net.DNSError
	var untrusted *tls.CertificateVerificationError
	var op *net.OpError
	switch {
	case errors.Is(err, errForbidden):
		code, text = adapters.CodeConfiguration, "the address is private or special; allowPrivate permits private ones"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		code, text = adapters.CodeTimeout, "not written or not answered in time"
	case errors.Is(err, context.Canceled):
		code, text = adapters.CodeUnavailable, "the send was stopped"
	case errors.As(err, &name):
		code, text = adapters.CodeUnavailable, "the host name does not resolve"
	case errors.As(err, &untrusted):
		code, text = adapters.CodeUnavailable, "the destination's certificate is not trusted, expired or for another name"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		code, text = adapters.CodeBadAnswer, "the connection was closed without an answer"
	case errors.As(err, &op) && op.Op == "dial":
		code, text = adapters.CodeUnavailable, "no connection"
	case errors.As(err, &op) && op.Op == "remote error":
		code, text = adapters.CodeUnavailable, "the destination refused the TLS connection; does it know our certificate?"
	case errors.As(err, &op):
		code, text = adapters.CodeUnavailable, "the connection broke"
	}
	return &adapters.Failure{Code: code, Detail: text}
}

// HeaderText makes any text fit for a header value: bytes outside visible ASCII, and the
// percent sign, are percent-encoded, so no value can end its line.
func HeaderText(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '%' {
			const hex = "0123456789ABCDEF"
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
