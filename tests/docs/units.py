"""Numbers with their units, about as Grafana writes them."""

from datetime import UTC, datetime

_BYTES = ("B", "KiB", "MiB", "GiB", "TiB")


def shown(value: float, unit: str, decimals: int | None) -> str:
    match unit:
        case "percentunit":
            return f"{100 * value:.{decimals or 0}f} %"
        case "percent":
            return f"{value:.0f} %"
        case "bytes":
            return _scaled(value, 1024, _BYTES)
        case "mbytes":
            return _scaled(value * 2**20, 1024, _BYTES)
        case "Bps":
            return _scaled(value, 1000, ("B/s", "kB/s", "MB/s", "GB/s"))
        case "watt":
            return _scaled(value, 1000, ("W", "kW"))
        case "celsius":
            return f"{value:.0f} °C"
        case "s":
            return f"{value:.{decimals or 2}f} s" if decimals != 0 else f"{value:.0f} s"
        case "dateTimeAsIso":
            return f"{datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%d %H:%M:%S}"
        case _:
            return f"{value:,.{1 if decimals is None and value % 1 else decimals or 0}f}"


def _scaled(value: float, step: int, names: tuple[str, ...]) -> str:
    at = 0
    while value >= step and at < len(names) - 1:
        value, at = value / step, at + 1
    return f"{value:.1f} {names[at]}" if at and value < 100 else f"{value:.0f} {names[at]}"
