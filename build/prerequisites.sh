#!/bin/sh
# Says which prerequisites of the build are missing, all at once and with the cure, and fails if any is.
set -u
missing=

need() { command -v "$1" >/dev/null 2>&1 || missing="$missing
  $1: $2"; }

need node 'Node.js 20.19 or later (Debian 13: apt install nodejs npm; else nodejs.org)'
need npm 'comes with Node.js (Debian: apt install npm)'
need python3 'for node-gyp, which compiles better-sqlite3 (Debian: apt install python3)'
need make 'for node-gyp (Debian: apt install make)'
command -v "${CXX:-c++}" >/dev/null 2>&1 || need g++ 'a C++ compiler, for better-sqlite3 (Debian: apt install g++)'

if command -v node >/dev/null 2>&1 \
  && ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; then
  missing="$missing
  node: 20.19 or later is needed, and $(command -v node) is $(node --version)"
fi

[ -z "$missing" ] && exit 0
echo "The build needs what is missing here:$missing" >&2
exit 1
