"""What may happen in an adversary's call, one function a thing; `ACTS` says how often.

Every act leaves the truth of what it did in the world's log or counters. Not in here: the parties (`parties`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from roomkit import Access, InboundMessage, TextContent
from roomkit.models.session import SessionState, VoiceSession
from roomkit.voice.backends.base import (
    ClientDigit,
    ClientGone,
    ClientGoodbye,
    ClientInterrupt,
    ClientMuted,
    ClientPlayback,
    ClientText,
    ClientTurn,
)
from roomkit.voice.realtime.provider_events import (
    Audio,
    GoingAway,
    InputCommitted,
    Interrupted,
    LinkLost,
    ProviderFault,
    ResponseDone,
    ResponseStarted,
    Resumable,
    SpeechStarted,
    SpeechStopped,
    SpokenWords,
    ToolCall,
    ToolCallCancelled,
    Transcript,
    TranscriptFailed,
)
from roomkit.voice.realtime.reconnect import RATE_LIMITED
from tests.adversary.parties import VendorLink, numbered
from tests.adversary.world import ROOM, World

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
MOODS = ("", "", "", "", "block", "change", "slow", "crash", "empty", "inside", "hang")
USAGE: tuple[dict[str, float], ...] = (
    {},
    {"total_tokens": 30, "output_audio_tokens": 20},
    {"total_tokens": float("nan")},
    {"total_tokens": 7},
)

LIMITS_MS = (None, 0.0, 2_000.0, 60_000.0, float("inf"))

Act = Callable[[World], Awaitable[None]]


def feed(world: World, count: int = 1) -> None:
    """The caller says something, in numbered pieces."""
    live, link = world.live, world.view and world.client.link_of(world.view.id)
    if live is None or not link:
        return
    for _ in range(count):
        number = world.next_number("piece")
        is_open = live.events.media.input.is_open
        world.fed.setdefault(live.view.id, []).append((number, is_open))
        link.sink.on_audio(numbered(number, 20))
    world.look()


async def caller_audio(world: World) -> None:
    feed(world, world.chance.choice((1, 3, 10, 60)))


async def caller_turn(world: World) -> None:
    """A whole utterance, its words late, twice, wrong, failed or never."""
    if (link := world.link()) is None:
        return
    chance = world.chance
    item = link.new_id("u") if link.vendor.gives_ids else ""
    link.says(SpeechStarted(item))
    feed(world, chance.choice((0, 2, 10)))
    if chance.random() < 0.5:
        await pause(world)
    if not link.serves:
        return
    link.says(SpeechStopped(item, is_utterance=(is_utterance := chance.random() < 0.9)))
    if not is_utterance:
        return
    if chance.random() < 0.3:
        link.says(InputCommitted(item))
    _transcribe(world, link, item)


def _transcribe(world: World, link: VendorLink, item: str) -> None:
    chance = world.chance
    text = f"u{world.next_number('user')} {chance.choice(MOODS)}".strip()
    for _ in range(chance.choice((0, 1, 2))):
        link.says(Transcript("user", text[:2], False, item))
    final = Transcript("user", text, True, item)
    match chance.choice(("final", "final", "final", "twice", "failed", "never", "late")):
        case "final":
            link.says(final)
        case "twice":
            link.says(final)
            if item:
                link.says(final)
        case "failed":
            link.says(TranscriptFailed(item))
        case "late":
            world.late.append((link, final))
        case _:
            pass


async def late_words(world: World) -> None:
    if world.late:
        link, transcript = world.late.pop(world.chance.randrange(len(world.late)))
        link.says(transcript)


def agent_text(world: World) -> str:
    """Words no other item has, some of which make the hooks do something."""
    number = world.next_number("agent")
    words = [f"a{number}.{n}" for n in range(world.chance.choice((0, 1, 3, 12)))]
    if words and (mood := world.chance.choice(MOODS)):
        words.insert(world.chance.randint(1, len(words)), mood)  # its name is first
    return " ".join(words)


async def agent_answers(world: World) -> None:
    """An answer of some items, words before or after the audio, finals missing, all at once or with pauses."""
    if (link := world.link()) is None:
        return
    chance = world.chance
    response = link.new_id("r")
    if chance.random() < 0.95:
        link.says(ResponseStarted(response))
    else:
        link.open.append(response)
    for _ in range(chance.choice((1, 1, 2, 3))):
        await _say_item(world, link, response, link.new_id("i") if link.vendor.gives_ids else "")
        if chance.random() < 0.3:
            await pause(world)
        if not link.serves:
            return
    if chance.random() < 0.75:
        done(world, link, response)


async def _say_item(world: World, link: VendorLink, response: str, item: str) -> None:
    chance = world.chance
    text = agent_text(world)
    steps = [("words", n) for n in range(chance.choice((0, 1, 3)))]
    steps += [("audio", n) for n in range(chance.choice((0, 1, 3)))]
    steps += [("timed", n) for n in range(chance.choice((0, 0, 3)))]
    steps += [("final", 0)] if chance.random() < 0.8 else []
    if chance.random() < 0.5:
        chance.shuffle(steps)
    is_final = False
    for kind, n in steps:
        if not link.serves:
            return
        if kind == "words" and not is_final:
            link.says(Transcript("assistant", _so_far(text, n), False, item, response))
        elif kind == "audio":
            audio = numbered(world.next_number("chunk"), chance.choice((20, 200, 1_500)))
            link.says(Audio(audio, response, item))
        elif kind == "timed" and text:
            link.says(SpokenWords(f"{text.split()[min(n, len(text.split()) - 1)]} ", 100.0 * n, response, item))
        elif kind == "final":
            is_final = True
            link.says(Transcript("assistant", text, True, item, response))
        if chance.random() < 0.2:
            await pause(world)


def _so_far(text: str, n: int) -> str:
    """The first words, the item's name always among them."""
    words = text.split()
    return " ".join(words[: 1 + n * len(words) // 3])


def done(world: World, link: VendorLink, response: str) -> None:
    status: Any = world.chance.choice(("completed", "completed", "cancelled", "failed", "incomplete"))
    limit_ms = world.chance.choice(LIMITS_MS) if status == "failed" else None
    link.says(ResponseDone(response, status, world.chance.choice(USAGE), retry_after_ms=limit_ms))


async def finish_answers(world: World) -> None:
    """The vendor is done with all it has begun, some of it for the second time."""
    if (link := world.link()) is not None:
        for response in list(link.open):
            done(world, link, response)


async def barge_in(world: World) -> None:
    if (link := world.link()) is None:
        return
    event = world.chance.choice((SpeechStarted(), Interrupted(), Interrupted("nothing"), None))
    if event is not None:
        link.says(event)
    elif world.view is not None and (client := world.client.link_of(world.view.id)) is not None:
        client.says(ClientInterrupt())


async def tool_call(world: World) -> None:
    if (link := world.link()) is None:
        return
    chance = world.chance
    call_id = link.new_id("c")
    link.calls.append(call_id)
    hows = ("", "slow", "hang", "crash", "strange", "inside")
    name = chance.choice(("look", "look", "look", "nothing", "transfer_to_billing", "transfer_to_front"))
    arguments = chance.choice((f'{{"how": "{chance.choice(hows)}"}}', "{}", "{", '{"how": 3}', ""))
    for _ in range(chance.choice((1, 1, 2))):
        link.says(ToolCall(call_id, name, arguments, ""))
    if chance.random() < 0.3:
        await pause(world)
        link.says(ToolCallCancelled((call_id, "nothing")))


async def link_trouble(world: World) -> None:
    """The link drops, or the vendor warns, errs, gives a handle or goes quiet."""
    if (link := world.link()) is None:
        return
    chance = world.chance
    for vendor in (*world.vendors, world.other):
        vendor.trouble = [chance.choice(("", "lost", "slow", "hangs", "refused", "crashes", "config"))
                          for _ in range(chance.choice((0, 0, 1, 3)))]  # fmt: skip
    if (other := chance.choice(("link", "link", "standby", "stale"))) == "stale":
        speak_on_old_links(world)
    elif other == "standby":
        for standby in world.all_links():
            if not standby.is_closed and not standby.serves and not standby.is_replaced:
                standby.says(LinkLost("1006", "dropped while standing by", True))
    else:
        link.says(
            chance.choice(
                (
                    LinkLost("1006", "dropped", True),
                    LinkLost("1006", "dropped", True),
                    LinkLost("1008", "no", chance.random() < 0.7),
                    LinkLost(RATE_LIMITED, "too much", True, retry_after_ms=chance.choice(LIMITS_MS[:-1])),
                    LinkLost("resume_refused", "old", True),
                    GoingAway(chance.choice((0.0, 500.0, 20_000.0))),
                    ProviderFault("rate", "too many"),
                    Resumable(link.new_id("h")),
                )
            )
        )


def speak_on_old_links(world: World) -> None:
    for old in world.all_links():
        if old.is_replaced:
            old.says(Audio(numbered(world.next_number("chunk"), 20), "old", "old"))
            old.says(Transcript("assistant", f"a{world.next_number('agent')}.0 stale", True, "old-i", "old"))


async def client_says(world: World) -> None:
    client = world.view and world.client.link_of(world.view.id)
    if not client:
        return
    chance = world.chance
    epoch = chance.choice((client.epoch, client.epoch, client.epoch - 1, 7))
    text = f"t{world.next_number('typed')} {chance.choice(MOODS[:-1])}".strip()
    client.says(
        chance.choice((
            ClientPlayback(chance.uniform(-5.0, client.sent_ms + 50.0), epoch), ClientText(text),
            ClientMuted(chance.random() < 0.5), ClientTurn(chance.random() < 0.5), ClientDigit("5"),
            ClientPlayback(client.sent_ms, client.epoch),
        ))
    )  # fmt: skip


async def client_drops(world: World) -> None:
    client = world.view and world.client.link_of(world.view.id)
    if not client:
        return
    client.is_closed = True
    client.says(ClientGone("dropped"))
    if world.chance.random() < 0.6:
        await pause(world)
        await world.attempt("start_session", world.start())


async def permissions(world: World) -> None:
    await change_permissions(world)


async def change_permissions(world: World) -> None:
    kit = world.kit
    access = world.chance.choice(list(Access))
    does: Any = world.chance.choice((
        lambda: kit.mute(ROOM, "voice"), lambda: kit.unmute(ROOM, "voice"), lambda: kit.mute_output(ROOM, "voice"),
        lambda: kit.unmute_output(ROOM, "voice"), lambda: kit.set_access(ROOM, "voice", access),
        lambda: kit.set_access(ROOM, "voice", Access.READ_WRITE), lambda: kit.take_over(ROOM, "voice", "bob"),
        lambda: kit.hand_back(ROOM, "voice", "bob"),
    ))  # fmt: skip
    await world.attempt("permissions", does())
    await world.note_permissions()


async def application(world: World) -> None:
    if world.view is not None:
        await call_in(world, world.view)


async def call_in(world: World, view: VoiceSession) -> None:
    """One of the things an application can do to a call, from outside or from inside."""
    channel, kit, chance = world.channel, world.kit, world.chance
    text = f"x{world.next_number('injected')} {chance.choice(MOODS)}".strip()
    message = InboundMessage(channel_id="chat", sender_id="bob", content=TextContent(body=text), metadata=chance.choice(
        ({}, {"inject_role": "assistant"}, {"inject_role": "system"})))  # fmt: skip
    path = world.directory / f"{world.next_number('file')}.wav"
    does: list[tuple[str, Callable[[], Awaitable[object]]]] = [
        ("inject", lambda: channel.inject_text(view, text, silent=chance.random() < 0.3)),
        ("say", lambda: channel.inject_text(view, text, role="assistant")),
        ("image", lambda: channel.inject_image(view, PNG, silent=chance.random() < 0.5)),
        ("bad image", lambda: channel.inject_image(view, b"no", "image/png")),
        ("reconfigure", lambda: channel.reconfigure_session(view, system_prompt=text)),
        ("reconfigure provider", lambda: channel.reconfigure_session(view, provider=world.other)),
        ("hand over", lambda: channel.hand_over_to(view, chance.choice(("billing", "front", "nobody")))),
        ("ask", lambda: channel.request_response(view)),
        ("begin turn", lambda: channel.begin_user_turn(view)),
        ("end turn", lambda: channel.end_user_turn(view)),
        ("record", lambda: channel.start_recording(view, path)),
        ("record as told", lambda: channel.start_recording(view)),
        ("stop recording", lambda: channel.stop_recording(view)),
        ("chat", lambda: kit.process_inbound(message, room_id=ROOM)),
        ("wait idle", lambda: channel.wait_idle(ROOM, timeout=5)),
    ]
    await world.attempt(*_begun(chance.choice(does)))


def _begun(choice: tuple[str, Callable[[], Awaitable[object]]]) -> tuple[str, Awaitable[object]]:
    return choice[0], choice[1]()


async def ending(world: World) -> None:
    if world.view is not None:
        await end(world, world.view)


async def end(world: World, view: VoiceSession) -> None:
    """One of the ways a call ends, from outside or from inside."""
    channel, kit, chance = world.channel, world.kit, world.chance
    client = world.client.link_of(view.id)
    match chance.choice(("hang up", "drain", "goodbye", "detach", "replace", "close room")):
        case "hang up":
            await world.attempt("end", channel.end_session(view))
        case "drain":
            await world.attempt("drain", channel.end_session(view, drain=True))
        case "goodbye" if client is not None:
            client.says(ClientGoodbye())
        case "detach":
            await world.attempt("detach", kit.detach_channel(ROOM, "voice"))
            await world.note_permissions()
        case "replace":
            await world.attempt("replace", world.start())
        case "close room" if chance.random() < 0.3:
            await world.attempt("close room", kit.close_room(ROOM))
            await world.note_permissions()
        case _:
            pass


async def from_inside(world: World, view: VoiceSession | None) -> None:
    """What a hook or tool does: mostly calls in, at times it ends the call or changes what it may."""
    if view is None or world.chance.random() < 0.2:
        await change_permissions(world)
    elif world.chance.random() < 0.85 or view.state is not SessionState.ACTIVE:
        await call_in(world, view)
    else:
        await end(world, view)


async def pause(world: World) -> None:
    """Time passes: none, a step of the loop, or up to some seconds."""
    duration_s = world.chance.choice((0.0, 0.0, 0.0, 0.005, 0.07, 0.4, 2.0, 4.0))
    for _ in range(world.chance.choice((1, 1, 5))):
        await asyncio.sleep(duration_s)


async def call_again(world: World) -> None:
    if world.live is None:
        if await world.kit.get_binding(ROOM, "voice") is None:
            await world.attempt("attach", world.kit.attach_channel(ROOM, "voice"))
        await world.attempt("start", world.start())


ACTS: dict[Act, int] = {
    caller_audio: 6, caller_turn: 8, late_words: 3, agent_answers: 12, finish_answers: 4, barge_in: 5, tool_call: 4,
    link_trouble: 3, client_says: 6, client_drops: 1, permissions: 2, application: 7, ending: 1, call_again: 3,
}  # fmt: skip
