package fs

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// holders finds the programs that use something at or below path: those that
// stand in it, have a file of it open or run from it (proc(5)). Links are read
// without touching what they point to, which may hang. Programs of other users
// can be seen by root only.
func holders(path string) []Process {
	var found []Process
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range processes {
		id, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || id == os.Getpid() || !holds(dir, path) {
			continue
		}
		name, _ := os.ReadFile(dir + "/comm")
		found = append(found, Process{ID: id, Name: strings.TrimSpace(string(name))})
	}
	return found
}

func holds(process, path string) bool {
	links := []string{process + "/cwd", process + "/root", process + "/exe"}
	for _, dir := range []string{"/fd", "/map_files"} {
		entries, _ := os.ReadDir(process + dir)
		for _, e := range entries {
			links = append(links, process+dir+"/"+e.Name())
		}
	}
	for _, link := range links {
		target, err := os.Readlink(link)
		if err == nil && (target == path || strings.HasPrefix(target, path+"/")) {
			return true
		}
	}
	return false
}
