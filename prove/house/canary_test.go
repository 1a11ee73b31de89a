package house

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"caregate/demo"
	"caregate/hl7v2"
	"caregate/prove/proof"
)

// TestNothingInClear plays the whole path with canaries in the samples, encrypted and in
// plain text: the first scan finds none outside of the partners' own messages, the second
// finds every one.
func TestNothingInClear(t *testing.T) {
	for _, plain := range []bool{false, true} {
		t.Run(map[bool]string{false: "encrypted", true: "plain"}[plain], func(t *testing.T) {
			t.Parallel()
			a := newAviary(t, plain)
			a.accepted()
			a.refused()
			a.malformed()
			a.pages()
			a.data("running")
			if !plain {
				a.commands()
			}
			a.end()
			a.judge()
		})
	}
}

// aviary is a gateway among partners who echo, and everything that can be seen from outside.
type aviary struct {
	t         *testing.T
	plain     bool
	s         *served
	w         *town
	partners  map[string]*echoing
	planted   *planting
	seen      exposure
	exchanges int // answers to partners that were looked at
}

func newAviary(t *testing.T, plain bool) *aviary {
	a := &aviary{t: t, plain: plain, w: proof.NewTown(t), planted: newPlanting(), seen: exposure{}, partners: map[string]*echoing{}}
	for _, name := range []string{"northside", "lakeside", "school", "edfi"} {
		a.partners[name] = newEchoing()
	}
	env := a.w.Environment()
	env["NORTHSIDE_MLLP"], env["LAKESIDE_URL"] = a.partners["northside"].mllp(t), a.partners["lakeside"].web(t)
	env["SCHOOL_URL"], env["SCHOOL_EDFI"] = a.partners["school"].web(t), a.partners["edfi"].web(t)
	env["TMPDIR"] = t.TempDir()
	dir := proof.WriteConfig(t)
	proof.Edit(t, dir, "routes.yaml", "services: [PSY]", `services: [PSY, "57133-1"]`) // REF^I12 and FHIR say it differently
	a.s = newServed(t, dir, env, plain)
	if plain {
		a.s.Hook(`{"plaintext":true}`)
	}
	a.s.Start()
	return a
}

// send sends a resource and keeps the answer; it returns the status.
func (a *aviary) send(from, method, path string, body []byte) int {
	a.t.Helper()
	status, _, answer, err := a.s.As(from).Send(method, path, body)
	if err != nil {
		a.t.Fatal(err)
	}
	a.answered("HTTP", answer)
	return status
}

func (a *aviary) answered(protocol string, answer []byte) {
	a.exchanges++
	a.seen[fmt.Sprintf("answer %d, %s", a.exchanges, protocol)] = answer
}

// mustSend plants canaries in a flow's payload and sends it.
func (a *aviary) mustSend(from, method, path string, payload []byte) {
	a.t.Helper()
	if status := a.send(from, method, path, a.planted.resource(a.t, payload)); status >= 300 {
		a.t.Fatalf("%s from %s was answered %d: %s", path, from, status, a.seen[fmt.Sprintf("answer %d, HTTP", a.exchanges)])
	}
}

