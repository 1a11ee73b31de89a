package fhirpath

import (
	"fmt"
	"strconv"
	"strings"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenName
	tokenString
	tokenNumber
	tokenDate     // @2015-02-04, @T14:30
	tokenVariable // $this, %resource
	tokenSymbol
)

type token struct {
	kind tokenKind
	text string
	at   int // byte offset
}

const symbols = "!= <= >= !~ ( ) [ ] . , = < > | ~ + - * / & { }"

// lex splits an expression into tokens.
func lex(src string) ([]token, error) {
	var tokens []token
	for i := 0; i < len(src); {
		c := src[i]
		start := i
		switch {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			i++
			continue
		case c == '\'' || c == '`':
			text, end, err := quoted(src, i)
			if err != nil {
				return nil, err
			}
			i = end
			kind := tokenString
			if c == '`' {
				kind = tokenName
			}
			tokens = append(tokens, token{kind, text, start})
			continue
		case c == '@':
			i = span(src, i+1, isDateByte)
			tokens = append(tokens, token{tokenDate, strings.TrimPrefix(src[start+1:i], "T"), start})
			continue
		case c == '$' || c == '%':
			i = span(src, i+1, isNameByte)
			tokens = append(tokens, token{tokenVariable, src[start:i], start})
			continue
		case c >= '0' && c <= '9':
			i = span(src, i, isDigit)
			if i+1 < len(src) && src[i] == '.' && isDigit(src[i+1]) {
				i = span(src, i+1, isDigit)
			}
			tokens = append(tokens, token{tokenNumber, src[start:i], start})
			continue
		case isNameByte(c):
			i = span(src, i, isNameByte)
			tokens = append(tokens, token{tokenName, src[start:i], start})
			continue
		}
		symbol := ""
		for s := range strings.FieldsSeq(symbols) {
			if strings.HasPrefix(src[i:], s) {
				symbol = s
				break
			}
		}
		if symbol == "" {
			return nil, fmt.Errorf("fhirpath: unexpected character at offset %d", i)
		}
		i += len(symbol)
		tokens = append(tokens, token{tokenSymbol, symbol, start})
	}
	return append(tokens, token{tokenEnd, "", len(src)}), nil
}

func span(src string, i int, is func(byte) bool) int {
	for i < len(src) && is(src[i]) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isNameByte(c byte) bool {
	return isDigit(c) || c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func isDateByte(c byte) bool {
	return isDigit(c) || c == '-' || c == ':' || c == '.' || c == '+' || c == 'T' || c == 'Z'
}

// quoted reads a string or a delimited name with the escapes of FHIRPath 2.0.
func quoted(src string, i int) (text string, end int, err error) {
	quote := src[i]
	var b strings.Builder
	for i++; i < len(src); i++ {
		switch c := src[i]; {
		case c == quote:
			return b.String(), i + 1, nil
		case c == '\\' && i+1 < len(src):
			i++
			switch e := src[i]; e {
			case 'n':
				b.WriteByte('\n')
			case 'r':
				b.WriteByte('\r')
			case 't':
				b.WriteByte('\t')
			case 'f':
				b.WriteByte('\f')
			case 'u':
				code, err := strconv.ParseUint(src[min(i+1, len(src)):min(i+5, len(src))], 16, 32)
				if err != nil {
					return "", 0, fmt.Errorf("fhirpath: bad escape at offset %d", i)
				}
				b.WriteRune(rune(code))
				i += 4
			default:
				b.WriteByte(e)
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", 0, fmt.Errorf("fhirpath: text without end")
}
