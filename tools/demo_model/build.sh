#!/bin/sh
# Rebuild the demo release: `make demo-model`, or
#   tools/demo_model/build.sh [ENVIRONMENT [DEMO_FOLDER]]
# ENVIRONMENT is a venv, made if it is missing (500 MB; default .demo/model-venv).
# PYTHON names the interpreter to make it with.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
environment=${1:-.demo/model-venv}
demo=${2:-demo}
wanted=tools/demo_model/requirements.txt

if ! cmp -s "$wanted" "$environment/installed.txt"; then
    sh tools/need-python.sh
    # edged's own pins, which make exports, are not this tool's.
    unset PIP_CONSTRAINT
    "${PYTHON:-python3}" -m venv "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
    cp "$wanted" "$environment/installed.txt"
fi

# One order of summation on every x86-64 with AVX2, so that weights come out the same:
# OpenBLAS otherwise picks kernels by CPU and splits sums by core.
export OPENBLAS_CORETYPE=Haswell OPENBLAS_NUM_THREADS=1
exec "$environment/bin/python" -m tools.demo_model.build "$demo"
