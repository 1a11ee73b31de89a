package policy

import (
	"embed"
	"strings"
)

//go:embed notices
var notices embed.FS

// NoticeText is the wording that travels with a release under an obligation; "" where the
// obligation has no wording. Wordings are files named by Obligation.TextRef, dated as the law dates them.
func NoticeText(o Obligation) string {
	if o.TextRef == "" {
		return ""
	}
	text, err := notices.ReadFile(strings.Replace(o.TextRef, "notice/", "notices/", 1) + ".txt")
	if err != nil {
		return ""
	}
	return strings.ReplaceAll(strings.TrimSpace(string(text)), "{targets}", strings.Join(o.Target, ", "))
}
