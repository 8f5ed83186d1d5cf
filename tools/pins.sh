#!/bin/sh
# Write constraints.txt from the newest versions that pyproject.toml allows.
set -eu

python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset PIP_CONSTRAINT

"$python" -m venv "$work/venv"
pip="$work/venv/bin/python -m pip --quiet"
$pip install --upgrade 'pip>=25.1'
$pip install '.[images]' --group dev --group fuzz hatchling editables

{
    echo "# What edged is built, run and checked with. Written by: make pins"
    $pip freeze --exclude edged --exclude pip --exclude setuptools --exclude wheel
} >"$work/constraints.txt"
cp "$work/constraints.txt" constraints.txt
