"""Tag hygiene: slips are suggested and never applied, coverage counts what could be tagged, backfill is flagged."""

from decimal import Decimal

from tests.integration.allocation_models import Charge

CENTERS = [f"{name},X,,,,,,,1,0,," for name in ("CC-1001", "CC-1010", "S")]
RULES = [
    "id1,1,tag,CostCenter,CC-1001,CC-1001,100,,,",
    "id2,1,tag,CostCenter,CC-1010,CC-1010,100,,,",
    "name,2,tag,CostCenter,data-platform,S,100,,,",
    "search,2,tag,CostCenter,search,S,100,,,",
]


def asked(models, charges: list[Charge], sql: str, **decisions: list[str]) -> list[tuple]:
    with models.allocated(charges, {"cost_centers": CENTERS, "allocation_rules": RULES} | decisions) as con:
        return con.execute(sql).fetchall()


SUGGESTIONS = (
    "select written, meant, distance, similarity, is_unique, is_likely, effective_cost, resource_count, alias_row "
    "from fct_tag_suggestions where kind = '{}' order by written, meant"
)


def test_a_misspelt_value_is_suggested_with_its_money_and_not_applied(models):
    """serach is one swap from search (Jaro-Winkler: 6 of 6 letters, one swap: 17/18, + 2·0.1·1/18)."""
    charges = [
        Charge("10", resource="a", tags={"CostCenter": "Serach"}),
        Charge("20", resource="b", tags={"cost-center": "serach "}),
        Charge("5", resource="a", tags={"CostCenter": "data platform"}),
        Charge("1", tags={"CostCenter": "search"}),
    ]
    assert asked(models, charges, SUGGESTIONS.format("value")) == [
        ("data platform", "data-platform", 0, 1, True, True, 5, 1, "value,CostCenter,data platform,data-platform"),
        ("serach", "search", 1, Decimal("0.9556"), True, True, 30, 2, "value,CostCenter,serach,search"),
    ]  # fmt: skip
    assert asked(models, charges, "select sum(allocated_cost) from fct_allocated_costs where method = 'direct'") == [
        (1,)
    ]


def test_the_row_of_a_suggestion_makes_it_count_and_the_suggestion_goes(models):
    """Someone agreed: the alias is a decision now."""
    charges = [Charge("10", tags={"CostCenter": "serach"})]
    [(alias,)] = asked(models, charges, "select alias_row from fct_tag_suggestions")
    agreed = {"tag_aliases": [alias]}
    assert asked(models, charges, "select count(*) from fct_tag_suggestions", **agreed) == [(0,)]
    assert asked(models, charges, "select cost_center_id from fct_allocated_costs", **agreed) == [("S",)]


def test_ids_are_never_guessed(models):
    """Domain page 4.3: CC-1001 and CC-1010 are 0.97 alike and different owners; only punctuation may differ."""
    values = ("CC-1011", "CC-1100", "cc1001", "1001", "CD-1001", "CC-101O")
    charges = [Charge("1", tags={"CostCenter": value}) for value in values]
    found = asked(models, charges, "select written, meant from fct_tag_suggestions")
    assert found == [("cc1001", "CC-1001")]


def test_two_that_are_equally_near_are_both_shown_and_neither_is_likely(models):
    """'bat' may be 'cat' or 'hat'; 'ab' is too short to tell; 'catalogue' is no slip of 'cat'."""
    rules = [f"{v},1,tag,team,{v},S,100,,," for v in ("cat", "hat", "ax")]
    charges = [Charge("1", tags={"team": value}) for value in ("bat", "ab", "catalogue")]
    found = asked(
        models, charges, "select written, meant, is_unique, is_likely from fct_tag_suggestions order by 2",
        allocation_rules=rules,
    )  # fmt: skip
    assert found == [("bat", "cat", False, False), ("bat", "hat", False, False)]


def test_a_misspelt_key_is_suggested_too(models):
    """costcentre is one swap of costcenter; owner is another key."""
    charges = [Charge("7", resource="r", tags={"CostCentre": "search", "Owner": "x"})]
    [(written, meant, distance, *_, alias)] = asked(models, charges, SUGGESTIONS.format("key"))
    assert (written, meant, distance, alias) == ("costcentre", "CostCenter", 1, "key,,costcentre,CostCenter")


COVERAGE = (
    "select tag_key, total_cost, tagged_cost, unknown_value_cost, imputed_cost, untagged_cost, untaggable_cost, "
    "resource_count, tagged_resource_count, coverage_by_cost, coverage_by_count from fct_tag_coverage order by 1"
)


def test_coverage_by_cost_and_by_count_with_untaggable_costs_apart(models):
    """100.00 tax, -50.00 credit, 40.00 transfer and 10.00 fee are apart; 600.00 of the other 800.00 are tagged."""
    charges = [
        Charge("500", resource="vm", tags={"CostCenter": "search"}),
        Charge("100", resource="db", tags={"CostCenter": "nobody knows"}),
        Charge("150", resource="disk"),
        Charge("50", resource="ip", tags={"CostCenter": " "}),
        Charge("100", kind="tax", category="Tax"),
        Charge("-50", kind="credit", category="Credit"),
        Charge("40"),
        Charge("10", resource="sp-1", category="Purchase"),
    ]
    expected = (900, 600, 100, 0, 200, 100, 4, 2, Decimal("0.75"), Decimal("0.5"))
    assert asked(models, charges, COVERAGE) == [("CostCenter", *expected), ("~any", *expected)]


def test_any_of_the_keys_is_enough_for_any(models):
    """Pools look at tags as well: env is a key of decisions."""
    pools = ["p,1,tag,env,shared,equal_split,,,,,,"]
    charges = [Charge("1", resource="a", tags={"CostCenter": "search"}), Charge("2", resource="b", tags={"Env": "x"}),
               Charge("5", resource="c")]  # fmt: skip
    found = asked(
        models, charges, "select tag_key, tagged_cost from fct_tag_coverage order by 1", shared_cost_rules=pools
    )
    assert found == [("CostCenter", 1), ("env", 2), ("~any", 3)]


def test_backfilled_days_are_imputed_and_not_tagged(models):
    """Tagged on the 15th: 30.00 of the first days are imputed; on its last day the resource is tagged."""
    charges = [
        Charge("30", resource="vm", day="2026-10-01"),
        Charge("60", resource="vm", day="2026-10-15", tags={"CostCenter": "search"}),
        Charge("10", resource="lost", day="2026-10-01", tags={"CostCenter": "search"}),
        Charge("20", resource="lost", day="2026-10-02"),
    ]
    backfill = {"allocation_policies": ["backfill_same_resource,yes,,"]}
    without = (120, 70, 0, 0, 50, 0, 2, 1, Decimal("0.583333"), Decimal("0.5"))
    imputed = (120, 70, 0, 30, 20, 0, 2, 1, Decimal("0.583333"), Decimal("0.5"))
    assert asked(models, charges, COVERAGE) == [("CostCenter", *without), ("~any", *without)]
    assert asked(models, charges, COVERAGE, **backfill) == [("CostCenter", *imputed), ("~any", *imputed)]
