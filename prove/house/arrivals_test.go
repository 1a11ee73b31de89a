package house

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"caregate/demo"
	"caregate/hl7v2"
)

// arrival is one body that reached a partner's socket, whole.
type arrival struct {
	origin string // control id that the sender gave
	key    string // Idempotency-Key, or MSH-10
	sha256 string // of the body
}

// lakesideArrivals are the bodies at the clinic with a FHIR server, in order.
func lakesideArrivals(got []demo.Request) []arrival {
	all := make([]arrival, len(got))
	for i, r := range got {
		origin := strings.TrimPrefix(r.Header.Get("X-Caregate-Origin"), "cmo/")
		all[i] = arrival{origin, r.Header.Get("Idempotency-Key"), hash(r.Body)}
	}
	return all
}

// northsideArrivals are the bodies at the clinic on HL7 v2, in order. The placer number
// names the message that they come from.
func northsideArrivals(t *testing.T, got [][]byte) []arrival {
	t.Helper()
	all := make([]arrival, len(got))
	for i, raw := range got {
		msg, err := hl7v2.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		var c, n int
		if _, err := fmt.Sscanf(msg.Get("RF1-6.1"), "PL-%03d-%06d", &c, &n); err != nil {
			t.Fatalf("arrival %d has no placer number of ours in RF1-6", i)
		}
		all[i] = arrival{controlID(child(c), n), msg.Get("MSH-10"), hash(raw)}
	}
	return all
}

func hash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// account is what the arrivals at one destination come to.
type account struct {
	bodies, lost, reordered, repeats  int
	otherKey, otherBytes, unannounced int
}

// settle compares the arrivals at one destination with the messages that were acknowledged,
// in the order of each child, and with the intents in the ledger.
func settle(l *load, got []arrival, intents map[arrival]bool) account {
	a := account{bodies: len(got)}
	first := map[string]arrival{}
	newest := map[string]string{} // by lane: the youngest message that has arrived
	for _, r := range got {
		if !intents[arrival{key: r.key, sha256: r.sha256, origin: r.origin}] {
			a.unannounced++
		}
		lane, _, _ := strings.Cut(r.origin, "N")
		earlier, repeat := first[r.origin]
		switch {
		case !repeat:
			first[r.origin] = r
			if r.origin < newest[lane] {
				a.reordered++
			}
			newest[lane] = max(newest[lane], r.origin)
		default:
			a.repeats++
			a.otherKey += one(r.key != earlier.key)
			a.otherBytes += one(r.sha256 != earlier.sha256)
			a.reordered += one(r.origin != newest[lane]) // a repeat after a younger message
		}
	}
	for _, id := range l.accepted() {
		if _, arrived := first[id]; !arrived {
			a.lost++
		}
	}
	return a
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// TestSettleSees breaks the account itself: each way to fail has to show.
func TestSettleSees(t *testing.T) {
	t.Parallel()
	a, b, c := arrival{"LD001N000000", "k0", "h0"}, arrival{"LD001N000001", "k1", "h1"}, arrival{"LD002N000000", "k2", "h2"}
	intents := map[arrival]bool{a: true, b: true, c: true}
	for name, test := range map[string]struct {
		got  []arrival
		want account
	}{
		"nothing wrong":          {[]arrival{a, c, b}, account{bodies: 3}},
		"repeat":                 {[]arrival{a, a, c, b}, account{bodies: 4, repeats: 1}},
		"lost":                   {[]arrival{a, b}, account{bodies: 2, lost: 1}},
		"reordered":              {[]arrival{b, a, c}, account{bodies: 3, reordered: 1}},
		"repeat after a younger": {[]arrival{a, b, a, c}, account{bodies: 4, repeats: 1, reordered: 1}},
		"another key":            {[]arrival{a, {a.origin, "k9", "h0"}, b, c}, account{bodies: 4, repeats: 1, otherKey: 1, unannounced: 1}},
		"other bytes":            {[]arrival{a, {a.origin, "k0", "h9"}, b, c}, account{bodies: 4, repeats: 1, otherBytes: 1, unannounced: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &load{acked: map[string]bool{a.origin: true, b.origin: true, c.origin: true}}
			if got := settle(l, test.got, intents); got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}
