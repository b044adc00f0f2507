#!/bin/sh
# Install what the Makefile's targets need. Shell because nothing else may be there yet.
# Run by `make setup`; needs root for the packages unless all are there already.
set -eu
packages=$(sed 's/#.*//' tests/lab/packages.txt)
missing=$(for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' || echo "$package"
done)
if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "error: these Debian packages are missing: $(echo "$missing" | tr '\n' ' ')" >&2
        echo "hint: run 'make setup' as root, or install them yourself" >&2
        exit 1
    fi
    apt-get update -q
    # shellcheck disable=SC2086 # a list of words is meant
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
fi
"${PYTHON:-python3}" -m venv .venv
.venv/bin/python -m pip install -q --require-virtualenv -r .requirements.lock
.venv/bin/python -m pip install -q --require-virtualenv --no-deps -e .
# Who runs clonesys may not be allowed to write here, and would compile it at every start.
.venv/bin/python -m compileall -q netboot initramfs provisioner
