package house

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"caregate/demo"
	"caregate/prove/proof"
)

// The instants of a kill. Those with a hook of the gateway are named as the hook is.
const (
	killCommitted = "committed"
	killLeased    = "leased"
	killIntended  = "intended"
	killSending   = "sending" // the partner has the body and has not answered
	killSent      = "sent"
	killRandom    = "random"
	killStarting  = "starting" // before it is ready again, after a kill
)

// hookDelay is when a change of the hooks is surely in force.
const hookDelay = 50 * time.Millisecond

// crash is the proof that a killed gateway loses, reorders and forges nothing.
type crash struct {
	*testing.T
	town *town
	gate *served
	load *load

	kills   map[string]int
	checked int // acknowledged messages looked up in the ledger after a kill
	early   int // of these, absent: acknowledged before they were committed
	caught  map[string]int
}

// TestKilledAtAnyInstant is point 3.
func TestKilledAtAnyInstant(t *testing.T) {
	t.Parallel()
	children, each, perPoint, random := 10, 30, 1, 1
	if full {
		children, each, perPoint, random = 40, 130, 6, 12
	}
	p := &crash{T: t, town: proof.NewTown(t), kills: map[string]int{}, caught: map[string]int{}}
	p.gate = newServed(t, proof.WriteConfig(t), p.town.Environment(), true)
	p.gate.Start()
	for i := range children {
		child(i+1).Introduce(t, p.gate.Served)
		child(i+1).Allow(t, p.gate.Served)
	}
	plan := planned(perPoint, random)
	p.load = startLoad(t, children, each, p.gate.Addresses.MLLP["cmo"])
	share := p.load.total() / (len(plan) + 1)
	for i, point := range plan {
		p.load.allow(share*i + share/2)
		p.load.reach(t, share*i)
		p.killAt(point, func() { p.load.allow(share*(i+1) + share/2) })
	}
	p.load.allow(p.load.total())
	p.load.reach(t, p.load.total())
	p.load.running.Wait()
	p.gate.quiet(2 * time.Minute)
	p.gate.Stop()
	p.report()
}

// planned is so many kills at each point and at random instants, shuffled.
func planned(perPoint, random int) []string {
	var plan []string
	for _, point := range []string{killCommitted, killLeased, killIntended, killSending, killSent, killStarting} {
		plan = append(plan, slices.Repeat([]string{point}, perPoint)...)
	}
	plan = append(plan, slices.Repeat([]string{killRandom}, random)...)
	rand.Shuffle(len(plan), func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })
	return plan
}

// killAt kills the gateway at a point, looks at what is on disk, and starts it again. more
// lets further messages come once the trap is set.
func (p *crash) killAt(point string, more func()) {
	p.Helper()
	switch point {
	case killRandom:
		more()
		time.Sleep(rand.N(250 * time.Millisecond))
		p.gate.Kill()
	case killSending:
		p.killSending(more)
	case killStarting:
		more()
		time.Sleep(rand.N(100 * time.Millisecond))
		p.gate.Kill()
		p.gate.Launch()
		time.Sleep(rand.N(60 * time.Millisecond))
		p.gate.Kill()
	default:
		p.killAtHook(point, more)
	}
	p.kills[point]++
	p.inspect(point)
	p.gate.Start()
	p.load.moved(p.gate.Addresses.MLLP["cmo"])
}

// killAtHook lets the gateway run into a hook, where it stops, and kills it a little later.
func (p *crash) killAtHook(point string, more func()) {
	p.Helper()
	reached := p.gate.Hooks + ".reached-" + point
	p.gate.Hook(fmt.Sprintf(`{"stopAt":%q}`, point))
	time.Sleep(hookDelay)
	more()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(reached); err == nil {
			break
		}
		if time.Now().After(deadline) {
			p.Fatalf("nothing came to the point %q\n%s", point, p.gate.Log())
		}
	}
	time.Sleep(rand.N(30 * time.Millisecond))
	p.gate.Kill()
	p.gate.Hook(`{}`)
	if err := os.Remove(reached); err != nil {
		p.Fatal(err)
	}
}

