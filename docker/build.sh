#!/bin/sh
# Builds fitbit2mqtt. The Makefile, the Dockerfile and whoever has neither come here, so
# that everybody's binary is built with the same flags.
#
#   docker/build.sh binary FILE              for this machine, with its C library
#   docker/build.sh compiler PLATFORM        install the C compiler for a platform (Debian, root)
#   docker/build.sh image PLATFORM FOLDER    all files of the image, with a static binary
#   docker/build.sh tags                     say which tags the tests need as well
#
# PLATFORM is linux/amd64, linux/arm64 or linux/arm/v7. Paths are relative to the
# repository. VERSION, if set, is what the source must be: image tags are believed.
set -eu
cd "$(dirname "$0")/.."

go=${GO:-go}
main=./cmd/fitbit2mqtt
# HTTP/2 would be 0.6 MB for one small request a minute; extensions of SQLite are never loaded.
tags=nethttpomithttp2,sqlite_omit_load_extension
# SQLite is built for size, and without tables that only C++ would unwind by.
export CGO_ENABLED=1
export CGO_CFLAGS="-Os -fno-unwind-tables -fno-asynchronous-unwind-tables"

# The version is git's. What came without its history calls itself "dev".
vcs=false
if git rev-parse HEAD >/dev/null 2>&1; then vcs=auto; fi

fail() {
  echo "docker/build.sh: $*" >&2
  exit 2
}

# platform PLATFORM sets what Go and Debian call it.
platform() {
  export GOOS=linux
  case $1 in
    linux/amd64) export GOARCH=amd64 && triplet=x86_64-linux-gnu && debian=amd64 ;;
    linux/arm64 | linux/arm64/v8) export GOARCH=arm64 && triplet=aarch64-linux-gnu && debian=arm64 ;;
    linux/arm/v7) export GOARCH=arm GOARM=7 && triplet=arm-linux-gnueabihf && debian=armhf ;;
    *) fail "$1 is no platform of the image" ;;
  esac
  native=
  if [ "$GOARCH" = "$($go env GOHOSTARCH)" ]; then native=yes; fi
}

binary() {
  $go build -trimpath -buildvcs=$vcs -tags $tags -ldflags "-s -w" -o "$1" $main
}

compiler() {
  platform "$1"
  set -- git ca-certificates # for what the golang image has and others may not
  if [ -n "$native" ]; then
    set -- "$@" gcc libc6-dev
  else
    set -- "$@" "gcc-$(echo "$triplet" | tr _ -)" "libc6-dev-$debian-cross"
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

image() {
  platform "$1"
  export CC=gcc
  if [ -z "$native" ]; then CC=$triplet-gcc; fi
  command -v "$CC" >/dev/null || fail "$CC is not installed; as root: docker/build.sh compiler $1"
  # In an image there is no C library to look up names or users with.
  $go build -trimpath -buildvcs=$vcs -tags $tags,netgo,osusergo \
    -ldflags "-s -w -linkmode external -extldflags -static" -o "$2/usr/bin/fitbit2mqtt" $main
  version "$2/usr/bin/fitbit2mqtt"
  install -D -m 0644 /etc/ssl/certs/ca-certificates.crt "$2/etc/ssl/certs/ca-certificates.crt"
  install -D -m 0644 LICENSE "$2/usr/share/licenses/fitbit2mqtt/LICENSE"
}

# version refuses a binary that calls itself otherwise than the image.
version() {
  wanted=${VERSION:-dev}
  is=$($go version -m "$1" | awk '$1 == "mod" { print $3 }')
  if [ "$wanted" != dev ] && [ "v${wanted#v}" != "$is" ]; then
    fail "VERSION is $wanted, but the source is $is: check out the tag, with the history of git in place"
  fi
}

case "${1:-} $#" in
  "tags 1") echo $tags ;;
  "binary 2") binary "$2" ;;
  "compiler 2") compiler "$2" ;;
  "image 3") image "$2" "$3" ;;
  *) fail "usage: binary FILE, compiler PLATFORM, image PLATFORM FOLDER or tags" ;;
esac
