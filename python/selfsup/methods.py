"""The methods and their options."""

from __future__ import annotations

import dataclasses
from typing import Callable

from selfsup._library import MethodInfo, OptionInfo, lib, text_of


@dataclasses.dataclass(frozen=True)
class Option:
    """One option: its default as text (None: found by the data and the machine), and its choices where it is a word."""

    name: str
    default: str | None
    help: str
    choices: tuple[str, ...] | None


@dataclasses.dataclass(frozen=True)
class Method:
    """One method: what it learns from, its paper, its own options, and the training defaults that it changes."""

    name: str
    summary: str
    title: str
    authors: str
    venue: str
    defaults: str
    options: tuple[Option, ...]


def _options(fill: Callable[[int, OptionInfo], int]) -> tuple[Option, ...]:
    found = []
    info = OptionInfo()
    while fill(len(found), info):
        choices = text_of(info.choices)
        found.append(
            Option(
                text_of(info.name) or "",
                text_of(info.standard),
                text_of(info.help) or "",
                tuple(choices.split("|")) if choices else None,
            )
        )
    return tuple(found)


def methods() -> list[Method]:
    """All methods, in the table's order."""
    found: list[Method] = []
    info = MethodInfo()
    while lib.ss_method_describe(len(found), info):
        index = len(found)
        texts = [text_of(getattr(info, field.name)) for field in dataclasses.fields(Method) if field.name != "options"]
        found.append(Method(*texts, _options(lambda option, to, of=index: lib.ss_method_option(of, option, to))))
    return found


def training_options() -> tuple[Option, ...]:
    """The options that training with any method has: epochs, batch, arch, ..."""
    return _options(lambda option, to: lib.ss_training_option(option, to))
