#!/usr/bin/env bash
# Builds the image from its Dockerfile where no registry can be reached, and looks at what
# came of it: on a Debian with the Go of this machine, instead of the golang image, and
# with the modules that are here. Wants root, buildah, debootstrap and 4 GB of disk.
#
#   docker/check-dockerfile.sh [PLATFORM…]     linux/amd64, if none is named
set -euo pipefail
cd "$(dirname "$0")/.."

go=${GO:-go}
base=localhost/golang:debian
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
bud() { command buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"; }

fail() {
  echo "docker/check-dockerfile.sh: $*" >&2
  exit 1
}

# debian makes what stands in for the golang image.
debian() {
  debootstrap --variant=minbase --include=gcc,libc6-dev,git,ca-certificates bookworm "$work/debian" >"$work/log" ||
    fail "debootstrap: $(tail -n 3 "$work/log")"
  local c
  c=$(bud from scratch)
  bud add -q "$c" "$work/debian" / >/dev/null
  bud add -q "$c" "$($go env GOROOT)" /usr/local/go >/dev/null
  bud config --env PATH=/usr/local/go/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    --env GOTOOLCHAIN=local --env GOPROXY=file:///modules "$c"
  bud commit -q --rm "$c" "$base" >/dev/null
  rm -rf "$work/debian"
}

# build TARGET PLATFORM TAG. An older buildah does not know what it builds on.
build() {
  bud build --isolation chroot --format docker --pull-never --target "$1" --platform "$2" --tag "$3" \
    --build-arg GO_IMAGE="$base" --build-arg BUILDPLATFORM="linux/$($go env GOHOSTARCH)" \
    --volume "$($go env GOMODCACHE)/cache/download:/modules:ro" --volume "$work/cache:/root/.cache" \
    --file docker/Dockerfile . >"$work/log" 2>&1 || fail "$2: $(tail -n 20 "$work/log")"
}

# is WANTED TEMPLATE TAG compares what an image says of itself.
is() {
  local got
  got=$(bud inspect --type image --format "$2" "$3")
  [ "$got" = "$1" ] || fail "$3: $2 is \"$got\", not \"$1\""
}

mkdir "$work/cache"
$go mod download
debian
# What git knows here is what the binary should say there, "+dirty" only if it is so here.
$go build -buildvcs=auto -o "$work/here" ./cmd/fitbit2mqtt
here=$($go version -m "$work/here" | awk '$1 == "mod" { print $3 }')

for platform in "${@:-linux/amd64}"; do
  tag=fitbit2mqtt:${platform//\//-}
  build image "$platform" "$tag"
  is 65532:65532 '{{.Docker.Config.User}}' "$tag"
  is '[/usr/bin/fitbit2mqtt]' '{{.Docker.Config.Entrypoint}}' "$tag"
  is '[CMD /usr/bin/fitbit2mqtt healthcheck]' '{{.Docker.Config.Healthcheck.Test}}' "$tag"
  is 'map[/data:{}]' '{{.Docker.Config.Volumes}}' "$tag"
  is "$(cut -d/ -f2 <<<"$platform")" '{{.Docker.Architecture}}' "$tag"
  container=$(bud from --pull-never "$tag")
  root=$(bud mount "$container")
  [ "$(stat -c '%a %u:%g' "$root/data")" = '700 65532:65532' ] || fail "$tag: /data is $(stat -c '%a %u:%g' "$root/data")"
  found=$($go version -m "$root/usr/bin/fitbit2mqtt" | awk '$1 == "mod" { print $3 }')
  [ "$found" = "$here" ] || fail "$tag: the binary is $found, and the source $here"
  printf '%-14s built from the Dockerfile: %s, %.1f MB\n' "$platform" "$found" \
    "$(find "$root" -type f -printf '%s\n' | awk '{ n += $1 } END { printf "%.1f", n / 1e6 }')"
  bud rm "$container" >/dev/null
done
build home-assistant "${1:-linux/amd64}" fitbit2mqtt:app
is 0:0 '{{.Docker.Config.User}}' fitbit2mqtt:app
is app '{{index .Docker.Config.Labels "io.hass.type"}}' fitbit2mqtt:app
