# Needs Go, make and git. Everything else is built from Go modules into .cache/.
GO ?= go
CACHE := $(CURDIR)/.cache
GOLANGCI_VERSION := v2.12.0
GOLANGCI := $(CACHE)/bin/golangci-lint-$(GOLANGCI_VERSION)
FUZZTIME ?= 30s
SEEDS ?= 10000

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the daemon into bin/extender
	$(GO) build -trimpath -o bin/extender ./cmd/extender

.PHONY: demo
demo: ## Show pods on Mesos offers; ONCE=1 exits at the end, MESOS_MASTER=URL uses a real master
	@echo "compiling the demo (the first time that takes a few minutes)"
	@$(GO) run ./hack/demo $(if $(ONCE),-once) $(if $(MESOS_MASTER),-master $(MESOS_MASTER))

.PHONY: test
test: controlplane ## Unit tests with -race, simulation, transcript replays, end-to-end tests on a real control plane
	$(GO) test -race -timeout 20m ./...
	$(GO) test -run '^TestSimulation$$' ./internal/simtest

.PHONY: unit
unit: ## Everything that needs no control plane: unit tests, replays, simulation
	$(GO) test ./cmd/... ./internal/... ./manifests/...

.PHONY: soak
soak: ## Run SEEDS runs of the simulation
	$(GO) test -count=1 -timeout 0 -v -run '^TestSimulation$$' ./internal/simtest -seeds $(SEEDS)

.PHONY: e2e
e2e: controlplane ## End-to-end tests only
	$(GO) test -count=1 -v -timeout 20m ./hack/e2e/...

.PHONY: chaos
chaos: controlplane ## Kill -9 daemons, master and API server under load; KILLS=36 SEED=n repeats a plan
	$(GO) run ./hack/chaos $(if $(SEED),-seed $(SEED)) $(if $(KILLS),-kills $(KILLS))

.PHONY: controlplane
controlplane: ## Build etcd, kube-apiserver, kube-scheduler and KWOK (10 to 15 minutes, once)
	@echo "checking the control plane (the first time it is compiled: 10 to 15 minutes)"
	@$(GO) run ./hack/lab/cmd/lab build

.PHONY: lint
lint: $(GOLANGCI) ## Run golangci-lint
	$(GOLANGCI) run ./...

$(GOLANGCI):
	@echo "building golangci-lint $(GOLANGCI_VERSION), once, a few minutes"
	@GOBIN=$(CACHE)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@mv $(CACHE)/bin/golangci-lint $@

.PHONY: bench
bench: controlplane ## Measure speed side by side with its references; ONLY=row,row runs some
	@$(GO) run ./hack/bench $(if $(ONLY),-only $(ONLY))

.PHONY: microbench
microbench: ## Run the Go benchmarks, in a form that benchstat compares
	$(GO) test -run='^$$' -bench=. -benchmem ./internal/...

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME
	@hack/fuzz.sh $(FUZZTIME)

.PHONY: image
image: ## Build the container image (needs docker)
	docker build -f hack/Dockerfile -t kube-mesos-extender:dev .

.PHONY: manifests
manifests: ## Check the manifests
	$(GO) test ./manifests/...

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin .cache
