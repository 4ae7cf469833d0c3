"""Turns any name into a valid file name that is unique in its directory."""

from __future__ import annotations

import hashlib
import unicodedata

# Invalid in some file systems, or special to shells.
REFUSED = frozenset('/\\:*?"<>|')
# Most file systems allow 255 bytes, which must also hold an extension and a temporary name's suffix.
MAX_BYTES = 200
HASH_DIGITS = 6


class FileNames:
    """The file names of one directory.

    Args:
        reserved: names that are never returned.
    """

    def __init__(self, *reserved: str) -> None:
        self._taken = {_same(name) for name in reserved}

    def take(self, name: str, ending: str = "") -> str:
        """Return `name` and `ending` as a file name: unchanged, or with digits of the name's SHA-256 if it had to change.

        Spaces and letters of all scripts stay. Names that differ only in case get different file names, since some
        file systems treat them as the same.
        """
        stem = "".join("_" if letter in REFUSED or not letter.isprintable() else letter for letter in name)
        stem = _cut(stem, MAX_BYTES).strip()
        if stem.startswith("."):
            stem = f"_{stem[1:]}"
        digest = hashlib.sha256(name.encode()).hexdigest()
        digits = HASH_DIGITS
        candidate = stem if stem == name else _marked(stem, digest[:digits])
        while _same(candidate + ending) in self._taken:
            candidate = _marked(stem, digest[:digits])
            digits += 2
        self._taken.add(_same(candidate + ending))
        return candidate + ending


def _marked(stem: str, digest: str) -> str:
    return f"{stem}-{digest}" if stem else digest


def _same(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")
