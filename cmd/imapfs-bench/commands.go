package main

import "bytes"

// commands counts the FETCH commands in what a client says. It takes all lines
// for commands: nobody here sends literals that look like one.
type commands struct {
	line *line
	rest []byte
}

func (c *commands) Write(p []byte) (int, error) {
	c.rest = append(c.rest, p...)
	for {
		l, rest, found := bytes.Cut(c.rest, []byte("\n"))
		if !found {
			break
		}
		c.count(l)
		c.rest = rest
	}
	if len(c.rest) > 1<<20 {
		c.rest = nil
	}
	return len(p), nil
}

func (c *commands) count(command []byte) {
	words := bytes.SplitN(bytes.ToUpper(command), []byte(" "), 4)
	if len(words) > 2 && string(words[1]) == "UID" {
		words = words[1:]
	}
	if len(words) < 2 || string(words[1]) != "FETCH" {
		return
	}
	c.line.fetches.Add(1)
	if bytes.Contains(command, []byte("BODY.PEEK[")) || bytes.Contains(command, []byte("BINARY.PEEK[")) {
		c.line.bodies.Add(1)
	}
}
