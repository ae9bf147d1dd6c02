"""The Standard Webhooks scheme, against its own test vector and its own Python package."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from roomkit.channels.webhook_signature import MIN_KEY_BYTES, StandardSignature
from roomkit.errors import AccessDeniedError, ConfigError

# The example of the specification's own libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP_S = 1_614_265_330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
HEADERS = {"webhook-id": MESSAGE_ID, "webhook-timestamp": str(TIMESTAMP_S), "webhook-signature": SIGNATURE}

OTHER_SECRET = "whsec_" + base64.b64encode(b"another secret of 24 byt").decode()


def test_the_published_example_comes_out_to_the_letter() -> None:
    assert StandardSignature(SECRET).sign(MESSAGE_ID, BODY, TIMESTAMP_S) == HEADERS


def test_the_published_example_is_accepted_and_tells_id_and_attempt() -> None:
    verified = StandardSignature(SECRET).verify(HEADERS, BODY, TIMESTAMP_S)

    assert verified.id == MESSAGE_ID
    assert verified.attempt == f"{MESSAGE_ID}.{TIMESTAMP_S}"


@pytest.mark.parametrize("secret", [SECRET, SECRET.removeprefix("whsec_")])
def test_the_prefix_of_a_secret_may_be_left_out(secret: str) -> None:
    assert StandardSignature(secret).sign(MESSAGE_ID, BODY, TIMESTAMP_S)["webhook-signature"] == SIGNATURE


def test_what_we_sign_the_package_accepts() -> None:
    now_s = int(datetime.now(UTC).timestamp())
    body = json.dumps({"said": "grüß dich"}, ensure_ascii=False).encode()

    headers = StandardSignature(SECRET).sign("evt_1", body, now_s)

    assert Webhook(SECRET).verify(body, headers) == {"said": "grüß dich"}


@given(body=st.text(), key=st.binary(min_size=MIN_KEY_BYTES, max_size=64))
def test_what_the_package_signs_we_accept(body: str, key: bytes) -> None:
    signature = Webhook(key).sign("msg_1", datetime.fromtimestamp(TIMESTAMP_S, tz=UTC), body)
    headers = {**HEADERS, "webhook-id": "msg_1", "webhook-signature": signature}

    verified = StandardSignature(base64.b64encode(key).decode()).verify(headers, body.encode(), TIMESTAMP_S)

    assert verified.id == "msg_1"


def test_while_secrets_are_rotated_the_other_side_may_have_either() -> None:
    both = StandardSignature([OTHER_SECRET, SECRET])
    headers = both.sign(MESSAGE_ID, BODY, TIMESTAMP_S)

    for one in (SECRET, OTHER_SECRET):
        assert StandardSignature(one).verify(headers, BODY, TIMESTAMP_S).id == MESSAGE_ID
        assert both.verify(StandardSignature(one).sign(MESSAGE_ID, BODY, TIMESTAMP_S), BODY, TIMESTAMP_S)


@pytest.mark.parametrize("now_s", [TIMESTAMP_S - 300, TIMESTAMP_S + 300])
def test_an_attempt_may_be_five_minutes_from_now_either_way(now_s: float) -> None:
    assert StandardSignature(SECRET).verify(HEADERS, BODY, now_s).id == MESSAGE_ID


@pytest.mark.parametrize("now_s", [TIMESTAMP_S - 301, TIMESTAMP_S + 301])
def test_an_attempt_further_from_now_is_refused_however_well_signed(now_s: float) -> None:
    with pytest.raises(AccessDeniedError, match="300 s from now"):
        StandardSignature(SECRET).verify(HEADERS, BODY, now_s)


def test_a_body_changed_by_one_byte_is_refused() -> None:
    with pytest.raises(AccessDeniedError, match="no signature matches"):
        StandardSignature(SECRET).verify(HEADERS, BODY + b" ", TIMESTAMP_S)


@pytest.mark.parametrize("name", HEADERS)
def test_each_header_is_required(name: str) -> None:
    headers = {each: value for each, value in HEADERS.items() if each != name}

    with pytest.raises(AccessDeniedError, match=name):
        StandardSignature(SECRET).verify(headers, BODY, TIMESTAMP_S)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp"])
def test_id_and_timestamp_are_signed_too(name: str) -> None:
    headers = {**HEADERS, name: HEADERS[name].replace("4", "5")}

    with pytest.raises(AccessDeniedError, match="no signature matches"):
        StandardSignature(SECRET).verify(headers, BODY, TIMESTAMP_S)


@pytest.mark.parametrize(
    "signature",
    [
        "v1",
        "v1,",
        "v1,not base64",
        "v1,ÿÿÿÿ",
        ",",
        "v1a," + SIGNATURE.removeprefix("v1,"),
        "v2," + SIGNATURE.removeprefix("v1,"),
        SIGNATURE[:-4],
        "v1,AAAA " * 500,
    ],
)
def test_a_signature_that_is_rubbish_is_refused_like_a_wrong_one(signature: str) -> None:
    with pytest.raises(AccessDeniedError, match="no signature matches"):
        StandardSignature(SECRET).verify({**HEADERS, "webhook-signature": signature}, BODY, TIMESTAMP_S)


def test_a_good_signature_among_foreign_ones_counts() -> None:
    headers = {**HEADERS, "webhook-signature": f"v1a,AAAA v1,AAAA rubbish {SIGNATURE}"}

    assert StandardSignature(SECRET).verify(headers, BODY, TIMESTAMP_S).id == MESSAGE_ID


@pytest.mark.parametrize("timestamp", ["now", "1e9", "-5", "1614265330.5", "²³", "9" * 13])
def test_a_timestamp_that_is_no_number_of_seconds_is_refused(timestamp: str) -> None:
    with pytest.raises(AccessDeniedError, match="webhook-timestamp"):
        StandardSignature(SECRET).verify({**HEADERS, "webhook-timestamp": timestamp}, BODY, TIMESTAMP_S)


@pytest.mark.parametrize("message_id", ["msg.1", "x" * 257, "msgÿ"])
def test_an_id_that_could_blur_what_was_signed_is_refused(message_id: str) -> None:
    signature = StandardSignature(SECRET)

    with pytest.raises(AccessDeniedError, match="webhook-id"):
        signature.verify(signature.sign(message_id, BODY, TIMESTAMP_S), BODY, TIMESTAMP_S)


def test_a_new_secret_is_new_each_time_and_can_be_used() -> None:
    first, second = StandardSignature.new_secret(), StandardSignature.new_secret()

    assert first != second
    assert first.startswith("whsec_")
    assert StandardSignature(first).sign(MESSAGE_ID, BODY, TIMESTAMP_S)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "not base64!", "ÿÿ", []])
def test_a_secret_that_cannot_protect_is_refused_without_being_shown(secret: str | list[str]) -> None:
    with pytest.raises(ConfigError, match=r"secret") as refused:
        StandardSignature(secret)

    assert not secret or str(secret) not in str(refused.value)


def test_a_tolerance_is_positive() -> None:
    with pytest.raises(ConfigError, match="tolerance"):
        StandardSignature(SECRET, tolerance_s=0)
