package mllp_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"caregate/adapters"
	"caregate/adapters/adapterstest"
	"caregate/adapters/mllp"
	"caregate/hl7v2"
	"caregate/translate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const canary = "Zztestcanary"

// adt returns a small message with that control id.
func adt(id string) []byte {
	return []byte("MSH|^~\\&|CMO|FAC|GW|SOC|20261027140530-0500||ADT^A08^ADT_A01|" + id + "|T|2.5.1\rPID|1||900^^^N^MR||" + canary + "^Rowan\r")
}

// ackOf returns what a partner answers to a frame with that code and error.
func ackOf(msg []byte, code, errorCode string) []byte {
	h, _ := hl7v2.ReadHeader(msg)
	var errs []hl7v2.AckError
	if errorCode != "" {
		errs = []hl7v2.AckError{{Code: errorCode, Text: canary}}
	}
	return hl7v2.Frame(hl7v2.NewAck(h, hl7v2.AckCode(code), "K1", time.Unix(0, 0), errs))
}

func TestConformance(t *testing.T) {
	bad := func(body string) adapters.Inbound {
		return adapters.Inbound{Partner: "clinic", Protocol: mllp.Protocol, Raw: []byte(body)}
	}
	release := adapters.Release{Destination: "clinic", DeliveryID: "d_1", ContentType: mllp.ContentType, Body: adt("C-1"), Key: "key-1", ControlID: "C-1"}
	large := release
	large.Body = append(adt("C-1"), []byte("NTE|1||"+strings.Repeat("x", 17<<20)+"\r")...)
	answer := func(name, code, errorCode string, want adapters.Code) adapterstest.Answer {
		return adapterstest.Answer{Name: name, Want: want, Wire: func(r adapterstest.Request) []byte { return ackOf(r.Wire, code, errorCode) }}
	}
	fixed := func(name, wire string, want adapters.Code) adapterstest.Answer {
		return adapterstest.Answer{Name: name, Want: want, Wire: func(adapterstest.Request) []byte { return []byte(wire) }}
	}
	adapterstest.Exercise(t, adapterstest.Subject{
		Name:     "mllp",
		Canaries: []string{canary},
		Codec:    mllp.Codec{Versions: []string{"2.5.1"}},
		Bad: []adapters.Inbound{
			bad(canary), bad("MSH|^~\\&" + canary + "|A"), bad("MSH|^~\\&|A\r" + canary + " " + canary + "\r"),
			bad("MSH|^~\\&|A|B|C|D|||ADT^A08|1|P|2.5.1\rPID|1||||" + canary), bad("MSH|^~\\&|A|B|C|D||||1|P|" + canary),
			bad("MSH|^~\\&|A|B|C|D|||ADT^A08|1|P|" + canary + "\rPID|1||9"),
			bad("MSH|^~\\&|A|B|C|D|||ADT^A08|1|P|2.5.1||||||" + canary + "\xff\rPID|1||9"),
		},
		Sender: func(address string) adapters.Sender {
			s, err := mllp.NewSender(mllp.SenderConfig{Address: address, AnswerTimeout: 2 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
		Release: release,
		Large:   large,
		Read: func(r *bufio.Reader) (adapterstest.Request, error) {
			frame, err := hl7v2.NewFrameReader(r, 0).Read()
			return adapterstest.Request{Wire: frame}, err
		},
		Answers: []adapterstest.Answer{
			answer("AA", "AA", "", adapters.CodeAccepted), answer("CA", "CA", "", adapters.CodeAccepted),
			answer("AE without ERR", "AE", "", adapters.CodeInternal), answer("AE 207", "AE", "207", adapters.CodeInternal),
			answer("AE 204", "AE", "204", adapters.CodeUnknownKey), answer("AE 101", "AE", "101", adapters.CodeMissing),
			answer("AE 205", "AE", "205", adapters.CodeDuplicate), answer("AE 206", "AE", "206", adapters.CodeBusy),
			answer("AE with a text of its own", "AE", canary, adapters.CodeInternal),
			answer("CE", "CE", "", adapters.CodeInternal), answer("AR", "AR", "", adapters.CodeForbidden), answer("CR 203", "CR", "203", adapters.CodeVersion),
			answer("AR 200", "AR", "200", adapters.CodeUnsupportedType), answer("AR 201", "AR", "201", adapters.CodeUnsupportedEvent), answer("AR 202", "AR", "202", adapters.CodeUnsupportedMode),
			answer("unknown code", "XX", "", adapters.CodeBadAnswer),
			fixed("garbage", "garbage "+canary+"\x1c\r", adapters.CodeBadAnswer), fixed("no HL7", string(hl7v2.Frame([]byte(canary))), adapters.CodeBadAnswer),
			fixed("another message's", string(ackOf(adt("C-2"), "AA", "")), adapters.CodeBadAnswer),
			fixed("half a frame", "\x0bMSH|^~\\&|", adapters.CodeTimeout),
			{Name: "nothing and the end", Want: adapters.CodeUnavailable, Wire: func(adapterstest.Request) []byte { return nil }},
			{Name: "a stray one first", Want: adapters.CodeAccepted, Wire: func(r adapterstest.Request) []byte {
				return append(ackOf(adt("C-2"), "AE", ""), ackOf(r.Wire, "AA", "")...)
			}},
			{Name: "the right one last of many", Want: adapters.CodeAccepted, Wire: func(r adapterstest.Request) []byte {
				return append(bytes.Repeat(ackOf(adt("C-2"), "AR", ""), 20), ackOf(r.Wire, "AA", "")...)
			}},
		},
		Endless: []byte("\x0bMSH|^~\\&|"),
		Receiver: func(accept adapters.Accept) (adapters.Receiver, error) {
			return mllp.New(mllp.Config{Address: "127.0.0.1:0", Parties: mllp.Parties{Partner: "clinic"}}, accept)
		},
		Post:    post,
		Message: adt("C-1"),
	})
}

// post sends one message over its own connection and returns the first answer.
func post(address string, raw []byte) ([]byte, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := conn.Write(hl7v2.Frame(raw)); err != nil {
		return nil, err
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	return hl7v2.NewFrameReader(conn, 0).Read()
}

// store is an Accept that keeps what it is given and checks it as the codec does.
type store struct {
	mu  sync.Mutex
	raw [][]byte
}

func (s *store) accept(_ context.Context, in adapters.Inbound) adapters.Ack {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raw = append(s.raw, in.Raw)
	ack := adapters.Ack{MessageID: "m_1", Code: adapters.CodeAccepted}
	_, err := mllp.Codec{Profile: translate.Profile{Structures: []string{"any"}}}.Decode(in)
	if refusal, ok := errors.AsType[*adapters.Refusal](err); ok {
		ack.Code, ack.Issues = refusal.Code, refusal.Issues
	}
	return ack
}

func (s *store) got() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.raw
}

// serve starts a receiver for the length of the test.
func serve(t *testing.T, c mllp.Config, accept adapters.Accept) string {
	t.Helper()
	if c.Address == "" {
		c.Address = "127.0.0.1:0"
	}
	if c.Parties.Partner == "" && c.Parties.Applications == nil && c.Parties.Certificates == nil {
		c.Parties.Partner = "clinic"
	}
	r, err := mllp.New(c, accept)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return r.Addr().String()
}

// talk writes the packets one by one and returns the answers as "CODE controlID location".
func talk(t *testing.T, address string, packets ...[]byte) []string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for i, p := range packets {
		if i > 0 {
			time.Sleep(20 * time.Millisecond) // so that the packets arrive apart
		}
		if _, err := conn.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	frames := hl7v2.NewFrameReader(conn, 0)
	var got []string
	for {
		frame, err := frames.Read()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		m, err := hl7v2.Parse(frame)
		if err != nil {
			t.Fatal(err)
		}
		if m.Get("MSH-10") == "" || strings.Contains(string(frame), canary) {
			t.Errorf("bad answer %q", frame)
		}
		erl := m.First("ERR").Field(2).Rep(1)
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s", m.Get("MSA-1"), m.Get("MSA-2"), strings.ReplaceAll(erl.Text(), "^1^", "-")+" "+m.Get("ERR-3.1"))))
	}
}

func frames(ids ...string) []byte {
	var out []byte
	for _, id := range ids {
		out = append(out, hl7v2.Frame(adt(id))...)
	}
	return out
}

func large(id string, n int) []byte {
	noise := make([]byte, n/2)
	_, _ = rand.Read(noise)
	return append(adt(id), []byte("OBX|1|ED|1||"+hex.EncodeToString(noise)+"\r")...)
}

func TestFrameTorture(t *testing.T) {
	t.Parallel()
	one := hl7v2.Frame(adt("1"))
	accent := hl7v2.Frame(bytes.ReplaceAll(adt("1"), []byte("Rowan"), []byte("Zoë")))
	cut := bytes.Index(accent, []byte("ë")) + 1
	big := large("1", 5<<20)
	tests := []struct {
		name    string
		packets [][]byte
		want    string
		stored  int
	}{
		{"five frames in one write", [][]byte{frames("1", "2", "3", "4", "5")}, "AA 1|AA 2|AA 3|AA 4|AA 5", 5},
		{"split in the middle", [][]byte{one[:40], one[40:]}, "AA 1", 1},
		{"end bytes in packets of their own, then the next frame", [][]byte{one[:len(one)-2], {0x1c}, {'\r'}, frames("2")}, "AA 1|AA 2", 2},
		{"two messages, one after the other", [][]byte{one, frames("2")}, "AA 1|AA 2", 2},
		{"UTF-8 character split", [][]byte{accent[:cut], accent[cut:]}, "AA 1", 1},
		{"bad frame, then a good one", [][]byte{hl7v2.Frame([]byte("garbage " + canary)), frames("2")}, "AR  MSH^1 100|AA 2", 2},
		{"no start byte, then a good one", [][]byte{one[1:], frames("2")}, "AR 1 MSH^1 100|AA 2", 1},
		{"no end bytes, then a good one", [][]byte{one[:len(one)-2], frames("2")}, "AR 1 MSH^1 100|AA 2", 1},
		{"HTTP, then a good one", [][]byte{[]byte("GET / HTTP/1.1\r\n\r\n"), frames("2")}, "AR  MSH^1 100|AA 2", 1},
		{"empty frame, then a good one", [][]byte{hl7v2.Frame(nil), frames("2")}, "AR  MSH^1 100|AA 2", 1},
		{"empty MSH-10", [][]byte{frames("")}, "AR  MSH-10 101", 1},
		{"5 MB", [][]byte{hl7v2.Frame(big)}, "AA 1", 1},
		{"too large, then a good one", [][]byte{hl7v2.Frame(large("1", 7<<20)), frames("2")}, "AR 1 MSH^1 207|AA 2", 1},
		{"two messages in one frame", [][]byte{hl7v2.Frame(append(adt("1"), adt("2")...))}, "AA 1|AA 2", 2},
		{"cut off", [][]byte{frames("1"), one[:50]}, "AA 1|AR  MSH^1 100", 1},
		{"byte by byte at the ends", [][]byte{one[:1], one[1 : len(one)-2], one[len(one)-2 : len(one)-1], one[len(one)-1:]}, "AA 1", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var kept store
			address := serve(t, mllp.Config{MaxBytes: 6 << 20}, kept.accept)
			got := talk(t, address, tt.packets...)
			if strings.Join(got, "|") != tt.want {
				t.Errorf("answers %q, want %q", strings.Join(got, "|"), tt.want)
			}
			if n := len(kept.got()); n != tt.stored {
				t.Errorf("%d messages were handed over, want %d", n, tt.stored)
			}
		})
	}
}
