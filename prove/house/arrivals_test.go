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
