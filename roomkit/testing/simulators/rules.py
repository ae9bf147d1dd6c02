"""Rules for JSON values, and what breaks them, in the OpenAI server's words.

A small language of rules (`Text`, `Number`, `Choice`, `Record`, ...) and one function, `check`, that finds the first
breach. Codes and wording are OpenAI's; others put them into their own words. The tables written in this language are
the vendors' `tables`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the server will not do it: the inside of an ``error`` event."""

    code: str | None
    message: str
    param: str | None = None
    type: str = "invalid_request_error"


@dataclass(frozen=True, slots=True)
class Text:
    max_length: int | None = None


@dataclass(frozen=True, slots=True)
class Flag:
    pass


@dataclass(frozen=True, slots=True)
class Number:
    low: float
    high: float
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Many:
    rule: Rule
    at_most: int | None = None
    at_least: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """An object with known keys; with ``others`` set, unknown keys are welcome (JSON schemas, metadata)."""

    keys: Mapping[str, Rule] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    others: bool = False


@dataclass(frozen=True, slots=True)
class Tagged:
    """An object whose ``tag`` key says which of the rules holds for it."""

    tag: str
    rules: Mapping[str, Rule]


@dataclass(frozen=True, slots=True)
class Either:
    """The first rule of the value's own JSON type decides."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Nothing:
    """JSON null."""


Rule = Text | Flag | Number | Choice | Many | Record | Tagged | Either | Nothing


def choice(*values: Any) -> Choice:
    return Choice(values)


def optional(*rules: Rule) -> Either:
    return Either((Nothing(), *rules))


def check(rule: Rule, value: Any, path: str) -> Refusal | None:
    """The first breach of ``rule`` in ``value``, or `None`. ``path`` names the value in the refusal."""
    if not _is_of_type(rule, value):
        return _wrong_type(rule, value, path)
    match rule:
        case Text(max_length) if max_length is not None and len(value) > max_length:
            text = f"string too long. Expected a string with maximum length {max_length}, but got {len(value)} instead."
            return Refusal("string_above_max_length", f"Invalid '{path}': {text}", path)
        case Number() if not rule.low <= value <= rule.high:
            return _out_of_range(rule, value, path)
        case Choice(values) if value not in values:
            return unsupported(value, values, path)
        case Many():
            return _check_list(rule, value, path)
        case Record():
            return _check_record(rule, value, path)
        case Tagged():
            return _check_tagged(rule, value, path)
        case Either(rules):
            return check(next(one for one in rules if _is_of_type(one, value)), value, path)
    return None


def unsupported(value: Any, values: Iterable[Any], path: str) -> Refusal:
    """A value that is none of ``values``."""
    supported = ", ".join(f"'{one}'" for one in values)
    return Refusal("invalid_value", f"Invalid value: '{value}'. Supported values are: {supported}.", path)


def _check_list(rule: Many, value: list[Any], path: str) -> Refusal | None:
    if rule.at_most is not None and len(value) > rule.at_most:
        text = f"array too long. Expected at most {rule.at_most}, but got {len(value)} instead."
        return Refusal("array_above_max_length", f"Invalid '{path}': {text}", path)
    if len(value) < rule.at_least:
        text = f"array too short. Expected at least {rule.at_least}, but got {len(value)} instead."
        return Refusal("array_below_min_length", f"Invalid '{path}': {text}", path)
    for index, one in enumerate(value):
        if (refusal := check(rule.rule, one, f"{path}[{index}]")) is not None:
            return refusal
    return None


def _check_tagged(rule: Tagged, value: Mapping[str, Any], path: str) -> Refusal | None:
    here = _join(path, rule.tag)
    if rule.tag not in value:
        return _missing(here)
    if value[rule.tag] not in rule.rules:
        return unsupported(value[rule.tag], rule.rules, here)
    return check(rule.rules[value[rule.tag]], value, path)


def _check_record(rule: Record, value: Mapping[str, Any], path: str) -> Refusal | None:
    for key in rule.required:
        if key not in value:
            return _missing(_join(path, key))
    for key, one in value.items():
        here = _join(path, key)
        if key not in rule.keys:
            if rule.others:
                continue
            return Refusal("unknown_parameter", f"Unknown parameter: '{here}'.", here)
        if (refusal := check(rule.keys[key], one, here)) is not None:
            return refusal
    return None


def _is_of_type(rule: Rule, value: Any) -> bool:
    match rule:
        case Text():
            return isinstance(value, str)
        case Flag():
            return isinstance(value, bool)
        case Number(whole=whole):
            return isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        case Choice(values):
            return isinstance(value, type(values[0])) and isinstance(value, bool) == isinstance(values[0], bool)
        case Many():
            return isinstance(value, list)
        case Record():
            return isinstance(value, dict)
        case Tagged(tag):
            return isinstance(value, dict) and isinstance(value.get(tag, ""), str)
        case Either(rules):
            return any(_is_of_type(one, value) for one in rules)
        case Nothing():
            return value is None


def _wrong_type(rule: Rule, value: Any, path: str) -> Refusal:
    text = f"Invalid type for '{path}': expected {_expected(rule)}, but got {_json_type(value)} instead."
    return Refusal("invalid_type", text, path)


def _expected(rule: Rule) -> str:
    match rule:
        case Text():
            return "a string"
        case Flag():
            return "a boolean"
        case Number(whole=whole):
            return "an integer" if whole else "a decimal"
        case Choice(values):
            return f"one of {', '.join(repr(one) for one in values)}"
        case Many():
            return "an array of objects"
        case Record() | Tagged():
            return "an object"
        case Either(rules):
            return " or ".join(_expected(one) for one in rules if not isinstance(one, Nothing))
        case Nothing():
            return "null"


def _json_type(value: Any) -> str:
    names = {bool: "a boolean", str: "a string", int: "an integer", float: "a decimal", list: "an array"}
    return "null" if value is None else names.get(type(value), "an object")


def _out_of_range(rule: Number, value: float, path: str) -> Refusal:
    kind = "integer" if rule.whole else "decimal"
    side, sign, bound = ("below_min", ">=", rule.low) if value < rule.low else ("above_max", "<=", rule.high)
    words = "below minimum value" if value < rule.low else "above maximum value"
    limit = int(bound) if rule.whole else bound
    text = f"Invalid '{path}': {kind} {words}. Expected a value {sign} {limit}, but got {value} instead."
    return Refusal(f"{kind}_{side}_value", text, path)


def _missing(path: str) -> Refusal:
    return Refusal("missing_required_parameter", f"Missing required parameter: '{path}'.", path)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
