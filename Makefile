# The commands of the project. `make help` lists them.

SHELL := /bin/bash
CARGO ?= cargo
ARGS ?=
SBOM := target/sbom/fairgate.cdx.json
# Property tests draw the same cases on every machine; `make properties` draws others.
export PROPTEST_RNG_SEED ?= 1
# Most tests bring servers or a browser of their own, and watch the clock with them: one at a time in each of two binaries.
TEST_THREADS ?= 1
TEST_LANES ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup build demo test properties fuzz lint engines reference sbom bench chaos leak soak sim sim-leak sim-onsale doc clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: ## Install what is missing on this machine (Debian packages; says what and why)
	@scripts/setup.sh

build: setup ## Build the fairgate and crowd binaries (release)
	$(CARGO) build --release --locked --workspace --bins
	@scripts/sbom.py --default-features --binary target/release/fairgate --output $(SBOM)

demo: setup ## Run a whole on-sale here: make demo ARGS="--fans 5000 --bots 200"
	$(CARGO) build --profile demo --locked --package fairgate --bin fairgate
	target/demo/fairgate demo $(ARGS)

test: setup ## Run every test: unit, property, sockets, Postgres, browser, crowd, kill -9
	@CARGO="$(CARGO)" scripts/run-tests.py --lanes $(TEST_LANES) -- --test-threads=$(TEST_THREADS)

properties: setup ## Run the property tests with fresh cases: make properties SEEDS=20
	@for seed in $$(shuf -i 1-999999999 -n $(or $(SEEDS),20)); do \
		echo "PROPTEST_RNG_SEED=$$seed"; \
		PROPTEST_RNG_SEED=$$seed $(CARGO) test -q --locked -p fairgate -p fairgate-core -p fairgate-draw -p fairgate-entry -p fairgate-store -p fairgate-telemetry -p fairgate-token --lib --test store -- --test-threads=$(TEST_THREADS) || exit 1; \
	done

fuzz: setup ## Fuzz what strangers' bytes reach, each target for a while: make fuzz SECONDS=60, or TARGET=path
	@scripts/fuzz.sh "$(or $(SECONDS),60)" $(TARGET)

sim-leak: ## Run the leak against a shop that breaks down and comes back: a table, and curves in target/sim-leak
	$(CARGO) test --locked --test leak -- --ignored --nocapture the_table

leak: build ## The crowd against a real edge and core while Postgres loses half of its capacity: six minutes, a table
	target/release/fairgate-bench leak

sbom: ## Write what the program is made of (CycloneDX 1.6) to target/sbom/fairgate.cdx.json; `make build` does it, too
	@scripts/sbom.py --output $(SBOM)
	@echo "$(SBOM)"

reference: ## Write docs/reference/{cli,config,metrics,admin-api,booking-api}.md from the program
	$(CARGO) test --locked -p fairgate --test reference -- --ignored write

engines: ## Check what needs an engine that `make test` does without (helm, Kafka), as far as it can be had here
	@scripts/engines.sh $(ARGS)

lint: ## Format, clippy, rustdoc, links in documents and (where installed) cargo-deny: all without warnings
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps
	@scripts/check-links.py
	@if ! $(CARGO) deny --version >/dev/null 2>&1; then echo "lint: cargo-deny is not installed: skipped"; \
	else $(CARGO) deny --offline check bans licenses sources && \
		{ $(CARGO) deny check advisories || echo "lint: advisories not checked, or not clean: see above"; }; fi

bench: build ## Measure against the references side by side; writes target/bench.json
	@scripts/setup.sh bench
	target/release/fairgate-bench $(ARGS)

soak: build ## Crowds and faults on real processes; memory, descriptors and threads must stay flat: make soak MINUTES=10
	target/release/fairgate-bench --soak $(or $(MINUTES),10)

sim: setup ## Break edges, store, clocks and network on paper time: make sim SEEDS=1000 FROM=0, or make sim SEED=42
	$(CARGO) run --release --locked -p fairgate-sim -- faults $(if $(TIERS),--tiers) $(if $(MOVES),--moves) \
		$(if $(SEED),--seed $(SEED) --trace,--seeds $(or $(SEEDS),1000) --from $(or $(FROM),0))

sim-onsale: setup ## Play an on-sale with 14 million fans on paper time: make sim-onsale ARGS="--fans 14000000"
	$(CARGO) run --release --locked -p fairgate-sim -- onsale $(ARGS)

chaos: setup ## Kill the booking core, Postgres and the relay a hundred times under load: make chaos ROUNDS=100 SEED=1
	CHAOS_ROUNDS=$(or $(ROUNDS),100) CHAOS_SEED=$(or $(SEED),1) $(CARGO) test --locked -p fairgate --test booking storm:: -- --nocapture

doc: ## Build the API documentation
	$(CARGO) doc --locked --workspace --no-deps

clean: ## Remove build output
	$(CARGO) clean
