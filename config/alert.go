package config

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"caregate/gateway"
)

// alert posts to a URL of the site: a pager, a chat, a telephone service. Any answer but a
// 2xx is a failure, and the alert is tried again.
func alert(url string) func(context.Context, gateway.Alert) error {
	return func(ctx context.Context, a gateway.Alert) error {
		body, err := json.Marshal(a)
		if err != nil {
			return err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode >= http.StatusMultipleChoices {
			return fmt.Errorf("the alert was answered %s", answer.Status)
		}
		return nil
	}
}
