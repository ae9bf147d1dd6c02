from __future__ import annotations

import socket
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from roomkit.app.server import address_of, bind, build_app, is_welcome, serving
from roomkit.errors import ConfigError
from tests.app.fake_server import CONFIG, FakeVoice


def welcome(host: str | None, origin: str | None = None, *, loopback_only: bool = True) -> bool:
    headers = {name: value for name, value in (("host", host), ("origin", origin)) if value is not None}
    return is_welcome(headers, loopback_only=loopback_only)


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_the_servers_own_page_may_pass_under_every_loopback_name(host: str) -> None:
    assert welcome(host, f"http://{host}")


def test_a_program_without_a_page_may_pass() -> None:
    assert welcome("127.0.0.1:8000")


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:9999", "null", "http://[broken"])
def test_a_page_from_elsewhere_may_not(origin: str) -> None:
    assert not welcome("localhost:8000", origin)


@pytest.mark.parametrize("host", ["evil.example:8000", "evil.localhost.example", "", None, "[broken"])
def test_a_name_that_merely_resolves_to_this_machine_may_not(host: str | None) -> None:
    assert not welcome(host, f"http://{host}")


def test_told_to_serve_everybody_a_server_still_wants_pages_of_its_own() -> None:
    assert welcome("demo.example", "https://demo.example", loopback_only=False)
    assert not welcome("demo.example", "https://evil.example", loopback_only=False)


async def test_a_strange_page_gets_neither_the_socket_nor_the_configuration() -> None:
    listener = bind("127.0.0.1", 0)
    address = address_of(listener)
    stranger = {"origin": "https://evil.example"}

    async with serving(build_app(voice=FakeVoice(), config=CONFIG, loopback_only=True), listener):
        with pytest.raises(InvalidStatus, match="403"):
            async with connect(f"ws://{address}/voice", additional_headers=stranger, proxy=None):
                pass
        async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as client:
            refused = await client.get("/config.json", headers=stranger)
            served = await client.get("/config.json")

    assert (refused.status_code, served.status_code) == (403, 200)
    assert served.json() == CONFIG


async def test_the_server_tells_its_owner_when_it_stops() -> None:
    stopped: list[bool] = []

    async def on_stop() -> None:
        stopped.append(True)

    listener = bind("127.0.0.1", 0)
    address = address_of(listener)
    app = build_app(voice=FakeVoice(), config=CONFIG, loopback_only=True, on_stop=on_stop)

    async with serving(app, listener), httpx.AsyncClient(trust_env=False) as client:
        await client.get(f"http://{address}/")
        assert stopped == []

    assert stopped == [True]
    assert listener.fileno() == -1


def test_a_taken_port_is_said_in_one_line() -> None:
    with bind("127.0.0.1", 0) as taken, pytest.raises(ConfigError) as caught:
        bind("127.0.0.1", taken.getsockname()[1])

    assert "is taken; choose another with --port" in str(caught.value)


@pytest.mark.parametrize("host", ["no such host", "198.51.100.77"])
def test_an_address_that_is_not_ours_is_said_in_one_line(host: str) -> None:
    with pytest.raises(ConfigError, match=r"no address to listen on|cannot listen on"):
        bind(host, 0)


def test_an_address_is_one_that_this_machine_can_open() -> None:
    with bind("0.0.0.0", 0) as everywhere:
        assert address_of(everywhere).startswith("localhost:")


def test_a_version_6_address_is_bracketed() -> None:
    listener: Any
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        listener = bind("::1", 0)
    except ConfigError:
        pytest.skip("no IPv6 here")
    with listener:
        assert address_of(listener).startswith("[::1]:")
