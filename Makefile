# The standing commands. Each is one line over a script in scripts/, benches/ or tests/; options go in ARGS.
# CARGO_TARGET_DIR is respected.
.DEFAULT_GOAL := help
.PHONY: help run test check fmt setup build bench interop endurance compliance fuzz crash deb boot-test
ARGS ?=

help: ## lists what can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

run: ## builds and starts a whole gateway for development (ARGS go to `meldgate dev`)
	@scripts/run $(ARGS)

test: ## everything that continuous integration runs (ARGS: names of steps)
	@scripts/check $(ARGS)

check: ## what to run before a commit: format, lints, tests, documents
	@scripts/check format lints tests docs

fmt: ## formats the Rust sources
	@cargo fmt --all

setup: ## installs what the other commands need
	@scripts/setup all

build: ## the release binary
	@scripts/setup build && cargo build --release --locked --bin meldgate

bench: ## the measurements of docs/performance.md
	@benches/run $(ARGS)

interop: ## real @m-ld/m-ld clones against the daemon
	@scripts/interop $(ARGS)

endurance: ## ten clones of both engines for an hour while everything fails (ARGS: seconds, seed)
	@scripts/interop endurance $(ARGS)

compliance: ## outside judges: TLS and HTTP/2, the m-ld suite (ARGS: tls, native, mixed, js, short)
	@scripts/compliance $(ARGS)

fuzz: ## each fuzz target for a while (ARGS: seconds)
	@scripts/fuzz $(ARGS)

crash: ## kills the daemon and clones while they write, and looks at what is left (ARGS: rounds)
	@scripts/crash $(ARGS)

deb: ## the Debian package
	@scripts/deb $(ARGS)

boot-test: ## installs, upgrades and purges the package in a booted Debian 12
	@scripts/boot-test $(ARGS)
