#!/usr/bin/env python3
"""Checks Kubernetes manifests on standard input: whatever names something names what is there.

A cluster takes a Service that selects no pod, and a pod that mounts a ConfigMap which nobody makes, without a word.
Secrets are made by hand and are not looked for.
"""

import sys

import yaml

# Kinds that run pods, and how one gets to their pod's template.
WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet", "Job"}


def main() -> int:
    documents = [document for document in yaml.safe_load_all(sys.stdin) if document]
    wrong = list(mistakes(documents))
    for line in wrong:
        print(f"check-manifests: {line}", file=sys.stderr)
    kinds = sorted({document.get("kind", "?") for document in documents})
    print(f"manifests: {len(documents)} ({', '.join(kinds)}), {len(wrong)} mistakes")
    return 1 if wrong or not documents else 0


def mistakes(documents):
    names = set()
    for document in documents:
        name = (document.get("kind"), document.get("metadata", {}).get("name"))
        if not all([*name, document.get("apiVersion")]):
            yield f"a document without kind, apiVersion or name: {name}"
        if name in names:
            yield f"{name[0]}/{name[1]} is there twice"
        names.add(name)
    workloads = [document for document in documents if document.get("kind") in WORKLOADS]
    pods = [workload["spec"]["template"] for workload in workloads]
    for workload in workloads:
        yield from of_workload(workload, names)
    for document in documents:
        yield from of_selector(document, pods)
        target = document.get("spec", {}).get("scaleTargetRef")
        if target and (target["kind"], target["name"]) not in names:
            yield f"{title(document)} scales {target['kind']}/{target['name']}, which is not there"


def of_workload(workload, names):
    spec, pod = workload["spec"], workload["spec"]["template"]
    wanted = spec.get("selector", {}).get("matchLabels", {})
    if not matches(wanted, pod):
        yield f"{title(workload)} does not select its own pods"
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
    claims = {claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])}
    for volume in volumes.values():
        config = volume.get("configMap", {}).get("name")
        if config and ("ConfigMap", config) not in names:
            yield f"{title(workload)} mounts the ConfigMap {config}, which is not there"
    for container in pod["spec"]["containers"] + pod["spec"].get("initContainers", []):
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes.keys() | claims:
                yield f"{title(workload)} mounts the volume {mount['name']}, which is not there"
        ports = {port.get("name") for port in container.get("ports", [])}
        for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
            port = container.get(probe, {}).get("httpGet", {}).get("port")
            if isinstance(port, str) and port not in ports:
                yield f"{title(workload)} is probed at the port {port}, which is not there"


def of_selector(document, pods):
    kind, spec = document.get("kind"), document.get("spec", {})
    if kind == "Service":
        chosen = [pod for pod in pods if matches(spec.get("selector", {}), pod)]
        ports = {port.get("name") for pod in chosen for box in pod["spec"]["containers"] for port in box.get("ports", [])}
        for port in spec.get("ports", []):
            target = port.get("targetPort", port["port"])
            if isinstance(target, str) and target not in ports:
                yield f"{title(document)} leads to the port {target}, which no pod of it has"
    elif kind == "PodDisruptionBudget":
        chosen = [pod for pod in pods if matches(spec["selector"]["matchLabels"], pod)]
    elif kind == "NetworkPolicy":
        chosen = [pod for pod in pods if matches(spec["podSelector"].get("matchLabels", {}), pod)]
    else:
        return
    if not chosen:
        yield f"{title(document)} selects no pod"


def matches(labels, pod) -> bool:
    has = pod["metadata"].get("labels", {})
    return all(has.get(name) == value for name, value in labels.items())


def title(document) -> str:
    return f"{document['kind']}/{document['metadata']['name']}"


if __name__ == "__main__":
    sys.exit(main())