// frames sends raw bytes to a partner's listener and keeps every answer until the connection ends.
func (a *aviary) frames(partner string, raw []byte) (codes []string) {
	a.t.Helper()
	conn, err := proof.Dial(a.s.Addresses.MLLP[partner])
	if err != nil {
		a.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := conn.Write(append(raw, hl7v2.Frame(good(afterwards))...)); err != nil {
		a.t.Fatal(err)
	}
	for {
		ack, err := conn.Frames.Read()
		if errors.Is(err, io.EOF) {
			return codes
		}
		if err != nil {
			a.t.Fatalf("%q was answered %v: %v", raw[:min(len(raw), 80)], codes, err)
		}
		header, _ := hl7v2.ReadHeader(ack)
		if header.AcknowledgedControlID == afterwards {
			return codes
		}
		a.answered("MLLP", ack)
		codes = append(codes, header.AcknowledgmentCode)
	}
}

// referral is the care organisation's REF^I12 with canaries.
func (a *aviary) referral(controlID, placer string) []byte {
	return a.planted.message(a.t, child(0).Referral(a.t, controlID, placer))
}

// accepted is what everybody takes: the child is introduced, consents are filed, two clinics
// and a school are asked, a clinic answers, the child moves.
func (a *aviary) accepted() {
	cast := parsed(a.t, proof.Flow(a.t, "00-cast/cast-il-transaction.json"))
	demo.WithAuthority(cast)
	a.mustSend("dcfs", "POST", "", cast.JSON())
	for _, clinic := range []string{"psych-clinic", "psych-clinic-north"} {
		body, ref := child(0).Consent(a.t, clinic)
		a.file(ref, body)
	}
	a.file("Consent/consent-ferpa", proof.Flow(a.t, "06-consent-lifecycle/04-fhir-consent-ferpa.json"))
	a.frames("cmo", hl7v2.Frame(a.referral("KEPT1", "SOC-2026-000001")))
	a.arrived("northside", 1)
	a.arrived("lakeside", 1)
	answer := proof.Flow(a.t, "01-medication-consult/04-rri-i12-accepted.hl7")
	answer = bytes.ReplaceAll(answer, []byte("SOC-2026-004411"), []byte("SOC-2026-000001"))
	sent, _ := hl7v2.ReadHeader(a.partners["northside"].took[0])
	answer = bytes.Replace(answer, []byte("SOCGW0000001"), []byte(sent.ControlID), 1)
	a.frames("northside", hl7v2.Frame(a.planted.message(a.t, answer)))
	a.until("the status at the care organisation", func() bool { return len(a.w.CMO.Received()) > 0 })
	a.until("the status at the State", func() bool { return len(a.w.State.Received()) > 0 })
	a.mustSend("cmo", "POST", "", proof.Flow(a.t, "01-medication-consult/01-fhir-consult-request-transaction.json"))
	a.arrived("lakeside", 2)
	a.mustSend("cmo", "POST", "", proof.Flow(a.t, "02-school-educational-needs/01-fhir-request-transaction.json"))
	a.arrived("school", 1)
	a.mustSend("dcfs", "POST", "", proof.Flow(a.t, "07-placement-change/02-fhir-placement-transaction.json"))
	a.arrived("edfi", 1)
}

// file files a consent under the id that its canary is.
func (a *aviary) file(ref string, body []byte) {
	a.mustSend("guardian", "PUT", "/"+a.planted.leaf("Consent.id", "url", ref), body)
}

func (a *aviary) arrived(partner string, count int) {
	a.t.Helper()
	a.until(fmt.Sprintf("message %d at %s", count, partner), func() bool { took, _ := a.partners[partner].count(); return took >= count })
}

func (a *aviary) until(what string, done func() bool) {
	a.t.Helper()
	for deadline := time.Now().Add(40 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			out, _, _ := a.s.Run(true, "work", "list")
			a.t.Fatalf("waited in vain for %s\n%s\n%s", what, out, a.s.Log())
		}
	}
}

// refused is what every partner refuses in all its ways, the message in each answer.
func (a *aviary) refused() {
	for _, p := range a.partners {
		p.refuse()
	}
	for i := range 3 {
		a.frames("cmo", hl7v2.Frame(a.referral(fmt.Sprintf("REFUSED%d", i), fmt.Sprintf("SOC-2026-00000%d", 2+i))))
	}
	for i := range 3 {
		request := proof.Flow(a.t, "02-school-educational-needs/01-fhir-request-transaction.json")
		for _, id := range []string{"sr-ednneeds-1", "task-ednneeds-1", "SOC-2026-"} {
			request = bytes.ReplaceAll(request, []byte(id), fmt.Appendf(nil, "%s9%d", id, i))
		}
		a.mustSend("cmo", "POST", "", request)
		moved := proof.Flow(a.t, "07-placement-change/02-fhir-placement-transaction.json")
		a.mustSend("dcfs", "POST", "", bytes.ReplaceAll(moved, []byte("9 Sample Relative Ave"), fmt.Appendf(nil, "%d Sample Relative Ave", 10+i)))
	}
	for name, p := range a.partners {
		want := len(webWays)
		a.until(name+" to refuse in every way", func() bool { _, ways := p.count(); return ways >= want })
	}
}

var bornOn = regexp.MustCompile(`\|\|\d{8}\|M\|`) // PID-7 of the referral

