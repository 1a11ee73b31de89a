package house

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"caregate/hl7v2"
)

// echoing is a partner's system that, once told to, refuses what it gets in every way that it
// knows, and puts what it got into each answer.
type echoing struct {
	mu       sync.Mutex
	refusing bool
	took     [][]byte
	refused  map[string]int // way of refusal -> times
	next     int
}

func newEchoing() *echoing { return &echoing{refused: map[string]int{}} }

func (e *echoing) refuse() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refusing = true
}

// take keeps a body and returns the way to refuse it; "" accepts it.
func (e *echoing) take(body []byte, ways []string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.refusing {
		e.took = append(e.took, body)
		return ""
	}
	way := ways[e.next%len(ways)]
	e.next++
	e.refused[way]++
	return way
}

// count returns how many messages were accepted, and in how many ways others were refused.
func (e *echoing) count() (took, ways int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.took), len(e.refused)
}

// Each transient way is followed by a permanent one, so that the next delivery has its turn.
var webWays = []string{"503 text", "302 location", "500 html", "422 outcome", "200 no JSON", "400 problem"}

// web serves FHIR and Ed-Fi alike.
func (e *echoing) web(t *testing.T) (url string) {
	srv := httptest.NewServer(http.HandlerFunc(e.serve))
	t.Cleanup(srv.Close)
	return srv.URL
}

func (e *echoing) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch {
	case r.URL.Path == "/oauth/token":
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"edfi-session","token_type":"bearer","expires_in":1800}`)
		return
	case r.Method == http.MethodGet:
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `[]`)
		return
	}
	way := e.take(body, webWays)
	status := http.StatusOK
	_, _ = fmt.Sscan(way, &status)
	line := strings.Join(strings.Fields(string(body)), " ")
	head := line[:min(len(line), 2000)]
	answer := line
	switch way {
	case "":
		answer = `{"resourceType":"Bundle","type":"transaction-response"}`
	case "302 location":
		w.Header().Set("Location", "http://"+r.Host+"/moved?to="+head)
		w.Header().Set("WWW-Authenticate", `Bearer error="`+head+`"`)
	case "200 no JSON":
		answer = "taken: " + line
	case "500 html":
		answer = "<html><pre>" + line + "</pre></html>"
	case "422 outcome":
		answer = fmt.Sprintf(`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"invalid","diagnostics":%q}]}`, line)
	case "400 problem":
		answer = fmt.Sprintf(`{"type":"urn:ed-fi:api:bad-request","detail":%q,"errors":[%q]}`, line, line)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer)
}

var mllpWays = []string{"AE text", "AR text", "no HL7", "stray and AE", "CE text", "AR cut off"}

// mllp serves HL7 v2.
func (e *echoing) mllp(t *testing.T) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go e.talk(conn)
		}
	}()
	return ln.Addr().String()
}

func (e *echoing) talk(conn net.Conn) {
	defer conn.Close()
	frames := hl7v2.NewFrameReader(conn, 1<<20)
	for {
		msg, err := frames.Read()
		if err != nil {
			return
		}
		if _, err := conn.Write(refusalOf(msg, e.take(msg, mllpWays))); err != nil {
			return
		}
	}
}

// refusalOf is the acknowledgement of a message in one of the ways.
func refusalOf(msg []byte, way string) []byte {
	header, _ := hl7v2.ReadHeader(msg)
	line := strings.ReplaceAll(string(msg), "\r", " ")
	ack := func(code, errorCode, text string) []byte {
		of := header.ControlID
		b := hl7v2.NewBuilder(hl7v2.DefaultDelimiters)
		b.Segment("MSH").Set("3", text).Set("7", time.Now().Format("20060102150405")).Set("9.1", "ACK").Set("10", text).Set("11", "T").Set("12", "2.5.1")
		b.Segment("MSA").Set("1", code).Set("2", of).Set("3", text)
		b.Segment("ERR").Set("1", text).Set("2.1", "PID").Set("3.1", errorCode).Set("3.2", text).Set("4", "E").Set("7", text).Set("8", text)
		return b.Bytes()
	}
	switch way {
	case "AE text":
		return hl7v2.Frame(ack("AE", "207", line))
	case "AR text":
		return hl7v2.Frame(ack("AR", line, line))
	case "no HL7":
		return hl7v2.Frame([]byte(line[3:]))
	case "stray and AE":
		stray := header
		stray.ControlID = line
		return append(hl7v2.Frame(hl7v2.NewAck(stray, "AA", line, time.Now(), nil)), hl7v2.Frame(ack("AE", "102", line))...)
	case "CE text":
		return hl7v2.Frame(ack("CE", line, line))
	case "AR cut off":
		return hl7v2.Frame(ack("AR", "204", line))
	}
	code, _ := hl7v2.AckFor(header, hl7v2.AA)
	return hl7v2.Frame(hl7v2.NewAck(header, code, line, time.Now(), nil)) // a partner whose own control ids quote what it got
}
