"""Writes grafana/dashboards: `python -m grafana`."""

import json
from collections.abc import Iterator
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana.cluster import CLUSTER
from grafana.frame import Frame
from grafana.task import TASK
from grafana.users import USERS
from grafana.watchdog import WATCHDOG

FOLDER = Path(__file__).parent / "dashboards"
FRAMES = (CLUSTER, USERS, TASK, WATCHDOG)


def written(frame: Frame) -> str:
    """Return a dashboard as its file has it."""
    built = json.loads(json.dumps(frame.build(), cls=JSONEncoder))
    for each in (*built["links"], *built["annotations"]["list"]):
        # The library hides all of them in a menu, and has no word for "where they always are".
        del each["placement"]
    return json.dumps(built, indent=2, ensure_ascii=False) + "\n"


def files() -> Iterator[tuple[Path, str]]:
    for frame in FRAMES:
        yield FOLDER / f"{frame.page}.json", written(frame)


def main() -> None:
    for path, content in files():
        path.write_text(content)


if __name__ == "__main__":
    main()
