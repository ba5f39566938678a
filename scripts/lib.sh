# shellcheck shell=bash
# What the set-up scripts share. Sourced from the repository's top.

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "error: $*"
  exit 1
}

# Print the Python to make environments with: $PYTHON, or the first one on PATH that is new enough.
find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.11 python3.12 python3.13 python3.14}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

# Print the PostgreSQL server to test with: $POSTGRES, or the one on PATH, or Debian's newest.
find_postgres() {
  local debians=("${DEBIAN_POSTGRES:-/usr/lib/postgresql}"/*/bin/postgres)
  if command -v "${POSTGRES:-postgres}"; then
    return
  fi
  if [[ ${POSTGRES:-} || ! -x ${debians[0]} ]]; then
    return 1
  fi
  printf '%s\n' "${debians[@]}" | sort --version-sort --reverse | sed -n 1p
}

# Print a uv that runs: the one on PATH, or the one that was fetched before.
find_uv() {
  local candidate
  for candidate in uv .build/uv/bin/uv; do
    if "$candidate" --version >/dev/null 2>&1; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

# Fetch uv into .build/uv by the Python named, from the locked and hashed requirement.
fetch_uv() {
  local python=$1
  rm -rf .build/uv
  mkdir -p .build
  if "$python" -m venv .build/uv >/dev/null 2>&1 &&
    .build/uv/bin/python -m pip install -q --disable-pip-version-check --require-hashes \
      -r requirements/uv.txt >.build/uv.log 2>&1; then
    say "uv fetched into .build/uv"
  else
    rm -rf .build/uv
    return 1
  fi
}
