#!/bin/sh
# enter.sh PID COMMAND...: runs a command in a root that boot.sh booted, as root.
pid=$1
shift
exec nsenter -t "$pid" --mount --pid --uts --ipc --net --cgroup --root="/proc/$pid/root" --wd="/proc/$pid/root" \
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb DEBIAN_FRONTEND=noninteractive "$@"
