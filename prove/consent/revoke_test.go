package consent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	law "caregate/consent"
	"caregate/fhir"
	"caregate/gateway"
	"caregate/hl7v2"
	"caregate/ledger"
	"caregate/prove/proof"
)

// The states in which deliveries are when permission ends.
const (
	queued  = "waiting in the queue" // behind one that the partner does not answer
	retried = "waiting to be retried"
	sent    = "being sent to a partner who reads slowly"
	unread  = "being sent to a partner who does not read"
)

// The ways in which permission ends, each with a twin for whom something like it happens.
const (
	withdrawn = "consent withdrawn"    // twin: the consent is filed again
	deprived  = "authority ended"      // twin: that of the foster parent ends
	expired   = "consent expires"      // twin: a day later
	grown     = "18th birthday begins" // twin: the 17th
	ordered   = "court order begins"   // twin: a day later
)

var (
	states    = []string{queued, retried, sent, unread}
	allCauses = []string{withdrawn, deprived, expired, grown, ordered}
)

// lateBy is how much later than the end of permission a body may begin: what had left before
// is on its way.
const lateBy = 100 * time.Millisecond

// mostDelay is how long a partner may delay the answer to a revocation.
const mostDelay = 30 * time.Second

// lapse is one child whose permission ends, or seems to.
type lapse struct {
	state, cause string
	twin         bool
	child        proof.Child
	ended        map[string]time.Time // by destination: when permission had ended
	took         time.Duration        // the longest answer to what ended it
}

// marks are of the child's referrals; the last is the one that the permission ends for.
func (l *lapse) marks() []string {
	all := []string{fmt.Sprintf("MARK%04d01", l.child)}
	if l.state == queued {
		all = append(all, fmt.Sprintf("MARK%04d02", l.child))
	}
	return all
}

// ending is one gateway, two clinics, and a child for each state, cause and twin.
type ending struct {
	t       *testing.T
	s       *proof.Served
	doors   map[string]*door
	lapses  []*lapse
	by      map[string]*lapse // by mark
	instant time.Time         // local midnight, in the machine's time
	day     time.Time         // that begins then, for the gateway
}

func newEnding(t *testing.T, causes []string) *ending {
	e := &ending{t: t, by: map[string]*lapse{}}
	for _, state := range states {
		for _, cause := range causes {
			for _, twin := range []bool{false, true} {
				l := &lapse{state: state, cause: cause, twin: twin, child: proof.Child(len(e.lapses) + 1), ended: map[string]time.Time{}}
				e.lapses = append(e.lapses, l)
				for _, m := range l.marks() {
					e.by[m] = l
				}
			}
		}
	}
	e.doors = map[string]*door{"northside.mllp": newDoor(t, false, e.manner), "lakeside.fhir": newDoor(t, true, e.manner)}
	env := proof.NewTown(t).Environment()
	env["NORTHSIDE_MLLP"], env["LAKESIDE_URL"] = e.doors["northside.mllp"].Addr().String(), "http://"+e.doors["lakeside.fhir"].Addr().String()
	dir := proof.WriteConfig(t)
	for _, change := range [][3]string{
		{"caregate.yaml", "workers: 8", "workers: 80"},
		{"caregate.yaml", "perDestination: 4", "perDestination: 40"},
		{"caregate.yaml", "sendTimeout: 5s", "sendTimeout: 20s"},
		{"caregate.yaml", "firstRetry: 500ms", "firstRetry: 100ms"},
		{"caregate.yaml", "longestRetry: 2s", "longestRetry: 500ms"},
		{"partners/dcfs.yaml", "asserts: [identity, authority, custody]", "asserts: [identity, authority, custody, order, minor-statement]"},
		{"partners/northside.yaml", "connect: ${NORTHSIDE_MLLP}", "connect: ${NORTHSIDE_MLLP}\n    connections: 40"},
	} {
		proof.Edit(t, dir, change[0], change[1], change[2])
	}
	e.s = proof.NewServed(t, dir, env, true)
	e.s.Start()
	return e
}

// manner is how the clinics treat a message until they open.
func (e *ending) manner(mark string) manner {
	l := e.by[mark]
	if l == nil {
		return taking
	}
	return map[string]manner{queued: holding, retried: refusing, sent: trickling, unread: deaf}[l.state]
}

