"""Turns any name into a file name, never the same one twice."""

from __future__ import annotations

import hashlib
import unicodedata

# Refused by one file system or another, or read as something else by shells.
REFUSED = frozenset('/\\:*?"<>|')
# Most file systems take 255 bytes; an ending and a temporary name's extra must fit too.
MAX_BYTES = 200
HASH_DIGITS = 6


class FileNames:
    """File names of one directory.

    Args:
        reserved: names that are not to be given away.
    """

    def __init__(self, *reserved: str) -> None:
        self._taken = {_same(name) for name in reserved}

    def take(self, name: str, ending: str = "") -> str:
        """`name` and `ending` as a file name: as they are, or changed and marked with digits of `name`'s SHA-256.

        Spaces and all scripts stay. Names that differ only in case get different file names, since some file
        systems hold them for one.
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
