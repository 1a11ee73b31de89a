package ledger

import (
	"context"
	"fmt"
	"time"
)

// States of an attempt.
const (
	AttemptIntended  = "intended"  // its outcome is not known
	AttemptCompleted = "completed" // the partner took it
	AttemptFailed    = "failed"    // the partner did not
	AttemptDeclined  = "declined"  // the decision released nothing
)

// Attempt is one decision about a delivery and, where it released something, the send.
// DecisionBody and Answer are empty once the child was expunged.
type Attempt struct {
	ID, Delivery           string
	N, Release             int
	Token                  int64
	Key, ControlID, SHA256 string
	State, Code, Answer    string
	Decision               string // digest
	Intended, Recorded     time.Time
	DecisionBody           []byte
}

// Attempts returns the attempts of a delivery, oldest first.
func (l *Ledger) Attempts(ctx context.Context, delivery string) ([]Attempt, error) {
	var list []Attempt
	err := l.read.each(ctx, `SELECT a.id, a.delivery, a.n, a.release, a.token, a.key, a.control_id, a.sha256, a.decision, a.state, a.code,
			a.intended, a.recorded, a.key_id, a.answer, a.body, k.wrapped
		FROM attempt a LEFT JOIN data_key k ON k.id = a.key_id WHERE a.delivery = ? ORDER BY a.n`, []any{delivery}, func(scan scanner) error {
		a, err := l.scanAttempt(scan)
		list = append(list, a)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("attempts of %s: %w", delivery, err)
	}
	return list, nil
}

func (l *Ledger) scanAttempt(scan scanner) (a Attempt, err error) {
	var intended, recorded int64
	var key string
	var answer, body, wrapped []byte
	err = scan(&a.ID, &a.Delivery, &a.N, &a.Release, &a.Token, &a.Key, &a.ControlID, &a.SHA256, &a.Decision, &a.State, &a.Code,
		&intended, &recorded, &key, &answer, &body, &wrapped)
	if err != nil {
		return a, err
	}
	a.Intended, a.Recorded = instant(intended), instant(recorded)
	if a.DecisionBody, err = l.openIfKept(key, wrapped, place{table: "attempt", row: a.ID, column: "body"}, body); err != nil {
		return a, err
	}
	text, err := l.openIfKept(key, wrapped, place{table: "attempt", row: a.ID, column: "answer"}, answer)
	a.Answer = string(text)
	return a, err
}
