#!/usr/bin/env bash
# Fuzzes each target for a bounded time.
#
#   scripts/fuzz.sh 60           every target, a minute each
#   scripts/fuzz.sh 600 path     one target, ten minutes
#
# Inputs that open new ways are kept in fuzz/target/found; one that breaks a promise goes to fuzz/artifacts, and the run fails.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
targets=${2:-$(sed -n 's/^name = "\([a-z_]*\)"$/\1/p' fuzz/Cargo.toml)}

stop() {
    echo "fuzz: $1" >&2
    exit 1
}

command -v cargo >/dev/null 2>&1 || stop "Rust is missing; install it from https://rustup.rs and run this again"
command -v c++ >/dev/null 2>&1 || stop "a C++ compiler is missing (it builds libFuzzer): scripts/setup.sh installs build-essential"
if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "fuzz: installing cargo-fuzz"
    cargo install -q --locked cargo-fuzz || stop "cargo-fuzz is missing and cannot be installed: see cargo install cargo-fuzz"
fi
# libFuzzer's instrumentation is not a stable option of the compiler.
toolchain=""
if rustup toolchain list 2>/dev/null | grep -q '^nightly'; then
    toolchain=+nightly
else
    export RUSTC_BOOTSTRAP=1
fi

# The same versions of everything as in the program.
cp Cargo.lock fuzz/Cargo.lock
# Nothing here is unsafe code, so a sanitizer would only slow it down: what is looked for are panics.
cargo $toolchain fuzz build -s none
for target in $targets; do
    found=fuzz/target/found/$target
    mkdir -p "$found"
    echo "fuzz: $target for $seconds s"
    cargo $toolchain fuzz run -s none "$target" "$found" "fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1
done
echo "fuzz: nothing found"
