"""What the reference CLI was seen to do, kept in tests/e2e/reference/: one file per class of tests, an
entry per row of its table.

A record is made by running the reference (FAIRLEAD_REFERENCE_LIVE=record) and never written by hand.
What belongs to one run alone stands in it as a word: @FOLDER@, @PORT1@, @ID@ and so on. It is filled in
again for the workspace that fairlead is compared in.
"""

import hashlib
import json
import os
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "reference"
DIGITS = "0123456789abcdefghijklmnopqrstuv"


def live():
    """Which rows run the reference: those that ask for it (empty), or all of them, so that their records
    are held against it (all) or made anew (record)."""
    word = os.environ.get("FAIRLEAD_REFERENCE_LIVE", "")
    if word not in ("", "all", "record"):
        raise ValueError(f"FAIRLEAD_REFERENCE_LIVE is all or record, not {word!r}")
    return word


def devcontainer_id(labels):
    """`${devcontainerId}` as the specification has it, of the labels that identify a container."""
    text = json.dumps(labels, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    number = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    digits = ""
    while number:
        number, digit = divmod(number, 32)
        digits = DIGITS[digit] + digits
    return digits.rjust(52, "0")


def in_every_text(value, change):
    """The same value with every string in it changed, keys included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(key): in_every_text(part, change) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [in_every_text(part, change) for part in value]
    return value


def abstracted(value, words):
    """Every word's text in `value` replaced by @WORD@; the longest first, numbers only when whole."""

    def change(text):
        for name, word in sorted(words.items(), key=lambda pair: -len(pair[1])):
            pattern = rf"\b{word}\b" if word.isdigit() else re.escape(word)
            text = re.sub(pattern, f"@{name}@", text)
        return text

    return in_every_text(value, change)


def filled(value, words):
    def change(text):
        for name, word in words.items():
            text = text.replace(f"@{name}@", word)
        return text

    return in_every_text(value, change)


class Record:
    """The records of one class of tests."""

    def __init__(self, test):
        kind = type(test)
        self.file = FOLDER / f"{kind.__module__.removeprefix('test_reference_')}.{kind.__name__}.json"

    def _all(self):
        return json.loads(self.file.read_text()) if self.file.exists() else {}

    def of(self, row):
        """None: there is none."""
        return self._all().get(row)

    def keep(self, row, facts):
        everything = {**self._all(), row: facts}
        FOLDER.mkdir(exist_ok=True)
        text = json.dumps(dict(sorted(everything.items())), indent=1, sort_keys=True)
        self.file.write_text(text + "\n")
