#!/usr/bin/env bash
# What needs an engine that `make test` does without: built or fetched here, started privately, ended with this script.
#
#   scripts/engines.sh           every engine that this machine can have
#   scripts/engines.sh helm      one of them
#
# An engine that cannot be had here is said in one line, and does not count as passed.
set -euo pipefail
cd "$(dirname "$0")/.."

HELM=v3.16.4
# A helm that was built from source believes in an older one than the chart asks for.
KUBERNETES=1.31.0
tools=$PWD/target/engines/bin
mkdir -p "$tools"
passed=()
missing=()

say() { echo "engines: $1"; }

# The chart: it is linted, and what it renders is checked, with its defaults and with every part on.
helm_chart() {
    local helm
    if ! helm=$(command -v helm); then
        helm=$tools/helm
        if [ ! -x "$helm" ]; then
            command -v go >/dev/null 2>&1 || { missing+=("helm: Go is not installed, which builds it"); return; }
            say "building helm $HELM"
            GOBIN=$tools timeout 900 go install "helm.sh/helm/v3/cmd/helm@$HELM" >"$tools/helm.log" 2>&1 ||
                { missing+=("helm: it cannot be built (see target/engines/bin/helm.log)"); return; }
        fi
    fi
    python3 -c 'import yaml' 2>/dev/null || { missing+=("helm: python3-yaml is not installed (apt-get install python3-yaml)"); return; }
    local everything=(--set "edge.autoscaling.enabled=true,serviceMonitor.enabled=true,booking.enabled=true,relay.enabled=true")
    "$helm" lint --strict helm
    "$helm" template fairgate helm --kube-version "$KUBERNETES" | scripts/check-manifests.py
    "$helm" template fairgate helm --kube-version "$KUBERNETES" "${everything[@]}" | scripts/check-manifests.py
    if "$helm" template fairgate helm --kube-version "$KUBERNETES" | sed 's/targetPort: gate/targetPort: nowhere/' |
        scripts/check-manifests.py >/dev/null 2>&1; then
        say "helm: a Service that leads to no port was taken"
        exit 1
    fi
    # What a value must not be is refused by the schema.
    if "$helm" template fairgate helm --kube-version "$KUBERNETES" --set edge.replicas=none >/dev/null 2>&1; then
        say "helm: a number of replicas that is none was taken"
        exit 1
    fi
    passed+=(helm)
}

# Kafka as a sink: the suite that every sink passes, and deaths of relay and broker, against a real broker.
kafka_broker() {
    scripts/setup.sh engines || { missing+=("kafka: Maven or a JRE is missing"); return; }
    local classpath=$PWD/target/engines/kafka.classpath
    if [ ! -s "$classpath" ]; then
        say "fetching Kafka's JARs from Maven Central"
        timeout 900 mvn -q -B -f scripts/engines/kafka.pom.xml dependency:build-classpath \
            -Dmdep.outputFile="$classpath" >"$tools/kafka.log" 2>&1 ||
            { missing+=("kafka: Maven Central cannot be reached (see target/engines/bin/kafka.log)"); return; }
    fi
    FAIRGATE_KAFKA_CLASSPATH=$(cat "$classpath") "${CARGO:-cargo}" test --locked --workspace --features fairgate/kafka \
        --test booking kafka:: -- --test-threads=1
    passed+=(kafka)
}

[ $# -gt 0 ] || set -- helm kafka
for engine in "$@"; do
    case $engine in
    helm) helm_chart ;;
    kafka) kafka_broker ;;
    *) say "there is no engine $engine; there are: helm, kafka" && exit 1 ;;
    esac
done
for why in "${missing[@]}"; do say "not checked: $why"; done
say "passed: ${passed[*]:-none}"
