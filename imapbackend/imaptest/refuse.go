package imaptest

import (
	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

// Refuse makes a server in the process ask decide, before each LOGIN, LIST,
// EXAMINE, STATUS, SEARCH and FETCH, whether to refuse it: with NO and the
// response code that is returned, "" for none of these. decide is called from
// the server's goroutines.
func (s *Server) Refuse(decide func(command string) (code string)) {
	f := func(command string) error {
		if code := decide(command); code != "" {
			return &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCode(code), Text: "refused by the test"}
		}
		return nil
	}
	s.refusal.Store(&f)
}

func (s *Server) refuses(command string) error {
	if f := s.refusal.Load(); f != nil {
		return (*f)(command)
	}
	return nil
}

// refusing is a session that asks first.
type refusing struct {
	imapserver.SessionIMAP4rev2
	server *Server
}

func (r *refusing) Login(username, password string) error {
	if err := r.server.refuses("LOGIN"); err != nil {
		return err
	}
	return r.SessionIMAP4rev2.Login(username, password)
}

func (r *refusing) List(w *imapserver.ListWriter, ref string, patterns []string, o *imap.ListOptions) error {
	if err := r.server.refuses("LIST"); err != nil {
		return err
	}
	return r.SessionIMAP4rev2.List(w, ref, patterns, o)
}

func (r *refusing) Select(mailbox string, o *imap.SelectOptions) (*imap.SelectData, error) {
	if err := r.server.refuses("EXAMINE"); err != nil {
		return nil, err
	}
	return r.SessionIMAP4rev2.Select(mailbox, o)
}

func (r *refusing) Status(mailbox string, o *imap.StatusOptions) (*imap.StatusData, error) {
	if err := r.server.refuses("STATUS"); err != nil {
		return nil, err
	}
	return r.SessionIMAP4rev2.Status(mailbox, o)
}

func (r *refusing) Search(kind imapserver.NumKind, c *imap.SearchCriteria, o *imap.SearchOptions) (*imap.SearchData, error) {
	if err := r.server.refuses("SEARCH"); err != nil {
		return nil, err
	}
	return r.SessionIMAP4rev2.Search(kind, c, o)
}

func (r *refusing) Fetch(w *imapserver.FetchWriter, set imap.NumSet, o *imap.FetchOptions) error {
	if err := r.server.refuses("FETCH"); err != nil {
		return err
	}
	return r.SessionIMAP4rev2.Fetch(w, set, o)
}
