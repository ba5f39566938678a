"""`make demo`: plays the life of an incident on a simulated cluster, and judges what happened."""

import argparse
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from demo.narrator import Narrator
from demo.processes import ProgramError
from demo.run_files import ROOT
from demo.stage import Stage, StoryError
from demo.stories import STORIES, Story
from demo.world import Setup, World

LOGS = ROOT / ".build" / "demo"


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parse(argv)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gpu-watchdog-demo-") as name:
        folder = Path(name)
        try:
            with World(folder, Setup(factor=arguments.speed, seed=arguments.seed)) as world:
                _introduce(world)
                results = _play(world)
                good = _judge(results, time.monotonic() - started)
                if arguments.keep:
                    _keep(world)
        except KeyboardInterrupt:
            print("\nstopped")
            return 130
        except (ProgramError, TimeoutError) as exc:
            print(f"the demo could not be played: {exc}", file=sys.stderr)
            good = False
        if not good:
            _save_logs(folder)
    return 0 if good else 1


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave all of it running until Ctrl-C")
    parser.add_argument("--speed", type=float, default=100.0, help="divides every duration")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(argv)


def _introduce(world: World) -> None:
    factor = world.setup.factor
    print(
        f"""
GPU Watchdog, {factor:g} times as fast: an idle window of 30 min takes {1800 / factor:.0f} s,
a grace period of 2 h takes {7200 / factor:.0f} s. Real: Prometheus, Alertmanager, the receiver, its
database. Simulated: Determined, the GPUs' exporters, Slack.

  Slack, as people see it  {world.addresses.slack}/
  Prometheus, its alerts   {world.prometheus_url}/alerts
  Alertmanager, silences   {world.alertmanager_url}/#/silences
  the receiver's API       {world.receiver_url}/docs

cluster    real  who       what""",
        flush=True,
    )


def _play(world: World) -> list[tuple[Story, str, bool]]:
    """Play all stories at the same time; return what happened in each, and whether as expected."""
    with Narrator(world) as narrator, ThreadPoolExecutor(len(STORIES)) as pool:
        stage = Stage(world, narrator.tell)
        futures = [pool.submit(story.play, stage) for story in STORIES]
        pairs = list(zip(STORIES, futures, strict=True))
        closer = threading.Thread(target=_close, args=(stage, pairs), daemon=True)
        closer.start()
        results = [(story, *_outcome(future)) for story, future in pairs]
        closer.join()
    return results


def _close(stage: Stage, pairs: Sequence[tuple[Story, "Future[str]"]]) -> None:
    """Let the stories that last end when the others have."""
    for story, future in pairs:
        if not story.lasts:
            future.exception()
    stage.others_ended.set()


def _outcome(future: "Future[str]") -> tuple[str, bool]:
    try:
        return future.result(), True
    except (StoryError, ProgramError) as exc:
        return str(exc), False


def _judge(results: Sequence[tuple[Story, str, bool]], seconds: float) -> bool:
    print("\nwhat was expected, and what happened\n")
    for story, happened, good in results:
        print(f"  {'ok    ' if good else 'FAILED'}  {story.title}: {story.expected}")
        print(f"          {happened}")
    good = all(one[2] for one in results)
    count = sum(one[2] for one in results)
    print(f"\n{count} of {len(results)} stories came true, in {seconds:.0f} s", flush=True)
    return good


def _keep(world: World) -> None:
    print("everything keeps running: look around, and press Ctrl-C to end it", flush=True)
    with suppress(KeyboardInterrupt):
        while all(program.is_running for program in world.programs):
            time.sleep(1)


def _save_logs(folder: Path) -> None:
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    for log in folder.glob("*.log"):
        shutil.copy(log, LOGS)
    print(f"the programs' logs are in {LOGS.relative_to(ROOT)}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
