package adapterstest

import (
	"bytes"
	"log"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// locked is a buffer that several goroutines may log into.
type locked struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// capture takes over log and slog and returns the check that no canary got into them.
func capture(t *testing.T, canaries []string) (check func()) {
	t.Helper()
	var logs locked
	oldSlog, oldOut := slog.Default(), log.Writer()
	slog.SetDefault(slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug})))
	log.SetOutput(&logs)
	t.Cleanup(func() {
		slog.SetDefault(oldSlog)
		log.SetOutput(oldOut)
	})
	return func() {
		logs.mu.Lock()
		defer logs.mu.Unlock()
		clean(t, "log", logs.buf.String(), canaries)
	}
}

// clean fails the test when a canary shows up in text.
func clean(t *testing.T, where, text string, canaries []string) {
	t.Helper()
	for i, canary := range canaries {
		if strings.Contains(text, canary) {
			t.Errorf("%s carries canary %d", where, i)
		}
	}
}
