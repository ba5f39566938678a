"""The tree of commands, each imported when it is needed: all of them together take seconds."""

from collections import UserDict
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

Place = str | typer.Typer
"""Where a command is: `module:function` below `app.cli`; or a family of commands."""


class _Commands(UserDict[str, Any]):
    """The commands of a family by name. What is looked up is imported."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        super().__init__(places)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401  # typer keeps the class to itself
        place = self.data[name]
        if isinstance(place, (str, typer.Typer)):
            self.data[name] = _command(name, place)
        return self.data[name]


def _command(name: str, place: Place) -> Any:  # noqa: ANN401  # likewise
    if isinstance(place, typer.Typer):
        family = get_command(place)
        family.name = name
        return family
    module, _, function = place.partition(":")
    alone = typer.Typer(add_completion=False)
    alone.command(name)(getattr(import_module(f"{__package__}.{module}"), function))
    return get_command(alone)


def family(words: str, places: Mapping[str, Place], *, add_completion: bool = False) -> typer.Typer:
    """Make a family of commands, listed in the order in which they are given."""

    class Family(TyperGroup):
        def __init__(self, **attributes: Any) -> None:  # noqa: ANN401  # whatever typer says
            super().__init__(**attributes)
            self.commands = _Commands(places)

        def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:  # noqa: ANN401
            found = super().resolve_command(ctx, args)
            began: Callable[[], None] | None = ctx.obj
            if began:
                began()
            return found

    group = typer.Typer(
        cls=Family,
        help=words,
        no_args_is_help=True,
        add_completion=add_completion,
        pretty_exceptions_show_locals=False,
    )
    group.callback()(_nothing_first)
    return group


def _nothing_first() -> None:
    pass
