package imapbackend

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"imapfs/cache"
)

// question asks for something that only some servers know.
type question struct {
	// offered is the capability for it, or one of two.
	offered []string
	// closed: of a mailbox that is open, the answer would be what the session
	// sees of it.
	closed bool
	ask    func(engine *imapclient.Client, mailbox string) (string, error)
}

var questions = map[cache.Detail]question{
	cache.Rights: {offered: []string{"ACL"}, ask: func(engine *imapclient.Client, mailbox string) (string, error) {
		data, err := engine.MyRights(mailbox).Wait()
		if err != nil {
			return "", err
		}
		return printable(string(data.Rights)), nil
	}},
	cache.ACL: {offered: []string{"ACL"}, ask: func(engine *imapclient.Client, mailbox string) (string, error) {
		data, err := engine.GetACL(mailbox).Wait()
		if err != nil {
			return "", err
		}
		lines := make([]string, 0, len(data.Rights))
		for who, rights := range data.Rights {
			lines = append(lines, printable(string(who)+" "+string(rights)))
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n"), nil
	}},
	cache.Octets: {offered: []string{"STATUS=SIZE", "IMAP4REV2"}, closed: true, ask: func(engine *imapclient.Client, mailbox string) (string, error) {
		data, err := engine.Status(mailbox, &imap.StatusOptions{Size: true}).Wait()
		if err != nil || data.Size == nil {
			return "", err
		}
		return strconv.FormatInt(*data.Size, 10), nil
	}},
}

// Detail implements cache.Source.
func (c *Client) Detail(ctx context.Context, id cache.ID, what cache.Detail) (text string, err error) {
	q := questions[what]
	acquire := c.pool.acquire
	if q.closed {
		acquire = c.pool.acquireUnselected
	}
	err = c.retry(ctx, acquire, func(s *session) error {
		if !slices.ContainsFunc(q.offered, s.has) {
			return errors.ErrUnsupported
		}
		text, err = await(ctx, func() (string, error) { return q.ask(s.engine, s.engineName(id)) })
		return s.untold(err)
	})
	return text, err
}

// untold is kind for questions that a server may well refuse to answer.
func (s *session) untold(err error) error {
	kind := s.kind(err)
	if refused := errors.As(err, new(*imap.Error)); refused && (errors.Is(kind, cache.ErrPermission) || errors.Is(kind, cache.ErrProtocol)) {
		return errors.ErrUnsupported
	}
	return kind
}

// Quota implements cache.Source: of the quotas that the INBOX is under, the one
// that leaves the least room.
func (c *Client) Quota(ctx context.Context) (quota cache.Quota, err error) {
	err = c.anywhere(ctx, func(s *session) error {
		if !s.has("QUOTA") {
			return errors.ErrUnsupported
		}
		roots, err := await(ctx, s.engine.GetQuotaRoot("INBOX").Wait)
		if err != nil {
			return s.untold(err)
		}
		quota = cache.Quota{}
		for _, root := range roots {
			storage, ok := root.Resources[imap.QuotaResourceStorage]
			this := cache.Quota{Used: octets(storage.Usage), Limit: octets(storage.Limit)}
			if ok && this.Limit > 0 && (quota.Limit == 0 || this.Limit-this.Used < quota.Limit-quota.Used) {
				quota = this
			}
		}
		if quota.Limit == 0 {
			return errors.ErrUnsupported
		}
		return nil
	})
	return quota, err
}

// octets turns units of 1024 octets into octets (RFC 9208, section 5.1).
func octets(kibi int64) int64 { return min(kibi, 1<<52) << 10 }
