#!/usr/bin/env bash
# Makes the virtual environment and installs alphadial with the extras that the demo and the tests use.
# System packages come from apt where that is allowed; else one line names them.
# TORCH=REQUIREMENT chooses another torch than the CPU wheel, such as a file, a version, or "cuda" for PyPI's with CUDA.
set -euo pipefail
venv=${1:-.venv}

python=$(command -v python3.11 || command -v python3 || true)
"${python:-false}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "alphadial needs Python 3.11 or later (found: ${python:-none}). Install it, then run make again." >&2
    exit 2
}

missing=()
command -v bwrap >/dev/null || missing+=(bubblewrap)
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=("python3-venv")
if [ ${#missing[@]} -gt 0 ]; then
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        as_root=()
    elif command -v apt-get >/dev/null && sudo -n true 2>/dev/null; then
        as_root=(sudo)
    else
        echo "alphadial needs these system packages: ${missing[*]} (apt-get install ${missing[*]}), then run make again." >&2
        exit 2
    fi
    echo "installing ${missing[*]} with apt"
    # An old package list is the usual reason for a failed install on a new machine.
    { "${as_root[@]}" apt-get update -qq && "${as_root[@]}" apt-get install -y -qq "${missing[@]}"; } >/dev/null || {
        echo "apt could not install ${missing[*]}: install them yourself, then run make again." >&2
        exit 2
    }
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
pip=("$venv/bin/python" -m pip --disable-pip-version-check install -qq --constraint constraints.txt)
if [ -n "${TORCH:-}" ] && [ "$TORCH" != cuda ]; then
    grep -v '^torch==' constraints.txt >"$venv/constraints.txt"
    pip=("${pip[@]/#constraints.txt/$venv/constraints.txt}")
fi

if ! "$venv/bin/python" -c 'import torch' 2>/dev/null; then
    version=$(sed -n 's/^torch==//p' constraints.txt)
    cpu_index=https://download.pytorch.org/whl/cpu
    if [ "${TORCH:-}" = cuda ]; then
        echo "installing torch $version from PyPI: this fetches about 3 GB with its CUDA libraries"
        "${pip[@]}" "torch==$version"
    elif [ -n "${TORCH:-}" ]; then
        echo "installing $TORCH"
        "${pip[@]}" "$TORCH"
    # A configured wheel or index comes first; an unpinned torch from PyPI would drag in gigabytes of CUDA.
    elif "${pip[@]}" --dry-run --only-binary :all: --no-deps "torch==$version+cpu" >/dev/null 2>&1; then
        echo "installing torch $version (CPU wheel of this machine's pip configuration, about 200 MB)"
        "${pip[@]}" "torch==$version+cpu"
    elif "${pip[@]}" --dry-run --no-deps --index-url "$cpu_index" "torch==$version" >/dev/null 2>&1; then
        echo "installing torch $version from PyTorch's CPU index (about 200 MB)"
        "${pip[@]}" --no-deps --index-url "$cpu_index" "torch==$version"
    else
        echo "no CPU wheel of torch $version for this Python is within reach (tried: pip's configuration, $cpu_index)." \
            "Run: make install TORCH=cuda (about 3 GB from PyPI), or TORCH=FILE.whl, or another such as TORCH=torch==2.12.0" >&2
        exit 2
    fi
fi
echo "installing alphadial and its dependencies"
"${pip[@]}" --editable '.[local,parquet,report,repositories,serve]' $("$venv/bin/python" - <<'P'
import tomllib
print(*(r.replace(" ", "") for r in tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["dev"]))
P
)
