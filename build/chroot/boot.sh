#!/bin/bash
# boot.sh DIR: starts systemd in DIR, with processes, mounts, network (loopback alone) and control groups of its own.
# Prints `booted PID`, the process to enter with build/chroot/enter.sh, and ends when its standard input does.
set -euo pipefail
root=$(realpath "$1")

if [ "${2:-}" = --inside ]; then
  # Second stage: the first process of the new namespaces.
  cd "$root"
  mount -t proc proc proc
  mount -t sysfs sysfs sys
  mount -t tmpfs -o mode=755 tmpfs run
  mount -t tmpfs -o mode=755 tmpfs dev
  for name in null zero full random urandom tty fuse; do
    touch "dev/$name"
    [ ! -e "/dev/$name" ] || mount --bind "/dev/$name" "dev/$name"
  done
  mkdir dev/pts dev/shm
  mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
  ln -s pts/ptmx dev/ptmx
  ln -s /proc/self/fd dev/fd
  touch dev/console
  mount --bind /dev/null dev/console
  mount -t cgroup2 cgroup2 sys/fs/cgroup
  ip link set lo up 2>/dev/null || true
  mkdir -p .outside
  pivot_root . .outside
  exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot . /bin/sh -c \
    'umount -l /.outside && rmdir /.outside && mount --make-rshared / && exec /lib/systemd/systemd --show-status=0'
fi

for unit in console-getty.service systemd-networkd-wait-online.service; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done

# A control group of our own is the root of the one that systemd sees.
self=$(readlink -f "$0")
export root self
exec unshare --mount --propagation private bash -c '
  set -euo pipefail
  mount --bind "$root" "$root"
  mkdir -p "$root/.cgroup"
  mount -t cgroup2 cgroup2 "$root/.cgroup"
  group=$root/.cgroup/cyrus-backups-root.$$
  mkdir "$group"
  echo $$ > "$group/cgroup.procs"
  unshare --cgroup --mount --pid --uts --ipc --net --fork --kill-child --propagation private \
    bash "$self" "$root" --inside < /dev/null > /dev/null 2>&1 &
  holder=$!
  finish() {
    kill -KILL $(cat /proc/$holder/task/$holder/children) 2>/dev/null || true
    wait $holder 2>/dev/null || true
    echo $$ > "$root/.cgroup/cgroup.procs"
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
    umount "$root/.cgroup" && rmdir "$root/.cgroup"
  }
  trap finish EXIT
  for ((tries = 0; tries < 100; tries++)); do
    pid=$(cat /proc/$holder/task/$holder/children 2>/dev/null || true)
    pid=${pid%% *}
    if [ -n "$pid" ]; then
      state=$(nsenter -t "$pid" -m -p -r -w env -i PATH=/usr/bin:/bin systemctl is-system-running 2>/dev/null || true)
      case $state in running | degraded) break ;; esac
    fi
    kill -0 $holder 2>/dev/null || { echo "boot.sh: systemd ended at once" >&2; exit 1; }
    sleep 0.2
  done
  case ${state:-} in running | degraded) ;; *) echo "boot.sh: systemd did not come up: ${state:-no answer}" >&2; exit 1 ;; esac
  echo "booted $pid"
  cat > /dev/null
'
