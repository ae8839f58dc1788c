#!/usr/bin/env bash
# Installs what fairgate needs to build, run its demo and pass its tests, and nothing when nothing is missing.
#
#   scripts/setup.sh          what `make demo` and `make test` need
#   scripts/setup.sh bench    also what `make bench` compares with
#   scripts/setup.sh engines  also what `make engines` fetches and runs Kafka with
#
# Debian packages, as root or through sudo. With neither, it prints the commands to run and stops.
set -euo pipefail

missing=()

# need COMMAND PACKAGE WHY: notes the package when the command is nowhere to be found.
need() {
    command -v "$1" >/dev/null 2>&1 || want "$2" "$3"
}

want() {
    missing+=("$1")
    printf 'setup: %-18s is missing: %s\n' "$1" "$2"
}

postgres_server() {
    compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null 2>&1
}

if ! command -v cargo >/dev/null 2>&1; then
    echo "setup: Rust is missing; install it from https://rustup.rs and run this again" >&2
    exit 1
fi

need cc build-essential "compiles the C parts of the TLS libraries"
need cmake cmake "builds Pingora's compression library"
need setpriv util-linux "lets a private Postgres run as another user than root"
need python3 python3 "runs the independent verifier of the draw"
need node nodejs "runs the unit tests of the waiting page"
need npm npm "fetches the clients of others that enter in the tests, once"
postgres_server || want postgresql "the booking core's database; the demo and the tests start private servers"
[ -x /usr/sbin/pgbouncer ] || need pgbouncer pgbouncer "the pooler through which the tests let a booking core sell"
need redis-server redis-server "the fleet's store; the tests start private servers"
[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || need rabbitmq-server rabbitmq-server "the broker to which the tests publish; they start private ones"
need chromium chromium "the browser that the tests buy a seat with"
need chromedriver chromium-driver "drives that browser"
need nginx nginx-light "stands in front of edges and behind them in the tests"
if [ "${1:-}" = engines ]; then
    need mvn maven "fetches the JARs of Kafka for make engines"
    need java default-jre-headless "runs them"
fi
if [ "${1:-}" = bench ]; then
    need wrk wrk "the load generator of the benchmarks"
    need h2load nghttp2-client "the same, over HTTP/2"
fi

[ ${#missing[@]} -gt 0 ] || exit 0

install=(apt-get install -y --no-install-recommends "${missing[@]}")
if ! command -v apt-get >/dev/null 2>&1; then
    echo "setup: this machine has no apt-get; install the equivalents of: ${missing[*]}" >&2
    exit 1
elif [ "$(id -u)" -eq 0 ]; then
    as_root=(env DEBIAN_FRONTEND=noninteractive)
elif command -v sudo >/dev/null 2>&1; then
    as_root=(sudo env DEBIAN_FRONTEND=noninteractive)
else
    printf 'setup: not root and no sudo here. Run as root, then try again:\n\n  apt-get update\n  %s\n\n' "${install[*]}" >&2
    exit 1
fi

log=$(mktemp)
echo "setup: installing ${missing[*]}"
if ! { "${as_root[@]}" apt-get update && "${as_root[@]}" "${install[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    printf 'setup: the installation failed (whole log: %s). Run as root, then try again:\n\n  apt-get update\n  %s\n\n' "$log" "${install[*]}" >&2
    exit 1
fi
rm -f "$log"
# Debian starts a broker and its name service with the package. Nobody here needs one of the whole machine.
if [[ " ${missing[*]} " == *" rabbitmq-server "* ]] && command -v systemctl >/dev/null 2>&1; then
    "${as_root[@]}" systemctl disable --now rabbitmq-server epmd.socket epmd.service >/dev/null 2>&1 || true
fi
echo "setup: done"
