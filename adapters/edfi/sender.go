package edfi

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"caregate/adapters"
	"caregate/adapters/httpout"
	"caregate/fhir"
)

// SenderConfig is one Ed-Fi API. OAuth is its client credentials grant, token URL included.
type SenderConfig struct {
	httpout.Config
	DataPath string // "" for DefaultDataPath
	// Overwrite posts without reading first. An Ed-Fi POST replaces the whole record, so
	// this erases what the school itself added; for deployments where nobody else writes.
	Overwrite bool
}

// Sender carries out plans. It is an adapters.Sender, an adapters.Prober and an io.Closer.
type Sender struct {
	client    *httpout.Client
	dataPath  string
	overwrite bool
}

var (
	_ adapters.Sender = (*Sender)(nil)
	_ adapters.Prober = (*Sender)(nil)
)

// NewSender checks the configuration; it connects to nothing.
func NewSender(c SenderConfig) (*Sender, error) {
	client, err := httpout.New(c.Config)
	if err != nil {
		return nil, err
	}
	if c.DataPath == "" {
		c.DataPath = DefaultDataPath
	}
	return &Sender{client: client, dataPath: c.DataPath, overwrite: c.Overwrite}, nil
}

// Close lets go of idle connections.
func (s *Sender) Close() error { return s.client.Close() }

// Send carries out the plan's steps in their order and stops at the first failure. Every
// step is an upsert by natural key, so a repeat of the whole plan does no harm. Each record
// is read first and keeps what the plan does not name.
func (s *Sender) Send(ctx context.Context, permit adapters.Permit) (adapters.Receipt, error) {
	if !permit.Valid() {
		return adapters.Receipt{}, &adapters.Failure{Code: adapters.CodeForbidden, Detail: "no permit"}
	}
	release := permit.Release()
	body, err := fhir.Parse(release.Body)
	if err != nil || body.Get("steps").Len() == 0 {
		return adapters.Receipt{}, &adapters.Failure{Code: adapters.CodeInternal, Detail: "the released body is no plan"}
	}
	last := http.StatusOK
	for i, step := range body.Get("steps").Items() {
		status, err := s.step(ctx, release, step, i)
		if err != nil {
			return adapters.Receipt{}, err
		}
		if status != 0 {
			last = status
		}
	}
	return adapters.Receipt{Answer: strconv.Itoa(last)}, nil
}

// step makes one upsert; status 0 says that there was nothing to change.
func (s *Sender) step(ctx context.Context, release adapters.Release, step *fhir.Node, i int) (status int, err error) {
	body, existing := step.Get("body"), step.Get("existing").Text() == "true"
	if s.overwrite && existing {
		return 0, nil
	}
	if !s.overwrite {
		have, err := s.lookup(ctx, release, step)
		if err != nil {
			return 0, err
		}
		if have == nil && existing {
			return 0, nil
		}
		body = merge(have, body)
	}
	header := map[string]string{
		"Content-Type":      "application/json",
		"Accept":            "application/json",
		"Idempotency-Key":   release.Key + "." + strconv.Itoa(i),
		"X-Caregate-Origin": release.Origin.Partner + "/" + release.Origin.ControlID,
	}
	if release.Origin.Placer != "" {
		header["X-Caregate-Placer"] = release.Origin.Placer
	}
	answer, err := s.client.Do(ctx, httpout.Request{
		Method: step.Get("method").Text(), Path: step.Get("path").Text(), Header: header, Body: body.JSON(), WriteBy: release.WriteBy,
	})
	if err != nil {
		return 0, err
	}
	return answer.Status, refused(answer)
}

// lookup reads the record that the step would replace; nil where the school has none.
func (s *Sender) lookup(ctx context.Context, release adapters.Release, step *fhir.Node) (*fhir.Node, error) {
	query := url.Values{}
	for name, value := range step.Get("key").Members() {
		query.Set(name, value.Text())
	}
	answer, err := s.client.Do(ctx, httpout.Request{
		Method: http.MethodGet, Path: step.Get("path").Text(), Query: query.Encode(),
		Header: map[string]string{"Accept": "application/json"}, WriteBy: release.WriteBy,
	})
	if err != nil || answer.Status == http.StatusNotFound {
		return nil, err
	}
	if err := refused(answer); err != nil {
		return nil, err
	}
	if strings.TrimSpace(string(answer.Body)) == "" {
		return nil, nil
	}
	list, err := fhir.Parse(withoutNulls(answer.Body))
	if err != nil || list.Kind() != fhir.Array || list.Len() > 1 || answer.Truncated {
		return nil, &adapters.Failure{Code: adapters.CodeBadAnswer, Answer: strconv.Itoa(answer.Status), Detail: "the look-up by natural key did not answer with one record or none"}
	}
	return list.Item(0), nil
}

// refused says what an answer means. A 409 for an unresolved reference is a student, or
// another record, that the school does not know.
func refused(answer httpout.Answer) error {
	failure := answer.Failure()
	if failure == nil {
		if !answer.JSON() {
			return &adapters.Failure{Code: adapters.CodeBadAnswer, Answer: strconv.Itoa(answer.Status), Detail: "the answer is not from an Ed-Fi API"}
		}
		return nil
	}
	if failure.Code == adapters.CodeDuplicate {
		if problem, err := fhir.Parse(answer.Body); err == nil && strings.Contains(problem.Get("type").Text(), "unresolved-reference") {
			failure.Code = adapters.CodeUnknownKey
		}
	}
	return failure
}

// Probe asks for a token and for no students, which carries nothing about anybody.
func (s *Sender) Probe(ctx context.Context) error {
	answer, err := s.client.Do(ctx, httpout.Request{
		Method: http.MethodGet, Path: s.dataPath + "/students", Query: "limit=0", Header: map[string]string{"Accept": "application/json"},
	})
	if err != nil {
		return fmt.Errorf("ed-fi api: check url, token url, key and secret: %w", err)
	}
	if err := refused(answer); err != nil {
		return fmt.Errorf("ed-fi api: check the data path and the claim set of the key: %w", err)
	}
	return nil
}
