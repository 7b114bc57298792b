#!/usr/bin/env bash
# Proves what the image promises, without a container engine: its files are made as the
# Dockerfile makes them, and run as the container would run them: nothing else around
# them, no root, no network, and one folder to write to. Wants root.
#
#   docker/check.sh [PLATFORM…]     all of them, if none is named
set -euo pipefail
cd "$(dirname "$0")/.."

limit=25000000 # bytes of an image
user=65532:65532
platforms=("${@:-linux/amd64}")
if [ $# = 0 ]; then platforms=(linux/amd64 linux/arm64 linux/arm/v7); fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
# What the image sets, and nothing of what is set here.
mapfile -t settings < <(sed -n 's/^ENV //p' docker/Dockerfile)

fail() {
  echo "docker/check.sh: $*" >&2
  exit 1
}

# files PLATFORM makes the image's files at $root, and looks at them.
files() {
  root=$work/${1//\//-}
  docker/build.sh image "$1" "$root"
  local binary=$root/usr/bin/fitbit2mqtt size
  if readelf --program-headers --dynamic "$binary" | grep -E 'INTERP|NEEDED'; then
    fail "$1: the binary is not static"
  fi
  size=$(find "$root" -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')
  printf '%-14s %4.1f MB, of which the binary is %.1f MB\n' "$1" "$(mega "$size")" "$(mega "$(stat -c %s "$binary")")"
  if ((size > limit)); then fail "$1: the image has more than $limit bytes"; fi
  install -d -m 0700 -o "${user%:*}" -g "${user#*:}" "$root/data"
}

mega() { awk -v n="$1" 'BEGIN { printf "%.1f", n / 1e6 }'; }

# emulator PLATFORM puts what runs a foreign binary into $root, and its name into $emulator.
emulator() {
  emulator=()
  case $1 in
    linux/amd64) local name=qemu-x86_64-static machine=x86_64 ;;
    linux/arm64) local name=qemu-aarch64-static machine=aarch64 ;;
    *) local name=qemu-arm-static machine=armv7l ;;
  esac
  if [ "$machine" = "$(uname -m)" ]; then return; fi
  install -m 0755 "$(command -v "$name" || fail "$name is not installed (qemu-user-static)")" "$root/$name"
  emulator=("/$name")
}

# inside COMMAND… is what starts a command in the image.
inside() {
  entered=(env -i "${settings[@]}" "${more[@]}" "$(command -v chroot)" --userspec="$user" "$root"
    "${emulator[@]}" /usr/bin/fitbit2mqtt "$@")
}

# says TEXT COMMAND… runs a command in the image, which ends well and says so.
says() {
  local text=$1 said
  shift
  inside "$@"
  said=$(unshare --net sh -c 'ip link set lo up && exec "$@"' sh "${entered[@]}" 2>&1) || fail "$* ended with $?: $said"
  grep -qF "$text" <<<"$said" || fail "$* does not say \"$text\": $said"
}

# stays runs the bridge as the container's first process, asks it as the engine does how
# it is, and stops it: the kernel passes on no signal to a first process that does not
# want it.
stays() {
  more=(FITBIT2MQTT_WEB_LISTEN=0.0.0.0:8099 FITBIT2MQTT_WEB_PASSWORD=only-for-this-check)
  inside run
  unshare --net --pid --fork --kill-child sh -c 'ip link set lo up && exec "$@"' sh "${entered[@]}" >"$work/log" 2>&1 &
  local engine=$! bridge code=0
  inside healthcheck
  for ((i = 0; ; i++)); do
    bridge=$(pgrep -P "$engine" || true)
    if [ -n "$bridge" ] && nsenter --net --target "$bridge" "${entered[@]}" >"$work/health" 2>&1; then break; fi
    if ((i == 120)); then fail "it does not become well: $(cat "$work/health" "$work/log")"; fi
    sleep 0.5
  done
  kill -TERM "$bridge"
  wait "$engine" || code=$?
  if ((code != 0)) || ! grep -q 'fitbit2mqtt stops' "$work/log"; then fail "stopped, it ends with $code: $(cat "$work/log")"; fi
}

for platform in "${platforms[@]}"; do
  more=()
  files "$platform"
  emulator "$platform"
  says "fitbit2mqtt " version
  says "/data is private and has space" doctor --offline
  says " weighed in: " demo --every 1s --for "$([ ${#emulator[@]} = 0 ] && echo 5s || echo 20s)"
  stays
  if [ -n "$(find "$root/data" -path '*demo*')" ]; then fail "$platform: the demo has left something"; fi
  echo "$platform runs in an empty folder as $user, is well, and stops in order"
done
