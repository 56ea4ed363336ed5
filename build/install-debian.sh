#!/bin/sh
# install-debian.sh [--check]: installs the packages of build/debian-packages.txt that are missing, as root on Debian.
# With --check, and for everybody else, it only names them; the exit code is then 1.
# Cyrus' packages would start a system-wide server: policy-rc.d forbids that while they are set up
# (invoke-rc.d(8)), and an existing policy-rc.d is left as it is.
# A package that conflicts with one of the others (two IMAP servers) is not installed, but unpacked into a folder.
# No package that is there is ever removed: what apt-get would do is simulated first, and refused where it removes any.
set -eu
list=$(dirname "$0")/debian-packages.txt

if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "This is no Debian: see that what $list names is installed." >&2
  exit 0
fi

unpacked=/usr/local/lib/cyrus-backups-tests

installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

missing=
while IFS= read -r line; do
  case $line in
    '' | '#'*) continue ;;
    'unpacked '*)
      [ -d "$unpacked/${line#unpacked }" ] || missing="$missing$line
"
      continue
      ;;
  esac
  found=no
  for name in $(echo "$line" | tr -d '|'); do
    if installed "$name"; then found=yes; fi
  done
  [ $found = yes ] || missing="$missing$line
"
done < "$list"
[ -n "$missing" ] || exit 0

if [ "${1:-}" = --check ] || [ "$(id -u)" != 0 ]; then
  echo "Missing Debian packages (build/install-debian.sh, as root, installs them):" >&2
  printf '%s' "$missing" | sed 's/^/  /' >&2
  exit 1
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
wanted=
IFS='
'
for line in $missing; do
  case $line in 'unpacked '*)
    name=${line#unpacked }
    folder=$(mktemp -d)
    (cd "$folder" && apt-get download -qq "$name")
    mkdir -p "$unpacked/$name"
    dpkg-deb -x "$folder"/*.deb "$unpacked/$name"
    rm -rf "$folder"
    continue
    ;;
  esac
  choice=
  for name in $(echo "$line" | tr -d ' ' | tr '|' '\n'); do
    if [ -z "$choice" ] && apt-cache show "$name" >/dev/null 2>&1; then choice=$name; fi
  done
  wanted="$wanted
${choice:-$line}"
done

[ -n "$wanted" ] || exit 0
# shellcheck disable=SC2086 # one word a package
plan=$(apt-get -s install -y --no-install-recommends $wanted)
removed=$(printf '%s\n' "$plan" | awk '$1 == "Remv" || $1 == "Purg" { print $2 }' | sort -u)
if [ -n "$removed" ]; then
  echo "Nothing was installed: apt-get would remove packages that are there:" >&2
  printf '%s\n' "$removed" | sed 's/^/  /' >&2
  echo "In $list, mark the one that conflicts with them as 'unpacked'; or install by hand:" >&2
  printf '%s\n' "$wanted" | sed '/^$/d; s/^/  /' >&2
  exit 1
fi
policy=${POLICY_RC_D:-/usr/sbin/policy-rc.d}
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
fi
# shellcheck disable=SC2086 # one word a package
apt-get install -y -qq --no-remove --no-install-recommends $wanted
