"""The door of a webhook as HTTP: bodies that cannot be read, are too large, too slow, or never end."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from tests.channels.conftest import Door

pytestmark = pytest.mark.virtual_time


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
        (b"[1]", "Input should be an object"),
        (b'{"type": "message"}', "data: Field required"),
        (b'{"type": "invoice", "data": {}}', "type: Input should be 'message'"),
        (b'{"type": "message", "data": {"sender_id": "a"}}', "give text or content"),
        (b'{"type": "message", "data": {"sender_id": "", "text": "x"}}', "data.sender_id"),
        (b'{"type": "message", "data": {"sender_id": "a", "text": "x", "channel_id": "chat"}}', "data.?: Extra inputs"),
        (b'{"type": "message", "data": {"sender_id": "a", "text": "\\ud800"}}', "Invalid JSON"),
        (
            b'{"type": "message", "data": {"sender_id": "a", "content": {"type": "media", "mime_type": "a/b", '
            b'"url": "javascript:alert(1)"}}}',
            "a URL in content is http, https or data",
        ),
        (
            b'{"type": "message", "data": {"sender_id": "a", "text": "x", "metadata": '
            + b'{"a":' * 300
            + b"1"
            + b"}" * 300
            + b"}}",
            "recursion limit",
        ),
    ],
)
async def test_a_body_that_cannot_be_read_is_told_which_field_is_wrong(door: Door, body: bytes, told: str) -> None:
    answer = await door.post(body=body)

    assert answer.status_code == 400
    assert told in answer.json()["error"]
    assert await door.said() == []


async def test_what_was_wrong_is_named_but_never_repeated(door: Door) -> None:
    answer = await door.post({"sender_id": "a", "text": 17, "hunter2": "x", "room_id": ["s3cret"]})

    assert answer.status_code == 400
    assert "hunter2" not in answer.text
    assert "s3cret" not in answer.text


async def test_only_posts_are_taken(door: Door) -> None:
    answer = await door.client.get("/")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_body_that_says_it_is_too_large_is_refused_unread(door: Door) -> None:
    answer = await door.post(body=b"x" * 2_001)

    assert answer.status_code == 413


async def request(door: Door, *messages: MutableMapping[str, Any], headers: Any = (), **scope: Any) -> int | None:
    """One request by hand; its status, or ``None`` if it was not answered."""
    sent: list[MutableMapping[str, Any]] = []
    coming = list(messages)

    async def receive() -> MutableMapping[str, Any]:
        return coming.pop(0) if coming else await asyncio.get_running_loop().create_future()

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await door.channel.asgi({"type": "http", "method": "POST", "headers": headers, **scope}, receive, send)
    return sent[0].get("status") if sent else None


def piece(body: bytes, *, more: bool = True) -> MutableMapping[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_that_grows_too_large_is_cut_off(door: Door) -> None:
    assert await request(door, *(piece(b"x" * 500) for _ in range(5))) == 413


@pytest.mark.parametrize("length", [b"2001", b"-1", b"many", b"9" * 5_000])
async def test_a_length_that_is_too_much_or_no_length_is_refused_unread(door: Door, length: bytes) -> None:
    assert await request(door, headers=[(b"content-length", length)]) == 413


async def test_a_body_that_does_not_come_is_given_up(door: Door) -> None:
    assert await request(door, piece(b"x")) == 408


async def test_a_sender_that_hangs_up_is_not_answered_and_leaves_room_for_others(door: Door) -> None:
    for _ in range(5):
        assert await request(door, piece(b"x"), {"type": "http.disconnect"}) is None

    assert (await door.says("shipped")).status_code == 200


async def test_more_at_a_time_than_allowed_are_asked_to_come_back(door: Door) -> None:
    async with asyncio.TaskGroup() as tasks:
        slow = [tasks.create_task(request(door, piece(b"x"))) for _ in range(3)]
        await asyncio.sleep(1)
        answer = await door.says("shipped")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert [each.result() for each in slow] == [408] * 3
    assert (await door.says("shipped")).status_code == 200


async def test_a_web_socket_is_turned_away_and_a_lifespan_is_none_of_its_business(door: Door) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    async def receive() -> MutableMapping[str, Any]:
        return {}

    await door.channel.asgi({"type": "websocket"}, receive, send)
    with pytest.raises(NotImplementedError, match="lifespan"):
        await door.channel.asgi({"type": "lifespan"}, receive, send)

    assert sent == ["websocket.close"]
