"""What must be true of an adversary's call when it is over, read from its log, its room and what it left behind.

Not in here: making the call (`acts`). Each check says what it found, in one sentence.
"""

from __future__ import annotations

import json
import math
import re
import wave
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from roomkit.models.enums import EventStatus, EventType
from roomkit.models.event import RoomEvent
from roomkit.models.session import EndReason, SessionState
from roomkit.models.usage import counted
from roomkit.voice.realtime.provider_events import Transcript
from tests.adversary.parties import Entry
from tests.adversary.world import World

_NAME = re.compile(r"([uat])(\d+)\b")
"""How every text of the walk begins: who it is of, and which one."""


def faults(world: World, timeline: list[RoomEvent], room_usage: Any) -> Iterator[str]:
    """Everything that is wrong."""
    yield from world.errors.found
    yield from world.failures
    yield from _life(world)
    yield from _client_messages(world)
    yield from _caller_audio(world)
    yield from _agent_audio(world)
    yield from _permissions(world)
    yield from _stopped_audio(world)
    yield from _timeline(world, timeline)
    yield from _words(world, timeline)
    yield from _usage(world, room_usage)
    yield from _recordings(world)


def _life(world: World) -> Iterator[str]:
    ended = dict(world.ended)
    for view in world.sessions:
        if view.state is not SessionState.ENDED or view.end_reason is None:
            yield f"{view.id} is {view.state}, {view.end_reason}"
        if view.end_reason == "failed":
            yield f"{view.id} failed"
        if world.started.count(view.id) > 1 or [each for each, _ in world.ended].count(view.id) != 1:
            yield f"{view.id}: ON_SESSION_STARTED {world.started.count(view.id)}, ended hooks {world.ended}"
        elif ended[view.id] != view.end_reason:
            yield f"{view.id} ended {view.end_reason}, the hook was told {ended[view.id]}"
    for link in world.all_links():
        if not link.is_closed:
            yield f"link {link.name} of {link.session_id} was never closed"
    for client in world.client.links:
        if not client.is_closed:
            yield f"a client link of {client.setup.session_id} was never closed"


def _client_messages(world: World) -> Iterator[str]:
    active = {view.id for view in world.sessions}
    for link in world.client.links:
        types = [message["type"] for message in link.messages]
        if link.setup.session_id not in active or not types:
            continue
        if types[0] != "session_started" or types.count("session_started") != 1:
            yield f"a client of {link.setup.session_id} heard first {types[:3]}"
        if "session_ended" in types[:-1]:
            yield f"a client of {link.setup.session_id} heard {types[-3:]} last"


def _caller_audio(world: World) -> Iterator[str]:
    for view in world.sessions:
        links = sorted((link for link in world.all_links() if link.session_id == view.id), key=lambda link: link.born)
        for link in links:
            if link.heard != sorted(set(link.heard)):
                yield f"{link.name} heard the caller out of order: {link.heard}"
        missing = 0
        for number, was_open in world.fed.get(view.id, []):
            heard_by = [link for link in links if number in link.heard]
            at = [n for n, link in enumerate(links) if number in link.heard]
            if heard_by and not was_open:
                yield f"piece {number} was said while the gate was shut and heard by {heard_by[0].name}"
            if not all(any(link.was_lost for link in links[one:other]) for one, other in pairwise(at)):
                yield f"piece {number} was heard by {[link.name for link in heard_by]}"
            missing += not heard_by
        if (counted_ms := world.counted_ms.get(view.id)) is not None and missing * 20 > counted_ms + 1e-6:
            yield f"{view.id}: {missing * 20} ms of the caller are nowhere, {counted_ms} ms were counted"


def _agent_audio(world: World) -> Iterator[str]:
    """No sample twice, none out of order, none of an old link."""
    given: dict[int, int] = {}
    heard: Counter[int] = Counter()
    newest = 0
    for entry in world.log:
        match entry:
            case Entry("given", _, (number, _, _), count):
                given[number] = count
            case Entry("heard", session_id, number, count):
                heard[number] += count
                if heard[number] > given.get(number, 0):
                    yield f"{session_id}: chunk {number} was heard twice, or is of an old link"
                if number < newest:
                    yield f"{session_id}: chunk {number} was heard after {newest}"
                newest = number
            case _:
                pass


def _permissions(world: World) -> Iterator[str]:
    """Who may not hear the agent neither hears nor reads it."""
    may_read = True
    for entry in world.log:
        match entry:
            case Entry("permit", _, (_, may_read)):
                pass
            case Entry("message", _, {"type": "session_started"}):
                may_read = True  # it may have been attached anew; what it may is noted next
            case Entry("heard", session_id, number) if not may_read:
                yield f"{session_id}: chunk {number} was heard by somebody who may not"
            case Entry("message", session_id, {"type": "transcription", "role": "assistant"} as message):
                if not may_read and not message.get("interrupted"):
                    yield f"{session_id}: {message} was read by somebody who may not"
            case _:
                pass


