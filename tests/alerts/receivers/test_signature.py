"""By which a webhook's receiver knows our pages."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.receivers.signature import is_ours, signature

NOW = datetime(2026, 7, 3, 2, 40, tzinfo=UTC)
BODY = b'{"id":"0123"}'


def test_it_is_the_hmac_of_the_time_a_dot_and_the_body() -> None:
    expected = hmac.new(b"new", b"1783046400." + BODY, hashlib.sha256).hexdigest()
    assert signature(BODY, ["new"], NOW) == f"t=1783046400,v1={expected}"


def test_while_a_secret_is_replaced_both_hold() -> None:
    header = signature(BODY, ["new", "old"], NOW)
    assert is_ours(header, BODY, "old", NOW)
    assert is_ours(header, BODY, "new", NOW)
    assert not is_ours(header, BODY, "other", NOW)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_what_is_read_and_posted_again_later_is_not_ours(minutes: int) -> None:
    header = signature(BODY, ["new"], NOW)
    assert not is_ours(header, BODY, "new", NOW + timedelta(minutes=minutes))
    assert not is_ours(header.replace("t=1783046400", "t=1783046401"), BODY, "new", NOW)


@given(st.text(max_size=60), st.binary(max_size=40))
def test_no_header_that_we_did_not_make_holds(header: str, body: bytes) -> None:
    assert not is_ours(header, body, "new", NOW)
