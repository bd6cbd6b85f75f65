package imapbackend

import (
	"context"
	"maps"
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"imapfs/cache"
)

// pipelined is how many STATUS commands are sent at once.
const pipelined = 100

// States implements cache.Source: by one LIST for all mailboxes, where the
// server can tell their states with it (RFC 5819) and most are asked for, else by
// a STATUS for each, pipelined.
func (c *Client) States(ctx context.Context, ids []cache.ID) (states map[cache.ID]cache.State, err error) {
	err = c.retry(ctx, c.pool.acquireUnselected, func(s *session) error {
		states = make(map[cache.ID]cache.State, len(ids))
		missing := ids
		if s.has("LIST-STATUS") && len(ids) > 1 && len(ids) >= int(c.mailboxes.Load()/2) {
			if err := s.listStates(ctx, states); err != nil {
				return err
			}
			missing = slices.DeleteFunc(slices.Clone(ids), func(id cache.ID) bool {
				_, ok := states[id]
				return ok
			})
		}
		for chunk := range slices.Chunk(missing, pipelined) {
			found, err := await(ctx, func() (map[cache.ID]cache.State, error) { return s.states(chunk) })
			if err != nil {
				return s.kind(err)
			}
			maps.Copy(states, found)
		}
		return nil
	})
	return states, err
}

// listStates adds the states of all mailboxes that LIST tells them of.
func (s *session) listStates(ctx context.Context, states map[cache.ID]cache.State) error {
	options := &imap.ListOptions{ReturnStatus: s.statusOptions()}
	found, err := await(ctx, s.engine.List("", "*", options).Collect)
	if err != nil {
		return s.kind(err)
	}
	for _, d := range found {
		if d.Status != nil {
			states[s.mailboxID(d.Mailbox)] = state(d.Status)
		}
	}
	return nil
}

func (s *session) statusOptions() *imap.StatusOptions {
	return &imap.StatusOptions{
		NumMessages: true, UIDNext: true, UIDValidity: true, NumUnseen: true,
		HighestModSeq: s.has("CONDSTORE"),
	}
}

func (s *session) states(ids []cache.ID) (map[cache.ID]cache.State, error) {
	options := s.statusOptions()
	commands := make([]*imapclient.StatusCommand, len(ids))
	for i, id := range ids {
		commands[i] = s.engine.Status(s.engineName(id), options)
	}
	states := make(map[cache.ID]cache.State, len(ids))
	for i, id := range ids {
		data, err := commands[i].Wait()
		if err == nil {
			states[id] = state(data)
		} // else the mailbox has gone or is not ours, unless the connection has
	}
	return states, s.conn.Err()
}

func state(data *imap.StatusData) cache.State {
	st := cache.State{Validity: data.UIDValidity, Next: uint32(data.UIDNext), ModSeq: data.HighestModSeq}
	if data.NumMessages != nil {
		st.Count = *data.NumMessages
	}
	if data.NumUnseen != nil {
		st.Unseen = *data.NumUnseen
	}
	return st
}
