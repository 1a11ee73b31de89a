package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestTags holds that every default and minimum is a value of its field, and every default allowed.
func TestTags(t *testing.T) {
	t.Parallel()
	count := 0
	for _, typ := range []reflect.Type{reflect.TypeFor[Site](), reflect.TypeFor[Partner](), reflect.TypeFor[Routes]()} {
		count += tags(t, typ)
	}
	if count < 15 {
		t.Errorf("only %d tags were looked at", count)
	}
}

func tags(t *testing.T, typ reflect.Type) (count int) {
	t.Helper()
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct {
		return 0
	}
	for field := range typ.Fields() {
		for _, name := range []string{"default", "min"} {
			text, given := field.Tag.Lookup(name)
			if !given {
				continue
			}
			count++
			if err := setScalar(reflect.New(field.Type).Elem(), text); err != nil {
				t.Errorf("%s.%s: %s %q is not a value of it", typ.Name(), field.Name, name, text)
			}
			if enum := field.Tag.Get("enum"); enum != "" && !slices.Contains(strings.Split(enum, ","), text) {
				t.Errorf("%s.%s: %s %q is not in %s", typ.Name(), field.Name, name, text, enum)
			}
		}
		count += tags(t, field.Type)
	}
	return count
}
