"""The same rules and configurations, with every duration divided by one factor.

A half-hour window cannot be waited for in a demonstration or a test, and a second set of files
would prove nothing about the first. So the files themselves are read, their durations are divided,
and addresses and paths are replaced by those of this run. Nothing else changes, but for how often
Prometheus and Alertmanager are asked about themselves.

This works because of a convention that the rule files keep: time in PromQL is a literal with a unit
(`[30m:15s]`, `offset 40m`), and a number without a unit is never time.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

MILLISECONDS = {
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}
_PART = re.compile(r"(\d+)(ms|[smhdwy])")
_DURATION = re.compile(r"(?:\d+(?:ms|[smhdwy]))+")
_PROMQL_TOKEN = re.compile(
    r"""
      (?P<keep>
          \{\{.*?\}\}                      # an action of a template
        | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | `[^`]*`
        | \#[^\n]*
        | 0[xX][0-9a-fA-F]+                # 0x5d is a number, not five days
        | [a-zA-Z_:][a-zA-Z0-9_:]*         # a name: max1m, coverage5m
      )
    | (?P<range>\[[^\]]*\])                # in brackets a colon is no part of a name
    | (?P<duration>(?:\d+(?:ms|[smhdwy]))+)
    """,
    re.VERBOSE | re.DOTALL,
)

PROMQL_ANNOTATIONS = frozenset({"verify", "evidence"})
"""Annotations that the receiver runs as queries."""

RULE_FILES = "../alerting-rules/*.rules.yaml"
DETERMINED_TOKEN = "/run/gpu-watchdog/determined-token"  # noqa: S105  # a path, no secret
WEBHOOK_TOKEN = "/run/secrets/webhook_token"  # noqa: S105  # a path, no secret
PROMETHEUS_PASSWORD = "/run/secrets/prometheus_password"  # noqa: S105  # a path, no secret
ADMIN_WEBHOOK = "/run/secrets/slack_admin_webhook"
ADMIN_TEMPLATES = "templates/*.tmpl"
"""The paths as the files have them, to be replaced through `Rendering.paths`."""
ALERTMANAGER = "alertmanager:9093"
"""The one that the files know."""

_ABOUT_THEMSELVES = frozenset({"prometheus", "alertmanager"})
_ABOUT_THEMSELVES_EACH = "1m"
"""These two tell more about themselves than all that is watched, and to tell it a hundred times as
often takes a fifth of their processor time. One rule reads it, over ten minutes.
"""

_PROMETHEUS_FLAGS = {
    "query.lookback-delta": "5m",
    "rules.alert.resend-delay": "1m",
    "rules.alert.for-grace-period": "10m",
    "rules.alert.for-outage-tolerance": "1h",
}
"""Prometheus's own defaults for what is time and stands in no file."""

_ALERTMANAGER_FLAGS = {"alerts.gc-interval": "30m"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What differs from one run to the next, apart from time."""

    addresses: Mapping[str, str] = field(default_factory=dict)
    """`host:port` as in the file -> `host:port` of this run, in targets and in URLs."""

    paths: Mapping[str, Path] = field(default_factory=dict)
    """A path or pattern as in the file (`credentials_file`, `rule_files`) -> that of this run."""

    more_peers: Sequence[str] = ()
    """`host:port` of further Alertmanagers, which stand wherever the one of the file does."""

    node_exporters: Mapping[str, str] = field(default_factory=dict)
    """An agent's dcgm-exporter -> its node-exporter, where the ports are not 9400 and 9100. There,
    cAdvisor is where Determined's list has it.
    """


UNCHANGED = Rendering()


def scale_duration(text: str, factor: float) -> str:
    """Divide a duration such as `30m` or `1h30m`; the answer is in whole milliseconds.

    A duration that is not zero never becomes zero, which means "off" in many places.

    Raises:
        ValueError: the text is no duration, or the factor is not above zero.
    """
    if not _DURATION.fullmatch(text) and text != "0":
        raise ValueError(f"not a duration: {text!r}")
    if factor <= 0:
        raise ValueError(f"not a factor: {factor}")
    total = sum(int(count) * MILLISECONDS[unit] for count, unit in _PART.findall(text))
    scaled = max(round(total / factor), 1) if total else 0
    return f"{scaled}ms" if scaled % 1_000 else f"{scaled // 1_000}s"


def scale_promql(expression: str, factor: float) -> str:
    """Divide the durations of an expression; numbers, names, strings and templates stay."""

    def scaled(match: re.Match[str]) -> str:
        if match["keep"] is not None:
            return match["keep"]
        return _DURATION.sub(lambda found: scale_duration(found[0], factor), match[0])

    return _PROMQL_TOKEN.sub(scaled, expression)


def scale_rules_file(text: str, factor: float) -> str:
    """Divide interval, for, keep_firing_for, and the durations of every expression."""
    rules = yaml.safe_load(text)
    for group in rules["groups"]:
        _scale_fields(group, ("interval",), factor)
        for rule in group["rules"]:
            _scale_fields(rule, ("for", "keep_firing_for"), factor)
            rule["expr"] = scale_promql(str(rule["expr"]), factor)
            annotations = rule.get("annotations", {})
            for name in PROMQL_ANNOTATIONS & annotations.keys():
                annotations[name] = scale_promql(annotations[name], factor)
    return _dump(rules)


def scale_prometheus_config(text: str, factor: float, rendering: Rendering = UNCHANGED) -> str:
    """Divide the intervals and time-outs of a prometheus.yml, and render it."""
    names = ("scrape_interval", "evaluation_interval", "scrape_timeout", "refresh_interval")
    read = yaml.safe_load(text)
    for job in read["scrape_configs"]:
        if job["job_name"] in _ABOUT_THEMSELVES:
            job["scrape_interval"] = _ABOUT_THEMSELVES_EACH
    config = _render(_scale_tree(read, names, factor), rendering)
    if rendering.node_exporters:
        for job in config["scrape_configs"]:
            if job["job_name"] == "determined-agents":
                job["relabel_configs"] = []
            if job["job_name"] == "node-exporter":
                job["relabel_configs"] = _node_exporter_relabeling(rendering.node_exporters)
    return _dump(config)


def scale_alertmanager_config(text: str, factor: float, rendering: Rendering = UNCHANGED) -> str:
    """Divide the waits of an alertmanager.yml, and render it."""
    names = ("group_wait", "group_interval", "repeat_interval", "resolve_timeout")
    return _dump(_render(_scale_tree(yaml.safe_load(text), names, factor), rendering))


def scaled_prometheus_flags(factor: float) -> list[str]:
    """The flags of Prometheus that are time; pass them beside the configuration."""
    return _flags(_PROMETHEUS_FLAGS, factor)


def scaled_alertmanager_flags(factor: float) -> list[str]:
    """The flags of a single Alertmanager: no cluster, and its time."""
    return ["--cluster.listen-address=", *_flags(_ALERTMANAGER_FLAGS, factor)]


def write_scaled_rules(
    source: Path, target: Path, factor: float, *, without: Collection[str] = ()
) -> Path:
    """Write every scaled rule file into `target`, and return the pattern for `rule_files`.

    `without`: files that are left out, by name.
    """
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.glob("*.rules.yaml")):
        if path.name in without:
            continue
        (target / path.name).write_text(scale_rules_file(path.read_text(), factor))
    return target / "*.rules.yaml"


def _flags(flags: Mapping[str, str], factor: float) -> list[str]:
    return [f"--{name}={scale_duration(value, factor)}" for name, value in flags.items()]


def _scale_fields(mapping: dict[str, Any], names: tuple[str, ...], factor: float) -> None:
    for name in names:
        if name in mapping:
            mapping[name] = scale_duration(str(mapping[name]), factor)


def _scale_tree(node: Any, names: tuple[str, ...], factor: float) -> Any:  # noqa: ANN401  # parsed YAML
    if isinstance(node, dict):
        scaled = {key: _scale_tree(value, names, factor) for key, value in node.items()}
        _scale_fields(scaled, names, factor)
        return scaled
    if isinstance(node, list):
        return [_scale_tree(value, names, factor) for value in node]
    return node


def _render(node: Any, rendering: Rendering) -> Any:  # noqa: ANN401  # parsed YAML
    if isinstance(node, dict):
        return {key: _render(value, rendering) for key, value in node.items()}
    if isinstance(node, list):
        more = rendering.more_peers if ALERTMANAGER in node else ()
        return [*(_render(value, rendering) for value in node), *more]
    return _render_text(node, rendering) if isinstance(node, str) else node


def _render_text(text: str, rendering: Rendering) -> str:
    if text in rendering.paths:
        return str(rendering.paths[text])
    if text in rendering.addresses:
        return rendering.addresses[text]
    scheme, separator, rest = text.partition("://")
    host, slash, path = rest.partition("/")
    if separator and host in rendering.addresses:
        return f"{scheme}://{rendering.addresses[host]}{slash}{path}"
    return text


def _node_exporter_relabeling(node_exporters: Mapping[str, str]) -> list[dict[str, Any]]:
    source = {"source_labels": ["__address__"]}
    known = "|".join(re.escape(address) for address in node_exporters)
    replacements = [
        source | {"regex": re.escape(dcgm), "target_label": "__address__", "replacement": node}
        for dcgm, node in node_exporters.items()
    ]
    return [source | {"regex": known, "action": "keep"}, *replacements]


class _Dumper(yaml.SafeDumper):
    """Writes shared parts out, since the files are read by people too."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401  # as in the base class
        del data
        return True


def _dump(document: Any) -> str:  # noqa: ANN401  # parsed YAML
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1_000, allow_unicode=True)
