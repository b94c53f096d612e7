#!/usr/bin/env bash
# Prints the path of a Python interpreter that has the packages of the cross-checks; makes the environment first
# where it is not there yet (.cache/python). The product itself never needs Python.
#
# MEDSAM2_PYTHON names an interpreter to use instead, whose packages are then only checked.
# Exit code 3: Python or torch cannot be had here (the reason is on standard error). 1: anything else went wrong.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

say() { echo "$*" >&2; }
unavailable() { say "Python cannot be set up: $*"; exit 3; }
failed() { say "Python set-up failed: $*"; exit 1; }

sam2=sam2==1.1.0
requirements=(models/python/requirements.txt models/python/requirements-test.txt)
imports='import torch, sam2, onnx, numpy, scipy, PIL, pydicom, nibabel, SimpleITK'

if [ -n "${MEDSAM2_PYTHON:-}" ]; then
  error=$("$MEDSAM2_PYTHON" -c "$imports" 2>&1) ||
    failed "MEDSAM2_PYTHON=$MEDSAM2_PYTHON cannot be used: ${error##*$'\n'}. It needs ${requirements[*]} and $sam2."
  echo "$MEDSAM2_PYTHON"
  exit
fi

find_python() {
  local candidate
  for candidate in python3 python3.11 python3.12 python3.13 /usr/bin/python3; do
    # ensurepip is what Debian and Ubuntu leave out of python3 and put into python3-venv.
    "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v "$candidate" && return
  done
  return 1
}

if ! python=$(find_python); then
  packages='python3 python3-venv'
  command -v apt-get >/dev/null || unavailable "there is no Python 3.11 or newer with venv and ensurepip."
  [ "$(id -u)" = 0 ] || unavailable "packages are missing. Run: sudo apt-get install $packages"
  say "Installing $packages"
  # shellcheck disable=SC2086 # two words on purpose
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages; } >/dev/null ||
    unavailable "apt-get could not install $packages."
  python=$(find_python) || unavailable "the system's Python is older than 3.11; name a newer one with MEDSAM2_PYTHON."
fi

key=$({ "$python" -c 'import sys; print(sys.executable, sys.version)'; cat "${requirements[@]}"; cat scripts/set-up-python.sh; } | sha256sum | cut -c1-16)
environments=$PWD/.cache/python
environment=$environments/$key
mkdir -p "$environments"
exec 9>"$environments/lock"
flock 9 # two test runs in one checkout make one environment

if [ ! -e "$environment/complete" ]; then
  say "Making the Python environment $environment"
  rm -rf "$environment"
  "$python" -m venv "$environment" >&2 || unavailable "$python could not make a virtual environment."
  pip=("$environment/bin/python" -m pip install -qq --disable-pip-version-check --progress-bar off)

  torch=$(grep -m1 '^torch==' models/python/requirements.txt)
  # The plain build for x86-64 Linux brings several GB of CUDA libraries, which nothing here uses.
  if [ "$(uname -sm)" != "Linux x86_64" ] || ! "${pip[@]}" "$torch+cpu" 2>/dev/null; then
    if [ "$(uname -sm)" = "Linux x86_64" ]; then
      say "The package index offers no CPU-only $torch: the general build follows, with several GB of CUDA libraries."
      say "An index that has CPU builds (PIP_EXTRA_INDEX_URL) or an interpreter that has torch (MEDSAM2_PYTHON) avoids this."
    fi
    "${pip[@]}" "$torch" >&2 || unavailable "pip could not install $torch (see above)."
  fi
  "${pip[@]}" -r "${requirements[0]}" -r "${requirements[1]}" >&2 || failed "pip could not install ${requirements[*]}."
  # Its own dependencies ask for torchvision, of which nothing is used; its build asks for the torch that is there.
  SAM2_BUILD_CUDA=0 "${pip[@]}" --no-deps --no-build-isolation "$sam2" >&2 || failed "pip could not install $sam2."
  error=$("$environment/bin/python" -c "$imports" 2>&1) || failed "the new environment does not work: ${error##*$'\n'}"
  touch "$environment/complete"
  find "$environments" -mindepth 1 -maxdepth 1 -type d ! -name "$key" -exec rm -rf {} +
fi
echo "$environment/bin/python"
