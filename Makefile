# The tests mount file systems and start a Dovecot: both need root.
# What is skipped without it, a test says by name.

FUZZTIME = 10s
PACKAGES = fuse3 dovecot-imapd rsync attr isync gcc libc6-dev
COMMANDS = fusermount3 dovecot rsync getfattr mbsync gcc
BENCHPACKAGES = fuse3 dovecot-imapd rsync isync ripgrep
BENCHCOMMANDS = fusermount3 dovecot rsync mbsync rg

SUDO = $(if $(filter-out 0,$(shell id -u)),sudo)
APT = $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -qq

.PHONY: build demo test torture lint setup servers fuzz bench gobench clean

build:
	go build -o bin/imapfs ./cmd/imapfs

# Root mounts without help, others through fusermount3.
demo: build
	@test "$$(id -u)" = 0 || PATH=$$PATH:/usr/sbin command -v fusermount3 >/dev/null || \
		{ $(APT) update && $(APT) install -y --no-install-recommends fuse3 >/dev/null; }
	@bin/imapfs demo

test: setup
	go test -race -timeout 40m ./...

# Takes a quarter of an hour. FAULTS=20 makes it shorter, and
# IMAPFS_TORTURE_SEED=… repeats one.
FAULTS = 200
CRASHES = 100
EDITS = 1000
torture: setup
	IMAPFS_TORTURE_FAULTS=$(FAULTS) go test -race -timeout 60m -run '^TestTorture$$' -v ./cmd/imapfs
	IMAPFS_TORTURE_EDITS=$(EDITS) go test -race -timeout 90m -run '^TestWriteFaults$$' -v ./cmd/imapfs
	IMAPFS_TEST_CRASHES=$(CRASHES) go test -race -timeout 60m -run '^TestCrash' -v ./cache

lint:
	@unformatted=$$(gofmt -l cache cmd fs imapbackend); test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	go vet ./...
	go tool staticcheck ./...
	go tool depguard ./...
	GOOS=darwin go build ./...
	GOOS=freebsd go build ./...

# Debian has the commands of root in /usr/sbin.
setup: servers
	@for c in $(COMMANDS); do PATH=$$PATH:/usr/sbin command -v $$c >/dev/null || missing=1; done; \
	test -z "$$missing" || { $(APT) update && $(APT) install -y --no-install-recommends $(PACKAGES) >/dev/null; }

# Cyrus, Courier and GNU Mailutils, for the tests that run on all servers; without
# them, those tests are skipped, or fail with CI=true.
servers:
	@.ci/servers || test "$$CI" != true

fuzz:
	@set -e; for p in $$(go list ./...); do \
		for f in $$(go test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
			go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p; \
		done; \
	done

# The table and the plots of docs/performance.md, measured on this machine; as root,
# as the server and the mounts are. BENCH='-quick' takes minutes and writes nothing.
BENCH = -write docs
bench:
	@for c in $(BENCHCOMMANDS); do PATH=$$PATH:/usr/sbin command -v $$c >/dev/null || missing=1; done; \
	test -z "$$missing" || { $(APT) update && $(APT) install -y --no-install-recommends $(BENCHPACKAGES) >/dev/null; }
	go build -o bin/ ./cmd/imapfs ./cmd/imapfs-bench
	$(SUDO) bin/imapfs-bench -imapfs bin/imapfs $(BENCH)

gobench:
	go test -run '^$$' -bench . -benchmem ./...

clean:
	rm -rf bin
	go clean -testcache
