package config

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"caregate/gateway"
)

func TestAlertIsPosted(t *testing.T) {
	t.Parallel()
	status, got := http.StatusAccepted, ""
	pager := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Method + " " + string(body)
		w.WriteHeader(status)
	}))
	defer pager.Close()
	post := alert(pager.URL)
	if err := post(t.Context(), gateway.Alert{Work: "w_1", Destination: "clinic.fhir", Since: time.Unix(0, 0).UTC()}); err != nil {
		t.Fatal(err)
	}
	if want := `{"work":"w_1","destination":"clinic.fhir","since":"1970-01-01T00:00:00Z"}`; strings.TrimPrefix(got, "POST ") != want {
		t.Errorf("posted %s, want %s", got, want)
	}
	status = http.StatusServiceUnavailable
	if err := post(t.Context(), gateway.Alert{}); err == nil {
		t.Error("an alert that was answered 503 counts as given")
	}
}
