#!/bin/sh
# make.sh SUITE DIR PACKAGE...: makes an empty Debian of a release in DIR, from the mirror of this machine, and installs packages.
# A PACKAGE that begins with + is only downloaded, with what it needs: it can then be installed without a network.
set -eu
suite=$1
root=$2
shift 2

# The first archive of this machine's own release: it has the others, too.
. /etc/os-release
mirror=$(apt-get indextargets --format '$(RELEASE) $(SITE)' 'Identifier: Packages' | awk -v own="$VERSION_CODENAME" '$1 == own { print $2; exit }')
[ -n "$mirror" ] || { echo "make.sh: the apt sources of this machine name no archive of $VERSION_CODENAME" >&2; exit 1; }

debootstrap --variant=minbase "$suite" "$root" "$mirror" > "$root.log" 2>&1 || { tail -n 20 "$root.log" >&2; exit 1; }
rm -f "$root.log"

# Nothing of this survives a crash, so nothing has to be written through.
echo force-unsafe-io > "$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
# A clock that is ahead of the archive's is no reason to refuse it.
printf 'Acquire::Check-Valid-Until "false";\nAcquire::Check-Date "false";\nAcquire::Languages "none";\n' > "$root/etc/apt/apt.conf.d/99root"
echo '127.0.0.1 localhost' > "$root/etc/hosts"

inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }

# No service is started before the root is booted (invoke-rc.d(8)).
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
installed=
downloaded=
for package in "$@"; do
  case $package in
    +*) downloaded="$downloaded ${package#+}" ;;
    *) installed="$installed $package" ;;
  esac
done
{
  inside apt-get update
  # shellcheck disable=SC2086 # one word a package
  [ -z "$installed" ] || inside apt-get install -y --no-install-recommends $installed
  # shellcheck disable=SC2086
  [ -z "$downloaded" ] || inside apt-get install -y --download-only --no-install-recommends $downloaded
} > "$root/tmp/apt.log" 2>&1 || { tail -n 20 "$root/tmp/apt.log" >&2; exit 1; }
rm "$root/usr/sbin/policy-rc.d"
