package gateway

import (
	"sync"

	"caregate/consent"
	"caregate/fhir"
)

// formsKept bounds the compiled consents of one generation; two generations are kept.
const formsKept = 1024

// forms keeps consents compiled, by their version and every byte of them: what changes a
// consent changes the key, so that none can be out of date. It lives in memory only.
type forms struct {
	mu      sync.Mutex
	recent  map[form]consent.Filed
	earlier map[form]consent.Filed // the generation before, dropped when recent is full
}

type form struct{ version, body string }

// file reads and compiles a consent as it is filed, once while it is in use.
func (f *forms) file(body []byte, version string) (consent.Filed, error) {
	key := form{version, string(body)}
	if filed, known := f.get(key); known {
		return filed, nil
	}
	node, err := fhir.Parse(body)
	if err != nil {
		return consent.Filed{}, err
	}
	filed := consent.File(node, version)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.add(key, filed)
	return filed, nil
}

func (f *forms) get(key form) (consent.Filed, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if filed, known := f.recent[key]; known {
		return filed, true
	}
	filed, known := f.earlier[key]
	if known {
		f.add(key, filed)
	}
	return filed, known
}

func (f *forms) add(key form, filed consent.Filed) {
	if f.recent == nil || len(f.recent) >= formsKept {
		f.earlier, f.recent = f.recent, make(map[form]consent.Filed, formsKept)
	}
	f.recent[key] = filed
}
