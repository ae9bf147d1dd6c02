"""What every test may use.

Async tests run on a fresh loop; marked `virtual_time`, on one that jumps to its next timer. Tests marked `browser` are
skipped where there is no Chromium, but never in CI.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Mapping

import pytest
from hypothesis import HealthCheck, settings

from roomkit.testing.virtual_time import VirtualTimeLoop

pytest_plugins = ("tests.postgresql",)

# How fast a machine makes examples is not what a test is about. In CI they are the same each time: no lottery there.
settings.register_profile(
    "roomkit",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
settings.load_profile("roomkit")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "virtual_time: this async test's loop has a clock that jumps to the next timer")
    config.addinivalue_line("markers", "browser: this test drives a real Chromium")


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser") and CHROMIUM is None:
        missing = "needs Chromium (on Debian: apt install chromium)"
        if os.environ.get("CI"):
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path; for tests marked `browser`."""
    assert CHROMIUM is not None
    return CHROMIUM


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("virtual_time"):
        return {"virtual": VirtualTimeLoop}
    return {"real": asyncio.new_event_loop}
