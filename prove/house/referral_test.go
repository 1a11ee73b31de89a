package house

import (
	"fmt"
	"testing"
	"time"

	"caregate/prove/proof"
)

// TestReferralReachesBothClinics is the harness itself: one child, one referral, two clinics.
func TestReferralReachesBothClinics(t *testing.T) {
	t.Parallel()
	w := proof.NewTown(t)
	s := newServed(t, proof.WriteConfig(t), w.Environment(), false)
	s.Start()
	c := child(1)
	c.Introduce(t, s.Served)
	c.Allow(t, s.Served)
	conn, err := proof.Dial(s.Addresses.MLLP["cmo"])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answer, err := conn.Exchange(c.Referral(t, "HARNESS1", "PLACER-1"), 10*time.Second)
	if err != nil || answer.AcknowledgmentCode != "CA" || answer.AcknowledgedControlID != "HARNESS1" {
		t.Fatalf("answer %+v, %v", answer, err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for len(w.Northside.Received()) != 1 || len(w.Lakeside.Received()) != 1 {
		if time.Now().After(deadline) {
			t.Fatal(fmt.Sprint(len(w.Northside.Received()), len(w.Lakeside.Received())), s.Log())
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.Stop()
}
