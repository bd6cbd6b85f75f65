package cache

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"imapfs/cache/content"
)

// group is files of one message that were fetched together, decoded.
type group map[File][]byte

// groupKey is what a group is made of: the message's files that groupOf puts
// beside first; first alone; or, for the message itself, all that is in it.
type groupKey struct {
	box   *Box
	first File
	how   fetching
}

type fetching uint8

const (
	// together: small files whole, of grid candidates both ends.
	together fetching = iota
	// narrowed: of those, what somebody wants who goes through the mailbox.
	narrowed
	// alone: one file, whole.
	alone
	// dissected: the message, and all its files cut from it.
	dissected
)

const (
	// groupFiles and groupOctets bound what one round trip fetches of the
	// small parts of a message; there are messages of thousands of parts.
	groupFiles  = 64
	groupOctets = 1 << 20
	// headerOctets is what a header, whose size no server tells, counts for.
	headerOctets = 4 << 10
)

// whole returns all bytes of a file, and thereby proves its size. They must
// not be changed.
func (b *Box) whole(ctx context.Context, m *Message, f File) ([]byte, error) {
	data, ok := b.kept(f, wholeFile)
	if !ok {
		b.missed(f.UID)
		if err := b.account.ahead.await(ctx, b, f, wholeFile); err != nil {
			return nil, err
		}
		data, ok = b.kept(f, wholeFile)
	}
	if ok {
		b.provenSize(f, int64(len(data)))
		return data, nil
	}
	var g group
	var err error
	if f.access(m) == accessWhole {
		g, err = b.group(ctx, m, f)
	} else {
		g, err = b.load(ctx, m, f, alone, []File{f})
	}
	if err != nil {
		return nil, err
	}
	if data, ok = g[f]; !ok {
		return nil, b.failed("read", f.UID, fmt.Errorf("section %q: %w", f.section(m), ErrContent))
	}
	return data, nil
}

// group fetches the group of files that f is in.
func (b *Box) group(ctx context.Context, m *Message, f File) (group, error) {
	if m.Defects&DefectStructure != 0 {
		return b.load(ctx, m, File{f.UID, Outer, Whole}, dissected, nil)
	}
	files := groupOf(m, f)
	if few := b.narrow(m, f, files); few != nil {
		return b.load(ctx, m, f, narrowed, few)
	}
	return b.load(ctx, m, files[0], together, files)
}

// load fetches files of m, once for all who ask for it at this time.
func (b *Box) load(ctx context.Context, m *Message, first File, how fetching, files []File) (group, error) {
	a := b.account
	return a.groups.do(ctx, a, groupKey{b, first, how}, func(ctx context.Context) (group, error) {
		a.lookups.nowhere.Add(1)
		g, err := b.fetchGroup(ctx, m, how, files)
		if err != nil {
			return nil, b.failed("read", m.UID, err)
		}
		for f, data := range g {
			b.keep(f, wholeFile, data)
			b.whollyRead(m, f, data)
		}
		return g, nil
	})
}

// whollyRead records what all bytes of a file tell of sizes.
func (b *Box) whollyRead(m *Message, f File, data []byte) {
	a := b.account
	b.provenSize(f, int64(len(data)))
	if f.Kind == Whole && f.Part == Outer && a.trust.compare(m.Size, int64(len(data))) {
		a.saveTrust()
		a.opts.Notify(Event{Kind: SizesLost})
	}
}

// groupOf returns the files that are fetched together with f, in a way that
// gives the same group for each of them: of the message's headers and parts,
// in order, as many as keep within the bounds. A file that is large, or seldom
// wanted, is a group of its own.
func groupOf(m *Message, f File) []File {
	var files []File
	var octets int64
	for i := Outer; i < len(m.Parts); i++ {
		next := File{m.UID, int32(i), Body}
		if i == Outer || m.Parts[i].Message {
			next.Kind = Header
		}
		cost, shared := groupCost(m, next)
		if !shared {
			continue
		}
		if len(files) == groupFiles || octets+cost > groupOctets {
			if slices.Contains(files, f) {
				return files
			}
			files, octets = files[:0], 0
		}
		files = append(files, next)
		octets += cost
	}
	if slices.Contains(files, f) {
		return files
	}
	return []File{f}
}

// groupCost tells how many octets f adds to a group, and whether it goes into
// one that it shares.
func groupCost(m *Message, f File) (octets int64, shared bool) {
	n := f.octets(m)
	switch how := f.access(m); {
	case f.Kind == Header:
		return headerOctets, true
	case how == accessGrid:
		return content.ProbeHead + content.ProbeTail, true
	case how == accessWhole && n >= 0 && n <= smallOctets:
		return n, true
	}
	return 0, false
}