// malformed are messages whose canary stands where the fault is.
func (a *aviary) malformed() {
	ref := string(a.referral("BROKEN", "SOC-2026-000009"))
	c := a.fault
	v2 := []string{
		strings.Replace(ref, "PID|1|", "PID|"+c("set id")+"|", 1),
		strings.Replace(ref, "PID|1|", "PID;1;"+c("other separators")+"|", 1),
		strings.Replace(ref, "PID|", c("segment name")+"|", 1),
		strings.Replace(ref, "\rPID|", "\r"+c("no segment")+"\rPID|", 1),
		strings.Replace(ref, "|M|||", "|"+c("sex")+"|||", 1),
		bornOn.ReplaceAllString(ref, "||"+c("birth date")+"|M|"),
		strings.Replace(ref, "RF1|P^", "RF1|"+c("status")+"^", 1),
		strings.Replace(ref, "PID|1||", "PID|1||\"\"|"+c("no identifier")+"|", 1),
		strings.Replace(ref, "|REF^I12^REF_I12|", "|REF^I19^REF_I19|", 1),
		strings.Replace(ref, "\rDG1|", "\rOBX|1|ZZ|"+c("value type")+"||"+c("value of no type")+"\rDG1|", 1),
		strings.Replace(ref, "Kanar", "Kanar\\X4\\\xff\xfe"+c("not of the character set"), 1),
		c("no header at all"), "MSH|", "<xml>" + c("xml") + "</xml>", ref[4:],
		string(a.planted.message(a.t, proof.Flow(a.t, "01-medication-consult/03b-rri-ae-unknown-patient.hl7"))),
	}
	for i, text := range v2 {
		text = strings.Replace(text, "BROKEN", fmt.Sprintf("BROKEN%d", i), 1)
		a.frames("cmo", hl7v2.Frame([]byte(text)))
		a.frames("northside", hl7v2.Frame([]byte(text)))
	}
	a.frames("cmo", []byte(a.lost("outside of a frame")+"\x1c\r"))
	a.frames("cmo", []byte("\x0b"+a.lost("frame without end")+"\x1c"+a.lost("after FS")+"\r"))
	a.brokenRequests()
}

// fault is the canary of a place where a message is at fault.
func (a *aviary) fault(at string) string { return a.planted.plant("fault: "+at, at) }

// lost is the canary of something that is refused before it is a message: it is nowhere, encrypted or not.
func (a *aviary) lost(at string) string { return a.planted.plant(notKept+at, at) }

const notKept = "not kept: "

func (a *aviary) brokenRequests() {
	c := a.fault
	patient := func(member, value string) string {
		return fmt.Sprintf(`{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:0","resource":{"resourceType":"Patient","id":"p1",%q:%s},"request":{"method":"PUT","url":"Patient/p1"}}]}`, member, value)
	}
	quoted := func(at string) string { return `"` + c(at) + `"` }
	bodies := []string{
		c("no JSON"), `{"resourceType":"Bundle","x":` + quoted("cut off"), `{"` + c("twice") + `":1,"` + c("twice") + `":1}`,
		`{"resourceType":` + quoted("type of resource") + `}`, `{"resourceType":"Bundle","type":` + quoted("type of bundle") + `}`,
		patient(c("unknown member")+" name", `"x"`), patient("gender", quoted("gender")), patient("birthDate", quoted("date")), patient("active", quoted("boolean")),
		patient("managingOrganization", `{"reference":`+quoted("reference")+`}`), patient("name", quoted("name")), patient("multipleBirthInteger", quoted("integer")),
		patient("deceasedBoolean", `true,"deceasedDateTime":`+quoted("choice")), patient("id", quoted("second id")), patient("text", `{"status":"generated","div":"<div><script>`+c("narrative")+`</script></div>"}`),
		patient("extension", `[{"url":`+quoted("url of an extension")+`}]`), patient("contained", `[{"resourceType":`+quoted("type of contained")+`}]`),
		strings.Replace(patient("active", "true"), `"PUT"`, quoted("method"), 1), strings.Replace(patient("active", "true"), `"url":"Patient/p1"`, `"url":"Patient/`+c("other url")+`"`, 1),
		strings.Replace(patient("active", "true"), `"urn:uuid:0"`, quoted("full url"), 1), strings.Repeat("[", 20000) + quoted("depth"), "\xff\xfe" + c("not UTF-8"),
	}
	for _, body := range bodies {
		for _, from := range []string{"dcfs", "cmo"} {
			a.send(from, "POST", "", []byte(body))
		}
	}
	body, _ := child(0).Consent(a.t, "psych-clinic")
	form := a.planted.resource(a.t, body)
	a.send("guardian", "PUT", "/Consent/"+a.lost("another id"), form)
	a.send("lakeside", "PUT", "/"+a.lost("path"), form)
	a.send("lakeside", "PUT", "/Consent/"+a.lost("id of a partner who may not consent"), form)
	a.send("guardian", "POST", "/Consent", bytes.Replace(form, []byte(`"permit"`), []byte(quoted("provision")), 1))
	a.send("guardian", "GET", "/Patient?name="+a.lost("query"), nil)
	a.send("guardian", "DELETE", "/Patient/"+a.lost("to delete"), nil)
	stranger := demo.FHIRClient{Base: a.s.FHIR(), Token: a.lost("credential")}
	if status, _, answer, err := stranger.Send("POST", "", form); err != nil || status != http.StatusUnauthorized {
		a.t.Errorf("an unknown credential was answered %d, %v", status, err)
	} else {
		a.answered("HTTP", answer)
	}
}

