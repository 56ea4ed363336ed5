#!/bin/sh
# deb.sh [DIR]: builds DIR/cyrus-backups_VERSION_ARCH.deb from a built checkout, with Debian's own tools.
# DIR is dist/deb if not given. Nothing is downloaded.
# The package carries the Node that runs this. It installs on this release of Debian and on later ones.
#
# SOURCE_DATE_EPOCH   the date in the package (the last commit's)
# DEBFULLNAME DEBEMAIL   the maintainer (the last commit's author)
# COMPRESSION         options of dpkg-deb(1)
# VERSION             the package's version (package.json's)
set -eu
out=${1:-dist/deb}
SOURCE=$(cd "$(dirname "$0")/.." && pwd)
cd "$SOURCE"

fail() { echo "make deb: $*" >&2; exit 1; }

missing=
for tool in dh:debhelper dpkg-buildpackage:dpkg-dev strip:binutils; do
  command -v "${tool%%:*}" >/dev/null || missing="$missing ${tool#*:}"
done
[ -z "$missing" ] || fail "Debian's packaging tools are missing: apt-get install$missing"

last() { git log -1 --format="$1" 2>/dev/null || true; }
: "${SOURCE_DATE_EPOCH:=$(last %ct)}" "${DEBFULLNAME:=$(last %an)}" "${DEBEMAIL:=$(last %ae)}"
: "${COMPRESSION:=-Zxz}"
: "${VERSION:=$(node -p 'require("./package.json").version')}"
[ -n "$SOURCE_DATE_EPOCH" ] || fail 'no git history here: set SOURCE_DATE_EPOCH, the date of the package'
[ -n "$DEBEMAIL" ] || fail 'no git history here: set DEBFULLNAME and DEBEMAIL, the maintainer of the package'
NODE=$(node -p process.execPath)
export SOURCE SOURCE_DATE_EPOCH DEBFULLNAME DEBEMAIL VERSION NODE COMPRESSION

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/cyrus-backups"
cp -R build/debian "$work/cyrus-backups/debian"
node build/debian/files.mjs "$SOURCE" "$work/cyrus-backups/debian"
rm "$work/cyrus-backups/debian/files.mjs"
(cd "$work/cyrus-backups" && dpkg-buildpackage --build=binary --no-sign) > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
mkdir -p "$out"
cp "$work"/*.deb "$out/"
for name in "$work"/*.deb; do du -h "$out/${name##*/}"; done
