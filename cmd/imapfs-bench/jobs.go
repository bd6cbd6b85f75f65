package main

import "context"

// job is a piece of work that is measured: one or more rows of the table.
type job struct {
	name string
	run  func(*bench, context.Context) error
}

var jobs = []job{
	{"listing", (*bench).listing},
	{"rsync", (*bench).rsync},
	{"grep", (*bench).grep},
	{"walks", (*bench).walks},
	{"large", (*bench).large},
	{"new", (*bench).newMail},
	{"rtt", (*bench).roundTrips},
}

func jobNames() (names []string) {
	for _, j := range jobs {
		names = append(names, j.name)
	}
	return names
}

// loopback is this machine, without a simulated line.
var loopback = condition{name: "loopback"}

func (b *bench) conditions() []condition { return []condition{loopback, b.options.wide} }
