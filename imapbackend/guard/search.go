package guard

import (
	"bytes"
	"math"
	"slices"
	"strings"
)

// writeSearch writes the numbers of SEARCH in ascending order: the engine
// inserts each into a set, which takes quadratic time in any other.
func (c *Conn) writeSearch(uint32) bool {
	x := &c.lex
	c.put("SEARCH")
	nums, rest, ok := numbers(x.b[x.pos:])
	if !ok {
		return false
	}
	if !slices.IsSorted(nums) {
		slices.Sort(nums)
	}
	c.putNums(nums)
	return len(rest) == 0 || c.putModSeq(rest)
}

// writeSort writes the numbers of SORT (RFC 5256), whose order matters.
func (c *Conn) writeSort(uint32) bool {
	x := &c.lex
	c.put("SORT")
	nums, rest, ok := numbers(x.b[x.pos:])
	c.putNums(nums)
	return ok && len(rest) == 0
}

func (c *Conn) putNums(nums []uint32) {
	for _, n := range nums {
		c.put(" ")
		c.putNumber(uint64(n))
	}
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

// putModSeq writes the (MODSEQ n) that ends a SEARCH (RFC 7162).
func (c *Conn) putModSeq(b []byte) bool {
	x := lexer{b: b}
	v, ok := x.value()
	if !ok || !equalFold(x.raw(x.child(v)), "MODSEQ") {
		return false
	}
	n, ok := x.number(x.next(x.child(v)), math.MaxInt64)
	c.put(" (MODSEQ ")
	c.putNumber(n)
	c.put(")")
	return ok
}

// writeESearch writes ESEARCH (RFC 4731) with the results that the engine
// knows.
func (c *Conn) writeESearch(uint32) bool {
	x := &c.lex
	c.put("ESEARCH ")
	tag := []byte{}
	if x.space(); !x.atEnd() && x.b[x.pos] == '(' {
		v, ok := x.value()
		key := x.child(v)
		if !ok || !equalFold(x.raw(key), "TAG") {
			return false
		}
		tag = x.text(x.next(key))
	}
	c.put("(TAG ")
	c.putString(tag)
	c.put(")")
	for x.space(); !x.atEnd(); x.space() {
		item := upper(x.word())
		if item == "UID" {
			c.put(" UID")
			continue
		}
		x.nodes = x.nodes[:0]
		v, ok := x.value()
		if !ok {
			return false
		}
		switch item {
		case "MIN", "MAX", "COUNT":
			ok = c.putResult(item, v, math.MaxUint32)
		case "MODSEQ":
			ok = c.putResult(item, v, math.MaxInt64)
		case "ALL":
			c.put(" ALL")
			ok = !x.isList(v) && c.putSet(string(x.raw(v)))
		}
		if !ok {
			return false
		}
	}
	return true
}

func (c *Conn) putResult(item string, v int32, limit uint64) bool {
	n, ok := c.lex.number(v, limit)
	c.put(" " + item + " ")
	c.putNumber(n)
	return ok
}

// span is a range of message numbers.
type span struct{ first, last uint32 }

// putSet writes a set of numbers in ascending order: see writeSearch. It may
// not have a *, which stands for a number that we do not know.
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
