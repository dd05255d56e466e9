# Two commands: `make run` (set up and serve with demo data) and `make test`.
# They need a Python 3.11-3.13, make and the package registry.

PORT ?= $(or $(STUDYGRAPH_PORT),8000)
DATA ?= $(or $(STUDYGRAPH_DATA_DIR),.data)
VENV := .venv
BIN := $(VENV)/bin
# Bytecode is kept, whatever the environment wishes: compiling anew costs each start some seconds.
SERVE := STUDYGRAPH_DEMO="$${STUDYGRAPH_DEMO:-true}" STUDYGRAPH_PORT="$(PORT)" STUDYGRAPH_DATA_DIR="$(DATA)" PYTHONDONTWRITEBYTECODE=

.PHONY: run dev test test-browser test-faults test-servers test-clients check format lock demo schema clean corpus fuzz parity bench-start bench-execution bench-stores bench-face explorer help

run: $(VENV)/.run ## Set up, start the embedded stores, serve with the demo school (PORT=8000 DATA=.data)
	@$(SERVE) exec $(BIN)/python -m graph serve

dev: $(VENV)/.dev ## The same, started anew at each change of the code
	@$(SERVE) exec $(BIN)/watchfiles --filter python --sigint-timeout 60 "$(BIN)/python -m graph serve" graph resolvers loaders datadir

test: $(VENV)/.dev ## The tests; no other server is needed. Pages have test-browser, whole programs and stores that fail test-faults
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST) $(TESTS)

test-browser: $(VENV)/.dev ## The explorer in a Chromium (CHROMIUM names it), the full one where it is built
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST) $(or $(TESTS),tests/explorer)

test-faults: $(VENV)/.dev ## Whole programs that start, stop and are killed; stores that hang, refuse, are cut or killed
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST) $(or $(TESTS),tests/process tests/faults)

test-servers: $(VENV)/.dev ## Contracts, front page and queries on real servers, fetched once (Java 17, Maven, Go, Debian's redis-server and postgresql-15)
	@$(BIN)/python -m tests.servers
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST) $(or $(TESTS),tests/real tests/stores)

test-clients: $(VENV)/.dev ## Real clients against a running server: Apollo, urql, Relay, graphql-ws and -sse, codegen, gql (Node 20.19 or newer and npm)
	@.ci/clients
	@$(BIN)/python -m pytest -v -n 0 $(PYTEST) $(or $(TESTS),tests/clients)

corpus: $(VENV)/.dev ## Plans against graphql-core: 20,000 operations, 10,000 mutated and 100,000 different documents (SEED=7)
	@$(BIN)/python -m tests.corpus --count 20000 --mutated 10000 --documents 100000 $(if $(SEED),--seed $(SEED))

fuzz: $(VENV)/.dev ## 20,000 requests that went wrong somewhere, against a server of its own: coded answers, no crash, flat memory (SEED=7)
	@$(BIN)/python -m tests.fuzz --count 20000 $(if $(SEED),--seed $(SEED))

parity: $(VENV)/.dev ## Who may see what: 10,000 answers of the stores against the promise; then without one predicate after the other (SEED=7)
	@$(BIN)/python -m tests.parity --count 10000 --mutate $(if $(SEED),--seed $(SEED))

check: $(VENV)/.dev ## Lint, types, arrows between the rooms, the printed schema
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m graph schema | diff -u schema.graphql - || { echo "schema.graphql is not what the program prints: run 'make schema'."; exit 1; }

format: $(VENV)/.dev ## Put the code into its form
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

schema: $(VENV)/.dev ## Print the schema into schema.graphql
	@$(BIN)/python -m graph schema > schema.graphql

demo: $(VENV)/.run ## Name the demo school's accounts and records
	@$(BIN)/python -m graph demo

bench-start: $(VENV)/.dev ## Cold and warm start, front pages a second -> bench/out/start.json
	@$(BIN)/python -m bench.start

bench-execution: $(VENV)/.dev ## Processor time an answer, ours next to a hand-written endpoint -> bench/out/execution.json
	@$(BIN)/python -m bench.execution

bench-stores: $(VENV)/.dev ## What our clients cost next to the bare drivers, each store that can be had -> bench/out/stores.json
	@$(BIN)/python -m bench.stores

bench-face: $(VENV)/.dev ## What guard, log and metrics cost, with and without them -> bench/out/face.json
	@$(BIN)/python -m bench.face

explorer: ## Build the full explorer, GraphiQL (Node 20.19 or newer and npm) -> graph/explorer/built
	@.ci/explorer

lock: ## Compile the hashed requirement lists anew
	@.ci/setup lock

$(VENV)/.run: requirements/run.txt .ci/setup
	@.ci/setup run

$(VENV)/.dev: requirements/dev.txt .ci/setup
	@.ci/setup dev

clean: ## Forget the environment, never the data
	rm -rf $(VENV)

help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14
