GO ?= go
PACKAGES ?= ./...
FUZZTIME ?= 30s
# HTTP/2 would be 0.6 MB for one small request a minute; extensions of SQLite are never loaded.
TAGS = nethttpomithttp2,sqlite_omit_load_extension
LINT = $(GO) tool -modfile=tools/go.mod golangci-lint

.PHONY: build test race lint fmt bench fuzz demo check

build: ## a stripped binary in bin/
	CGO_CFLAGS="-Os -fno-unwind-tables -fno-asynchronous-unwind-tables" $(GO) build -trimpath -tags $(TAGS) -ldflags "-s -w" -o bin/fitbit2mqtt ./cmd/fitbit2mqtt

test: ## all tests, with the race detector, in random order
	$(GO) test -tags $(TAGS) -race -shuffle=on -count=1 -timeout 20m $(PACKAGES)

race: test ## the same

lint: ## golangci-lint, pinned in tools/go.mod
	$(LINT) run ./...

fmt:
	$(LINT) fmt ./...

bench: ## speed and memory; compare ratios, machines are noisy
	$(GO) test -run '^$$' -bench . -benchmem $$($(GO) list ./... | grep -v /cmd/)
	$(GO) test -run '^$$' -bench 'Start|Steady' -benchtime 20x ./cmd/fitbit2mqtt
	$(GO) test -run '^$$' -bench PollNow -benchtime 100x ./cmd/fitbit2mqtt

fuzz: ## every fuzz target for FUZZTIME
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p || exit 1; \
	  done; \
	done

demo: ## a made-up household on a fake cloud
	$(GO) run ./cmd/fitbit2mqtt demo

check: lint test ## what CI runs
