GO ?= go
PACKAGES ?= ./...
FUZZTIME ?= 30s
TAGS := $(shell docker/build.sh tags)
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
BINARY ?= bin/fitbit2mqtt
# What says the shells' completions: a fitbit2mqtt that runs on this machine.
RUNS ?= "$(BINARY)"
USR = $(DESTDIR)$(PREFIX)
ETC = $(DESTDIR)$(SYSCONFDIR)/fitbit2mqtt
LINT = $(GO) tool -modfile=tools/go.mod golangci-lint

.PHONY: build test race lint fmt bench fuzz demo check install uninstall deb image-check dockerfile-check

build: ## a stripped binary, bin/fitbit2mqtt
	GO="$(GO)" docker/build.sh binary "$(BINARY)"

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

install: ## what "make build" has built, with its systemd unit; a configuration only if there is none
	install -D -m 0755 "$(BINARY)" "$(USR)/bin/fitbit2mqtt"
	install -d "$(USR)/lib/systemd/system" "$(USR)/share/man/man1" "$(ETC)" \
	  "$(USR)/share/bash-completion/completions" "$(USR)/share/zsh/site-functions" "$(USR)/share/fish/vendor_completions.d"
	sed 's|/usr/bin/|$(PREFIX)/bin/|; s|/etc/|$(SYSCONFDIR)/|' packaging/fitbit2mqtt.service >"$(USR)/lib/systemd/system/fitbit2mqtt.service"
	install -D -m 0644 packaging/fitbit2mqtt.sysusers "$(USR)/lib/sysusers.d/fitbit2mqtt.conf"
	sed 's|/usr/share/|$(PREFIX)/share/|; s|/etc/|$(SYSCONFDIR)/|' packaging/fitbit2mqtt.1 | gzip -9n >"$(USR)/share/man/man1/fitbit2mqtt.1.gz"
	$(RUNS) completion bash >"$(USR)/share/bash-completion/completions/fitbit2mqtt"
	$(RUNS) completion zsh >"$(USR)/share/zsh/site-functions/_fitbit2mqtt"
	$(RUNS) completion fish >"$(USR)/share/fish/vendor_completions.d/fitbit2mqtt.fish"
	install -D -m 0644 LICENSE "$(USR)/share/doc/fitbit2mqtt/LICENSE"
	install -m 0644 config.yaml.example "$(USR)/share/doc/fitbit2mqtt/config.yaml.example"
	test -e "$(ETC)/config.yaml" || { umask 027; \
	  sed 's|^data_dir: .*|data_dir: /var/lib/fitbit2mqtt|' config.yaml.example >"$(ETC)/config.yaml"; }

uninstall: ## the same, but for the configuration and the data
	cd "$(USR)" && rm -f bin/fitbit2mqtt lib/systemd/system/fitbit2mqtt.service lib/sysusers.d/fitbit2mqtt.conf \
	  share/man/man1/fitbit2mqtt.1.gz share/bash-completion/completions/fitbit2mqtt share/zsh/site-functions/_fitbit2mqtt \
	  share/fish/vendor_completions.d/fitbit2mqtt.fish
	rm -rf "$(USR)/share/doc/fitbit2mqtt"

deb: build ## a Debian package in dist/
	GO="$(GO)" packaging/deb.sh "$(BINARY)" dist

image-check: ## what the image promises, on PLATFORMS or all; as root, with qemu-user-static
	GO="$(GO)" docker/check.sh $(PLATFORMS)

dockerfile-check: ## the Dockerfile itself, on PLATFORMS or amd64; as root, with buildah and debootstrap
	GO="$(GO)" docker/check-dockerfile.sh $(PLATFORMS)
