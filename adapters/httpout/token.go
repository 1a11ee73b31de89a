package httpout

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/hashicorp/go-retryablehttp"

	"caregate/adapters"
)

// maxToken is the longest access token that is taken, in bytes.
const maxToken = 8 << 10

// OAuth is a client credentials grant (RFC 6749 section 4.4) with the secret in Basic.
type OAuth struct {
	TokenURL string // absolute
	ClientID string
	Secret   string
	Scope    string // "" for none
}

// tokens keeps the current access token. One caller at a time asks for a new one.
type tokens struct {
	grant OAuth
	turn  chan struct{} // capacity 1; a mutex that a context can give up on
	value string
	until time.Time
}

func newTokens(grant OAuth) *tokens {
	return &tokens{grant: grant, turn: make(chan struct{}, 1)}
}

func (t *tokens) get(ctx context.Context, c *Client) (string, error) {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return "", unanswered(ctx.Err())
	}
	if t.value != "" && time.Now().Before(t.until) {
		return t.value, nil
	}
	answer, err := t.fetch(ctx, c)
	if err != nil {
		return "", err
	}
	return t.keep(answer)
}

// drop forgets a token that was refused, unless it was replaced meanwhile.
func (t *tokens) drop(token string) {
	t.turn <- struct{}{}
	defer func() { <-t.turn }()
	if t.value == token {
		t.value = ""
	}
}

func (t *tokens) fetch(ctx context.Context, c *Client) (Answer, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if t.grant.Scope != "" {
		form.Set("scope", t.grant.Scope)
	}
	request, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPost, t.grant.TokenURL, []byte(form.Encode()))
	if err != nil {
		return Answer{}, &adapters.Failure{Code: adapters.CodeConfiguration, Detail: "the token request cannot be formed"}
	}
	basic := base64.StdEncoding.EncodeToString([]byte(t.grant.ClientID + ":" + t.grant.Secret))
	request.Header.Set("Authorization", "Basic "+basic)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	answer, err := c.roundTrip(request, time.Time{})
	if err != nil {
		return answer, err
	}
	return answer, tokenRefusal(answer)
}

// tokenRefusal says what a token endpoint's answer means; a 4xx is about the credential
// (RFC 6749 section 5.2 answers invalid_client with 400 or 401).
func tokenRefusal(a Answer) error {
	failure := a.Failure()
	if failure == nil {
		return nil
	}
	if !failure.Code.Row().Retry && a.Status < 500 && a.Status >= 400 {
		failure.Code = adapters.CodeUnauthenticated
	}
	failure.Detail = "token endpoint: " + failure.Detail
	return failure
}

// keep takes the token out of the answer. A token without a life time is used for a minute.
func (t *tokens) keep(a Answer) (string, error) {
	var body struct {
		Token   string  `json:"access_token"`
		Kind    string  `json:"token_type"`
		Expires float64 `json:"expires_in"`
	}
	err := json.Unmarshal(a.Body, &body)
	if err != nil || !a.JSON() || !tokenText(body.Token) || (body.Kind != "" && !strings.EqualFold(body.Kind, "bearer")) {
		return "", &adapters.Failure{Code: adapters.CodeBadAnswer, Answer: statusText(a.Status), Detail: "token endpoint: no bearer token in the answer"}
	}
	life := time.Duration(min(max(body.Expires, 0), 86_400)) * time.Second
	if life == 0 {
		life = time.Minute
	}
	t.value, t.until = body.Token, time.Now().Add(life-min(life/2, 30*time.Second))
	return t.value, nil
}

func tokenText(token string) bool {
	if token == "" || len(token) > maxToken {
		return false
	}
	return strings.IndexFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}
