#!/bin/sh
# Make sure that there is a Python that can make a virtual environment.
#
# Debian splits ensurepip off into python3-venv, and a minimal system has no Python at
# all. As root on a machine with apt this installs what is missing; anybody else is
# told the one line to type. It never changes a machine that has what is needed.
set -eu

python=${PYTHON:-python3}

usable() {
    "$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
        2>/dev/null
}

if usable; then
    exit 0
fi

if ! command -v apt-get >/dev/null; then
    echo "edged needs Python 3.11 or newer with the modules venv and ensurepip" >&2
    exit 1
fi

if [ "$(id -u)" != 0 ]; then
    echo "edged needs Python 3.11 or newer with venv. Type:" >&2
    echo "  sudo apt-get install python3-venv" >&2
    exit 1
fi

echo "installing python3-venv"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { apt-get update -qq &&
    apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends python3-venv; } \
    </dev/null >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi

if ! usable; then
    echo "edged needs Python 3.11 or newer; this is" \
        "$("$python" --version 2>&1 || true)" >&2
    exit 1
fi
