# Headroom. `make help` lists the targets; each is described after its `##`.

# Both programs are static. Their version comes from git, and is "unknown"
# outside of a checkout.
export GOWORK = off
common  = github.com/prometheus/common/version
version = $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
commit  = $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
branch  = $(shell git symbolic-ref --short -q HEAD || echo unknown)
date    = $(shell git log -1 --format=%cd --date=format:%Y-%m-%dT%H:%M:%S 2>/dev/null || echo unknown)
ldflags = -s -w -X $(common).Version=$(version) -X $(common).Revision=$(commit) \
          -X $(common).Branch=$(branch) -X $(common).BuildDate=$(date)

.DEFAULT_GOAL := help
.PHONY: help doctor build image tools test fuzz lab lab-up lab-down e2e matrix bench demo run lint clean

# Packages of lab/ with tests that need the lab; lab/oracle is a module of its own.
e2e = $(shell cd lab && grep -rl --include='*_test.go' --exclude-dir=oracle '^//go:build e2e$$' . | xargs -n 1 dirname | sort -u)

help: ## this list
	@awk -F ':[^#]*## ' '/^[a-z0-9-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

doctor: ## what this machine lacks, and what each lack costs
	@sh lab/doctor.sh

build: ## both programs, static, into bin/
	CGO_ENABLED=0 go build -trimpath -ldflags '$(ldflags)' -o bin/ ./cmd/...

image: build ## the exporter as a container image, an OCI archive in bin/
	@cd lab && go run ./image -name ghcr.io/nodeheadroom/headroom-exporter:$(version) -o ../bin/headroom-exporter.tar ../bin/headroom-exporter

tools: ## the third-party programs that make test starts, into the cache outside the tree
	@cd lab && go run ./tools/get prometheus promtool alertmanager amtool node_exporter

test: tools ## every test of both modules, race detector on
	go test -race ./...
	cd lab && go test -race -count=1 ./... # it runs programs whose changes go's cache does not see

fuzz: ## every fuzz target for FUZZTIME (30s) each, or those of FUZZ='journal|policy', and how long each ran
	@sh lab/fuzz.sh $(or $(FUZZTIME),30s) '$(or $(FUZZ),.)'

lab: ## all that a real cluster needs: Kubernetes and containerd built, Debian's packages installed (once: 10 minutes)
	@mkdir -p bin && cd lab && go build -o ../bin/ ./cluster/lab && ../bin/lab build

lab-up: lab ## a control plane and a real node on small real disks; LAB='-layout one -nodes 2' (lab/README.md)
	@bin/lab up $(LAB)

lab-down: ## the lab ends and leaves nothing
	@mkdir -p bin && cd lab && go build -o ../bin/ ./cluster/lab && ../bin/lab down

e2e: build lab tools ## everything that needs the lab, and the kubelet's own code as oracle (root)
	cd lab && go test -tags e2e -race -count=1 -p 3 -timeout 60m $(filter-out ./matrix,$(e2e)) # they mostly wait
	cd lab && go test -tags e2e -race -count=1 -timeout 60m ./matrix # alone, as it plays six incidents at once
	check=$$(cd lab && go run ./tools/get staticcheck) && cd lab/oracle && \
	export CGO_ENABLED=0 GOFLAGS=-trimpath && \
	go vet ./... && $$check ./... && go test -timeout 60m ./... # with the flags by which the kubelet was built: nothing is compiled twice

matrix: lab tools ## every incident on real nodes, without the remediator and with it; goes on where it was (hours; root). ROWS=logs,small/two chooses, FORCE=1 plays again
	@cd lab && go build -o ../bin/ ./matrix
	@bin/matrix -rows '$(ROWS)' $(if $(FORCE),-force)

bench: build lab ## the measurements, against their budgets (8 minutes; root for all of them)
	@cd lab && go run ./tools/get node_exporter && go build -o ../bin/ ./bench
	@bin/bench

demo: build ## the main job as a show, on a real small disk; KEEP=1 leaves it running
	@cd lab && go run ./tools/get prometheus alertmanager && go build -o ../bin/ ./demo
	@bin/demo $(if $(KEEP),-keep)

run: build ## both programs on this machine as it is, dry run on; ^C stops them
	@cd lab && go build -o ../bin/ ./run
	@bin/run

lint: ## gofmt, go vet and staticcheck; make e2e does it for lab/oracle, which compiles half of Kubernetes
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || { echo 'gofmt -w the files above' >&2; exit 1; }
	go vet ./...
	cd lab && go vet -tags e2e ./...
	@check=$$(cd lab && go run ./tools/get staticcheck) && \
	echo staticcheck ./... && $$check ./... && \
	echo cd lab '&&' staticcheck -tags e2e ./... && cd lab && $$check -tags e2e ./...

clean: ## what was built here; the cache of third-party programs stays
	rm -rf bin
