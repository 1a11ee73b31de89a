package consent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"caregate/gateway"
	"caregate/ledger"
	"caregate/prove/proof"
)

// served starts the demo's gateway among its partners, with one child known and its consents filed.
func served(t *testing.T, child proof.Child, allow bool) (*proof.Served, *proof.Town) {
	t.Helper()
	w := proof.NewTown(t)
	s := proof.NewServed(t, proof.WriteConfig(t), w.Environment(), false)
	s.Start()
	child.Introduce(t, s)
	if allow {
		child.Allow(t, s)
	}
	return s, w
}

// refer sends the care organisation's referral and returns the header of its acknowledgement.
func refer(t *testing.T, s *proof.Served, msg []byte) string {
	t.Helper()
	wire, err := proof.Dial(s.Addresses.MLLP["cmo"])
	if err != nil {
		t.Fatal(err)
	}
	defer wire.Close()
	ack, err := wire.Exchange(msg, 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(ack)
}

// settled waits until nothing of a message is under way and returns its story.
func settled(t *testing.T, s *proof.Served, id string) gateway.Explanation {
	t.Helper()
	var story struct{ Messages []gateway.Explanation }
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		out, _, exit := s.Run(true, "--json", "explain", id)
		if exit != 0 || json.Unmarshal([]byte(out), &story) != nil || len(story.Messages) != 1 {
			continue
		}
		if !slices.ContainsFunc(story.Messages[0].Destinations, func(d gateway.Destination) bool {
			return d.State == ledger.DeliveryPending || d.State == ledger.DeliveryIntended
		}) {
			return story.Messages[0]
		}
	}
	t.Fatalf("%s did not settle: %+v\n%s", id, story, s.Log())
	return gateway.Explanation{}
}

// bodies are the hashes of everything that the partners' systems received.
func bodies(w *proof.Town) []string {
	var all []string
	add := func(body []byte) {
		sum := sha256.Sum256(body)
		all = append(all, hex.EncodeToString(sum[:]))
	}
	for _, body := range slices.Concat(w.CMO.Received(), w.Northside.Received(), w.State.Received()) {
		add(body)
	}
	for _, r := range slices.Concat(w.Lakeside.Received(), w.School.Received()) {
		add(r.Body)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestAccount: the accounting of disclosures is what the receivers got, byte for byte, under
// each identifier of the child.
func TestAccount(t *testing.T) {
	t.Parallel()
	s, w := served(t, 1, true)
	other := proof.Child(2)
	other.Introduce(t, s)
	const referrals = 2
	for i := range referrals {
		id := fmt.Sprintf("ACC00000%d", i)
		refer(t, s, proof.Child(1).Referral(t, id, fmt.Sprintf("SOC-ACC-%d", i)))
		settled(t, s, "cmo/"+id)
	}
	got := bodies(w)
	var account struct {
		Child       string
		Disclosures []gateway.Disclosure
	}
	var texts []string
	for _, name := range []string{"https://soc.example.org/id/il-dcfs-id|900000170001", "https://soc.example.org/id/il-medicaid-rin|9000001770001"} {
		out, errs, exit := s.Run(true, "--json", "account", name)
		if exit != 0 {
			t.Fatalf("%s is not known: %s", name, errs)
		}
		if err := json.Unmarshal([]byte(out), &account); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, out)
	}
	if texts[0] != texts[1] {
		t.Errorf("two identifiers of one child give two accounts:\n%s\n%s", texts[0], texts[1])
	}
	var listed []string
	for _, d := range account.Disclosures {
		if d.Receipt != "received" || d.Purpose == "" || len(d.Basis) == 0 || len(d.Consents) == 0 || len(d.Law) == 0 || len(d.What) == 0 || d.At.IsZero() || d.Recipient == "" {
			t.Errorf("incomplete: %+v", d)
		}
		listed = append(listed, d.SHA256)
	}
	slices.Sort(listed)
	if listed = slices.Compact(listed); !slices.Equal(listed, got) || len(got) == 0 {
		t.Errorf("the account lists %d bodies, the receivers have %d:\n%s\n%s", len(listed), len(got), listed, got)
	}
	if out, _, exit := s.Run(true, "--json", "account", "https://soc.example.org/id/il-dcfs-id|900000170002"); exit == 0 {
		var second struct{ Count int }
		if err := json.Unmarshal([]byte(out), &second); err != nil || second.Count != 0 {
			t.Errorf("another child's account: %s", out)
		}
	}
	s.Stop()
	figure(t, 8, "account of disclosures", len(account.Disclosures), "bodies received", len(got), "accounted", len(listed), "identifiers", len(texts))
}
