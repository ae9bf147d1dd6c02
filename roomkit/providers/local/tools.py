"""The two tools of the demo's shop: they make up their answers, always the same for the same question.

An application that has an order system declares its own tools by these names instead.
"""

from __future__ import annotations

from typing import Any

from roomkit.models.tool_call import Tool

_WEATHER = {
    "paris": (17, "light rain"),
    "london": (14, "cloudy"),
    "berlin": (12, "windy"),
    "madrid": (24, "sunny"),
    "rome": (22, "sunny"),
    "tokyo": (19, "clear"),
    "new york": (16, "partly cloudy"),
    "chicago": (9, "windy"),
    "montreal": (4, "light snow"),
    "sydney": (25, "sunny"),
    "amsterdam": (13, "light rain"),
    "vienna": (15, "clear"),
}
_ORDERS = (
    ("shipped", "on its way, and should arrive tomorrow"),
    ("packing", "being packed, and leaves us today"),
    ("delivered", "delivered, on Monday"),
    ("delayed", "delayed by two days; we are sorry"),
)


def get_weather(city: str) -> dict[str, Any]:
    """Today's weather in a city of the demo's little world."""
    known = _WEATHER.get(city.strip().lower())
    if known is None:
        return {"error": f"no weather for {city[:40]}", "known_cities": [name.title() for name in _WEATHER]}
    celsius, conditions = known
    return {"city": city.strip().title(), "temperature_c": celsius, "conditions": conditions}


def order_status(order_id: str) -> dict[str, Any]:
    """Where an order is; every number has one."""
    digits = [int(char) for char in order_id if char.isdigit()]
    if not digits:
        return {"error": "an order number is made of digits"}
    status, detail = _ORDERS[sum(digits) % len(_ORDERS)]
    return {"order_id": "".join(map(str, digits)), "status": status, "detail": detail}


def default_tools() -> tuple[Tool, ...]:
    """``get_weather(city)`` and ``order_status(order_id)``."""
    return (
        Tool("get_weather", "Today's weather in a city.", _one_string("city"), get_weather),
        Tool("order_status", "Where an order of the shop is.", _one_string("order_id"), order_status),
    )


def _one_string(name: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"type": "string"}},
        "required": [name],
        "additionalProperties": False,
    }