def _stopped_audio(world: World) -> Iterator[str]:  # noqa: C901 -- one flat table of what stops an answer is the clearest
    """Nothing of an answer is heard after it was cut or blocked."""
    of: dict[int, tuple[str, str]] = {}
    open_: dict[str, set[str]] = defaultdict(set)
    stopped: dict[str, str] = {}
    waiting: dict[str, set[int]] = defaultdict(set)
    blocked_items: set[str] = set()
    for entry in world.log:
        match entry:
            case Entry("started", session_id, response):
                open_[session_id].add(response)
            case Entry("done", session_id, (response, _)):
                open_[session_id].discard(response)
            case Entry("lost", session_id, _):
                open_[session_id].clear()
            case Entry("given", session_id, (number, response, item)):
                of[number] = (response, item)
                waiting[session_id].add(number)
            case Entry("cleared", session_id, False):
                stopped.update(dict.fromkeys(open_[session_id], "was cut"))
                stopped.update({f"chunk {number}": "was cut" for number in waiting[session_id]})
                waiting[session_id].clear()
            case Entry("message", _, {"type": "transcription_blocked", "role": "assistant", "item_id": str(item)}):
                blocked_items.add(item or "none")
            case Entry("heard", session_id, number) if number in of:
                response, item = of[number]
                if f"chunk {number}" in stopped or response in stopped:
                    yield f"{session_id}: chunk {number} of {response} was heard after it was cut"
                if item in blocked_items:
                    yield f"{session_id}: chunk {number} of {item} was heard after it was blocked"
            case _:
                pass


def _timeline(world: World, timeline: list[RoomEvent]) -> Iterator[str]:
    if [event.index for event in timeline] != list(range(len(timeline))):
        yield f"the room's indexes are {[event.index for event in timeline]}"
    if len({event.id for event in timeline}) != len(timeline):
        yield "an event is in the room twice"
    last = 0
    for event in timeline:
        if event.status is EventStatus.BLOCKED and not (event.blocked_by and event.block_reason):
            yield f"{event.text!r} is blocked by {event.blocked_by}, for {event.block_reason}"
        if (
            event.status is not EventStatus.BLOCKED
            and "block" in event.text.split()
            and world.judges
            and _is_said(event)
        ):
            yield f"{event.text!r} is in the room, not blocked"
        if "stale" in event.text.split():
            yield f"{event.text!r} is of an old link, and in the room"
        name = _NAME.match(event.text)
        if event.status is not EventStatus.BLOCKED and name and name[1] == "a" and not event.metadata.get("late"):
            number = int(name[2])
            if number < last:
                yield f"a{number} is in the room after a{last}"
            last = number


def _is_said(event: RoomEvent) -> bool:
    is_judged = event.metadata.get("role") in ("user", "assistant") and not event.metadata.get("typed")
    return event.type is EventType.MESSAGE and is_judged


def _words(world: World, timeline: list[RoomEvent]) -> Iterator[str]:
    """What the caller said is in the room once; the agent's words at most once, beside what was blocked."""
    spoken: dict[str, list[RoomEvent]] = defaultdict(list)
    for event in timeline:
        if (name := _NAME.match(event.text)) and event.metadata.get("source") == "realtime_voice":
            spoken[name.group()].append(event)
    for key, events in spoken.items():
        heard = [event for event in events if event.status is not EventStatus.BLOCKED]
        if len(heard) > 1 or len(events) - len(heard) > 1:
            yield f"{key} is in the room as {[(event.text, str(event.status)) for event in events]}"
    if not world.emits or world.room_is_closed:
        return
    exempt = world.errors.gave_up | {view.id for view in world.sessions if view.end_reason is EndReason.ACCESS_REVOKED}
    for entry in world.log:
        match entry:
            case Entry("words", session_id, Transcript("user", text, True)) if session_id not in exempt:
                key = text.split()[0]
                if key not in spoken and "empty" not in text:
                    yield f"{session_id}: {text!r} was said, and is not in the room"
            case _:
                pass


def _usage(world: World, room_usage: Any) -> Iterator[str]:
    total: Counter[str] = Counter()
    for view in world.sessions:
        wanted: Counter[str] = Counter()
        at_the_end: Counter[str] = Counter()  # while it wound up: may count, for it may have been paid
        for entry in world.log:
            if entry.kind in ("done", "stale_done") and entry.session_id == view.id:
                (wanted if entry.kind == "done" else at_the_end).update(dict(counted(entry.about[1])))
        used = Counter(view.usage.counts)
        if wanted - used or used - wanted - at_the_end:
            yield f"{view.id} used {dict(view.usage.counts)}, the vendors said {dict(wanted)}"
        total.update(view.usage.counts)
    if room_usage is not None and not world.room_is_closed and not world.errors.gave_up and world.emits:
        for name, count in total.items():
            if not math.isclose(room_usage.counts.get(name, 0.0), count):
                yield f"the room's usage is {dict(room_usage.counts)}, its sessions' {dict(total)}"


def _recordings(world: World) -> Iterator[str]:
    started = [event for event in world.recordings if event.reason is None]
    stopped = [event for event in world.recordings if event.reason is not None]
    if Counter(event.path for event in started) != Counter(event.path for event in stopped):
        yield f"recordings began {[e.path for e in started]} and ended {[e.path for e in stopped]}"
    for event in stopped:
        if event.reason == "failed":
            yield f"recording {event.path} failed"
        with wave.open(event.path) as file:
            length_ms = file.getnframes() * 1000.0 / file.getframerate()
            size_bytes = file.getnframes() * file.getnchannels() * 2
        if abs(length_ms - event.duration_ms) > 1.0:
            yield f"{event.path} lasts {length_ms} ms, the hook was told {event.duration_ms}"
        if Path(event.path).stat().st_size - size_bytes not in range(200):
            yield f"{event.path} has {Path(event.path).stat().st_size} bytes for {size_bytes} of audio"
        lines = [json.loads(line) for line in Path(event.log_path).read_text().splitlines()]
        if not lines or lines[-1]["type"] != "recording_stopped":
            yield f"the log of {event.path} ends with {lines[-1:]}"
