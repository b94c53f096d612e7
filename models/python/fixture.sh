#!/usr/bin/env bash
# Make the test fixtures anew: graphs, weights and recordings of the small model. Needs the packages of requirements.txt.
# The seed was chosen so that masks cover about half of the image and one tracked slice loses the object.
set -euo pipefail
python=${MEDSAM2_PYTHON:-python3}
here=$(cd "$(dirname "$0")" && pwd)
fixtures=$here/../../tests/fixtures
mkdir -p "$fixtures/reference"
"$python" "$here/export_graphs.py" fixture --out "$fixtures/graphs"
"$python" "$here/random_checkpoint.py" fixture "$fixtures/reference/weights.safetensors" \
  --dtype float16 --seed 7 --presence-shift -2.6
"$python" "$here/record_reference.py" fixture "$fixtures/reference/weights.safetensors" \
  "$fixtures/reference/reference.safetensors" --graphs
