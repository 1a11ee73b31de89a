package adapterstest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"caregate/adapters"
)

func (s Subject) codec(t *testing.T) {
	if s.Codec == nil {
		t.Skip("no codec")
	}
	for i, in := range s.Bad {
		t.Run(fmt.Sprintf("decode refuses %d", i), func(t *testing.T) {
			_, err := s.Codec.Decode(in)
			s.refusal(t, err)
		})
	}
	for i, out := range s.Unfit {
		t.Run(fmt.Sprintf("encode refuses %d", i), func(t *testing.T) {
			_, err := s.Codec.Encode(out)
			s.refusal(t, err)
		})
	}
	if s.Outbound.Bundle != nil {
		t.Run("encode is deterministic", s.encodesAlike)
	}
}

func (s Subject) refusal(t *testing.T, err error) {
	t.Helper()
	var refusal *adapters.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("got %T, want *adapters.Refusal", err)
	}
	clean(t, "error", fmt.Sprintf("%v %+v", err, refusal.Issues), s.Canaries)
	if refusal.Code == "" || refusal.Code == adapters.CodeAccepted {
		t.Errorf("refusal has code %q", refusal.Code)
	}
	if len(refusal.Issues) == 0 {
		t.Error("refusal names no place")
	}
}

func (s Subject) encodesAlike(t *testing.T) {
	before := s.Outbound.Bundle.JSON()
	first, err := s.Codec.Encode(s.Outbound)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		again, err := s.Codec.Encode(s.Outbound)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Body, again.Body) || first.ContentType != again.ContentType {
			t.Fatal("the same input gave other bytes")
		}
	}
	if !bytes.Equal(before, s.Outbound.Bundle.JSON()) {
		t.Error("encoding changed the Bundle it was given")
	}
}
