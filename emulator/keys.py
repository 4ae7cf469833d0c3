"""The keys that one emulator takes: made anew at each start, and found in this process by the emulator's URL."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field

# URL of an emulator → its keys, for those in this process that call it.
_keys: dict[str, Keys] = {}


@dataclass(frozen=True)
class Keys:
    """An access key id and its secret, in AWS's forms."""

    access_key_id: str
    secret_access_key: str = field(repr=False)

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that SDKs and tools read them from."""
        return {"AWS_ACCESS_KEY_ID": self.access_key_id, "AWS_SECRET_ACCESS_KEY": self.secret_access_key}


def make_keys() -> Keys:
    """Return random keys: AKIA and 16 characters of base 32, and 40 characters that need no quotes in a shell."""
    return Keys("AKIA" + base64.b32encode(secrets.token_bytes(10)).decode(), secrets.token_urlsafe(30))


def remember_keys(url: str, keys: Keys) -> None:
    """Let those in this process that call `url` sign with `keys`."""
    _keys[url] = keys


def keys_of(url: str) -> Keys:
    """Return the keys of the emulator at `url`.

    Raises:
        LookupError: this process has neither started it nor read its exports.
    """
    if url not in _keys:
        raise LookupError(f"the keys of the emulator at {url} are not known in this process")
    return _keys[url]
