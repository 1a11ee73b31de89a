package ledger

import (
	"context"
	"errors"
	"time"
)

var errUnfinished = errors.New("unfinished")

// Ledger is an open ledger; safe for concurrent use.
type Ledger struct{}

// GateLimit is the longest a send may hold a gate.
const GateLimit = 10 * time.Second

func Open(ctx context.Context, o Options) (*Ledger, error) { return nil, errUnfinished }
func (l *Ledger) Close() error                             { return errUnfinished }
func (l *Ledger) Ready() error                             { return errUnfinished }
func DevelopmentKey(dir string) ([]byte, error)            { return nil, errUnfinished }
func NewChildID() string                                   { return "" }
func NewHolder() string                                    { return "" }
func (l *Ledger) Accept(ctx context.Context, a *Acceptance) (Accepted, error) {
	return Accepted{}, errUnfinished
}
func (f Found) Agree(candidate []byte) bool { return false }
func (l *Ledger) FindChild(ctx context.Context, terms [][]byte) ([]Found, error) {
	return nil, errUnfinished
}
func (l *Ledger) Inputs(ctx context.Context, child string) ([]InputVersion, int64, error) {
	return nil, 0, errUnfinished
}
func (l *Ledger) Head(ctx context.Context, lane string) (Delivery, error) {
	return Delivery{}, errUnfinished
}
func (l *Ledger) Intend(ctx context.Context, in Intent) (token int64, attempt string, err error) {
	return 0, "", errUnfinished
}
func (l *Ledger) Record(ctx context.Context, o Outcome) (LaneDue, error) {
	return LaneDue{}, errUnfinished
}
func (l *Ledger) Decline(ctx context.Context, d Decided) (LaneDue, error) {
	return LaneDue{}, errUnfinished
}
func (l *Ledger) DueLanes(ctx context.Context) ([]LaneDue, error) { return nil, errUnfinished }
func (l *Ledger) Cancel(ctx context.Context, deliveries []string, reason string, e []Event) (int, error) {
	return 0, errUnfinished
}
func (l *Ledger) Requeue(ctx context.Context, deliveries []string, e []Event) ([]LaneDue, error) {
	return nil, errUnfinished
}
func (l *Ledger) Deliveries(ctx context.Context, message string) ([]Delivery, error) {
	return nil, errUnfinished
}
func (l *Ledger) Delivery(ctx context.Context, id string) (Delivery, error) {
	return Delivery{}, errUnfinished
}
func (l *Ledger) Attempts(ctx context.Context, delivery string) ([]Attempt, error) {
	return nil, errUnfinished
}
func (l *Ledger) GateClear(ctx context.Context, child string, epoch int64) (clear bool, until time.Time, err error) {
	return false, time.Time{}, errUnfinished
}
func (l *Ledger) Message(ctx context.Context, id string) (Message, error) {
	return Message{}, errUnfinished
}
func (l *Ledger) Raw(ctx context.Context, id string) ([]byte, error)    { return nil, errUnfinished }
func (l *Ledger) Bundle(ctx context.Context, id string) ([]byte, error) { return nil, errUnfinished }
func (l *Ledger) Issues(ctx context.Context, id string) ([]byte, error) { return nil, errUnfinished }
func (l *Ledger) FindMessages(ctx context.Context, kind, value string) ([]string, error) {
	return nil, errUnfinished
}
func (l *Ledger) MessagesOf(ctx context.Context, child string) ([]string, error) {
	return nil, errUnfinished
}
func (l *Ledger) Relink(ctx context.Context, message, toChild string, e []Event) error {
	return errUnfinished
}
func (l *Ledger) WorkItems(ctx context.Context, state string) ([]Work, error) {
	return nil, errUnfinished
}
func (l *Ledger) Work(ctx context.Context, id string) (Work, error) { return Work{}, errUnfinished }
func (l *Ledger) ResolveWork(ctx context.Context, id, note string, e []Event) error {
	return errUnfinished
}
func (l *Ledger) AddWork(ctx context.Context, w NewWork, message, delivery string) (string, error) {
	return "", errUnfinished
}
func (l *Ledger) Project(ctx context.Context, limit int, f func(m Message, bundle []byte) ([]Projected, error)) (done int, watermark int64, err error) {
	return 0, 0, errUnfinished
}
func (l *Ledger) ResetProjection(ctx context.Context) error { return errUnfinished }
func (l *Ledger) Watermark(ctx context.Context) (projected, accepted int64, err error) {
	return 0, 0, errUnfinished
}
func (l *Ledger) Resource(ctx context.Context, typ, id string) (child string, body []byte, message string, err error) {
	return "", nil, "", errUnfinished
}
func (l *Ledger) Log(ctx context.Context, e ...Event) error { return errUnfinished }
func (l *Ledger) Verify(ctx context.Context) (Verification, error) {
	return Verification{}, errUnfinished
}
func (l *Ledger) Events(ctx context.Context, message string) ([]AuditRow, error) {
	return nil, errUnfinished
}
func (l *Ledger) Expunge(ctx context.Context, child string) error { return errUnfinished }