// each does something for many children at a time.
func (e *ending) each(who func(*lapse) bool, do func(*lapse)) {
	var all sync.WaitGroup
	slots := make(chan struct{}, 8)
	for _, l := range e.lapses {
		if who(l) {
			all.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				do(l)
			})
		}
	}
	all.Wait()
}

var (
	bornJSON = regexp.MustCompile(`("birthDate":\s*")[^"]+`)
	bornHL7  = regexp.MustCompile(`\|\|\d{8}\|M\|`)
	endsJSON = regexp.MustCompile(`("end":\s*")[^"]+`)
)

// born is the child's birth date: 18 years before the day, or 17 for the twin.
func (l *lapse) born(day time.Time) time.Time {
	switch {
	case l.cause == grown && !l.twin:
		return day.AddDate(-18, 0, 0)
	case l.cause == grown:
		return day.AddDate(-17, 0, 0)
	}
	return day.AddDate(-10, 0, 0)
}

// prepare introduces the child and files what permits the referral.
func (e *ending) prepare(l *lapse) {
	cast := e.stated(l, proof.Cast(e.t))
	cast = bornJSON.ReplaceAll(cast, []byte("${1}"+l.born(e.day).Format(time.DateOnly)))
	proof.MustSend(e.t, e.s.As("dcfs"), "POST", "", l.child.Of(cast))
	for _, clinic := range clinics {
		body, ref := e.consent(l, clinic)
		proof.MustSend(e.t, e.s.As("guardian"), "PUT", "/"+ref, body)
	}
}

// stated adds what the State says of a child who is nearly grown, and of a court order.
func (e *ending) stated(l *lapse, cast []byte) []byte {
	bundle, err := fhir.Parse(cast)
	if err != nil {
		e.t.Fatal(err)
	}
	for _, r := range fhir.Entries(bundle) {
		if r.ResourceType() == "Patient" && l.cause == grown {
			r.Add("extension", statement(law.StatedMinor, "says", "valueCode", law.MinorInformed))
		}
	}
	if l.cause == ordered {
		begins := e.day
		if l.twin {
			begins = begins.AddDate(0, 0, 1)
		}
		order := fhir.NewResource("DocumentReference").SetText("id", "order-of-child-il-1").SetText("status", "current")
		order.Set("subject", fhir.NewObject().SetText("reference", "Patient/child-il-1"))
		order.Add("content", fhir.NewObject().Set("attachment", fhir.NewObject().SetText("title", "Order (synthetic)")))
		order.Add("extension", statement(law.StatedOrder, "effect", "valueCode", law.OrderRestricts, "start", "valueDate", begins.Format(time.DateOnly)))
		bundle.Add("entry", fhir.NewObject().Set("resource", order).
			Set("request", fhir.NewObject().SetText("method", "PUT").SetText("url", order.Ref())))
	}
	return bundle.JSON()
}

// statement is an extension with parts of name, member and value.
func statement(kind string, parts ...string) *fhir.Node {
	list := fhir.NewArray()
	for i := 0; i+2 < len(parts); i += 3 {
		list.Append(fhir.NewObject().SetText("url", parts[i]).SetText(parts[i+1], parts[i+2]))
	}
	return fhir.NewObject().SetText("url", law.ExtensionStatement+kind).Set("extension", list)
}

// consent is the guardian's; it ends with the day before, or half a year later.
func (e *ending) consent(l *lapse, clinic string) (body []byte, ref string) {
	body, ref = l.child.Consent(e.t, clinic)
	switch {
	case l.cause == expired && !l.twin:
		body = endsJSON.ReplaceAll(body, []byte("${1}"+e.day.AddDate(0, 0, -1).Format(time.DateOnly)))
	case l.cause == expired:
		body = endsJSON.ReplaceAll(body, []byte("${1}"+e.day.Format(time.DateOnly)))
	}
	return body, ref
}

// bulk is more than what the sockets between the gateway and a partner that does not read hold.
const bulk = 3 << 20

