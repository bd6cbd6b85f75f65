package guard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// ErrSearch is why a SEARCH that the server says went well cannot be believed,
// for errors.Is.
var ErrSearch = errors.New("the server's answer to a search is unreadable")

// Search runs a UID SEARCH for keys ("ALL", "UID 1:100"), which hold no
// literals; extended asks for ESEARCH (RFC 4731), where that is offered. It
// returns the UIDs in ascending order, nil if no result came at all. NO and BAD
// are returned as an error that is the Status.
//
// The Status may say that the server has not looked at all messages, see
// Status.Limit. A result that is missing (it is never left out of ESEARCH) or
// unreadable is an error: it must not look like an empty one.
func (c *Conn) Search(ctx context.Context, keys string, extended bool) (uids []uint32, st Status, err error) {
	line := "UID SEARCH " + keys
	if extended {
		line = "UID SEARCH RETURN (ALL) " + keys
	}
	found, readable := []uint32(nil), true
	cmd := &command{name: "SEARCH"}
	cmd.take = func(name string, response []byte) bool {
		if name != "SEARCH" && name != "ESEARCH" {
			return false
		}
		some, ok := []uint32(nil), false
		if x := (lexer{b: response}); !c.frames.cut {
			x.word()
			x.word()
			if name == "ESEARCH" {
				some, ok = x.extendedResult(cmd.tag)
			} else {
				some, ok = x.result()
			}
		}
		readable = readable && ok && len(found)+len(some) <= maxFound
		if readable && found == nil {
			found = []uint32{}
		}
		if readable {
			found = append(found, some...)
		}
		return true
	}
	st, err = c.do(ctx, cmd, line)
	switch {
	case err != nil:
		return nil, st, err
	case !readable:
		return nil, st, ErrSearch
	case extended && found == nil:
		return nil, st, fmt.Errorf("%w: there is none", ErrSearch)
	}
	slices.Sort(found)
	return slices.Compact(found), st, nil
}

// result reads the numbers of SEARCH, behind its name.
func (x *lexer) result() ([]uint32, bool) {
	uids, rest, ok := numbers(x.b[x.pos:])
	if len(rest) > 0 { // (MODSEQ n), RFC 7162
		y := lexer{b: rest}
		_, ok = y.value()
	}
	return uids, ok
}

// extendedResult reads ALL of an ESEARCH, behind its name, that answers the
// command with this tag. Without it, nothing was found.
func (x *lexer) extendedResult(tag string) (uids []uint32, ok bool) {
	if x.space(); !x.atEnd() && x.b[x.pos] == '(' {
		v, ok := x.value()
		key := x.child(v)
		if !ok || !equalFold(x.raw(key), "TAG") || string(x.text(x.next(key))) != tag {
			return nil, false
		}
	}
	for x.space(); !x.atEnd(); x.space() {
		item := upper(x.word())
		if item == "UID" {
			continue
		}
		x.nodes = x.nodes[:0]
		v, ok := x.value()
		if !ok {
			return nil, false
		}
		if item != "ALL" {
			continue
		}
		spans, ok := parseSet(string(x.raw(v)))
		if !ok || x.isList(v) {
			return nil, false
		}
		for _, s := range spans {
			if uint64(len(uids))+uint64(s.last-s.first) >= maxFound {
				return nil, false
			}
			for n := uint64(s.first); n <= uint64(s.last); n++ {
				uids = append(uids, uint32(n))
			}
		}
	}
	return uids, true
}

// numbers reads message numbers, and returns what follows them.
func numbers(b []byte) (nums []uint32, rest []byte, ok bool) {
	nums = make([]uint32, 0, len(b)/8)
	for {
		b = bytes.TrimLeft(b, " ")
		if len(b) == 0 || b[0] == '(' {
			return nums, b, true
		}
		end := 0
		for end < len(b) && b[end] != ' ' && b[end] != '(' {
			end++
		}
		n, ok := number(b[:end], math.MaxUint32)
		if !ok || n == 0 {
			return nil, nil, false
		}
		nums = append(nums, uint32(n))
		b = b[end:]
	}
}

// span is a range of message numbers.
type span struct{ first, last uint32 }

// putSet writes a set of numbers in ascending order: the engine inserts each
// into a set, which takes quadratic time in any other. It may not have a *, which
// stands for a number that we do not know.
func (c *Conn) putSet(set string) bool {
	spans, ok := parseSet(set)
	for i, s := range spans {
		c.put([]string{" ", ","}[min(i, 1)])
		c.putNumber(uint64(s.first))
		if s.last != s.first {
			c.put(":")
			c.putNumber(uint64(s.last))
		}
	}
	return ok
}

// parseSet reads a set of numbers without a *, and returns it in ascending
// order.
func parseSet(set string) (spans []span, ok bool) {
	spans = make([]span, 0, strings.Count(set, ",")+1)
	sorted := true
	for part := range strings.SplitSeq(set, ",") {
		first, last, isRange := strings.Cut(part, ":")
		if !isRange {
			last = first
		}
		a, ok1 := number([]byte(first), math.MaxUint32)
		b, ok2 := number([]byte(last), math.MaxUint32)
		if !ok1 || !ok2 || a == 0 || b == 0 {
			return nil, false
		}
		s := span{uint32(min(a, b)), uint32(max(a, b))}
		sorted = sorted && (len(spans) == 0 || spans[len(spans)-1].first <= s.first)
		spans = append(spans, s)
	}
	if !sorted {
		slices.SortFunc(spans, func(a, b span) int { return int(int64(a.first) - int64(b.first)) })
	}
	return spans, true
}
