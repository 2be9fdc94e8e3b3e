{{/* The name of everything that this release makes. */}}
{{- define "orrery.name" -}}
{{- if contains "orrery" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-orrery" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* Labels that never change. Takes the root as `root` and perhaps a `role`. */}}
{{- define "orrery.selector" -}}
app.kubernetes.io/name: orrery
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .role }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{/* All labels. */}}
{{- define "orrery.labels" -}}
{{ include "orrery.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "orrery.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* The roles that run, as YAML: a relay or bridge without brokers does not. */}}
{{- define "orrery.roles" -}}
{{- $root := . }}
{{- range $role := list "api" "executor" "relay" "bridge" }}
{{- $needs := has $role (list "relay" "bridge") }}
{{- if and (index $root.Values.roles $role).enabled (or (not $needs) $root.Values.kafka.brokers) }}
- {{ $role }}
{{- end }}
{{- end }}
{{- end }}

{{/* Nobody is root, nothing is written, nothing is gained. */}}
{{- define "orrery.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "orrery.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* The database's URL. */}}
{{- define "orrery.databaseEnv" -}}
- name: DATABASE_URL
  valueFrom:
    secretKeyRef: {name: {{ required "secrets.database.name: the secret with the database's URL" .Values.secrets.database.name }}, key: {{ .Values.secrets.database.key }}}
{{- end }}

{{/* What every process is told. Takes `root` and `role`. */}}
{{- define "orrery.env" -}}
{{- $values := .root.Values }}
{{ include "orrery.databaseEnv" .root }}
- {name: ORRERY_ROLE, value: {{ .role }}}
- {name: ORRERY_LISTEN, value: "0.0.0.0:8000"}
- {name: ORRERY_NO_MIGRATE, value: {{ $values.migration.enabled | quote }}}
- {name: ORRERY_DRAIN_SECONDS, value: {{ $values.drainSeconds | quote }}}
{{- if eq .role "api" }}
# Until nobody sends requests here any more.
- {name: ORRERY_DRAIN_DELAY_SECONDS, value: {{ $values.drainDelaySeconds | quote }}}
{{- end }}
- {name: ORRERY_SECRET_KEYS_FILE, value: /etc/orrery/keys/orrery.keys}
{{- if and (eq .role "api") $values.secrets.adminKey.name }}
- name: ORRERY_ADMIN_KEY
  valueFrom:
    secretKeyRef: {name: {{ $values.secrets.adminKey.name }}, key: {{ $values.secrets.adminKey.key }}}
{{- end }}
{{- with $values.kafka }}
{{- if .brokers }}
- {name: KAFKA_BROKERS, value: {{ .brokers | quote }}}
{{- with .securityProtocol }}
- {name: KAFKA_SECURITY_PROTOCOL, value: {{ . | quote }}}
{{- end }}
{{- with .saslMechanism }}
- {name: KAFKA_SASL_MECHANISM, value: {{ . | quote }}}
{{- end }}
{{- if .saslSecret }}
- name: KAFKA_SASL_USERNAME
  valueFrom:
    secretKeyRef: {name: {{ .saslSecret }}, key: username}
- name: KAFKA_SASL_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ .saslSecret }}, key: password}
{{- end }}
{{- if .caSecret }}
- {name: KAFKA_SSL_CA_FILE, value: /etc/orrery/kafka/ca.crt}
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $value := merge (deepCopy (index $values.roles .role).settings) $values.settings }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}
