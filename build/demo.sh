#!/usr/bin/env bash
# The main job before your eyes: a recorded session of a real Cyrus master goes into backupd, and the mount shows the mail.
# All in a temporary folder that is gone afterwards; KEEP=1 leaves it, the server and the mount, and says how to end them.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/dist/bin
work=$(mktemp -d "${TMPDIR:-/tmp}/cyrus-backups-demo.XXXXXX")
backupd_pid=''
mounted=''

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { printf '$ %s\n' "${*//"$PWD/"/}"; "$@"; }

finish() {
  local status=$?
  if [ "${KEEP:-}" = 1 ] && [ $status = 0 ]; then
    say "Left running, as asked. To end it:"
    printf 'umount %s; kill %s; rm -rf %s\n' "$work/mnt" "$backupd_pid" "$work"
    return
  fi
  if [ -n "$mounted" ]; then umount "$work/mnt" 2>/dev/null || fusermount3 -u "$work/mnt" || fusermount -u "$work/mnt" || true; fi
  if [ -n "$backupd_pid" ]; then kill "$backupd_pid" 2>/dev/null || true; wait "$backupd_pid" 2>/dev/null || true; fi
  [ $status = 0 ] || [ -z "$backupd_pid" ] || { echo "The demo failed; the server said:"; tail -n 20 "$work/backupd.log" 2>/dev/null; } >&2
  rm -rf "$work"
}
trap finish EXIT

[ -c /dev/fuse ] || { echo 'demo: there is no /dev/fuse here, which a mount needs (a container may hide it)' >&2; exit 1; }
if [ "$(id -u)" != 0 ] && ! { [ -r /dev/fuse ] && [ -w /dev/fuse ]; }; then
  echo 'demo: /dev/fuse may not be opened by ordinary users here (udev makes it mode 0666): run this as root' >&2
  exit 1
fi
if [ "$(id -u)" != 0 ] && ! command -v fusermount3 >/dev/null && ! command -v fusermount >/dev/null; then
  echo 'demo: an ordinary user needs fusermount to mount: install Debian'"'"'s fuse3 and libfuse2, or run this as root' >&2
  exit 1
fi

mkdir -m 700 "$work"/{conf,spool,tmp,mnt,out}
cat > "$work/imapd.conf" <<CONF
configdirectory: $work/conf
backuppartition-default: $work/spool
temp_path: $work/tmp
admins: repluser
allowplaintext: yes
CONF

say "1. A password for the master, and the server"
printf 'replpw\n' | "$bin/cyrus-backups" passwd -C "$work/imapd.conf" repluser
"$bin/backupd" -C "$work/imapd.conf" --listen 127.0.0.1:0 2> "$work/backupd.log" &
backupd_pid=$!
port=''
for _ in $(seq 100); do
  port=$(sed -n 's/.*listening.*127\.0\.0\.1:\([0-9]*\)$/\1/p' "$work/backupd.log")
  [ -n "$port" ] && break
  sleep 0.1
done
[ -n "$port" ]
echo "backupd listens on 127.0.0.1:$port"

say "2. What a real sync_client (Debian's Cyrus 3.6.1) said in three rounds, said again"
node build/replay.mjs "$port" test/fixtures/session/*.frames.gz

say "3. What is in the store"
show "$bin/ctl_backups" -C "$work/imapd.conf" list
show "$bin/ctl_backups" -C "$work/imapd.conf" verify -A

say "4. The mount"
show "$bin/cyrus-backups" mount -C "$work/imapd.conf" "$work/mnt"
mounted=1
cd "$work/mnt"
show ls anne anne/Archive
show ls -l anne/INBOX | head -n 6
printf '$ grep -ril invoice . | head -n 5\n'
grep -ril invoice . | sort | head -n 5 || true
first=$(find anne/INBOX -name '*.eml' | sort -V | head -n 1)
show cp "$first" "$work/out/"
show head -n 4 "$work/out/${first##*/}"
printf '$ tar cf - . | wc -c\n'
tar cf - . | wc -c
cd - >/dev/null

say "That was it: $(find "$work/mnt" -name '*.eml' | wc -l) messages of $(ls "$work/mnt" | wc -l) users."
cat <<'MORE'
Look further:  make demo KEEP=1          leaves all of it there to play with
               docs/guide/install.md     the way to a first backup of your own master
MORE
