"""Names in any script are drawn on PDFs, and a character without a glyph is named instead of becoming an empty box."""

from pathlib import Path

import pypdf
import pytest

from pipelines.outputs.statement_fonts import StatementFonts, east_asian_family, isolated
from pipelines.outputs.statements import write_statements
from tests.unit.test_statements import JULY, build_marts, pdf_text

SERVICES = {
    "zh": ("部门存储", "NotoSansCJK"),
    "ja": ("ストレージ", "NotoSansCJK"),
    "ko": ("저장소", "NotoSansCJK"),
    "ar": ("خدمة", "NotoSansArabic"),
    "he": ("שירות", "LibertinusSerif"),
    "hi": ("भंडारण", "NotoSansDevanagari"),
    "th": ("พื้นที่", "NotoSansThai"),
    "el": ("Αποθήκη", "LibertinusSerif"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scripts")
    extra = [
        (JULY, JULY, center, f"{center}-1", "direct", service, "10.00", "10.00", "USD")
        for center, (service, _) in SERVICES.items()
    ]
    extra.append((JULY, JULY, "old", "old-1", "direct", "Tablet 𒀀 \U0010fffe", "10.00", "10.00", "USD"))
    summary = write_statements(build_marts(root / "m.duckdb", extra=extra), JULY, root)
    assert summary.unprintable == ("𒀀", "\U0010fffe")
    return summary.folder


def embedded(path: Path) -> str:
    fonts = {}
    for page in pypdf.PdfReader(path).pages:
        fonts |= page["/Resources"]["/Font"]  # type: ignore[operator]
    return " ".join(str(font.get_object()["/BaseFont"]) for font in fonts.values())


@pytest.mark.parametrize("script", SERVICES)
def test_names_are_drawn_with_a_font_of_their_script(folder: Path, script: str) -> None:
    service, family = SERVICES[script]
    assert family in embedded(folder / f"{script}.pdf")
    # Shaping joins and reorders letters, so the text that a reader extracts has them in another order.
    assert set(service) <= set(pdf_text(folder / f"{script}.pdf"))


def test_a_character_without_a_glyph_is_named_and_the_page_says_so(folder: Path) -> None:
    text = pdf_text(folder / "old.pdf")
    assert "Tablet [U+12000] [U+10FFFE]" in text
    assert "no installed font holds" in text
    assert "no installed font holds" not in pdf_text(folder / "zh.pdf")


def test_only_packaged_fonts_are_used_so_that_every_machine_writes_the_same_bytes() -> None:
    """This machine has Liberation Sans among its system fonts, or nothing; a statement must not see either."""
    families = StatementFonts().loaded.families()
    assert {"Libertinus Serif", "Noto Sans Arabic", "Noto Sans CJK SC"} <= set(families)
    assert all(family.startswith(("Noto", "DejaVu Sans Mono", "Libertinus", "New Computer")) for family in families)


def test_kana_and_hangul_choose_how_shared_ideographs_are_drawn() -> None:
    assert east_asian_family(iter(["研究", "ストレージ"])) == "Noto Sans CJK JP"
    assert east_asian_family(iter(["研究", "저장소"])) == "Noto Sans CJK KR"
    assert east_asian_family(iter(["研究", "Storage"])) == "Noto Sans CJK SC"


def test_right_to_left_names_keep_the_figures_beside_them_in_place() -> None:
    assert isolated("قسم") == "\u2068قسم\u2069"
    assert isolated("Search") == "Search"
