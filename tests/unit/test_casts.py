"""Casts: money is exact and rounded half-even once, times are UTC, and nonsense is an error, never a NULL or a zero."""

from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.landing.casts import cast_sql, connect, rounding_sql

TWELVE = Decimal("1e-12")


@pytest.fixture(scope="module")
def con(tmp_path_factory):
    opened = connect("512MB", 1, str(tmp_path_factory.mktemp("spill")))
    opened.execute("create table one (t varchar, d double)")
    return opened


def value_of(con, kind: str, text: str):
    return con.execute(f"select {cast_sql(kind, 't', 'varchar')} from (select ? as t)", [text]).fetchone()[0]


def half_even(text: str) -> Decimal:
    with localcontext() as exact:
        exact.prec = 80
        return Decimal(text).quantize(TWELVE, rounding=ROUND_HALF_EVEN)


plain_numbers = st.builds(
    lambda sign, whole, point, fraction: f"{sign}{whole}{point}{fraction}",
    st.sampled_from(["", "-", "+"]),
    st.integers(0, 10**16 - 2).map(str) | st.sampled_from(["0", "00012", "99999", "100000"]),
    st.just("."),
    st.text("0123456789", min_size=1, max_size=32),
)
ties = st.builds(
    lambda sign, whole, kept, beyond: f"{sign}{whole}.{kept:012d}5{beyond}",
    st.sampled_from(["", "-"]),
    st.integers(0, 10**9),
    st.integers(0, 10**12 - 1),
    st.sampled_from(["", "0" * 9, "0" * 30, "0" * 15 + "1", "0" * 11 + "7", "0" * 12 + "3"]),
)
exponents = st.builds(
    lambda sign, mantissa, mark, power: f"{sign}{mantissa}{mark}{power}",
    st.sampled_from(["", "-", "+"]),
    st.decimals("0", "99", places=8).map(lambda d: f"{d:f}"),
    st.sampled_from(["E", "e"]),
    st.integers(-16, 9),
)


@settings(max_examples=60)
@given(st.lists(plain_numbers | ties | exponents, min_size=20, max_size=80))
@example(["0.0000000000005", "0.0000000000015", "-0.0000000000005", "-0.0000000000025", "6.71E-8", "4.0E-7", "1e3"])
@example([".5", "5.", "-12", "+7.25", "0", "-0", "00012.5", "99999.999999999999", "100000.0000000000005"])
@example(["0.0000000072922557592391990000", "0.1234567890125000000000000"])
@example(["0.00000000000149999999999996", "0.0000000000025000000000000000001", "9999999999999998.4999999999995"])
@example(["12345678901234.1234567890125", "12345678901234.1234567890135", "1.5E15", "123456789012345.67"])
def test_money_text_is_landed_as_python_rounds_it(con, texts):
    """DECIMAL(28,12), half-even, once: equal to Decimal for plain, signed, exponent, long and tied numbers."""
    landed = con.execute(
        f"select t, {cast_sql('money', 't', 'varchar')} from (select unnest(?) as t)", [texts]
    ).fetchall()
    assert [(text, value) for text, value in landed] == [(text, half_even(text)) for text in texts]


@settings(max_examples=40)
@given(st.lists(plain_numbers | ties, min_size=20, max_size=80))
@example(["0.0000000000005", "0.0000000000015", "-0.00000000000049", "12"])
def test_what_rounding_takes_away_plus_what_lands_is_the_text(con, texts):
    """Conservation: text = landed + rounding, to the 20th decimal, on every single value."""
    rows = con.execute(
        f"select t, {cast_sql('money', 't', 'varchar')}, {rounding_sql('t', 'varchar')} from (select unnest(?) as t)",
        [texts],
    ).fetchall()
    with localcontext() as exact:
        exact.prec = 80
        assert all(abs(landed + rounding - Decimal(text)) < Decimal("1e-20") for text, landed, rounding in rows)


def test_a_tie_goes_to_the_even_neighbour():
    """0.5, 1.5 and 2.5 units of the twelfth decimal become 0, 2 and 2; negatives mirror them."""
    opened = connect("512MB", 1, "")
    ties = {"0.0000000000005": 0, "0.0000000000015": 2, "0.0000000000025": 2, "-0.0000000000015": -2}
    assert {text: int(value_of(opened, "money", text).scaleb(12)) for text in ties} == ties


@settings(max_examples=60)
@given(st.lists(st.decimals("-99999999", "99999999", places=6), min_size=20, max_size=80))
def test_a_double_lands_as_the_decimal_its_writer_printed(con, numbers):
    """0.1 in a Parquet DOUBLE is 0.1 in landing, not 0.1000000000000000055."""
    doubles = [float(number) for number in numbers]
    landed = con.execute(
        f"select {cast_sql('money', 'd', 'double')} from (select unnest(?) as d)", [doubles]
    ).fetchall()
    assert [value for (value,) in landed] == [half_even(repr(double)) for double in doubles]


@pytest.mark.parametrize("double", ["nan", "inf", "-inf"])
def test_a_double_that_is_no_number_is_an_error(con, double):
    """NaN in a cost must stop the delivery: as NULL it would vanish from every sum."""
    with pytest.raises(duckdb.Error):
        con.execute(f"select {cast_sql('money', 'd', 'double')} from (select ?::double as d)", [double]).fetchall()


