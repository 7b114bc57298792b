#!/bin/sh
# Makes a Debian package of a binary, with dpkg-deb and nothing to install besides.
#
#   packaging/deb.sh BINARY FOLDER      writes FOLDER/fitbit2mqtt_VERSION_ARCH.deb
#
# The binary says which version it is, for which machine, and which C library it wants.
# One that was built without git does not know: VERSION is what it is called then.
# Two packages of the same binary and commit are the same to the byte.
set -eu

fail() {
  echo "deb.sh: $*" >&2
  exit 2
}

[ $# = 2 ] || fail "usage: packaging/deb.sh BINARY FOLDER"
binary=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
cd "$(dirname "$0")/.."
go=${GO:-go}

info=$($go version -m "$binary")
setting() { echo "$info" | awk -v key="$1=" '$1 == "build" && index($2, key) == 1 { print substr($2, length(key) + 1) }'; }
case $(setting GOARCH)$(setting GOARM) in
amd64) arch=amd64 ;;
arm64) arch=arm64 ;;
arm7*) arch=armhf ;;
*) fail "there is no Debian for $(setting GOARCH)" ;;
esac
# v1.2.3-rc.1 comes before 1.2.3, and so does what is built between two tags.
version=$(echo "$info" | awk '$1 == "mod" { print $3 }')
case $version in
v*) ;;
*) version=${VERSION:?$1 does not know its version: build it from a clone of git, or set VERSION} ;;
esac
version=$(echo "${version#v}" | sed 's/-/~/g')
needs="ca-certificates, systemd | systemd-standalone-sysusers | systemd-sysusers"
libc=$(LC_ALL=C readelf --version-info "$binary" | grep -o 'Name: GLIBC_[0-9.]*' | sed 's/.*_//' | sort -Vu | tail -n 1)
if [ -n "$libc" ]; then needs="libc6 (>= $libc), $needs"; fi
committed=$(setting vcs.time)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(date -d "${committed:-now}" +%s)}
export SOURCE_DATE_EPOCH
day=$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
umask 022
# Completions come from a program that runs here.
runs="\"$binary\""
"$binary" version >/dev/null 2>&1 || runs="env -u GOOS -u GOARCH -u GOARM -u CC $go run ./cmd/fitbit2mqtt"
make --no-print-directory -s install DESTDIR="$root" PREFIX=/usr BINARY="$binary" RUNS="$runs"

mv "$root/usr/share/zsh/site-functions" "$root/usr/share/zsh/vendor-completions" # Debian's own place
doc=$root/usr/share/doc/fitbit2mqtt
cat >"$doc/copyright" <<END
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: fitbit2mqtt
Source: https://github.com/fitbit2mqtt/fitbit2mqtt

Files: *
$(sed -n 's/^Copyright (c) /Copyright: /p' LICENSE)
License: Expat

License: Expat
$(sed '1,/^Copyright/d; /./,$!d' LICENSE | sed 's/^$/./; s/^/ /')
END
rm "$doc/LICENSE"
printf 'fitbit2mqtt (%s) unstable; urgency=medium\n\n  * See https://github.com/fitbit2mqtt/fitbit2mqtt for what has changed.\n\n -- %s  %s\n' \
  "$version" "fitbit2mqtt <fitbit2mqtt@users.noreply.github.com>" "$day" | gzip -9n >"$doc/changelog.gz"

mkdir "$root/DEBIAN"
cat >"$root/DEBIAN/control" <<END
Package: fitbit2mqtt
Version: $version
Architecture: $arch
Maintainer: fitbit2mqtt <fitbit2mqtt@users.noreply.github.com>
Installed-Size: $(du -k -s --exclude=DEBIAN "$root" | cut -f1)
Depends: $needs
Suggests: mosquitto
Section: net
Priority: optional
Homepage: https://github.com/fitbit2mqtt/fitbit2mqtt
Description: bridge from Fitbit scales and trackers to MQTT
 Brings a household's weigh-ins and heart rates from the Google Health API to
 an MQTT broker, with Home Assistant discovery: every weigh-in once, as an event
 with its own time, and the values of each person as retained messages.
 .
 People are connected on a web page or at the command line. Without a broker in
 the house it brings its own.
END
echo /etc/fitbit2mqtt/config.yaml >"$root/DEBIAN/conffiles"
install -m 0755 packaging/debian/* "$root/DEBIAN"
(cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
chmod 0644 "$root"/DEBIAN/control "$root"/DEBIAN/conffiles "$root"/DEBIAN/md5sums

file=$out/fitbit2mqtt_${version}_$arch.deb
dpkg-deb --root-owner-group -Zxz --build "$root" "$file" >/dev/null
echo "$file"
