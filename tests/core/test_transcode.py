"""Content for channels that cannot show it as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.core.transcode import EVERYTHING, as_text, contents, split_text, transcode
from roomkit.models.channel import ChannelCapabilities
from roomkit.models.content import (
    MAX_PARTS,
    MAX_TEXT_CHARS,
    AudioContent,
    CompositeContent,
    DeleteContent,
    EditContent,
    EventContent,
    LocationContent,
    MediaContent,
    RichContent,
    SystemContent,
    TemplateContent,
    TextContent,
    ToolCallContent,
    VideoContent,
)

TEXT_ONLY = ChannelCapabilities()
URL = "https://files.example/a.png"
MEDIA = MediaContent(url=URL, mime_type="image/png", filename="a.png", caption="the crack")

EXAMPLES: list[tuple[EventContent, str]] = [
    (RichContent(body="**Hello**", plain_text="Hello"), "Hello"),
    (RichContent(body="**Hello**"), "**Hello**"),
    (MEDIA, f"the crack\na.png: {URL}"),
    (MediaContent(url=URL, mime_type="image/png"), f"image/png: {URL}"),
    (MediaContent(url="data:image/png;base64,AAAA", mime_type="image/png", filename="a.png"), "[a.png]"),
    (AudioContent(url=URL, transcript="call me back"), f"call me back\naudio: {URL}"),
    (VideoContent(url=URL), f"video: {URL}"),
    (
        LocationContent(latitude=59.9, longitude=10.7, label="Oslo", address="Karl Johans gate"),
        "Oslo\nKarl Johans gate\n"
        "https://www.openstreetmap.org/?mlat=59.900000&mlon=10.700000#map=16/59.900000/10.700000",
    ),
    (SystemContent(body="Ada joined", code="joined", data={"private": 1}), "Ada joined"),
    (TemplateContent(template_id="otp", parameters={"code": "1234"}, body="Your code is 1234"), "Your code is 1234"),
    (TemplateContent(template_id="otp", parameters={"code": "1234"}), "[otp]"),
    (ToolCallContent(name="pay", tool_call_id="c", arguments={"iban": "NO93"}, result="secret"), "[pay]"),
    (EditContent(target_event_id="e", new_content=TextContent(body="at ten")), "Edited: at ten"),
    (DeleteContent(target_event_id="e", reason="abuse"), "A message was deleted."),
    (CompositeContent(parts=(TextContent(body="look"), MEDIA)), f"look\nthe crack\na.png: {URL}"),
]


@pytest.mark.parametrize(("content", "text"), EXAMPLES, ids=lambda value: getattr(value, "type", None))
def test_a_channel_of_plain_text_gets_words_and_links(content: EventContent, text: str) -> None:
    assert transcode(content, TEXT_ONLY) == TextContent(body=text)


def test_the_examples_hold_every_kind_of_content() -> None:
    assert {content.type for content, _ in EXAMPLES} | {"text"} == set(EVERYTHING.content_types)


@pytest.mark.parametrize("content", [content for content, _ in EXAMPLES], ids=lambda content: content.type)
def test_a_channel_that_takes_everything_gets_the_same_object(content: EventContent) -> None:
    assert transcode(content, EVERYTHING) is content


def test_plain_text_is_never_touched_if_it_fits() -> None:
    text = TextContent(body=" two  spaces\n", language="en")

    assert transcode(text, ChannelCapabilities(content_types=(), max_text_chars=13)) is text


def test_what_a_channel_can_show_stays_and_the_rest_of_a_composite_becomes_text_around_it() -> None:
    place = LocationContent(latitude=0, longitude=0)
    content = CompositeContent(parts=(RichContent(body="a"), TextContent(body="b"), place, TextContent(body="c")))

    shown = transcode(content, ChannelCapabilities(content_types=("location",)))

    assert list(contents(shown)) == [TextContent(body="a\nb"), place, TextContent(body="c")]


def test_composites_in_composites_come_out_flat() -> None:
    inner = CompositeContent(parts=(TextContent(body="b"), MEDIA))
    content = CompositeContent(parts=(TextContent(body="a"), inner))

    shown = transcode(content, ChannelCapabilities(content_types=("media",)))

    assert shown == CompositeContent(parts=(TextContent(body="a\nb"), MEDIA))


def test_an_edit_is_shown_as_one_only_where_its_new_content_can_be_too() -> None:
    edit = EditContent(target_event_id="e", new_content=MEDIA)

    assert transcode(edit, ChannelCapabilities(content_types=("edit", "media"))) is edit
    assert transcode(edit, ChannelCapabilities(content_types=("edit",))).type == "text"


def test_a_caption_that_is_too_long_becomes_text_before_the_picture() -> None:
    shown = transcode(MEDIA, ChannelCapabilities(content_types=("media",), max_text_chars=5))

    assert list(contents(shown)) == [
        TextContent(body="the"),
        TextContent(body="crack"),
        MEDIA.model_copy(update={"caption": None}),
    ]


def test_rich_text_too_long_for_the_channel_becomes_plain_pieces() -> None:
    shown = transcode(RichContent(body="one two"), ChannelCapabilities(content_types=("rich",), max_text_chars=4))

    assert list(contents(shown)) == [TextContent(body="one"), TextContent(body="two")]


def test_pieces_keep_the_language_of_the_text() -> None:
    shown = transcode(TextContent(body="ein zwei", language="de"), ChannelCapabilities(max_text_chars=4))

    assert [part.language for part in contents(shown) if isinstance(part, TextContent)] == ["de", "de"]


def test_a_novel_for_a_channel_of_short_messages_ends_in_an_ellipsis() -> None:
    shown = transcode(TextContent(body="word " * 200_000), ChannelCapabilities(max_text_chars=10))

    pieces = [as_text(part) for part in contents(shown)]
    assert len(pieces) == MAX_PARTS
    assert pieces[0] == "word word"
    assert pieces[-1] == "…"


def test_words_put_around_the_longest_text_there_is_do_not_make_it_too_long() -> None:
    edit = EditContent(target_event_id="e", new_content=TextContent(body="x" * MAX_TEXT_CHARS))

    shown = transcode(edit, TEXT_ONLY)

    assert len(as_text(shown)) == MAX_TEXT_CHARS


def test_white_space_alone_too_long_for_the_channel_is_nothing() -> None:
    assert transcode(TextContent(body=" " * 50), ChannelCapabilities(max_text_chars=10)) == TextContent(body="")


def test_what_one_could_press_is_listed() -> None:
    content = RichContent(
        body="Shall we?",
        buttons=({"label": "Pay", "url": "https://pay.example"}, {"title": "Later"}, {"url": "https://x.example"}),
        quick_replies=("Yes", "No"),
        cards=({"title": "Card", "text": "unread"},),
    )

    assert as_text(content) == (
        "Shall we?\nCard\n- Pay: https://pay.example\n- Later\n- https://x.example\n- Yes\n- No"
    )


@pytest.mark.parametrize("button", [{}, {"label": 7}, {"url": "javascript:alert(1)"}, {"label": "", "url": ["x"]}])
def test_a_button_that_is_rubbish_is_left_out(button: dict[str, object]) -> None:
    assert as_text(RichContent(body="Hi", buttons=(button,))) == "Hi"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>One &amp; <b>two</b></p><p>three<br>four</p>", "One & two\nthree\nfour"),
        ("a<script>alert('<b>')</script>b<STYLE>p {}</STYLE >c", "abc"),
        ("before<script>never closed", "before"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("&lt;b&gt; stays words", "<b> stays words"),
        ("  many \n\n  spaces ", "many spaces"),
        ("<!DOCTYPE html><!-- no words -->a", "a"),
        ("<", "<"),
    ],
)
def test_html_becomes_its_words(source: str, text: str) -> None:
    assert as_text(RichContent(body=source, format="html")) == text


HOSTILE = [
    "<" * 1_000_000,
    "<script>" * 125_000,
    "<!--" * 250_000,
    "<p " * 333_333,
    "<" + "a" * 999_999,
    "<a" + " " * 999_998,
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda text: text[:6])
def test_hostile_html_is_read_in_one_go(hostile: str) -> None:
    """Quadratic time would be hours here: the test's own time limit is the assertion."""
    assert isinstance(as_text(RichContent(body=hostile, format="html")), str)


