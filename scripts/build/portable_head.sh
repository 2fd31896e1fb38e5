#!/bin/sh
# rabbitmq-backup @VERSION@ for Linux @ARCH@. Behind this script stand the program and its runtime,
# packed with gzip. The first start unpacks them into a private folder named by their content; each
# start runs them from there.
mask=$(umask)
umask 077
unset CDPATH

content=@CONTENT@
# Each file's name, and where it is in this one: first byte and length.
files='@FILES@'

case $0 in
  /*) self=$0 ;;
  */*) self=$PWD/$0 ;;
  *) if [ -f "$0" ]; then self=$PWD/$0; else self=$(command -v -- "$0"); fi ;; # sh rabbitmq-backup
esac
user=$(id -u)
tried=

fail() {
  printf 'rabbitmq-backup: %s\n' "$1" >&2
  exit 1
}

# Calls $1 with each folder in which the unpacked files may be, until it succeeds.
in_each_folder() {
  if [ -n "${RABBITMQ_BACKUP_CACHE:-}" ]; then
    case $RABBITMQ_BACKUP_CACHE in
      /*) "$1" "$RABBITMQ_BACKUP_CACHE" ;;
      *) "$1" "$PWD/$RABBITMQ_BACKUP_CACHE" ;;
    esac
    return
  fi
  case ${XDG_CACHE_HOME:-} in /*) "$1" "$XDG_CACHE_HOME/rabbitmq-backup" && return ;; esac
  case ${HOME:-} in /*) "$1" "$HOME/.cache/rabbitmq-backup" && return ;; esac
  case ${TMPDIR:-} in /*) "$1" "$TMPDIR/rabbitmq-backup-$user" && return ;; esac
  "$1" "/var/tmp/rabbitmq-backup-$user" || "$1" "/tmp/rabbitmq-backup-$user"
}

# Whether nobody but this user and root can change folder $1, there or above; its real path is $real.
is_private() {
  real=$(cd -P -- "$1" 2>/dev/null && pwd -P) || return 1
  above=$real
  set -- "$real"
  while [ -n "$above" ]; do
    above=${above%/*}
    set -- "$@" "${above:-/}"
  done
  LC_ALL=C ls -ldn -- "$@" 2>/dev/null | {
    while read -r mode _ owner group _; do
      [ "$owner" = "$user" ] || [ "$owner" = 0 ] || exit 1
      case $mode in
        d????????[tT]*) ;; # others can add to it, and not take away or replace
        d???????w*) exit 1 ;;
        d????w*) [ "$group" = 0 ] || [ "$group" = "$user" ] || exit 1 ;; # or it is the user's own group
        d*) ;;
        *) exit 1 ;;
      esac
    done
  }
}

is_ready() {
  [ -x "$1/$content/deno" ] || return 1
  while read -r name _; do
    [ -f "$1/$content/$name" ] || return 1 # something cleans up old files there
  done <<END
$files
END
  is_private "$1/$content" && dir=$real
}

unpack() {
  mkdir -p -- "$1" 2>/dev/null || { tried="$tried; cannot make $1"; return 1; }
  is_private "$1" || { tried="$tried; others can change $1"; return 1; }
  new=$real/.new.$$ dir=$real/$content
  mkdir -- "$new" 2>/dev/null || { tried="$tried; cannot write to $1"; return 1; }
  trap 'rm -rf -- "$new"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if fill "$new"; then
    [ -d "$dir" ] && ! is_ready "$real" && mv -- "$dir" "$new/incomplete" 2>/dev/null
    mv -- "$new" "$dir" 2>/dev/null
    rm -rf -- "$dir/.new.$$" "$dir/incomplete" # of two starts at once the later one moves to there
  else
    dir=
  fi
  rm -rf -- "$new"
  trap - EXIT HUP INT TERM
  [ -n "$dir" ] && is_private "$dir"
}

fill() {
  while read -r name first length; do
    tail -c "+$first" -- "$self" | head -c "$length" | gzip -dc >"$1/$name" 2>/dev/null || {
      tried="$tried; $1 has no room for @MEGABYTES@ MB, or $self is damaged"
      return 1
    }
  done <<END
$files
END
  chmod 700 "$1/deno"
  [ -x "$1/deno" ] || { tried="$tried; programs may not run in $1 (noexec)"; return 1; }
  said=$("$1/deno" --version 2>&1) || {
    tried="$tried; the runtime does not start: $(printf '%s' "$said" | head -n 1)"
    return 1
  }
}

if ! in_each_folder is_ready; then
  system="$(uname -s) $(uname -m)"
  [ "$system" = "Linux @ARCH@" ] || fail "Cannot start: this file is for Linux @ARCH@, and this is $system"
  command -v gzip >/dev/null || fail "Cannot unpack: gzip is missing; install it"
  in_each_folder unpack ||
    fail "Cannot unpack: ${tried#; }. Set RABBITMQ_BACKUP_CACHE to a private folder where programs may run."
fi
umask "$mask"
RABBITMQ_BACKUP_PROGRAM=$self DENO_DIR=$dir/deno_dir DENO_NO_UPDATE_CHECK=1
export RABBITMQ_BACKUP_PROGRAM DENO_DIR DENO_NO_UPDATE_CHECK
exec "$dir/deno" run @FLAGS@ "$dir/main.js" "$@"
