{{- define "fairgate.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "fairgate.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* Call with (dict "root" $ "part" "edge"). */}}
{{- define "fairgate.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "fairgate.labels" -}}
{{ include "fairgate.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Pods need no rights, and write nowhere but to their volumes. */}}
{{- define "fairgate.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "fairgate.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* The configuration, and what it must have for the pods that the chart makes. */}}
{{- define "fairgate.config" -}}
{{- range $line := list `listen = ["0.0.0.0:8080"]` `keys = "/etc/fairgate/keys"` `path = "/var/lib/fairgate"` `listen = "0.0.0.0:9090"` }}
{{- if not (contains $line $.Values.config) }}
{{- fail (printf "config must have the line %s: the chart's pods listen and keep their files there" $line) }}
{{- end }}
{{- end }}
{{- if regexMatch `(?m)^\s*config_version\s*=` .Values.config }}
{{- fail "config must not have config_version: the chart writes the release's revision" }}
{{- end }}
{{- if and (gt (int .Values.edge.replicas) 1) (not (regexMatch `(?m)^\s*redis\s*=` .Values.config)) }}
{{- fail "config has no [store] redis: several edges would each have a line of their own; set it, or set edge.replicas to 1" }}
{{- end }}
config_version = {{ .Release.Revision }}

{{ .Values.config }}
{{- end }}
