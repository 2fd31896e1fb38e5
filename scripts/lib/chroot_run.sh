#!/bin/sh
# Runs a command as the rabbitmq user of a Debian root, with STATE as its /var/lib/rabbitmq.
# Usage: unshare --mount --pid --uts --fork --kill-child sh chroot_run.sh ROOT STATE [NAME=VALUE...] COMMAND [ARGS...]
#
# It must be the first process of mount, pid and uts namespaces of its own: the mounts are seen by nobody
# else and vanish with them, and when this shell ends, however it ends, so do epmd and all else.
set -eu
root=$1 state=$2
shift 2
echo localhost >/proc/sys/kernel/hostname # as nodes are called, and clusters after them
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$state" "$root/var/lib/rabbitmq"
chroot --userspec=rabbitmq:rabbitmq "$root" \
  env -i HOME=/var/lib/rabbitmq LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@" &
wait $!
