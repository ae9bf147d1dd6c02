"""What every test may use. Async tests run on a fresh loop; marked `virtual_time`, on one that jumps to its next timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from roomkit.testing.virtual_time import VirtualTimeLoop


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "virtual_time: run this async test on a loop whose clock jumps to the next timer")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("virtual_time"):
        return {"virtual": VirtualTimeLoop}
    return {"real": asyncio.new_event_loop}
