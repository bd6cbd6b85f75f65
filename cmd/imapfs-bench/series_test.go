package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []int64
		want   int64
	}{{nil, 0}, {[]int64{7}, 7}, {[]int64{9, 1}, 5}, {[]int64{100, 1, 3}, 3}, {[]int64{4, 1, 100, 2}, 3}} {
		if got := median(test.values); got != test.want {
			t.Errorf("median of %v is %d, want %d", test.values, got, test.want)
		}
	}
}

func series1(seconds ...int) (s series) {
	for _, n := range seconds {
		s = append(s, sample{took: time.Duration(n) * time.Second})
	}
	return s
}

// A round in which everything was slow counts as any other.
func TestRatio(t *testing.T) {
	if got := ratio(series1(2, 200, 6), series1(1, 100, 2)); got != 2 {
		t.Errorf("the ratio is %v, want 2", got)
	}
	if got := ratio(nil, series1(1)); got != 0 {
		t.Errorf("the ratio of nothing is %v", got)
	}
}

func TestCompareAlternates(t *testing.T) {
	b := &bench{options: options{runs: 3, limit: time.Minute, quiet: true}}
	var order []string
	run := func(name string) contender {
		return contender{name, func(context.Context) (sample, error) {
			order = append(order, name)
			return sample{}, nil
		}}
	}
	s, err := b.compare(t.Context(), "", run("a"), run("b"))
	if err != nil || len(s[0]) != 3 || len(s[1]) != 3 {
		t.Fatalf("%v, %v", s, err)
	}
	if want := []string{"a", "b", "b", "a", "a", "b"}; !slices.Equal(order, want) {
		t.Errorf("they ran as %v, want %v", order, want)
	}
}

func TestCompareTooLong(t *testing.T) {
	b := &bench{options: options{runs: 3, limit: time.Millisecond, quiet: true}}
	runs := 0
	s, err := b.compare(t.Context(), "", contender{"slow", func(ctx context.Context) (sample, error) {
		runs++
		<-ctx.Done()
		return sample{}, ctx.Err()
	}})
	if err != nil || runs != 1 || !s[0].tooLong() || s[0].took() != time.Millisecond {
		t.Errorf("%d runs, %v, %v", runs, s, err)
	}
}

func TestCompareFailures(t *testing.T) {
	b := &bench{options: options{runs: 1, limit: time.Minute, quiet: true}, server: &dovecot{}}
	failures := 0
	run := contender{"shaky", func(context.Context) (sample, error) {
		if failures++; failures < attempts {
			return sample{}, errors.New("no luck")
		}
		return sample{took: 1}, nil
	}}
	s, err := b.compare(t.Context(), "x", run)
	if err != nil || len(s[0]) != 1 || len(b.results.Failures) != attempts-1 {
		t.Errorf("%v, %v, failures %q", s, err, b.results.Failures)
	}
	failures = -attempts
	if _, err := b.compare(t.Context(), "x", run); err == nil {
		t.Error("it never worked, and is a result")
	}
}

func TestSets(t *testing.T) {
	for _, test := range []struct {
		uids []uint32
		want []string
	}{
		{nil, nil},
		{[]uint32{4}, []string{"4"}},
		{[]uint32{1, 2, 3, 5, 7, 8}, []string{"1:3,5,7:8"}},
	} {
		if got := sets(test.uids); !slices.Equal(got, test.want) {
			t.Errorf("%v is %q, want %q", test.uids, got, test.want)
		}
	}
	var odd []uint32
	for uid := uint32(1); uid < 20_000; uid += 2 {
		odd = append(odd, uid)
	}
	for _, set := range sets(odd) {
		if len(set) > maxSet+20 {
			t.Errorf("a set of %d octets", len(set))
		}
	}
}

func TestCount(t *testing.T) {
	for s, want := range map[string]int{"500": 500, "10k": 10_000, "1M": 1_000_000, "": 0, "k": 0, "-1": 0, "1.5k": 0} {
		if got, err := count(s); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q is %d, %v; want %d", s, got, err, want)
		}
	}
}