@pytest.mark.parametrize(
    "text",
    [
        "1.5 USD",
        "1,234",
        "1.234,50",
        "1,5",
        "1_000",
        "12,34.5",
        "(1.50)",
        "1.50-",
        "abc",
        "1.2.3",
        "--1",
        "1e",
        "0x10",
        "NaN",
        "inf",
        "-",
        ".",
        "+",
        "1 2",
        "１",
    ],
)
@pytest.mark.parametrize("kind", ["money", "quantity", "price"])
def test_text_that_is_no_number_is_an_error(con, kind, text):
    """A cost that cannot be read is never landed as NULL or zero."""
    with pytest.raises(duckdb.Error):
        value_of(con, kind, text)


@pytest.mark.parametrize(
    ("text", "landed"),
    [("$10,000.00", "10000"), ("-$1,234.50", "-1234.5"), ("1,234,567.89", "1234567.89"), ("€5", "5"), ("$0.1", "0.1")],
)
@pytest.mark.parametrize("kind", ["money", "quantity", "price"])
def test_amounts_as_people_write_them_are_read_where_they_can_mean_one_thing_only(con, kind, text, landed):
    """Spreadsheets add signs and thousands commas; a comma with no point after it stays an error."""
    assert value_of(con, kind, text) == Decimal(landed)


@pytest.mark.parametrize("kind", ["quantity", "price"])
def test_doubles_of_any_size_land_as_the_decimal_their_writer_printed(con, kind):
    """A quantity beyond what 12 decimals of a double can hold is read by its shortest text."""
    for number in ("123456.7", "98765432.1", "0.192", "4503599627.4", "1e-7"):
        (value,) = con.execute(
            f"select {cast_sql(kind, 'd', 'double')} from (select ?::double as d)", [float(number)]
        ).fetchone()
        assert value == Decimal(number)


def test_an_amount_too_large_for_the_column_is_an_error(con):
    """DECIMAL(28,12) ends at sixteen digits; a longer amount is refused, not cut."""
    with pytest.raises(duckdb.Error):
        value_of(con, "money", "12345678901234567.5")


@pytest.mark.parametrize(
    ("kind", "text", "landed"),
    [
        ("quantity", "744", "744.000000000000"),
        ("quantity", "4.0E-7", "0.000000400000"),
        ("quantity", "12345678901234567890.5", "12345678901234567890.500000000000"),
        ("price", "0.0000000167", "0.000000016700000000"),
        ("price", "0.000000000000000001", "0.000000000000000001"),
    ],
)
def test_quantities_keep_twelve_decimals_and_prices_eighteen(con, kind, text, landed):
    """Request counts are large and request prices are tiny; both land whole."""
    assert value_of(con, kind, text) == Decimal(landed)
    assert str(value_of(con, kind, text)) == str(Decimal(landed))


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-10-01T00:00:00.000Z", (2026, 10, 1)),
        ("2026-10-01T05:06:07Z", (2026, 10, 1, 5, 6, 7)),
        ("2026-10-01T05:06Z", (2026, 10, 1, 5, 6)),
        ("2026-10-01", (2026, 10, 1)),
        ("2026-10-01 05:06:07", (2026, 10, 1, 5, 6, 7)),
        ("2026-10-01 05:06:07 UTC", (2026, 10, 1, 5, 6, 7)),
        ("2026-10-01 05:06:07+00", (2026, 10, 1, 5, 6, 7)),
        ("2026-10-01T00:30:00+02:00", (2026, 9, 30, 22, 30)),
        ("2026-09-30T19:00:00-05:00", (2026, 10, 1)),
        ("2026-10-01 05:06:07.123456 UTC", (2026, 10, 1, 5, 6, 7, 123456)),
        ("01/02/2026", (2026, 1, 2)),
        ("10/31/2026", (2026, 10, 31)),
        ("01/02/26", (2026, 1, 2)),
        ("10/01/2026 13:14:15", (2026, 10, 1, 13, 14, 15)),
        ("10/01/2026 01:14:15 PM", (2026, 10, 1, 13, 14, 15)),
        ("9/1/2026 0:00", (2026, 9, 1)),
        ("10/31/26 13:05", (2026, 10, 31, 13, 5)),
        ("2028-02-29", (2028, 2, 29)),
    ],
)
def test_every_provider_s_way_to_write_a_time_lands_in_utc(con, text, utc):
    """Offsets are applied, a blank zone means UTC, and slashes are American: month first."""
    assert value_of(con, "ts", text) == datetime(*utc)


@pytest.mark.parametrize(
    "text", ["31/10/2026", "2026-13-01", "2026-02-30", "yesterday", "20261001T000000Z", "1/2", "Z"]
)
def test_text_that_is_no_time_is_an_error(con, text):
    """A European date is refused rather than read as an American one."""
    with pytest.raises(duckdb.Error):
        value_of(con, "ts", text)


@pytest.mark.parametrize("text", ["", "  ", "NULL", "null", "N/A", "None"])
def test_nothing_in_many_spellings_is_null(con, text):
    """Providers write an empty cell in six ways."""
    assert con.execute("select filled(?)", [text]).fetchone() == (None,)


def test_a_cell_with_content_keeps_its_letters(con):
    """Only the blanks around a value go."""
    assert con.execute("select filled(?), filled(?)", [" None of these ", "0"]).fetchone() == ("None of these", "0")
