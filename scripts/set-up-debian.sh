#!/usr/bin/env bash
# Installs the Debian packages that tests and the demonstration talk to: a PACS, DICOM tools, a Redis server, a browser.
# Only what is missing, and of those only the packages named as arguments, where there are any; no service is started,
# for tests start private ones. Prints what it did.
# Exit code 3: it cannot be done here (the reason is on standard error); those tests are then skipped.
set -uo pipefail

# A file or program that tells whether a package is there, and the package.
wanted=(
  '/usr/sbin/Orthanc orthanc'
  '/usr/lib/orthanc/libOrthancDicomWeb.so* orthanc-dicomweb'
  'dciodvfy dicom3tools'
  'dcmdump dcmtk'
  'redis-server redis-server'
  'openssl openssl'
  'chromium chromium'
)

missing=()
for entry in "${wanted[@]}"; do
  read -r sign package <<<"$entry"
  [ $# = 0 ] || [[ " $* " == *" $package "* ]] || continue
  # shellcheck disable=SC2086 # the pattern is to be expanded
  case $sign in
    /*) compgen -G $sign >/dev/null || missing+=("$package") ;;
    *) command -v "$sign" >/dev/null || missing+=("$package") ;;
  esac
done
if [ ${#missing[@]} = 0 ]; then
  echo "up to date"
  exit
fi

unavailable() { echo "Debian packages are missing (${missing[*]}): $*" >&2; exit 3; }
command -v apt-get >/dev/null || unavailable "there is no apt-get here."
[ "$(id -u)" = 0 ] || unavailable "run as root: apt-get install --no-install-recommends ${missing[*]}"

# Their packages start services on the usual ports when they are installed; a policy of 101 forbids it (invoke-rc.d).
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap 'rm -f $policy' EXIT
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod +x $policy
fi
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null 2>"$log"; }
log=$(mktemp)
# package lists may be there and recent enough; asking for them takes longer than installing
install || { apt-get update -qq >/dev/null 2>&1; install; } || unavailable "apt-get could not install them: $(tail -n 2 "$log" | tr '\n' ' ')"
rm -f "$log"
echo "installed ${missing[*]}"
