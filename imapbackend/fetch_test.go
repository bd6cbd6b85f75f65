package imapbackend

import (
	"cmp"
	"context"

	"imapfs/cache"
)

// fetch is Fetch of one message, or of several of which one error is enough to
// know.
func (c *Client) fetch(ctx context.Context, id cache.ID, validity uint32, requests []cache.Request) ([][]byte, error) {
	results := make([][]byte, len(requests))
	var failed error
	err := c.Fetch(ctx, id, validity, requests, cache.Taker{Answer: func(i int, octets []byte, err error) {
		results[i], failed = octets, cmp.Or(failed, err)
	}})
	return results, cmp.Or(err, failed)
}