// killSending kills the gateway while a partner holds a body that it has not answered: one
// clinic or the other, in turn.
func (p *crash) killSending(more func()) {
	p.Helper()
	got, answer := make(chan struct{}, 1), make(chan struct{})
	held := func() {
		select {
		case got <- struct{}{}:
		default:
		}
		<-answer
	}
	if p.kills[killSending]%2 == 0 {
		p.town.Lakeside.Hold(func(demo.Request) { held() })
		defer p.town.Lakeside.Hold(nil)
	} else {
		p.town.Northside.Hold(func([]byte) { held() })
		defer p.town.Northside.Hold(nil)
	}
	defer close(answer)
	more()
	select {
	case <-got:
	case <-time.After(20 * time.Second):
		p.Fatalf("no body came\n%s", p.gate.Log())
	}
	time.Sleep(rand.N(30 * time.Millisecond))
	p.gate.Kill()
}

// inspect looks at the disk before anything recovers: every acknowledged message must be
// there, and the kill must have caught the state that it is named for.
func (p *crash) inspect(point string) {
	p.Helper()
	acked := p.load.accepted()
	b := p.gate.books()
	defer b.close()
	stored := b.accepted()
	for _, id := range acked {
		p.checked++
		p.early += one(!stored[id])
	}
	intended := b.count("SELECT count(*) FROM delivery WHERE state = 'intended'")
	pending := b.count("SELECT count(*) FROM delivery WHERE state = 'pending'")
	hit := intended+pending > 0
	switch point {
	case killCommitted:
		hit = len(stored) > len(acked) // committed, and nobody was told
	case killLeased:
		hit = pending > 0
	case killIntended, killSending, killSent:
		hit = intended > 0
	}
	p.caught[point] += one(hit)
	if !hit && point != killRandom && point != killStarting {
		p.Errorf("the kill at %q caught no message there", point)
	}
}

// report prints the figures and fails where one is not what was promised.
func (p *crash) report() {
	p.Helper()
	b := p.gate.books()
	defer b.close()
	lakeside := settle(p.load, lakesideArrivals(p.town.Lakeside.Received()), b.intents("lakeside.fhir", "key"))
	northside := settle(p.load, northsideArrivals(p.T, p.town.Northside.Received()), b.intents("northside.mllp", "control_id"))
	accepted := len(p.load.accepted())
	twice := b.count("SELECT count(*) - count(DISTINCT control_id) FROM message WHERE partner = 'cmo' AND state = 'accepted'")

	kills := slices.Sorted(maps.Keys(p.kills))
	total := 0
	for _, point := range kills {
		total += p.kills[point]
		figure(p.T, 3, "kills", p.kills[point], "at", point, "caught", p.caught[point])
	}
	figure(p.T, 3, "acknowledged", p.load.total(), "acknowledged", accepted, "refused", len(p.load.refused), "sent again", int(p.load.sent.Load())-p.load.total(), "stored twice", twice, "kills", total)
	figure(p.T, 3, "no answer before the commit", p.checked, "absent", p.early)
	for name, a := range map[string]account{"lakeside.fhir": lakeside, "northside.mllp": northside} {
		figure(p.T, 3, "delivered", accepted, "to", name, "bodies", a.bodies, "lost", a.lost, "reordered", a.reordered, "repeats", a.repeats,
			"repeats with another key", a.otherKey, "repeats with other bytes", a.otherBytes, "bodies without intent", a.unannounced)
		if bad := a.lost + a.reordered + a.otherKey + a.otherBytes + a.unannounced; bad > 0 {
			p.Errorf("%s: %+v", name, a)
		}
		if a.bodies != accepted+a.repeats {
			p.Errorf("%s: %d bodies for %d messages and %d repeats", name, a.bodies, accepted, a.repeats)
		}
	}
	if lakeside.repeats+northside.repeats == 0 {
		p.Error("no kill led to a repeat: nothing was proved about repeats")
	}
	if accepted != p.load.total() || p.early > 0 || twice > 0 || len(p.load.refused) > 0 {
		p.Errorf("accepted %d of %d, early %d, twice %d, refused %v", accepted, p.load.total(), p.early, twice, p.load.refused)
	}
	if out, errs, exit := p.gate.Run(true, "verify"); exit != 0 {
		p.Errorf("verify: exit %d: %s%s", exit, out, errs)
	}
}
