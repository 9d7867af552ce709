# Two commands matter: `make run` and `make test`. Both set up what a fresh machine with rustup, git, bash and a C
# compiler lacks. Everything else is for those who work on the engine.

CARGO ?= cargo
STEPWELL := target/debug/stepwell

.PHONY: help run test check bench setup build docs clean

help:
	@echo 'make run     build what is needed and run the release example'
	@echo 'make test    all tests'
	@echo 'make check   formatting, lints and documentation, warnings denied'
	@echo 'make bench   benchmarks against their baselines, as a table and as JSON'

# Installs the toolchain and the WebAssembly targets that rust-toolchain.toml names.
setup:
	@rustup show active-toolchain >/dev/null 2>&1 || rustup toolchain install
	@rustup target add wasm32-wasip2 wasm32-wasip1

build: setup
	$(CARGO) build --workspace
	$(CARGO) build --profile wasm --target wasm32-wasip2 --target-dir target/steps --package stepwell-example-stranger
	cp target/steps/wasm32-wasip2/wasm/stepwell_example_stranger.wasm examples/denied/stranger/stranger.wasm

run: build
	$(STEPWELL) run examples/release/job.yml

test: setup
	$(CARGO) test --workspace

check: setup
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path tests/guests/Cargo.toml --all --check
	$(CARGO) clippy --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS='--deny warnings' $(CARGO) doc --workspace --no-deps

bench: setup
	$(CARGO) bench --package stepwell-tests --bench engine

docs:
	$(CARGO) doc --workspace --no-deps --open

clean:
	$(CARGO) clean
