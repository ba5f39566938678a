"""Times the rule files in a real Prometheus, against generated clusters, and judges the times."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.rules import report
from benchmarks.rules.figures import SizeFigures
from benchmarks.rules.fleet import ENDED_PER_RUNNING
from benchmarks.rules.measurement import Plan, measure
from benchmarks.rules.rule_files import read_rule_files
from benchmarks.rules.server import PrometheusError
from benchmarks.rules.targets import judge
from demo.processes import ProgramError

_ROOT = Path(__file__).parents[2]


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parse(argv)
    try:
        plan = Plan(read_rule_files(arguments.rules), arguments.evaluations, arguments.ended)
        described = machine.describe(machine.prometheus())
        print(described, end="\n\n", flush=True)
        sizes = [_measure(gpus, plan) for gpus in arguments.sizes]
        verdicts = judge(sizes)
        if arguments.markdown:
            report.put_into(arguments.markdown, report.page(described, sizes, verdicts))
    except KeyboardInterrupt:
        print("\nstopped")
        return 130
    except (ProgramError, PrometheusError, TimeoutError, ValueError) as exc:
        print(f"nothing was measured: {exc}", file=sys.stderr)
        return 1
    if len(sizes) > 1:
        print(report.growth_section(sizes), end="\n\n")
    print(*report.verdict_lines(verdicts), sep="\n")
    return 0 if all(verdict.passed for verdict in verdicts) else 1


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-rules", description=__doc__)
    parser.add_argument("--sizes", type=_sizes, default=[100, 1_000, 10_000], help="in GPUs")
    parser.add_argument("--evaluations", type=int, default=7, help="of each group, timed")
    parser.add_argument(
        "--ended", type=int, default=ENDED_PER_RUNNING, help="allocations for each that runs"
    )
    parser.add_argument("--rules", type=Path, default=_ROOT / "alerting-rules", help="a folder")
    parser.add_argument("--markdown", type=Path, help="a page whose figures are replaced")
    return parser.parse_args(argv)


def _sizes(text: str) -> list[int]:
    return sorted({int(size) for size in text.split(",")})


def _measure(gpus: int, plan: Plan) -> SizeFigures:
    started = time.monotonic()

    def say(what: str) -> None:
        print(f"  {time.monotonic() - started:4.0f} s  {what}", flush=True)

    with tempfile.TemporaryDirectory(prefix="gpu-watchdog-bench-") as folder:
        size = measure(gpus, plan, Path(folder), say)
    print(f"\n{report.size_section(size)}\n", flush=True)
    return size


if __name__ == "__main__":
    # To be ended is to be stopped: Prometheus ends too, and its folder is removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
