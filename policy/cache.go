package policy

import "sync"

// cacheSize bounds the answers of one generation; two generations are kept.
const cacheSize = 1024

// cache keeps what the law answered, by everything that it may look at (see asked), the local
// day included. The law of an Engine never changes, so whatever could change the answer changes
// the key. It lives in memory only.
type cache struct {
	mu      sync.Mutex
	recent  map[string]answer
	earlier map[string]answer // the generation before, dropped when recent is full
}

func (c *cache) get(key []byte) (answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a, ok := c.recent[string(key)]; ok {
		return a, true
	}
	a, ok := c.earlier[string(key)]
	if ok {
		c.add(string(key), a)
	}
	return a, ok
}

func (c *cache) put(key []byte, a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(string(key), a)
}

func (c *cache) add(key string, a answer) {
	if c.recent == nil || len(c.recent) >= cacheSize {
		c.earlier, c.recent = c.recent, make(map[string]answer, cacheSize)
	}
	c.recent[key] = a
}
