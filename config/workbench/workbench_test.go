package workbench

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"caregate/hl7v2"
	"caregate/translate"
)

const flows = "../../testdata/flows/01-medication-consult/"

// answering is an MLLP listener that answers every message with a code and an error.
func answering(t *testing.T, code hl7v2.AckCode) (address string, received *[]string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	received = &[]string{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		frames := hl7v2.NewFrameReader(bufio.NewReader(conn), 1<<20)
		for {
			frame, err := frames.Read()
			if err != nil {
				return
			}
			*received = append(*received, string(frame))
			header, _ := hl7v2.ReadHeader(frame)
			var errs []hl7v2.AckError
			if code != hl7v2.AA {
				errs = []hl7v2.AckError{{Location: hl7v2.ErrLocation{Segment: "PID", Sequence: 1, Field: 3, Repetition: 2, Component: 1}, Code: "204", Severity: "E", Text: "not known"}}
			}
			_, _ = conn.Write(hl7v2.Frame(hl7v2.NewAck(header, code, "OWN1", time.Now(), errs)))
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return "mllp://" + listener.Addr().String(), received
}

func TestSendV2(t *testing.T) {
	t.Parallel()
	message := "MSH|^~\\&|A|B|C|D|20261027||REF^I12|%|T|2.5.1\nPID|1\n"
	file := strings.Replace(message, "%", "ONE", 1) + strings.Replace(message, "%", "TWO", 1)
	for code, ok := range map[hl7v2.AckCode]bool{hl7v2.AA: true, hl7v2.AE: false} {
		to, received := answering(t, code)
		answers, err := Send(t.Context(), []byte(file), to, "")
		if err != nil {
			t.Fatal(err)
		}
		if len(answers) != 2 || answers[0].OK != ok || answers[1].ControlID != "TWO" || answers[0].Status != string(code) {
			t.Errorf("%s: %+v", code, answers)
		}
		if !ok && !slices.Equal(answers[0].Problems, []string{"PID-3[2].1: not known"}) {
			t.Errorf("problems %q", answers[0].Problems)
		}
		if len(*received) != 2 || strings.Contains((*received)[0], "\n") || !strings.Contains((*received)[0], "\rPID|1") {
			t.Errorf("the partner received %q", *received)
		}
	}
}

func TestSendFHIR(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, body, want string
		status           int
	}{
		{"bundle", `{"resourceType":"Bundle","type":"transaction"}`, "POST /fhir Bearer secret", 200},
		{"consent with id", `{"resourceType":"Consent","id":"c1"}`, "PUT /fhir/Consent/c1 Bearer secret", 200},
		{"consent without id", `{"resourceType":"Consent"}`, "POST /fhir/Consent Bearer secret", 201},
		{"refused", `{"resourceType":"Bundle","type":"transaction"}`, "POST /fhir Bearer secret", 422},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got = r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization")
				w.Header().Set("Caregate-Message-Id", "m_1")
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(`{"resourceType":"OperationOutcome","issue":[{"severity":"error","diagnostics":"what","expression":["Bundle.entry[0]"]}]}`))
			}))
			defer server.Close()
			answers, err := Send(t.Context(), []byte(c.body), server.URL, "secret")
			if err != nil {
				t.Fatal(err)
			}
			if got != c.want || answers[0].OK != (c.status < 300) || answers[0].MessageID != "m_1" || answers[0].Problems[0] != "Bundle.entry[0]: what" {
				t.Errorf("asked %q, answer %+v", got, answers[0])
			}
		})
	}
}

func TestSendSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	const v2 = "MSH|^~\\&|A|B|C|D|20261027||ACK|1|T|2.5.1\r"
	for name, c := range map[string]struct {
		file, to    string
		unavailable bool
	}{
		"nobody listens": {v2, "mllp://127.0.0.1:1", true},
		"nobody serves":  {"{\"resourceType\":\"Bundle\"}", "http://127.0.0.1:1", true},
		"other scheme":   {v2, "ftp://127.0.0.1:1", false},
		"no host":        {v2, "nonsense", false},
		"not v2":         {"{}", "mllp://127.0.0.1:1", false},
		"not FHIR":       {v2, "http://127.0.0.1:1", false},
	} {
		_, err := Send(t.Context(), []byte(c.file), c.to, "")
		if err == nil || errors.Is(err, ErrUnavailable) != c.unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDir(t *testing.T) {
	t.Parallel()
	in, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	for _, name := range []string{"02a-ref-i12-from-care-organisation.hl7", "04-rri-i12-accepted.hl7"} {
		content, err := os.ReadFile(flows + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(in, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(in, "bad.hl7"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	profile, err := Profile("")
	if err != nil {
		t.Fatal(err)
	}
	results, err := Dir(in, out, profile)
	if err != nil || len(results) != 3 {
		t.Fatalf("%d results, %v", len(results), err)
	}
	if failed := slices.DeleteFunc(slices.Clone(results), func(r FileResult) bool { return r.Error == "" }); len(failed) != 1 || failed[0].File != "bad.hl7" {
		t.Errorf("failed: %+v", failed)
	}
	var leaves []translate.Leaf
	account, err := os.ReadFile(filepath.Join(out, "02a-ref-i12-from-care-organisation.accounting.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(account, &leaves); err != nil || len(leaves) < 100 {
		t.Errorf("%d leaves, %v", len(leaves), err)
	}
	original, _ := os.ReadFile(flows + "02a-ref-i12-from-care-organisation.hl7")
	back, err := os.ReadFile(filepath.Join(out, "02a-ref-i12-from-care-organisation.hl7"))
	if err != nil {
		t.Fatal(err)
	}
	if field(t, original, "PID-5.1") != field(t, back, "PID-5.1") || field(t, original, "MSH-10") != field(t, back, "MSH-10") {
		t.Error("the way back lost the name or the control id")
	}
	for _, to := range []string{in, in + "/", filepath.Join(in, "..", filepath.Base(in))} {
		if _, err := Dir(in, to, profile); err == nil {
			t.Errorf("%s was taken as the output of %s", to, in)
		}
	}
}

func field(t *testing.T, message []byte, path string) string {
	t.Helper()
	m, err := hl7v2.Parse(message)
	if err != nil {
		t.Fatal(err)
	}
	return m.Get(path)
}

func TestWhy(t *testing.T) {
	t.Parallel()
	tr := Translation{Leaves: []translate.Leaf{{Path: "PID-3.1"}, {Path: "PID-3[2].1"}, {Path: "PID-30"}, {Path: "PID-3"}}}
	if got := len(tr.Why("PID-3")); got != 3 {
		t.Errorf("%d leaves at PID-3, want 3", got)
	}
	if got := len(tr.Why("PID")); got != 4 {
		t.Errorf("%d leaves of PID, want 4", got)
	}
}
