"""The fonts of statement PDFs, and what happens to a character that none of them holds: it is named, never a blank box.

Only fonts that the packages ship are used, so the same statement has the same bytes on every machine. They cover Latin,
Greek, Cyrillic, Arabic, Hebrew, the scripts of India and South-East Asia, Chinese, Japanese, Korean, and emoji (in one
colour). What they lack (historic scripts, such as cuneiform) can be added: `[statements] fonts` in finops.toml.
"""

from __future__ import annotations

import functools
import importlib.util
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typst
from fontTools.ttLib import TTCollection, TTFont

_PACKAGES = ("manimgx_fonts", "noto_cjk_sans_otc")
_SUFFIXES = {".ttf", ".otf", ".ttc", ".otc"}
_RIGHT_TO_LEFT = {"R", "AL", "AN"}
_ISOLATE, _POP = "\u2068", "\u2069"


class StatementFonts:
    """The fonts of one run: what Typst loads, and which characters they hold."""

    def __init__(self, extra: Path | None = None) -> None:
        self._folders = tuple(folder for folder in (*_package_folders(), extra) if folder)
        self.loaded = typst.Fonts(include_system_fonts=False, font_paths=list(self._folders))
        self.missing: set[str] = set()  # characters that no font held, over all pages so far

    def printable(self, content: Any) -> Any:
        """The content (text, lists, mappings) with every character that no font holds as its code point, [U+12000]."""
        if isinstance(content, str):
            return self._printable_text(content)
        if isinstance(content, list):
            return [self.printable(part) for part in content]
        if isinstance(content, dict):
            return {key: self.printable(part) for key, part in content.items()}
        return content

    def _printable_text(self, text: str) -> str:
        if text.isascii():
            return text
        held = _characters(self._folders)
        unheld = {c for c in text if ord(c) not in held and unicodedata.category(c) not in ("Cf", "Zs", "Mn")}
        self.missing |= unheld
        return "".join(f"[U+{ord(c):04X}]" if c in unheld else c for c in text)


def east_asian_family(texts: Iterator[str]) -> str:
    """Chinese, Japanese and Korean share code points that each draws its own way; kana and hangul tell which it is."""
    names = {unicodedata.name(c, "").split(" ")[0] for text in texts if not text.isascii() for c in text}
    if names & {"HIRAGANA", "KATAKANA"}:
        return "Noto Sans CJK JP"
    return "Noto Sans CJK KR" if "HANGUL" in names else "Noto Sans CJK SC"


def isolated(text: str) -> str:
    """Right-to-left text keeps its order to itself: figures and periods beside it stay where they are."""
    if any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in text):
        return f"{_ISOLATE}{text}{_POP}"
    return text


def _package_folders() -> Iterator[Path]:
    for package in _PACKAGES:
        found = importlib.util.find_spec(package)
        assert found is not None and found.origin is not None  # dependencies of this package
        yield Path(found.origin).parent


@functools.cache
def _characters(folders: tuple[Path, ...]) -> frozenset[int]:
    held: set[int] = set()
    for path in sorted(path for folder in folders for path in folder.rglob("*")):
        if path.suffix.lower() in _SUFFIXES:
            for font in _faces(path):
                held.update(font.getBestCmap() or ())
    return frozenset(held)


def _faces(path: Path) -> list[Any]:
    if path.suffix.lower() in (".ttc", ".otc"):
        return [TTCollection(str(path), lazy=True).fonts[0]]  # the faces of a collection hold the same characters
    return [TTFont(str(path), lazy=True)]
