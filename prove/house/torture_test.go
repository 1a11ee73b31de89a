package house

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"caregate/hl7v2"
	"caregate/prove/proof"
)

// tortureCase is a way to send frames that libraries in use get wrong.
type tortureCase struct {
	name   string
	writes [][]byte // each in a packet of its own
	step   bool     // waits for an answer after each write
	want   string   // MSA-1 and MSA-2 of the answers, in order
	kept   [][]byte // messages that raw has to give back
}

// pause between two writes makes two packets of them; a shorter one only weakens the proof.
const pause = 30 * time.Millisecond

func tortureCases() []tortureCase {
	frame := func(id string) []byte { return hl7v2.Frame(good(id)) }
	utf8 := bytes.Replace(good("UTF8"), []byte("Rowan"), []byte("Roẃan"), 1)
	split := hl7v2.Frame(utf8)
	inside := bytes.Index(split, []byte("ẃ")) + 1
	large := append(good("LARGE"), "OBX|1|ED|11502-2^Report^LN||^^^Base64^"+strings.Repeat("QUJD", 5<<18)+"||||||F\r"...)
	end := frame("END1")
	cases := []tortureCase{
		{name: "five frames in one write", writes: [][]byte{bytes.Join([][]byte{frame("F1"), frame("F2"), frame("F3"), frame("F4"), frame("F5")}, nil)}, want: "AA F1, AA F2, AA F3, AA F4, AA F5"},
		{name: "split in the middle of a frame", writes: [][]byte{frame("MID")[:60], frame("MID")[60:]}, want: "AA MID"},
		{name: "one byte at a time at both ends", writes: [][]byte{end[:1], end[1:2], end[2 : len(end)-2], end[len(end)-2 : len(end)-1], end[len(end)-1:]}, want: "AA END1"},
		{name: "FS and CR in separate packets, then the next frame", writes: [][]byte{frame("FS1")[:len(frame("FS1"))-1], append([]byte("\r"), frame("FS2")...)}, want: "AA FS1, AA FS2"},
		{name: "FS, CR and the next frame in three packets", writes: [][]byte{frame("FS3")[:len(frame("FS3"))-1], []byte("\r"), frame("FS4")}, want: "AA FS3, AA FS4"},
		{name: "two messages one after the other on one connection", step: true, writes: [][]byte{frame("S1"), frame("S2")}, want: "AA S1, AA S2"},
		{name: "a UTF-8 character split across packets", writes: [][]byte{split[:inside], split[inside:]}, want: "AA UTF8", kept: [][]byte{utf8}},
		{name: "empty MSH-10", writes: [][]byte{frame("")}, want: "AR "},
		{name: "a message of 5 MB", writes: [][]byte{hl7v2.Frame(large)}, want: "AA LARGE", kept: [][]byte{large}},
	}
	for i, bad := range []string{"MSH|^~\\&|no start of the block\x1c\r", "\x0bno message at all\x1c\r", "\x0b\x1c\r", "\x0bMSH|^~\\&|A|B|C|D|20250402||ADT^A08|\x1c\r", "\x0b\xff\xfe\x00garbage\x1c\r"} {
		id := fmt.Sprintf("OK%d", i)
		cases = append(cases, tortureCase{name: fmt.Sprintf("bad frame %d, then a good one", i+1), writes: [][]byte{[]byte(bad), frame(id)}, want: "AR , AA " + id})
	}
	return cases
}

// TestTortureOfFrames runs the cases on one gateway, one after the other.
func TestTortureOfFrames(t *testing.T) {
	t.Parallel()
	s := newServed(t, extract(t, "permissive"), nil, false)
	s.Start()
	cases, passed, answers := tortureCases(), 0, 0
	for _, c := range cases {
		passed += c.prove(t, s)
		answers += strings.Count(c.want, ",") + 1
	}
	if status, _ := s.get(t, "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz %d", status)
	}
	s.Stop()
	figure(t, 5, "frame torture", len(cases), "passed", passed, "answers", answers)
}

// prove returns 1 when the answers, and what raw gives, are as they have to be.
func (c tortureCase) prove(t *testing.T, s *served) int {
	got, ids := c.send(t, s.Addresses.MLLP["anyone"])
	wrong := 0
	if text := strings.Join(got, ", "); text != c.want {
		t.Errorf("%s: answers %q, want %q", c.name, text, c.want)
		wrong++
	}
	slices.Sort(ids)
	if len(slices.Compact(slices.Clone(ids))) != len(ids) || slices.Contains(ids, "") {
		t.Errorf("%s: the answers' own control ids are %q", c.name, ids)
		wrong++
	}
	for _, message := range c.kept {
		header, _ := hl7v2.ReadHeader(message)
		if raw, stderr, _ := s.Run(true, "raw", "anyone/"+header.ControlID, "--reason", "proof"); raw != string(message) {
			t.Errorf("%s: raw gives %d bytes, %d were sent: %s", c.name, len(raw), len(message), stderr)
			wrong++
		}
	}
	if wrong > 0 {
		return 0
	}
	return 1
}

// send writes the packets and, after the answers that are due, one more message: its answer
// must be the next, so that an answer too many shows.
func (c tortureCase) send(t *testing.T, address string) (got, ids []string) {
	conn, err := proof.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	read := func() bool {
		ack, err := conn.Frames.Read()
		if err != nil {
			got = append(got, err.Error())
			return false
		}
		h, err := hl7v2.ReadHeader(ack)
		if err != nil || h.AcknowledgedControlID == afterwards {
			return false
		}
		got, ids = append(got, h.AcknowledgmentCode+" "+h.AcknowledgedControlID), append(ids, h.ControlID)
		return true
	}
	for _, packet := range c.writes {
		if _, err := conn.Write(packet); err != nil {
			t.Fatal(err)
		}
		if c.step {
			read()
		}
		time.Sleep(pause)
	}
	if _, err := conn.Write(hl7v2.Frame(good(afterwards))); err != nil {
		t.Fatal(err)
	}
	for read() {
	}
	return got, ids
}
