#!/bin/bash
# Trains a card or a recipe on a machine with a GPU that reaches no network.
#   packaging/train_on_gpu.sh --pack DATA ARCHIVE              here: the data set as one file of MOST_MIB (64) at most
#   packaging/train_on_gpu.sh CARD DATA OUT [MINUTES, else 8]  there: DATA is a folder or such an archive
# OUT gets the card with its weights, its curves, and report.txt: the card run on cases of DATA, on the GPU and on the
# processor, with seconds. In bfloat16 where the GPU has it. Without a GPU the processor does it all.
# PYTHON names the interpreter (default: .venv's, else python3); WHEELS a folder of packages that it lacks.
set -euo pipefail
cd "$(dirname "$0")/.."

most=$((${MOST_MIB:-64} * 1024 * 1024))
if [ "${1:-}" = --pack ]; then
    [ $# -eq 3 ] || { echo "train_on_gpu: --pack DATA ARCHIVE" >&2; exit 2; }
    tar -C "$2" -chf "$3" .
    size=$(stat -c %s "$3")
    if [ "$size" -gt "$most" ]; then
        echo "train_on_gpu: $3 has $((size >> 20)) MiB, more than ${MOST_MIB:-64}; leave cases out, or set MOST_MIB." >&2
        exit 1
    fi
    echo "$3: $((size >> 20)) MiB"
    exit
fi
[ $# -ge 3 ] || { sed -n '2,7s/^# //p' "$0" >&2; exit 2; }
card=$1 data=$2 out=$3 minutes=${4:-8}

python=${PYTHON:-.venv/bin/python}
[ -x "$python" ] || python=$(command -v python3)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
if [ -n "${WHEELS:-}" ]; then
    "$python" -m pip install -q --no-index --no-deps --target "$work/site" "$WHEELS"/*.whl
    PYTHONPATH="$PYTHONPATH:$work/site"
fi
if [ -f "$data" ]; then
    mkdir "$work/data"
    tar -C "$work/data" -xf "$data"
    data=$work/data
fi
mkdir -p "$out"
devices=cpu
if "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
    devices="cuda cpu"
    # Crops are drawn by several threads, each on a core of its own.
    threads=1
fi
OMP_NUM_THREADS=${threads:-${OMP_NUM_THREADS:-$(nproc)}} \
    "$python" -m engine train "$card" --data "$data" -o "$work/card" --minutes "$minutes" | tee "$out/report.txt"
find "$work/card" -maxdepth 2 -type f ! -name 'checkpoint*' ! -name 'average*' -exec cp {} "$out/" \;
for device in $devices; do
    began=$(date +%s)
    "$python" -m engine evaluate "$work/card" --data "$data" --cases 3 --device $device | tee -a "$out/report.txt" ||
        # 3: some case could not be judged, as the report says.
        [ $? -eq 3 ]
    echo "3 cases on $device: $(($(date +%s) - began)) s, the start included" | tee -a "$out/report.txt"
done
