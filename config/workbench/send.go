// Package workbench is what an integrator does with single files, without a gateway: send
// one as a partner would, translate it, look at it.
package workbench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"caregate/fhir"
	"caregate/hl7v2"
)

// The bounds of one exchange.
const (
	sendTimeout = 2 * time.Minute // a withdrawn consent is answered only once it is effective
	maxAnswer   = 4 << 20
)

// ErrUnavailable means that nobody answers at the address.
var ErrUnavailable = errors.New("no answer")

// Answer is what a gateway answered to one message.
type Answer struct {
	OK        bool     `json:"ok"`
	Status    string   `json:"status"`              // "AA", "201"
	MessageID string   `json:"message,omitempty"`   // its id of the message, where it says one
	ControlID string   `json:"controlId,omitempty"` // the message's own MSH-10
	Problems  []string `json:"problems"`            // what it names as wrong, with the places
}

// Send sends the messages of a file, one after the other, to mllp://HOST:PORT or to an
// http or https address, as a partner with that token would.
func Send(ctx context.Context, file []byte, to, token string) ([]Answer, error) {
	address, err := url.Parse(to)
	if err != nil || address.Host == "" {
		return nil, errors.New("the address must be mllp://HOST:PORT or http://HOST:PORT")
	}
	switch address.Scheme {
	case "mllp":
		return sendV2(ctx, file, address.Host)
	case "http", "https":
		answer, err := sendFHIR(ctx, file, address, token)
		return []Answer{answer}, err
	}
	return nil, errors.New("the address must begin with mllp://, http:// or https://")
}

// sendV2 sends what a file holds over one connection, waiting for each answer.
func sendV2(ctx context.Context, file []byte, address string) ([]Answer, error) {
	messages, err := hl7v2.Split(carriageReturns(file))
	if err != nil {
		return nil, fmt.Errorf("the file is not HL7 v2: %w", err)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%w: nobody listens at %s", ErrUnavailable, address)
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	_ = conn.SetDeadline(time.Now().Add(sendTimeout)) // a broken connection shows when it is used
	frames := hl7v2.NewFrameReader(conn, maxAnswer)
	answers := []Answer{}
	for _, message := range messages {
		header, err := hl7v2.ReadHeader(message)
		if err != nil {
			return answers, fmt.Errorf("the file is not HL7 v2: %w", err)
		}
		if _, err := conn.Write(hl7v2.Frame(message)); err != nil {
			return answers, fmt.Errorf("%w: the connection broke while sending", ErrUnavailable)
		}
		if header.AcceptAck == "NE" && header.ApplicationAck == "NE" {
			answers = append(answers, Answer{OK: true, Status: "none asked for", ControlID: header.ControlID, Problems: []string{}})
			continue
		}
		frame, err := frames.Read()
		if err != nil {
			return answers, fmt.Errorf("%w: the message was sent and not acknowledged", ErrUnavailable)
		}
		answers = append(answers, readAck(frame, header.ControlID))
	}
	return answers, nil
}

// carriageReturns makes of a text file what goes over the wire: segments end with CR.
func carriageReturns(file []byte) []byte {
	if bytes.ContainsRune(file, '\r') {
		return file
	}
	return bytes.ReplaceAll(file, []byte("\n"), []byte("\r"))
}

func readAck(frame []byte, controlID string) Answer {
	answer := Answer{ControlID: controlID, Problems: []string{}}
	ack, err := hl7v2.Parse(frame)
	if err != nil {
		answer.Status = "unreadable"
		return answer
	}
	answer.Status = ack.Get("MSA-1")
	answer.OK = (answer.Status == "AA" || answer.Status == "CA") && ack.Get("MSA-2") == controlID
	for segment := range ack.All("ERR") {
		text := segment.Field(8).Rep(1).Text()
		if text == "" {
			text = segment.Field(3).Rep(1).Component(2).Text()
		}
		answer.Problems = append(answer.Problems, strings.TrimSpace(place(segment.Field(2).Rep(1))+" "+text))
	}
	return answer
}

// place reads an ERL of an ERR-2: segment, sequence, field, repetition, component.
func place(erl hl7v2.Repetition) string {
	segment, field := erl.Component(1).Text(), erl.Component(3).Text()
	if field == "" {
		return segment
	}
	out := segment + "-" + field
	if repetition := erl.Component(4).Text(); repetition != "" && repetition != "1" {
		out += "[" + repetition + "]"
	}
	if component := erl.Component(5).Text(); component != "" {
		out += "." + component
	}
	return out + ":"
}

// sendFHIR posts a Bundle, or puts a Consent, under /fhir.
func sendFHIR(ctx context.Context, file []byte, to *url.URL, token string) (Answer, error) {
	answer := Answer{Problems: []string{}}
	resource, err := fhir.Parse(file)
	if err != nil {
		return answer, fmt.Errorf("the file is not FHIR JSON: %w", err)
	}
	if strings.Trim(to.Path, "/") == "" {
		to.Path = "/fhir"
	}
	method := http.MethodPost
	switch {
	case resource.ResourceType() == "Consent" && resource.ID() != "":
		method, to.Path = http.MethodPut, strings.TrimSuffix(to.Path, "/")+"/"+resource.Ref()
	case resource.ResourceType() != "Bundle":
		to.Path = strings.TrimSuffix(to.Path, "/") + "/" + resource.ResourceType()
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, to.String(), bytes.NewReader(file))
	if err != nil {
		return answer, errors.New("the address is not one")
	}
	request.Header.Set("Content-Type", "application/fhir+json")
	request.Header.Set("Accept", "application/fhir+json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer, fmt.Errorf("%w from %s", ErrUnavailable, to.Host)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return answer, fmt.Errorf("%w: the answer broke off", ErrUnavailable)
	}
	answer.Status = response.Status
	answer.OK = response.StatusCode/100 == 2
	answer.MessageID = response.Header.Get("Caregate-Message-Id")
	answer.Problems = append(answer.Problems, outcomes(body)...)
	return answer, nil
}

// outcomes reads the issues of every OperationOutcome of an answer.
func outcomes(body []byte) []string {
	root, err := fhir.Parse(body)
	if err != nil {
		return nil
	}
	var out []string
	add := func(outcome *fhir.Node) {
		for _, i := range outcome.Get("issue").Items() {
			if level := i.Get("severity").Text(); level != "information" {
				out = append(out, strings.TrimSpace(i.At("expression[0]").Text()+": "+i.Get("diagnostics").Text()))
			}
		}
	}
	if root.ResourceType() == "OperationOutcome" {
		add(root)
	}
	for _, entry := range root.Get("entry").Items() {
		add(entry.At("response.outcome"))
	}
	return out
}