func (b *Box) fetchGroup(ctx context.Context, m *Message, how fetching, files []File) (group, error) {
	if how == dissected {
		return b.dissect(ctx, m)
	}
	if g := b.cutKept(m, files); g != nil {
		return g, nil
	}
	probed := func(f File) bool { return how != alone && f.access(m) == accessGrid }
	var requests []Request
	for _, f := range files {
		r := Request{UID: m.UID, Section: f.section(m)}
		if !probed(f) {
			requests = append(requests, r)
			continue
		}
		r.Length = content.ProbeHead
		requests = append(requests, r)
		r.Offset, r.Length = f.octets(m)-content.ProbeTail/2, content.ProbeTail
		requests = append(requests, r)
	}
	results, err := b.fetch(ctx, requests)
	if err != nil {
		return nil, err
	}
	g, doubted := make(group), make(group)
	missing := false
	for _, f := range files {
		octets := results[0]
		if probed(f) {
			grid, ok := content.NewGrid(f.octets(m), octets, results[1])
			b.probed(f, grid, ok)
			results = results[2:]
			continue
		}
		results = results[1:]
		// Nothing, where something is announced, is no content either.
		empty := len(octets) == 0 && f.octets(m) > 0
		if octets == nil && f.octets(m) != 0 || empty && f.Part == Outer {
			missing = true
			continue
		}
		to := g
		if empty || f.doubtful(m, octets) {
			to = doubted
		}
		to[f] = f.decode(m, octets)
	}
	if missing || len(doubted) > 0 {
		// What is missing for good costs only itself.
		err := b.recover(ctx, m, files, g)
		if err != nil && !errors.Is(err, errNoBody) && (missing || ctx.Err() != nil) {
			return nil, err
		}
		if errors.Is(err, errNoBody) {
			maps.DeleteFunc(doubted, func(_ File, data []byte) bool { return len(data) == 0 })
		}
	}
	for f, data := range doubted {
		if _, ok := g[f]; !ok {
			g[f] = data
		}
	}
	return g, nil
}

// doubtful reports whether the octets, served as a part of an enclosed message,
// are likely to be something else: GNU Mailutils serves all of the message where
// it has one part only.
func (f File) doubtful(m *Message, octets []byte) bool {
	return f.Kind == Body && m.Parts[f.Part].Parent >= 0 && f.octets(m) >= 0 && int64(len(octets)) != f.octets(m)
}

// recover adds to g those of files that the server has announced, but does not
// serve by their section, or serves otherwise: they are cut from the message. What is not in it
// either stays out of g.
func (b *Box) recover(ctx context.Context, m *Message, files []File, g group) error {
	raw, parsed, err := b.parse(ctx, m.UID)
	if err != nil {
		return err
	}
	for _, f := range files {
		if _, ok := g[f]; ok {
			continue
		}
		if f.Part == Outer {
			g[f] = f.decode(m, cut(raw, parsed, f))
			continue
		}
		i := slices.IndexFunc(parsed.Parts, func(p content.Part) bool { return p.Section == m.Parts[f.Part].Section })
		if i >= 0 {
			g[f] = f.decode(m, cut(raw, parsed, File{m.UID, int32(i), f.Kind}))
		}
	}
	return nil
}

// dissect gets all files of a message whose structure the server cannot tell,
// and completes the message's part table.
func (b *Box) dissect(ctx context.Context, m *Message) (group, error) {
	raw, parsed, err := b.parse(ctx, m.UID)
	if err != nil && !errors.Is(err, errNoBody) {
		return nil, err
	}
	complete := *m
	complete.Parts = append([]content.Part{}, parsed.Parts...) // not nil: they are known, if none
	if len(parsed.Parts) == 1 && parsed.Parts[0].Octets == 0 {
		complete.Defects &^= DefectStructure // there is no more to it than the server tells
	}
	if m.Parts == nil && b.known(m.UID) != nil {
		b.writing.Lock()
		b.take(&complete)
		b.writing.Unlock()
	}
	if err != nil {
		return nil, err // the message has a name, and nothing that can be read
	}

	whole, header := File{m.UID, Outer, Whole}, File{m.UID, Outer, Header}
	g := group{whole: raw, header: header.decode(m, cut(raw, parsed, header))}
	for i := range parsed.Parts {
		kinds := []Kind{Body}
		if parsed.Parts[i].Message {
			kinds = []Kind{Whole, Header}
		}
		for _, kind := range kinds {
			f := File{m.UID, int32(i), kind}
			g[f] = f.decode(&complete, cut(raw, parsed, f))
		}
	}
	return g, nil
}

// errNoBody: the server lists the message, and says that it has no content.
var errNoBody = fmt.Errorf("no body: %w", ErrProtocol)

// parse fetches the message and reads its structure.
func (b *Box) parse(ctx context.Context, uid uint32) ([]byte, content.Parsed, error) {
	if raw, ok := b.kept(File{uid, Outer, Whole}, wholeFile); ok {
		return raw, content.Parse(raw), nil
	}
	results, err := b.fetch(ctx, []Request{{UID: uid}})
	if err != nil {
		return nil, content.Parsed{}, err
	}
	if m := b.known(uid); results[0] == nil || len(results[0]) == 0 && m != nil && m.Size > 0 {
		return nil, content.Parsed{}, errNoBody
	}
	return results[0], content.Parse(results[0]), nil
}

// cut returns the octets of f, whose Part is an index in parsed.
func cut(raw []byte, parsed content.Parsed, f File) []byte {
	r := parsed.Header
	switch {
	case f.Part != Outer && f.Kind == Header:
		r = parsed.Headers[f.Part]
	case f.Part != Outer:
		r = parsed.Bodies[f.Part]
	}
	return raw[r.Start:r.End:r.End]
}
