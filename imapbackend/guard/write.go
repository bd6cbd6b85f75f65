package guard

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
)

// notForEngine are commands whose answers the guard keeps to itself, or that
// change the connection behind its back.
var notForEngine = []string{"FETCH", "SEARCH", "SORT", "THREAD", "IDLE", "NOTIFY", "STARTTLS", "AUTHENTICATE", "LOGIN", "UNAUTHENTICATE", "COMPRESS", "ENABLE"}

// Write takes the engine's commands. Each goes out in one piece, so that ours
// fall between them. It waits for its turn; SELECT also for our answers.
func (c *Conn) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if c.rest > 0 {
			k := min(int64(len(p)), c.rest)
			if err := c.send(c.current, p[:k]); err != nil {
				return 0, err
			}
			c.rest -= k
			p = p[k:]
			continue
		}
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			c.line = append(c.line, p...)
			break
		}
		c.line = append(c.line, p[:end+1]...)
		p = p[end+1:]
		if err := c.writeLine(trimEnd(c.line)); err != nil {
			return 0, err
		}
		c.line = c.line[:0]
	}
	return n, nil
}

// writeLine sends a line of an engine's command.
func (c *Conn) writeLine(line []byte) error {
	if c.current == nil {
		cmd := engineCommand(line)
		if slices.Contains(notForEngine, cmd.name) {
			return fmt.Errorf("%s is not for the engine", cmd.name)
		}
		if err := c.begin(context.Background(), cmd); err != nil {
			return err
		}
		c.current = cmd
	}
	size, more := announced(line)
	if more && !bytes.HasSuffix(line, []byte("+}")) {
		c.mu.Lock()
		c.awaited++
		c.mu.Unlock()
	}
	line = expandAliases(line)
	c.log.client(line)
	if err := c.send(c.current, append(slices.Clip(line), '\r', '\n')); err != nil {
		return err
	}
	c.rest = size
	if !more {
		c.current = nil
		c.written()
	}
	return nil
}

func engineCommand(line []byte) *command {
	fields := strings.Fields(string(line[:min(len(line), 64)]))
	cmd := &command{}
	if len(fields) > 0 {
		cmd.tag, fields = fields[0], fields[1:]
	}
	if len(fields) > 1 && strings.EqualFold(fields[0], "UID") {
		fields = fields[1:]
	}
	if len(fields) > 0 {
		cmd.name = strings.ToUpper(fields[0])
	}
	return cmd
}