# --- splitting ---


@pytest.mark.parametrize(
    ("text", "max_chars", "pieces"),
    [
        ("", 5, [""]),
        ("hello", 5, ["hello"]),
        ("hello world", 5, ["hello", "world"]),
        ("hello world", 8, ["hello", "world"]),
        ("hello   world", 6, ["hello", "world"]),
        ("hello world  ", 8, ["hello", "world"]),
        ("hi  ", 8, ["hi  "]),
        ("first line\nsecond", 12, ["first line", "second"]),
        ("a\nbcd efg hij", 9, ["a\nbcd efg", "hij"]),
        ("unsplittable", 5, ["unspl", "ittab", "le"]),
        ("a unsplittable", 5, ["a", "unspl", "ittab", "le"]),
        ("🙂🙂🙂", 2, ["🙂🙂", "🙂"]),
    ],
)
def test_text_is_cut_at_lines_else_between_words_else_where_it_is_full(
    text: str, max_chars: int, pieces: list[str]
) -> None:
    assert list(split_text(text, max_chars)) == pieces


@given(text=st.text(alphabet="ab \n\t.é🙂", max_size=300), max_chars=st.integers(1, 40))
def test_nothing_but_white_space_is_lost_and_no_piece_is_too_long(text: str, max_chars: int) -> None:
    pieces = list(split_text(text, max_chars))

    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(len(piece) <= max_chars for piece in pieces)


@given(words=st.lists(st.text(alphabet="abc", min_size=1, max_size=8), min_size=1), max_chars=st.integers(8, 40))
def test_words_that_fit_are_never_cut(words: list[str], max_chars: int) -> None:
    pieces = split_text(" ".join(words), max_chars)

    assert [word for piece in pieces for word in piece.split()] == words


def test_a_piece_of_no_characters_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        list(split_text("x", 0))


SIMPLE = st.sampled_from([content for content, _ in EXAMPLES if content.type not in ("composite", "edit")])
TEXTS = st.builds(TextContent, body=st.text(max_size=100))


@given(
    contents_=st.lists(st.one_of(SIMPLE, TEXTS), min_size=1, max_size=5),
    kinds=st.sets(st.sampled_from(EVERYTHING.content_types)),
    limit=st.none() | st.integers(1, 60),
)
def test_whatever_comes_out_the_channel_can_show(
    contents_: list[EventContent], kinds: set[str], limit: int | None
) -> None:
    capabilities = ChannelCapabilities(content_types=tuple(kinds), max_text_chars=limit)

    shown = transcode(CompositeContent(parts=tuple(contents_)), capabilities)

    for part in contents(shown):
        assert part.type == "text" or part.type in kinds
        assert limit is None or not isinstance(part, TextContent) or len(part.body) <= limit
    assert transcode(shown, capabilities.model_copy(update={"content_types": (*kinds, "composite")})) == shown
