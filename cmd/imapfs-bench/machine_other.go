//go:build !linux

package main

// What is here has no meaning elsewhere: lacking refuses to run.

func kernel() string { return "unknown" }

func memorySize() string { return "unknown" }

func filesystem(string) string { return "unknown" }

func detach(string) {}