// refer sends the child's referrals, as the care organisation does.
func (e *ending) refer(l *lapse) {
	conn, err := proof.Dial(e.s.Addresses.MLLP["cmo"])
	if err != nil {
		e.t.Error(err)
		return
	}
	defer conn.Close()
	for _, mark := range l.marks() {
		msg := l.child.Referral(e.t, mark, mark)
		msg = bornHL7.ReplaceAll(msg, []byte("||"+l.born(e.day).Format("20060102")+"|M|"))
		if l.state == sent || l.state == unread {
			question := []byte("NTE|1|P|Question:")
			msg = bytes.Replace(msg, question, append(question, bytes.Repeat([]byte(" more words"), bulk/11)...), 1)
		}
		answer, err := conn.Exchange(msg, 30*time.Second)
		if err != nil || answer.AcknowledgmentCode != string(hl7v2.CA) {
			e.t.Errorf("a referral was answered %q, %v", answer.AcknowledgmentCode, err)
		}
	}
}

// there waits until every delivery of the children is in its state.
func (e *ending) there(who func(*lapse) bool) {
	begun := map[string]int{queued: 1, retried: 2, sent: 1, unread: 1}
	e.until("every delivery to be in its state", func() (waits string) {
		for name, d := range e.doors {
			for _, l := range e.lapses {
				if n, _ := d.count(l.marks()[0]); who(l) && n < begun[l.state] {
					waits += fmt.Sprintf("%d %s, %s, %t at %s: %d; ", l.child, l.state, l.cause, l.twin, name, n)
				}
			}
		}
		return waits
	})
}

