package imaptest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// serversEnv names the folder that "make servers" fills, .servers of the
// checkout by default.
const serversEnv = "IMAPFS_TEST_SERVERS"

// unpacked returns the folder with a server's packages, as dpkg-deb -x leaves
// them: "make servers" makes it. Where it is not, or where the test does not run
// as root, the test is skipped; but it fails where CI=true says that everything
// has to be there.
func unpacked(t testing.TB, server string) (root string) {
	t.Helper()
	root, err := findUnpacked(server)
	if err != nil {
		lacking(t, err.Error())
	}
	return root
}

// lacking ends a test that cannot run here.
func lacking(t testing.TB, missing string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("imaptest: %s", missing)
	}
	t.Skipf("imaptest: %s", missing)
}

func findUnpacked(server string) (string, error) {
	if os.Getuid() != 0 {
		return "", fmt.Errorf("%s has to be started as root", server)
	}
	servers := os.Getenv(serversEnv)
	if servers == "" {
		checkout, err := checkout()
		if err != nil {
			return "", err
		}
		servers = filepath.Join(checkout, ".servers")
	}
	root := filepath.Join(servers, server)
	if _, err := os.Stat(root); err != nil {
		return "", fmt.Errorf("no %s here (make servers): %w", server, err)
	}
	// The servers run as another user.
	for dir := root; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || info.Mode()&0o001 == 0 {
			return "", fmt.Errorf("%s cannot be run from %s, which is for its owner only: set %s to another folder, then make servers", server, dir, serversEnv)
		}
	}
	return root, nil
}

// checkout returns the directory above with go.mod in it.
func checkout() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod above the test: set %s", serversEnv)
		}
	}
}

// libraryPath returns the value of LD_LIBRARY_PATH for what is unpacked in root:
// every folder with a shared library in it.
func libraryPath(root string) (string, error) {
	var dirs []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(d.Name(), ".so") {
			dirs = append(dirs, filepath.Dir(path))
		}
		return err
	})
	slices.Sort(dirs)
	return strings.Join(slices.Compact(dirs), ":"), err
}
