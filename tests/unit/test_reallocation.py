"""Reallocation keeps its guarantees for any department, and gives the golden numbers of reference domain.md 6."""

from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.budgets.reallocation import Position, reallocate

GOLDEN = [
    Position("a", 10_000_000, 10_000_000, 12_200_000),
    Position("b", 8_000_000, 8_000_000, 6_600_000),
    Position("c", 6_000_000, 6_000_000, 6_100_000),
    Position("d", 4_000_000, 4_000_000, 3_300_000),
]


def after(positions, transfers):
    found = {p.budget_id: p.budget for p in positions}
    for transfer in transfers:
        found[transfer.donor] -= transfer.cents
        found[transfer.receiver] += transfer.cents
    return found


def test_the_golden_department():
    """Budgets 100, 80, 60 and 40 thousand, forecasts 122, 66, 61 and 33: 11,000 move, 12,000 stay overspent."""
    assert [round(100 * (p.forecast - p.budget) / p.budget, 2) for p in GOLDEN] == [22, -17.5, 1.67, -17.5]
    assert [p.may_give for p in GOLDEN] == [0, 800_000, 0, 400_000]  # donors' caps
    assert [p.may_get for p in GOLDEN] == [1_000_000, 0, 100_000, 0]
    transfers = reallocate(GOLDEN)
    budgets = after(GOLDEN, transfers)
    assert sum(t.cents for t in transfers) == 1_100_000
    assert (budgets["a"], budgets["c"]) == (11_000_000, 6_100_000)
    assert sum(max(p.forecast - budgets[p.budget_id], 0) for p in GOLDEN) == 1_200_000
    # The tie between donors: b has twice the slack of d and gives first, all of its 8,000.
    assert (budgets["b"], budgets["d"]) == (7_200_000, 3_700_000)


def test_production_comes_before_test():
    positions = [
        Position("prod", 1000, 1000, 1100, priority=3),
        Position("test", 1000, 1000, 1100),
        Position("calm", 1000, 1000, 900),
    ]
    assert after(positions, reallocate(positions)) == {"prod": 1082, "test": 1000, "calm": 918}


def test_ten_percent_count_over_the_year():
    """It has got 90 of its 100 before: 10 are left, whatever it needs now."""
    positions = [Position("a", 1000, 1090, 2000), Position("b", 9000, 8910, 1000)]
    assert [t.cents for t in reallocate(positions)] == [10]


def test_locked_budgets_neither_give_nor_get():
    positions = [Position("a", 1000, 1000, 1100), Position("b", 1000, 1000, 100, is_locked=True)]
    assert reallocate(positions) == []


cents = st.integers(0, 10**12)
position = st.builds(
    lambda original, moved, forecast, priority, is_locked: Position(
        "", original, original + original * moved // 1000, forecast, priority, is_locked
    ),
    cents, st.integers(-100, 100), cents, st.integers(1, 5), st.booleans(),
)  # fmt: skip


@settings(max_examples=120)
@given(st.lists(position, max_size=7))
def test_guarantees_hold_for_any_department(found):
    positions = [Position(f"b{n}", *list(vars(p).values())[1:]) for n, p in enumerate(found)]
    transfers = reallocate(positions)
    budgets = after(positions, transfers)
    assert sum(budgets.values()) == sum(p.budget for p in positions)
    assert all(t.cents > 0 for t in transfers)
    for p in positions:
        now = budgets[p.budget_id]
        assert abs(now - p.original) <= max(p.original // 10, abs(p.budget - p.original))
        if now < p.budget:
            assert now * 100 >= p.forecast * 102
        if p.is_locked:
            assert now == p.budget
    over_before = sum(max(p.forecast - p.budget, 0) for p in positions)
    over_after = sum(max(p.forecast - budgets[p.budget_id], 0) for p in positions)
    # Every cent that moves is a cent less overspent: none is lost, none is given to who does not need it.
    assert over_before - over_after == sum(t.cents for t in transfers)
    if not any(p.may_give for p in positions):
        assert transfers == []
    # With equal weights the best is known without a solver: the smaller of what is offered and what is wanted.
    if len({p.priority for p in positions}) == 1:
        best = min(sum(p.may_give for p in positions), sum(p.may_get for p in positions))
        assert sum(t.cents for t in transfers) == best
    assert reallocate(positions) == transfers
    assert {(t.donor, t.receiver): t.cents for t in reallocate(positions[::-1])} == {
        (t.donor, t.receiver): t.cents for t in transfers
    }