// pages are the pages for operators' tools.
func (a *aviary) pages() {
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/fhir/metadata", "/debug/pprof/goroutine?debug=2", "/debug/vars"} {
		status, body := a.s.get(a.t, path)
		a.seen["page "+path] = fmt.Appendf(nil, "%d %s", status, body)
	}
}

// data looks at the data directory as it is, and at a backup of it.
func (a *aviary) data(when string) {
	a.seen.folder(a.t, "data "+when, a.s.Data)
	a.seen.backup(a.t, "backup "+when, a.s.Data)
}

// commands are the operator's; what they say on stdout is for that person, stderr is a log.
func (a *aviary) commands() {
	id := a.s.messages(a.t)[0]
	for _, args := range [][]string{
		{"explain", "cmo/KEPT1"}, {"explain", "cmo/REFUSED0", "--json"}, {"raw", id, "--reason", "proof"}, {"work", "list"}, {"work", "list", "--json"}, {"verify"},
	} {
		out, stderr, exit := a.s.Run(true, args...)
		if exit != 0 || out == "" {
			a.t.Errorf("%v: exit %d, %s", args, exit, stderr)
		}
		a.seen["stderr of "+strings.Join(args, " ")] = []byte(stderr)
	}
}

// end stops the gateway in order, looks at what it left, starts it again and makes it crash.
func (a *aviary) end() {
	a.s.Stop()
	a.data("at rest")
	a.s.Start()
	a.frames("cmo", hl7v2.Frame(a.referral("CRASH", "SOC-2026-000010")))
	a.s.Signal(syscall.SIGQUIT, 20*time.Second)
	a.data("after a crash")
	for name, path := range map[string]string{"stdout": a.s.Stdout, "stderr": a.s.Stderr} {
		a.seen[name] = readFile(a.t, path)
	}
	if !bytes.Contains(a.seen["stderr"], []byte("goroutine ")) {
		a.t.Error("stderr holds no stack of the crash")
	}
	for _, kv := range a.s.Env {
		if dir, ok := strings.CutPrefix(kv, "TMPDIR="); ok && strings.HasPrefix(dir, os.TempDir()) {
			a.seen.folder(a.t, "temporary", dir)
		}
	}
}

// judge searches everything that was seen.
func (a *aviary) judge() {
	canaries := a.planted.canaries()
	look := proof.NewSearch(canaries)
	found := look.In(a.seen)
	delivered := map[string]bool{}
	for s := range look.In(a.delivered()) {
		delivered[s.Canary] = true
	}
	hit, places := map[string]bool{}, map[string]int{}
	for s, n := range found {
		inData := strings.HasPrefix(s.Where, "data ") || strings.HasPrefix(s.Where, "backup ")
		if inData {
			hit[s.Canary] = true
		}
		if !a.plain || !inData {
			places[s.Where] += n
			a.t.Errorf("%s holds %s as %s, %d times; it stands in %v", s.Where, s.Canary, s.Form, n, a.standsIn(s.Canary))
		}
	}
	if a.plain {
		for _, c := range canaries {
			if in := a.standsIn(c); !hit[c] && !strings.HasPrefix(in[0], notKept) {
				a.t.Errorf("%s, of %v, is not found where nothing is encrypted", c, in)
			}
		}
	}
	name := map[bool]string{false: "canaries, encrypted", true: "canaries, encryption off"}[a.plain]
	figure(a.t, 6, name, len(canaries), "elements", len(a.planted.places), "placesScanned", len(a.seen), "bytesScanned", a.seen.bytes(),
		"answersScanned", a.exchanges, "deliveredToPartners", len(delivered), "canariesFoundInData", len(hit), "hitsElsewhere", len(places), "valuesKept", len(a.planted.kept))
	if a.exchanges == 0 || len(delivered) == 0 || a.seen.bytes() == 0 {
		a.t.Error("nothing was answered, delivered or scanned")
	}
}

// delivered is what the partners took, the twin of what nobody may see.
func (a *aviary) delivered() exposure {
	e := exposure{}
	for name, p := range a.partners {
		e[name] = bytes.Join(p.took, []byte("\n"))
	}
	e["cmo"], e["state"] = bytes.Join(a.w.CMO.Received(), nil), bytes.Join(a.w.State.Received(), nil)
	return e
}

// standsIn names the elements that a canary stands in.
func (a *aviary) standsIn(c string) []string {
	var in []string
	for _, place := range slices.Sorted(maps.Keys(a.planted.places)) {
		if a.planted.places[place][c] {
			in = append(in, place)
		}
	}
	return in
}
