"""The bytes of a record that was refused: kept to be looked at and sent again, without the personal data in them."""

from typing import Any

import msgspec

from model.masking import Masked, Masker
from stream.records import Identifier

# Kept of a record; beyond this it is cut, and cannot be sent again.
MAX_PAYLOAD = 64 * 1024
# Read beyond the cut, so that a piece of personal data which it goes through is known for what it is.
_BEYOND = 1024

# The fields of a headline whose text is no sentence: the key by which it is known, and links.
_KEY = "id"
_LINKS = ("url", "link")


def masked_payload(payload: bytes, masker: Masker) -> tuple[bytes, int]:
    """A record's bytes, its personal data masked, cut at MAX_PAYLOAD; and how many they were before the cut.

    A payload without personal data is what it was. A JSON record is masked value by value, and is JSON still. What is
    none, or too long, is masked as the text that it would be in UTF-8; an encoding in which figures and Latin letters
    are other bytes is not read.
    """
    if len(payload) > MAX_PAYLOAD:
        return _as_text(payload[: MAX_PAYLOAD + _BEYOND], masker)[:MAX_PAYLOAD], len(payload)
    try:
        value = msgspec.json.decode(payload)
        masked = _masked(value, "", masker)
        kept = payload if masked == value else msgspec.json.encode(masked)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        kept = _as_text(payload, masker)
    return kept[:MAX_PAYLOAD], len(kept)


def _as_text(payload: bytes, masker: Masker) -> bytes:
    text = payload.decode("utf-8", "surrogateescape")
    return masker.mask(text, in_json=True).text.encode("utf-8", "surrogateescape")


def _masked(value: Any, name: str, masker: Masker) -> Any:
    """A JSON value without personal data. `name`: of the field that it stands in, which may say what a number is."""
    if isinstance(value, dict):
        return {key: each if key == _KEY else _masked(each, key, masker) for key, each in value.items()}
    if isinstance(value, list):
        return [_masked(each, name, masker) for each in value]
    if isinstance(value, str) and name in _LINKS:
        return masker.mask_url(value).text
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        masked = _behind(name, str(value), masker)
        return masked.text if masked.kinds else value
    return value


def _behind(name: str, text: str, masker: Masker) -> Masked:
    """A text masked as if its field's name stood before it: {"phone": "555-0143"}."""
    before = f"{name.replace('_', ' ')}: "
    masked = masker.mask(before + text)
    # A name that is personal data itself is none of a field.
    if not masked.text.startswith(before):
        return masker.mask(text)
    return masked._replace(text=masked.text[len(before) :])


class _Named(msgspec.Struct):
    id: Identifier


def named(payload: bytes) -> str | None:
    """The headline's id, if the record is JSON and has one that can be a key."""
    try:
        return msgspec.json.decode(payload, type=_Named).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def readable(payload: bytes) -> str:
    """What a person reads of a record: its title if it has one, else all of it as text."""
    try:
        value = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = None
    title = value.get("title") if isinstance(value, dict) else None
    return title if isinstance(title, str) and title.strip() else payload.decode("utf-8", "replace")
