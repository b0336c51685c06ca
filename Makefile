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
.PHONY: help doctor build tools test bench demo run lint clean

help: ## this list
	@awk -F ':[^#]*## ' '/^[a-z0-9-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

doctor: ## what this machine lacks, and what each lack costs
	@sh lab/doctor.sh

build: ## both programs, static, into bin/
	CGO_ENABLED=0 go build -trimpath -ldflags '$(ldflags)' -o bin/ ./cmd/...

tools: ## the pinned third-party programs, into the cache outside the tree
	@cd lab && go run ./tools/get

test: tools ## every test of both modules, race detector on
	go test -race ./...
	cd lab && go test -race -count=1 ./... # it runs programs whose changes go's cache does not see

bench: build ## the measurements, against their budgets (4 minutes; root for all of them)
	@cd lab && go run ./tools/get node_exporter && go build -o ../bin/ ./bench
	@bin/bench

demo: build ## the main job as a show, on a real small disk; KEEP=1 leaves it running
	@cd lab && go run ./tools/get prometheus alertmanager && go build -o ../bin/ ./demo
	@bin/demo $(if $(KEEP),-keep)

run: build ## both programs on this machine as it is, dry run on; ^C stops them
	@cd lab && go build -o ../bin/ ./run
	@bin/run

lint: ## gofmt, go vet and staticcheck in both modules
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || { echo 'gofmt -w the files above' >&2; exit 1; }
	go vet ./...
	cd lab && go vet ./...
	@check=$$(cd lab && go run ./tools/get staticcheck) && \
	echo staticcheck ./... && $$check ./... && \
	echo cd lab '&&' staticcheck ./... && cd lab && $$check ./...

clean: ## what was built here; the cache of third-party programs stays
	rm -rf bin
