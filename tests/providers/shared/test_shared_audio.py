"""What every vendor does with audio: base64 in and out, and samples kept whole."""

from __future__ import annotations

import subprocess
import sys

import pytest

from roomkit.providers.shared.samples import SampleAligner
from roomkit.voice.realtime.provider_events import Audio


def test_the_odd_byte_of_one_item_is_not_put_before_the_next() -> None:
    aligner = SampleAligner()

    aligner.aligned(Audio(b"\x01\x02\x03", "r", "item_1"))

    assert aligner.aligned(Audio(b"\x04\x05", "r", "item_2")) == Audio(b"\x04\x05", "r", "item_2")


@pytest.mark.parametrize("has_fast_codec", [True, False])
def test_with_and_without_the_fast_codec_base64_is_the_same_and_as_strict(has_fast_codec: bool) -> None:
    code = """
from roomkit.providers.shared.coding import decode_base64, decode_base64_bytes, encode_base64
assert encode_base64(bytes(range(256))) == __import__("base64").b64encode(bytes(range(256))).decode()
assert decode_base64(encode_base64(b"abcd")) == decode_base64_bytes(b"YWJjZA==") == b"abcd"
for rubbish in ("A", "AA=A", "A\u00e9==", "AAAA\\n", "*", "AA\\\\/A"):
    for decode, coded in ((decode_base64, rubbish), (decode_base64_bytes, rubbish.encode())):
        try:
            decode(coded)
        except ValueError:
            continue
        raise AssertionError(rubbish)
"""

    hidden = "" if has_fast_codec else "import sys\nsys.modules['pybase64'] = None\n"
    subprocess.run([sys.executable, "-c", hidden + code], check=True, timeout=60)
