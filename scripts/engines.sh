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

for engine in "${@:-helm}"; do
    case $engine in
    helm) helm_chart ;;
    *) say "there is no engine $engine; there is: helm" && exit 1 ;;
    esac
done
for why in "${missing[@]}"; do say "not checked: $why"; done
say "passed: ${passed[*]:-none}"
