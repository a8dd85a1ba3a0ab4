#!/bin/bash
# Makes .venv and installs what Planimeter needs; once done, another call takes under a second.
#   packaging/setup.sh        to run it
#   packaging/setup.sh dev    to check, test and measure it as well
# PYTHON names the interpreter to build .venv with (default: python3.11, else python3).
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:-run}

say() { printf 'planimeter set-up: %s\n' "$*" >&2; }

# --- Debian packages -----------------------------------------------------------------------------------------------

# Names from the given lists that are not installed. Where there is no dpkg there is nothing to ask.
missing_packages() {
    command -v dpkg-query >/dev/null || return 0
    local name
    cat "$@" | while read -r name; do
        dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || printf '%s ' "$name"
    done
}

apt_install() {
    say "installing $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update >/dev/null && apt-get -qq install --no-install-recommends -y "$@" >/dev/null
}

# Installed when root, otherwise named with the command that installs them.
need() {
    [ $# -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        say "these Debian packages are missing; please run: sudo apt-get install --no-install-recommends $*"
        exit 1
    fi
    apt_install "$@" || { say "apt-get could not install $*; see its message above."; exit 1; }
}

lists=(packaging/debian-packages.txt)
[ "$purpose" = run ] || lists+=(packaging/debian-packages-test.txt)
read -ra missing <<<"$(missing_packages "${lists[@]}")"
need "${missing[@]}"

# Other programs that some tests compare with. Those tests say why they are skipped where a program is absent.
if [ "$purpose" != run ] && [ ! -e .venv/.peers-asked ]; then
    read -ra missing <<<"$(missing_packages packaging/debian-packages-peers.txt)"
    if [ ${#missing[@]} -gt 0 ]; then
        if [ "$(id -u)" -ne 0 ] || ! apt_install "${missing[@]}"; then
            say "some comparisons will be skipped without: sudo apt-get install --no-install-recommends ${missing[*]}"
        fi
    fi
fi

# --- Python --------------------------------------------------------------------------------------------------------

if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    python=${PYTHON:-$(command -v python3.11 || command -v python3 || true)}
    if [ -z "$python" ]; then
        say "Python 3.11 or later is missing; please run: sudo apt-get install python3 python3-venv"
        exit 1
    fi
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        say "$python is older than Python 3.11; name a newer one with PYTHON=/path/to/python3.11 make ..."
        exit 1
    fi
    # Debian keeps the part of `venv` that brings pip in a package of its own.
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        need "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
    fi
    say "making .venv with $("$python" --version)"
    "$python" -m venv .venv
fi

extra='.'
[ "$purpose" = run ] || extra='.[dev]'
# The folder is part of the key because .venv refers to it by its full path.
key=$({ pwd; cat pyproject.toml packaging/constraints.txt; } | sha256sum | cut -d' ' -f1)
stamps=(.venv/.installed-dev)
[ "$purpose" = run ] && stamps+=(.venv/.installed-run)
if ! grep -qsx "$key" "${stamps[@]}"; then
    say "installing the Python packages (a few minutes, once)"
    # The constraints hold for the build of this project too, which is why setuptools comes first, unisolated.
    install=(.venv/bin/python -m pip install --quiet --disable-pip-version-check -c packaging/constraints.txt)
    if ! { "${install[@]}" setuptools && "${install[@]}" --no-build-isolation -e "$extra"; }; then
        say "pip could not install the packages; see its message above, then run the command again."
        exit 1
    fi
    printf '%s\n' "$key" >".venv/.installed-$purpose"
fi

# Other readers and writers of RTSTRUCT to compare with, in an environment of their own: they bring another Qt along.
if [ "$purpose" != run ] && ! cmp -s packaging/peers.txt .venv-peers/.asked; then
    say "installing programs to compare with (once)"
    if ! { [ -x .venv-peers/bin/python ] || .venv/bin/python -m venv .venv-peers; } ||
        ! .venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -r packaging/peers.txt; then
        say "some comparisons will be skipped: packaging/peers.txt could not be installed"
    fi
    mkdir -p .venv-peers && cp packaging/peers.txt .venv-peers/.asked
fi
[ "$purpose" = run ] || touch .venv/.peers-asked
