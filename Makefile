# cyrus-backups: targets for people. `make help` lists them.
#
# npm needs Node's headers to compile better-sqlite3 where no ready-made one can be fetched: those that came
# with this node are used, so that nothing is downloaded for it.
NODE_PREFIX := $(shell node -p "require('node:path').resolve(process.execPath, '../..')" 2>/dev/null)
ifneq ($(wildcard $(NODE_PREFIX)/include/node/node.h),)
export npm_config_nodedir ?= $(NODE_PREFIX)
endif

PREFIX ?= /usr/local
DESTDIR ?=
# Where mount(8) looks for what mounts a type: nowhere else.
SBINDIR ?= /sbin
# The Node that the installed programs run with.
NODE ?= $(shell command -v node)
PLACES = --prefix "$(PREFIX)" --destdir "$(DESTDIR)" --sbindir "$(SBINDIR)" --node "$(NODE)"
MOCHA = node_modules/.bin/mocha
MOCHAFLAGS ?=
MODULES = node_modules/.package-lock.json

.DEFAULT_GOAL := build
.PHONY: build test test-unit check format docs coverage bench simulate demo install uninstall deb clean help packages

build: $(MODULES) ## compile into dist/ (the default)
	@node_modules/.bin/tsc -p tsconfig.json
	@node_modules/.bin/tsc -p tsconfig.types.json
	@node build/removeStale.mjs
	@node build/launchers.mjs

$(MODULES): package-lock.json package.json
	@build/prerequisites.sh
	npm ci --no-progress
	@touch $@

packages: # what the tests run; as root it is installed, others are told
	@build/install-debian.sh || [ "$$(id -u)" != 0 ]

test: packages build ## all tests (MOCHAFLAGS="-g words" for some)
	@$(MOCHA) $(MOCHAFLAGS)

test-unit: build ## the tests that need neither root nor Cyrus nor FUSE, without the slow ones: a minute
	@$(MOCHA) --config .mocharc.unit.json $(MOCHAFLAGS)

check: $(MODULES) ## lint, format, types and dead code
	@node_modules/.bin/oxlint --type-aware --deny-warnings
	@node_modules/.bin/prettier --check --log-level warn .
	@node_modules/.bin/tsc -p tsconfig.json --noEmit --incremental false
	@node_modules/.bin/knip --no-progress
	@echo 'check: clean'

format: $(MODULES) ## rewrite every file in the house's format
	@node_modules/.bin/prettier --write --log-level warn .

docs: build ## write what is generated: reference/configuration.md and log.md, the options of the man pages
	@node build/configurationReference.mjs
	@node build/logReference.mjs
	@node build/metricsReference.mjs
	@node build/manPages.mjs
	@node build/exitCodes.mjs

coverage: packages build ## all tests, with what they covered (coverage/index.html)
	@node_modules/.bin/c8 --all --src dist --include 'dist/src/**' --include 'dist/mount/**' \
	  --reporter text-summary --reporter html $(MOCHA) $(MOCHAFLAGS)

bench: build ## measure (BENCH=name for one)
	@for file in dist/test/bench/$(or $(BENCH),*).bench.js; do node --expose-gc $$file || exit 1; done

simulate: build ## simulate new histories with power cuts and failing disks (SECONDS=60, SEED=)
	@node dist/test/simulation/history/run.js $(or $(SECONDS),60) $(SEED)

demo: build ## a recorded session, a backup and a mount before your eyes, as any user (KEEP=1 leaves them)
	@KEEP=$(KEEP) build/demo.sh

install: build ## install below PREFIX (/usr/local), in DESTDIR if set
	@$(NODE) build/install/install.mjs $(PLACES)

uninstall: ## remove all that `make install` placed, and nothing else
	@$(NODE) build/install/install.mjs --remove $(PLACES)

deb: build ## a Debian package, in dist/deb
	@build/deb.sh

clean: ## remove what was built
	rm -rf dist coverage

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
