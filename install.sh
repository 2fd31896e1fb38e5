#!/bin/sh
# Installs rabbitmq-backup from its releases, after comparing the checksum.
#
#   sh install.sh [VERSION]
#
#   RABBITMQ_BACKUP_RELEASES   URL of the releases; a released install.sh knows it
#   PREFIX                     where to (default /usr/local): the program goes to PREFIX/bin
set -eu
umask 022

# Written here by the release workflow.
released_at=''

fail() {
  printf 'install.sh: %s\n' "$1" >&2
  exit 1
}

target() {
  case "$(uname -s)" in
    Linux) system=linux ;;
    Darwin) system=macos ;;
    *) fail "Cannot install on $(uname -s): there is no build for it; on Windows, download the .exe" ;;
  esac
  case "$(uname -m)" in
    x86_64 | amd64) echo "$system-x64" ;;
    aarch64 | arm64) echo "$system-arm64" ;;
    *) fail "Cannot install on $(uname -m): there is no build for this processor" ;;
  esac
}

download() {
  if command -v curl >/dev/null 2>&1; then
    curl --fail --silent --show-error --location --output "$2" "$1"
  elif command -v wget >/dev/null 2>&1; then
    wget -q -O "$2" "$1"
  else
    fail 'Cannot download: neither curl nor wget is on PATH'
  fi || fail "Cannot download $1"
}

sha256() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

releases=${RABBITMQ_BACKUP_RELEASES:-$released_at}
[ -n "$releases" ] || fail 'Cannot install: set RABBITMQ_BACKUP_RELEASES to the URL of the releases'
file=rabbitmq-backup-$(target)
case ${1:-latest} in
  latest) from=$releases/latest/download ;;
  *) from=$releases/download/v${1#v} ;;
esac
bin=${PREFIX:-/usr/local}/bin
mkdir -p "$bin" 2>/dev/null && [ -w "$bin" ] || fail "Cannot write to $bin: be root, or set PREFIX"

# Beside the program that is replaced, so that it is replaced at once or not at all.
fresh=$bin/.rabbitmq-backup.$$
trap 'rm -f "$fresh" "$fresh.sha256"' EXIT
trap 'exit 1' HUP INT TERM
download "$from/$file" "$fresh"
download "$from/$file.sha256" "$fresh.sha256"
wanted=$(cut -d ' ' -f 1 "$fresh.sha256")
found=$(sha256 "$fresh")
[ -n "$wanted" ] && [ "$wanted" = "$found" ] ||
  fail "Cannot install $file: its SHA-256 is $found, and should be ${wanted:-in $file.sha256}"
chmod 755 "$fresh"
mv -f "$fresh" "$bin/rabbitmq-backup"
printf 'Installed %s\n' "$("$bin/rabbitmq-backup" version | head -n 1) in $bin"
