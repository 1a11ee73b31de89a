package house

import (
	"fmt"
	"testing"
	"time"
)

// TestReferralReachesBothClinics is the harness itself: one child, one referral, two clinics.
func TestReferralReachesBothClinics(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	s := newServed(t, writeConfig(t), w.environment(), false)
	s.start()
	c := child(1)
	c.introduce(t, s)
	c.allow(t, s)
	conn, err := dial(s.addresses.MLLP["cmo"])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answer, err := conn.exchange(c.referral(t, "HARNESS1", "PLACER-1"), 10*time.Second)
	if err != nil || answer.AcknowledgmentCode != "CA" || answer.AcknowledgedControlID != "HARNESS1" {
		t.Fatalf("answer %+v, %v", answer, err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for len(w.northside.Received()) != 1 || len(w.lakeside.Received()) != 1 {
		if time.Now().After(deadline) {
			t.Fatal(fmt.Sprint(len(w.northside.Received()), len(w.lakeside.Received())), s.log())
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.stop()
}