func (e *ending) until(what string, done func() (waits string)) {
	e.t.Helper()
	waits := done()
	for deadline := time.Now().Add(40 * time.Second); waits != ""; waits = done() {
		if time.Now().After(deadline) {
			e.t.Fatalf("waited in vain for %s: %s\n%s", what, waits, e.s.Log())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// revoke ends the permission, or does what is like it for the twin.
func (e *ending) revoke(l *lapse) {
	switch l.cause {
	case withdrawn:
		for partner, clinic := range clinics {
			body, ref := e.consent(l, clinic)
			if l.twin {
				body = bytes.Replace(body, []byte("Signed and witnessed form"), []byte("Signed, witnessed and scanned form"), 1)
			} else {
				body = bytes.Replace(body, []byte(`"status":"active"`), []byte(`"status":"inactive"`), 1)
			}
			start := time.Now()
			proof.MustSend(e.t, e.s.As("guardian"), "PUT", "/"+ref, body)
			l.ended[partner] = time.Now()
			l.took = max(l.took, time.Since(start))
		}
	case deprived:
		holder := "guardian-state"
		if l.twin {
			holder = "foster-parent"
		}
		start := time.Now()
		out, errs, exit := e.s.Run(true, "authority", "end", l.child.Identifier(), "--holder", l.child.Named("RelatedPerson/"+holder+"-1"), "--source", "DocumentReference/order-1")
		if exit != 0 {
			e.t.Errorf("authority end: exit %d, %s%s", exit, out, errs)
		}
		l.took = time.Since(start)
		for partner := range clinics {
			l.ended[partner] = time.Now()
		}
	}
}

// settled waits until every delivery of the child has come to an end, and returns how many of
// each state there are.
func (e *ending) settled(l *lapse) map[string]int {
	var told struct {
		Messages []gateway.Explanation `json:"messages"`
	}
	found := map[string]int{}
	marks := l.marks()
	e.until("the deliveries to come to an end", func() (waits string) {
		out, errs, exit := e.s.Run(true, "explain", "cmo/"+marks[len(marks)-1], "--json")
		if err := json.Unmarshal([]byte(out), &told); err != nil || exit != 0 {
			return errs
		}
		clear(found)
		for _, d := range told.Messages[0].Destinations {
			found[d.State]++
		}
		if found[ledger.DeliveryPending]+found[ledger.DeliveryIntended] > 0 {
			return fmt.Sprintf("%s, %s, twin %t: %v", l.state, l.cause, l.twin, found)
		}
		return ""
	})
	return found
}

func immediate(l *lapse) bool { return l.cause == withdrawn || l.cause == deprived }
func byClock(l *lapse) bool   { return !immediate(l) }
func bulky(l *lapse) bool     { return l.state == sent || l.state == unread }

// play is one run of the whole matrix.
func (e *ending) play() {
	zone, err := time.LoadLocation("America/Chicago")
	if err != nil {
		e.t.Fatal(err)
	}
	now := time.Now().In(zone)
	e.day = time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, zone)
	e.each(func(*lapse) bool { return true }, e.prepare)
	for _, slow := range []bool{false, true} { // last those that are over soonest
		some := func(l *lapse) bool { return immediate(l) && (l.state == sent) == slow }
		e.each(some, e.refer)
		e.there(some)
	}
	e.each(immediate, e.revoke)
	// What ends by the clock ends together, at local midnight.
	lead := 12 * time.Second
	e.instant = time.Now().Add(lead)
	e.s.Hook(fmt.Sprintf(`{"clockOffset":%q}`, e.day.Sub(e.instant)))
	time.Sleep(100 * time.Millisecond) // until the file is read
	e.each(func(l *lapse) bool { return byClock(l) && !bulky(l) }, e.refer)
	time.Sleep(time.Until(e.instant.Add(-6 * time.Second)))
	e.each(func(l *lapse) bool { return byClock(l) && bulky(l) }, e.refer)
	e.there(byClock)
	if late := time.Since(e.instant); late > 0 {
		e.t.Errorf("the deliveries were in their states %s after the instant", late)
	}
	time.Sleep(time.Until(e.instant.Add(time.Second)))
	for _, l := range e.lapses {
		for partner := range clinics {
			if byClock(l) {
				l.ended[partner] = e.instant
			}
		}
	}
	for _, d := range e.doors {
		close(d.opened)
	}
}

// result is one cell of the matrix.
type result struct {
	Deliveries int   `json:"deliveries"`
	Before     int   `json:"begun before"`
	After      int   `json:"begun after"`
	WholeAfter int   `json:"ended whole after"`
	Latest     int64 `json:"latest ms"`
	Delay      int64 `json:"answer ms"`
	Denied     int   `json:"denied"`
	Twins      int   `json:"twins delivered"`
}

// tell adds what became of one child at one partner.
func (r *result) tell(l *lapse, partner string, d *door) {
	marks := l.marks()
	if l.twin {
		_, whole := d.count(marks[len(marks)-1])
		r.Twins += min(1, whole)
		return
	}
	end := l.ended[partner]
	r.Deliveries++
	for _, a := range d.seen() {
		if !slices.Contains(marks, a.mark) {
			continue
		}
		late := a.first.Sub(end)
		if late <= lateBy {
			r.Before++
		} else {
			r.After++
		}
		if r.Latest == 0 || late.Milliseconds() > r.Latest {
			r.Latest = late.Milliseconds()
		}
		if a.whole != nil && a.last.Sub(end) > lateBy && l.state != unread && l.state != queued {
			r.WholeAfter++
		}
	}
	r.Delay = max(r.Delay, l.took.Milliseconds())
}

// TestRevoked is point 7 (what had begun before the end may come whole after it): permission ends while deliveries wait, are retried, and are being
// sent, over HL7 v2 and FHIR.
func TestRevoked(t *testing.T) {
	t.Parallel()
	rounds, causes := 1, []string{withdrawn, grown}
	if proof.Full() {
		rounds, causes = 5, allCauses
	}
	results := map[[3]string]*result{}
	for round := range rounds {
		t.Run(fmt.Sprint("round ", round+1), func(t *testing.T) {
			e := newEnding(t, causes)
			e.play()
			for _, l := range e.lapses {
				found := e.settled(l)
				// Only a withdrawal over the wire cuts off what has begun; every other end waits for it.
				if done := found[ledger.DeliveryCompleted]; l.twin != (done == len(clinics)) && (l.cause == withdrawn || !bulky(l)) {
					t.Errorf("%s, %s, twin %t: %v", l.state, l.cause, l.twin, found)
				}
				for partner, d := range e.doors {
					key := [3]string{l.cause, l.state, map[bool]string{true: "FHIR", false: "MLLP"}[d.web]}
					if results[key] == nil {
						results[key] = &result{}
					}
					results[key].tell(l, partner, d)
					if !l.twin {
						results[key].Denied += found[ledger.DeliveryDenied] / len(clinics)
					}
				}
			}
			e.s.Stop()
		})
	}
	if t.Failed() {
		return
	}
	for _, cause := range causes {
		for _, state := range states {
			for _, protocol := range []string{"FHIR", "MLLP"} {
				r := results[[3]string{cause, state, protocol}]
				if r == nil || r.After != 0 || r.Before == 0 || r.Twins != rounds || r.Deliveries != rounds || time.Duration(r.Delay)*time.Millisecond > mostDelay {
					t.Errorf("%s, %s, %s: %+v", cause, state, protocol, r)
				}
				figure(t, 7, cause+", "+state+", "+protocol, rounds, "cell", r)
			}
		}
	}
}
