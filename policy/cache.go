package policy

import "sync"

// cacheSize bounds the answers of one generation; two generations are kept.
const cacheSize = 1024

// cache keeps what the law answered to an input document, word for word. The document holds
// everything that the law may look at, the local day included, and the law of an Engine never
// changes: whatever could change the answer changes the key. It lives in memory only.
type cache struct {
	mu      sync.Mutex
	recent  map[string]answer
	earlier map[string]answer // the generation before, dropped when recent is full
}

func (c *cache) get(key string) (answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a, ok := c.recent[key]; ok {
		return a, true
	}
	a, ok := c.earlier[key]
	if ok {
		c.add(key, a)
	}
	return a, ok
}

func (c *cache) put(key string, a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(key, a)
}

func (c *cache) add(key string, a answer) {
	if c.recent == nil || len(c.recent) >= cacheSize {
		c.earlier, c.recent = c.recent, make(map[string]answer, cacheSize)
	}
	c.recent[key] = a
}
