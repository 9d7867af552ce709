# Two commands matter: `make run` and `make test`. Both set up what a fresh machine with rustup, git, bash and a C
# compiler lacks. Everything else is for those who work on the engine.

CARGO ?= cargo
STEPWELL := target/debug/stepwell
# What is built for WebAssembly, and natively only for its own tests (see default-members in Cargo.toml).
GUESTS := \
	--package stepwell-sdk \
	--package stepwell-sdk-macros \
	--package stepwell-example-stranger \
	--package stepwell-step-archive \
	--package stepwell-step-changelog \
	--package stepwell-step-checksum \
	--package stepwell-step-coverage \
	--package stepwell-step-edit \
	--package stepwell-step-junit \
	--package stepwell-step-parts \
	--package stepwell-step-query \
	--package stepwell-step-report \
	--package stepwell-step-sbom \
	--package stepwell-step-secret-scan \
	--package stepwell-step-semver \
	--package stepwell-step-template

# Each target runs this long, in seconds.
FUZZ_SECONDS ?= 30
FUZZ_TARGETS := documents pipelines expressions output_files references masking git policy

.PHONY: help run test check bench audit fuzz setup build docs clean

help:
	@echo 'make run     build what is needed and run the release example'
	@echo 'make test    all tests'
	@echo 'make check   formatting, lints and documentation, warnings denied'
	@echo 'make bench   benchmarks against their baselines, as a table and as JSON'
	@echo 'make audit   licences, sources and known vulnerabilities of what is built on'
	@echo 'make fuzz    every fuzz target for FUZZ_SECONDS (30)'

# Installs the toolchain and the WebAssembly targets that rust-toolchain.toml names.
setup:
	@rustup show active-toolchain >/dev/null 2>&1 || rustup toolchain install
	@rustup target add wasm32-wasip2 wasm32-wasip1

build: setup
	$(CARGO) build
	$(CARGO) build --profile wasm --target wasm32-wasip2 --target-dir target/steps --package stepwell-example-stranger
	cp target/steps/wasm32-wasip2/wasm/stepwell_example_stranger.wasm examples/denied/stranger/stranger.wasm

run: build
	$(STEPWELL) run examples/release/job.yml

test: setup
	$(CARGO) test
	$(CARGO) test $(GUESTS)

check: setup
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path tests/guests/Cargo.toml --check --package attack --package by-hand --package command --package echo --package minimal --package outgoing --package upload
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	$(CARGO) clippy --all-targets -- --deny warnings
	$(CARGO) clippy --package stepwell --no-default-features -- --deny warnings
	$(CARGO) clippy $(GUESTS) --all-targets -- --deny warnings
	RUSTDOCFLAGS='--deny warnings' $(CARGO) doc --no-deps
	RUSTDOCFLAGS='--deny warnings' $(CARGO) doc --no-deps $(GUESTS) --features stepwell-sdk/http

bench: setup
	$(CARGO) bench --bench engine

# The database of advisories is fetched from github.com. Where that cannot be reached the rest is checked all the same, and
# the last line says what was not.
audit: setup
	@command -v cargo-deny >/dev/null || $(CARGO) install cargo-deny --locked
	$(CARGO) deny check licenses bans sources
	@if $(CARGO) deny fetch db 2>/dev/null; then $(CARGO) deny check --disable-fetch advisories; \
	else echo 'advisories: NOT CHECKED, the database cannot be fetched'; fi

# Ends with the first input at which a target panics, takes more than ten seconds or more than 2 GiB; it is kept in
# fuzz/artifacts. Coverage instrumentation is stable and the code is safe Rust, so neither RUSTC_BOOTSTRAP=1 nor a nightly
# toolchain is needed, as long as no sanitizer is asked for. What is found goes into fuzz/corpus and is where the next run
# begins; seeds are only read.
fuzz: setup
	@command -v cargo-fuzz >/dev/null || $(CARGO) install cargo-fuzz --locked
	@for target in $(FUZZ_TARGETS); do \
		mkdir -p fuzz/corpus/$$target && \
		$(CARGO) fuzz run --sanitizer none --target-dir target/fuzz $$target fuzz/corpus/$$target fuzz/seeds/$$target \
			-- -dict=fuzz/dictionaries/$$target.dict -max_total_time=$(FUZZ_SECONDS) -seed=1 -max_len=4096 \
			-timeout=10 -rss_limit_mb=2048 -print_final_stats=1 || exit 1; \
	done

docs:
	$(CARGO) doc --no-deps --open

clean:
	$(CARGO) clean
