"""Who owns a charge, and who pays for shared ones: every kind of rule, policy and method, in numbers for the head."""

from decimal import Decimal

import pytest

from pipelines.learned import rule_gaps_in
from pipelines.outputs.statement_model import rounded
from tests.integration.allocation_models import Charge

CENTERS = [f"{name},X,,,,,,,{heads},0,," for name, heads in (("A", 1), ("B", 3), ("C", 0), ("F", 0))]
OWN = [f"own-{name},500,account,,{name},{name},100,,," for name in "ABC"]


def bill(models, charges: list[Charge], where: str = "true", **decisions: list[str]) -> dict[str, str]:
    """Who pays what, to the last decimal, without trailing zeros."""
    return plain(models.bill(charges, {"cost_centers": CENTERS} | decisions, where))


def plain(amounts: dict[str, Decimal]) -> dict[str, str]:
    return {center: f"{amount.normalize():f}" for center, amount in amounts.items()}


def rows(models, charges: list[Charge], columns: str, **decisions: list[str]) -> list[tuple]:
    with models.allocated(charges, {"cost_centers": CENTERS} | decisions) as con:
        return con.execute(f"select {columns} from fct_allocated_costs order by all").fetchall()


def policy(name: str, value: str, center: str = "") -> list[str]:
    return [f"{name},{value},{center},"]


# --- direct rules (domain page 4.2) ---

RULES = {
    "resource,,i-1": (Charge("1", resource="I-1"), "1.00"),
    "resource,,arn:aws:s3:::logs-*": (Charge("2", resource="arn:aws:s3:::Logs-eu"), "1.00"),
    "tag,CostCenter,search": (Charge("3", tags={"cost-center": " Search "}), "0.95"),
    "tag,CostCenter,x*": (Charge("4", tags={"user:Cost_Center": "X-ray"}), "0.95"),
    "resource_group,,rg-erp": (Charge("5", group="RG-ERP"), "0.90"),
    "account,,a1*": (Charge("6", account="a17"), "0.80"),
    "account,,0b1f": (Charge("7", account="/subscriptions/0b1f"), "0.80"),
    r"name_pattern,,^(web|api)-\d+$": (Charge("8", resource="WEB-12"), "0.60"),
    "name_pattern,,-search-": (Charge("9", resource="eu-search-03"), "0.60"),
    "service,,Amazon S*": (Charge("10", service="Amazon S3"), "0.60"),
}


def test_a_direct_rule_claims_what_it_names_with_its_confidence(models):
    """Letter case, prefixes with *, regular expressions; and nothing that it does not name."""
    rules = []
    for number, rule in enumerate(RULES, start=1):
        kind, key, value = rule.split(",")
        rules.append(f"r{number},{number},{kind},{key},{value},A,100,,,")
    charges = [charge for charge, _ in RULES.values()]
    others = [Charge("100", "zz", resource="my-web-12", group="rg", tags={"team": "search"}), Charge("100", "b-a17")]
    found = rows(models, [*charges, *others], "allocated_cost, rule_id, confidence", allocation_rules=rules)
    expected = [(n, f"r{n}", Decimal(sure)) for n, (_, sure) in enumerate(RULES.values(), start=1)]
    assert found == [*expected, (100, "~none", 0), (100, "~none", 0)]


def test_the_lowest_priority_number_wins_and_then_the_surer_kind(models):
    """Order of domain page 4.2: resource, tag, resource group, account, name; each rule beats all after it."""
    charge = Charge("7", account="x", resource="web-1", group="g", tags={"team": "t"}, service="S")
    kinds = ["resource,,web-1", "tag,team,t", "resource_group,,g", "account,,x", "name_pattern,,web", "service,,s"]
    rules = [f"r{n},9,{kind},A,100,,," for n, kind in enumerate(kinds)]
    for first in range(len(kinds)):
        assert rows(models, [charge], "rule_id", allocation_rules=rules[first:]) == [(f"r{first}",)]
    assert rows(models, [charge], "rule_id", allocation_rules=[*rules, "early,8,service,,s,B,100,,,"]) == [("early",)]


def test_aliases_of_keys_and_values_count_as_what_they_stand_for(models):
    """Domain page 4.3: costcentre, cost-center and cc are CostCenter; sarch is search."""
    charges = [Charge("1", tags={key: "search"}) for key in ("costcentre", "Cost-Centre", "cc", "CostCenter")]
    charges += [Charge("10", tags={"cc": "sarch"}), Charge("100", tags={"cc": "serach"})]
    aliases = ["key,,costcentre,CostCenter", "key,,cc,CostCenter", "value,CostCenter,sarch,search"]
    assert bill(
        models, charges, tag_aliases=aliases, allocation_rules=["r,1,tag,CostCenter,search,A,100,,,"]
    ) == {"A": "14", "~unallocated": "100"}  # fmt: skip


def test_a_rule_holds_from_its_first_day_to_the_day_before_its_last(models):
    """Golden case G17: the line of the 14th goes to the old unit, that of the 15th to the new one."""
    charges = [
        Charge("1", "a", day="2026-10-14"),
        Charge("2", "a", day="2026-10-15"),
        Charge("4", "a", day="2026-10-31"),
    ]
    found = bill(
        models, charges,
        cost_centers=["old,X,,,,,,,0,0,,2026-10-15", "new,X,,,,,,,0,0,2026-10-15,2026-10-31"],
        allocation_rules=["r1,1,account,,a,old,100,,2026-10-15,", "r2,1,account,,a,new,100,2026-10-15,2026-10-31,"],
    )  # fmt: skip
    assert found == {"old": "1", "new": "2", "~unallocated": "4"}


def test_a_split_gives_away_all_of_it(models):
    """0.01 in three thirds: the largest share takes what rounding leaves."""
    thirds = [f"r,1,account,,a,{c},{p},,," for c, p in (("A", "33.333334"), ("B", "33.333333"), ("C", "33.333333"))]
    assert bill(models, [Charge("0.000000000001", "a")], allocation_rules=thirds) == {"A": "0.000000000001"}
    assert bill(models, [Charge("300", "a")], allocation_rules=thirds) == {
        "A": "100.000002", "B": "99.999999", "C": "99.999999",
    }  # fmt: skip


def test_days_on_which_a_split_lacks_a_cost_centre_are_named_with_what_it_claims_none_of(models):
    """G is gone in October: the rule claims September's 10. Another rule claims the 40, and two days of 20 are left."""
    centers = [*CENTERS, "G,X,,,,,,,1,0,,2026-10-01"]
    rules = ["web,2,account,,a,A,60,,,", "web,2,account,,a,G,40,,,", "own,1,tag,team,a,A,100,,,"]
    charges = [
        Charge("10", "a", day="2026-09-30"),
        *(Charge("20", "a", day=f"2026-10-0{day}") for day in (1, 3)),
        Charge("40", "a", day="2026-10-02", tags={"team": "a"}),
    ]

    with models.allocated(charges, {"cost_centers": centers, "allocation_rules": rules}) as con:
        found = con.execute(
            "select rule_id, cost_center_id, billing_period, first_day::varchar, last_day::varchar, days, "
            "unclaimed_cost from fct_allocation_gaps"
        ).fetchall()
        gaps = [gap.sentence for gap in rule_gaps_in(con)]

    assert found == [("web", "G", "2026-10", "2026-10-01", "2026-10-03", 2, 40)]
    assert gaps == [
        "rule web splits with G, which does not exist on 2026-10-01 to 2026-10-03: it claims none of 40.00 USD of "
        "these days; end it and begin one without that cost centre (valid_to, valid_from in allocation_rules.csv)"
    ]


def test_a_resource_without_an_owner_belongs_to_its_nearest_owned_parent(models):
    """Snapshot of a volume of a machine: the volume's tag, else the machine's; its own tag comes first."""
    parents = ["snap,vol,,", "vol,vm,,", "loose,gone,,"]
    rules = ["t,1,tag,team,a,A,100,,,", "u,1,tag,team,b,B,100,,,"]
    machine = Charge("100", resource="vm", tags={"team": "a"})
    bare = [Charge("1", resource="snap"), Charge("10", resource="vol"), machine, Charge("1000", resource="loose")]
    assert bill(models, bare, resource_parents=parents, allocation_rules=rules) == {"A": "111", "~unallocated": "1000"}
    owned = [Charge("1", resource="SNAP"), Charge("10", resource="vol", tags={"team": "b"}), machine]
    assert bill(models, owned, resource_parents=parents, allocation_rules=rules) == {"A": "100", "B": "11"}
    tagged = [Charge("1", resource="snap", tags={"team": "a"}), Charge("10", resource="vol", tags={"team": "b"})]
    assert bill(models, tagged, resource_parents=parents, allocation_rules=rules) == {"A": "1", "B": "10"}
    inherited = rows(models, bare[:3], "allocated_cost, confidence", resource_parents=parents, allocation_rules=rules)
    assert inherited == [(11, Decimal("0.70")), (100, Decimal("0.95"))]


def test_a_parent_comes_after_rules_and_before_pools_unless_its_priority_says_otherwise(models):
    """resource_parents.csv has a priority; empty, it is 900."""
    charges = [Charge("1", "acct", resource="disk"), Charge("10", resource="vm", tags={"team": "a"})]
    rules = ["t,1,tag,team,a,A,100,,,", "acct,500,account,,acct,B,100,,,"]
    pool = ["p,1,any,,,equal_split,,,C,,,"]
    given = {"allocation_rules": rules, "shared_cost_rules": pool}
    assert bill(models, charges, resource_parents=["disk,vm,,"], **given) == {"A": "10", "B": "1"}
    assert bill(models, charges, resource_parents=["disk,vm,400,"], **given) == {"A": "11"}
    assert bill(models, charges, resource_parents=["disk,vm,,"], **given | {"allocation_rules": rules[:1]}) == {
        "A": "11"
    }


# --- backfill (domain page 4.3) ---

LATE = [
    Charge("1", resource="vm", day="2026-09-30"),
    Charge("10", resource="vm", day="2026-10-14"),
    Charge("100", resource="vm", day="2026-10-15", tags={"team": "a"}),
    Charge("1000", resource="vm", day="2026-10-20", tags={"team": "b"}),
    Charge("10000", resource="vm", day="2026-10-25"),
    Charge("100000", day="2026-10-14"),
]
TEAMS = ["t,1,tag,team,a,A,100,,,", "u,1,tag,team,b,B,100,,,"]


def test_tags_are_not_retroactive_unless_the_policy_backfills_within_the_month(models):
    """Tagged on the 15th: the 14th gets the first later tag, flagged; September, later days and others do not."""
    without = bill(models, LATE, allocation_rules=TEAMS)
    assert without == {"A": "100", "B": "1000", "~unallocated": "110011"}
    given = {"allocation_rules": TEAMS, "allocation_policies": policy("backfill_same_resource", "yes")}
    assert bill(models, LATE, **given) == {"A": "110", "B": "1000", "~unallocated": "110001"}
    imputed = rows(models, LATE, "is_imputed, allocated_cost, confidence", **given)
    assert [row for row in imputed if row[0]] == [(True, 10, Decimal("0.85"))]


def test_a_backfilled_tag_neither_reaches_before_its_rule_nor_over_another_rule(models):
    """The rule counts from the 10th; the account's rule of better priority keeps its days."""
    charges = [Charge("1", resource="vm", day="2026-10-09"), Charge("10", resource="vm", day="2026-10-10"), LATE[2]]
    given = {"allocation_policies": policy("backfill_same_resource", "yes")}
    rules = ["t,5,tag,team,a,A,100,2026-10-10,,"]
    assert bill(models, charges, allocation_rules=rules, **given) == {"A": "110", "~unallocated": "1"}
    owned = [Charge("10", "acct", resource="vm", day="2026-10-10"), LATE[2]]
    for priority, expected in (("4", {"A": "100", "B": "10"}), ("6", {"A": "110"})):
        rules = ["t,5,tag,team,a,A,100,,,", f"acct,{priority},account,,acct,B,100,,,"]
        assert bill(models, owned, allocation_rules=rules, **given) == expected


# --- special charges (domain page 4.6) ---

KINDS = {
    "tax": Charge("4", "A", kind="tax", category="Tax"),
    "credit": Charge("-40", "A", kind="credit", category="Credit"),
    "support": Charge("400", "A", kind="support"),
    "commitment_waste": Charge("4000", "A", kind="commitment_waste", status="Unused"),
    "correction": Charge("-40000", "A", kind="correction"),
    "cost": Charge("400000", "A"),
}


@pytest.mark.parametrize(("treatment", "shares"), [("rules,", "A4"), ("pool,", "A1 B3"), ("central,F", "F4")])
def test_a_treatment_sends_a_kind_of_charge_to_its_rules_to_its_pool_or_to_the_centre(models, treatment, shares):
    """By rules A's account owns it; as a pool it goes by heads 1:3 to A and B; central, it is F's."""
    pools = [f"{kind},{n},charge_kind,,{kind},headcount_based,,,,,," for n, kind in enumerate(KINDS)]
    found = rows(
        models, list(KINDS.values()), "charge_kind, cost_center_id, allocated_cost, allocated_billed_cost",
        allocation_rules=OWN, shared_cost_rules=pools, charge_treatments=[f"{kind},{treatment}," for kind in KINDS],
    )  # fmt: skip
    expected = [
        (kind, share[0], Decimal(charge.cost) * int(share[1]) / 4)
        for kind, charge in KINDS.items()
        for share in shares.split()
    ]
    assert [row[:3] for row in found] == sorted(expected)
    assert all(row[2] == row[3] for row in found)


def test_unused_commitments_by_covered_usage_and_by_what_could_have_used_them(models):
    """Golden case G11 from the ledger itself: 24.00 by covered 300/100; by on-demand 100/300 it is 6.00/18.00."""
    charges = [
        Charge("300", "A", status="Used", contracted="400"), Charge("100", "B", status="Used", contracted="150"),
        Charge("100", "A"), Charge("300", "B"), Charge("24", kind="commitment_waste", status="Unused"),
    ]  # fmt: skip
    for driver, expected in (("covered_usage", {"A": "18", "B": "6"}), ("on_demand_cost", {"A": "6", "B": "18"})):
        pool = [f"waste,1,commitment_status,,Unused,proportional_usage,{driver},,,,,"]
        found = bill(models, charges, "charge_kind = 'commitment_waste'", allocation_rules=OWN, shared_cost_rules=pool)
        assert found == expected


def test_tax_follows_what_was_billed_by_the_same_seller(models):
    """Two invoices: 10.00 of tax on s (billed 100/300), 5.00 on t (only B). Effective costs do not count."""
    charges = [
        Charge("999", "A", billed="100"), Charge("1", "B", billed="300"), Charge("0", "B", billed="7", source="t"),
        Charge("10", kind="tax", category="Tax"), Charge("5", kind="tax", category="Tax", source="t"),
    ]  # fmt: skip
    pool = ["tax,1,charge_category,,Tax,proportional_usage,direct_billed_cost,,,,,"]
    found = bill(models, charges, "charge_kind = 'tax'", allocation_rules=OWN, shared_cost_rules=pool)
    assert found == {"A": "2.5", "B": "12.5"}


def test_credits_follow_the_service_that_they_offset(models):
    """A credit of -12.00 on Storage (A 10, B 30) is -3/-9; one on a service that nobody has goes by all direct cost."""
    charges = [
        Charge("10", "A", "Storage"), Charge("30", "B", "Storage"), Charge("60", "A"),
        Charge("-12", service="Storage", kind="credit", category="Credit"),
        Charge("-10", service="Promo", kind="credit", category="Credit"),
    ]  # fmt: skip
    pool = ["credits,1,charge_kind,,credit,proportional_usage,service_cost,direct_cost,,,,"]
    given = {"allocation_rules": OWN, "shared_cost_rules": pool}
    assert bill(models, charges, "service_name = 'Storage' and charge_kind = 'credit'", **given) == {
        "A": "-3",
        "B": "-9",
    }
    assert bill(models, charges, "service_name = 'Promo'", **given) == {"A": "-7", "B": "-3"}


# --- commitment benefit (domain page 4.6): A's 100.00 cost 60.00 by a plan, B pays 100.00 on demand ---

USAGE = [
    Charge("60", "A", status="Used", commitment="sp-1", contracted="100"),
    Charge("100", "B", contracted="100"),
    Charge("40", "A", service="Storage"),
]
BENEFITS = {
    "as_applied": ({}, {"A": "100", "B": "100"}),
    # (60 + 100) / (100 + 100) = 0.8 of the rate for everyone in Compute
    "pooled": ({}, {"A": "120", "B": "80"}),
    "central": ({"center": "F"}, {"A": "140", "B": "100", "F": "-40"}),
    "by_owner": ({}, {"A": "140", "B": "60"}),
}


@pytest.mark.parametrize("value", BENEFITS)
def test_the_benefit_of_a_commitment_goes_where_the_policy_says(models, value):
    """Zero-sum rows beside the usage: in every case 200.00 are paid, and billed cost moves nowhere."""
    arguments, expected = BENEFITS[value]
    given = {
        "allocation_rules": OWN,
        "allocation_policies": policy("commitment_benefit", value, **arguments),
        "commitment_owners": ["sp-*,B,,,"],
    }
    assert bill(models, USAGE, **given) == expected
    moved = rows(models, USAGE, "charge_kind, allocated_cost, allocated_billed_cost", **given)
    assert sum(cost for kind, cost, _ in moved if kind == "commitment_benefit") == 0
    assert all(billed == 0 for kind, _, billed in moved if kind == "commitment_benefit")


def test_a_commitment_without_an_owner_on_that_day_keeps_its_benefit_with_its_users(models):
    """Owned until the 5th: the usage of that day keeps its discount."""
    given = {"allocation_rules": OWN, "allocation_policies": policy("commitment_benefit", "by_owner")}
    early = [Charge("60", "A", status="Used", commitment="sp-1", contracted="100", day="2026-10-04")]
    late = [Charge("60", "A", status="Used", commitment="sp-1", contracted="100", day="2026-10-05")]
    owners = ["sp-1,F,,2026-10-05,"]
    assert bill(models, early, commitment_owners=owners, **given) == {"A": "100", "F": "-40"}
    assert bill(models, late, commitment_owners=owners, **given) == {"A": "60"}


def test_pooled_benefit_rounds_to_nothing_lost(models):
    """Three users of 1/3 each of a pool whose rate is no round number: the sum stays 100 to the last decimal."""
    usage = [Charge("33.33", "A", status="Used", commitment="sp", contracted="47.11"), Charge("66.67", "B"),
             Charge("0.000000000001", "C")]  # fmt: skip
    found = models.bill(
        usage,
        {
            "cost_centers": CENTERS,
            "allocation_rules": OWN,
            "allocation_policies": policy("commitment_benefit", "pooled"),
        },
    )
    assert sum(found.values()) == Decimal("100.000000000001")


# --- shared pools (domain page 4.4); the golden cases are in test_allocation_golden.py ---

POOL = Charge("90", service="shared")


def shared(models, way: str, *drivers: str, charges: list[Charge] | None = None, **more: list[str]) -> dict[str, str]:
    """How October's pool is shared (`way`: method,driver,fallback,targets), to a billionth: a share has 12 decimals."""
    found = models.bill(
        charges or [POOL],
        {"cost_centers": CENTERS, "shared_cost_rules": [f"p,1,service,,shared,{way},,,"], "drivers": list(drivers)}
        | more,
        "service_name = 'shared' and billing_period = '2026-10'",
    )
    return plain({center: rounded(amount, 9) for center, amount in found.items()})


def use(center: str, quantity: str, driver: str = "use", day: str = "2026-10-01") -> str:
    return f"{day},{driver},{center},,{quantity}"


def test_a_fallback_chain_is_followed_to_the_first_weight_that_is_there(models):
    """October has no use: September's (1:2), then another driver (2:1), then heads (1:3), then nobody."""
    nothing = [use("A", "0"), use("B", "0")]
    september = [use("A", "1", day="2026-09-01"), use("B", "2", day="2026-09-01")]
    other = [use("A", "2", "other"), use("B", "1", "other")]
    way = "proportional_usage,use,previous_period>other>headcount_based>unallocated,"
    assert shared(models, way, *nothing, *september, *other) == {"A": "30", "B": "60"}
    assert shared(models, way, *nothing, *other) == {"A": "60", "B": "30"}
    assert shared(models, way, *nothing, use("A", "0", "other")) == {"A": "22.5", "B": "67.5"}
    assert shared(models, "proportional_usage,use,unallocated,", *nothing) == {"~unallocated": "90"}
    assert shared(models, "revenue_based,,equal_split,A;B;C") == {"A": "30", "B": "30", "C": "30"}


def test_what_was_shared_by_a_fallback_is_less_sure(models):
    """Confidence 0.9 by a driver of its own, 0.5 by a fallback (domain page 4.2: .5 to .9)."""
    pools = [f"p{q},{q},service,,s{q},proportional_usage,use{q},equal_split,A,,," for q in (1, 0)]
    found = rows(
        models, [Charge("5", service="s1"), Charge("6", service="s0")], "allocated_cost, method, confidence",
        shared_cost_rules=pools, drivers=[use("A", "1", "use1"), use("A", "0", "use0")],
    )  # fmt: skip
    assert found == [(5, "proportional_usage", Decimal("0.90")), (6, "equal_split", Decimal("0.50"))]


def test_tiers_weigh_each_band_by_itself_and_a_cost_center_may_have_its_own(models):
    """A: 100 at 1, 50 at 0.5 = 125. B has its own tiers: 100 at 2 = 200. Of 13.00 that is 5.00 and 8.00."""
    tiers = ["use,,0,1,", "use,,100,0.5,", "use,B,0,2,"]
    found = shared(
        models, "tiered,use,,A;B", use("A", "150"), use("B", "100"), charges=[Charge("13", service="shared")],
        driver_tiers=tiers,
    )  # fmt: skip
    assert found == {"A": "5", "B": "8"}


def test_telemetry_is_shared_day_by_day_and_a_day_without_it_falls_back(models):
    """1 Oct 30.00 by 1:2, 2 Oct 30.00 by 2:1 of another mix, 3 Oct unmeasured: by heads 1:3 of 40.00."""
    charges = [Charge(cost, service="shared", day=f"2026-10-0{n}") for n, cost in ((1, "30"), (2, "30"), (3, "40"))]
    measured = [use("A", "1"), use("B", "2"), use("A", "2", day="2026-10-02"), use("C", "1", day="2026-10-02")]
    found = shared(models, "telemetry,use,headcount_based,", *measured, charges=charges)
    assert found == {"A": "40", "B": "50", "C": "10"}


def test_a_hybrid_shares_each_part_by_its_own_way_with_its_own_fallback(models):
    """40.00 even over A, B, C; 60.00 by use, which nobody has, so by heads 1:3."""
    parts = ["p,base,40,equal_split,,,", "p,use,60,proportional_usage,use,headcount_based,"]
    found = shared(
        models, "hybrid,,,A;B;C", use("A", "0"), charges=[Charge("100", service="shared")], shared_cost_parts=parts
    )
    assert found == {"A": "28.333333333", "B": "58.333333333", "C": "13.333333333"}


def test_activities_of_one_pool_are_shared_by_their_own_drivers(models):
    """Golden case G7 as one pool: 600.00 by requests 300/100, 400.00 by gigabytes 10/30/60."""
    charges = [Charge("600", service="gateway"), Charge("400", service="storage")]
    rules = [
        "abc,1,service,,gateway,activity_based,requests,,A;B;C,,,",
        "abc,2,service,,storage,activity_based,gb,,A;B;C,,,",
    ]
    drivers = [use("A", "300", "requests"), use("B", "100", "requests"), use("C", "0", "requests")]
    drivers += [use("A", "10", "gb"), use("B", "30", "gb"), use("C", "60", "gb")]
    assert bill(models, charges, shared_cost_rules=rules, drivers=drivers) == {"A": "490", "B": "270", "C": "240"}


def test_percentages_that_change_within_the_month_count_by_the_day(models):
    """60/40 for ten days of October, 29/71 for twenty-one: A 600 + 609 = 1209 of 3100."""
    shares = ["p,A,60,,2026-10-11,", "p,B,40,,2026-10-11,", "p,A,29,2026-10-11,,", "p,B,71,2026-10-11,,"]
    charges = [Charge("3100", service="shared")]
    assert shared(models, "fixed_percentage,,,", charges=charges, shared_cost_shares=shares) == {
        "A": "1209",
        "B": "1891",
    }


def test_every_charge_of_a_pool_goes_by_the_month_and_a_pool_ends_with_its_rule(models):
    """The pool's rule ends on the 15th; what comes later is nobody's."""
    charges = [Charge("8", service="shared"), Charge("4", service="shared", day="2026-10-15")]
    rules = ["p,1,service,,shared,headcount_based,,,,,2026-10-15,"]
    assert bill(models, charges, shared_cost_rules=rules) == {"A": "2", "B": "6", "~unallocated": "4"}


def test_a_loop_of_pools_that_reaches_nobody_is_unallocated(models):
    """Domain page 4.5: p and q give all to each other in October; their money is shown, not lost."""
    rules = ["p,1,service,,one,proportional_usage,up,,,,,", "q,2,service,,two,proportional_usage,uq,,,,,"]
    drivers = [use("q", "1", "up"), use("p", "1", "uq"), use("A", "1", "up", day="2026-09-01"),
               use("A", "1", "uq", day="2026-09-01")]  # fmt: skip
    charges = [Charge("5", service="one"), Charge("3", service="two")]
    found = rows(
        models, charges, "cost_center_id, allocated_cost, unallocated_reason", shared_cost_rules=rules, drivers=drivers
    )
    assert found == [("~unallocated", 3, "closed_loop"), ("~unallocated", 5, "closed_loop")]


def test_amounts_in_the_reporting_currency_are_rounded_half_even_when_shown(models):
    """Golden case G15: 1234.56 EUR at 1.0837 are 1337.89 USD."""
    charges = [Charge("1234.56", "A", currency="EUR")]
    decisions = {"cost_centers": CENTERS, "allocation_rules": OWN, "fx_rates": ["2026-10,EUR,USD,1.0837,,"]}
    with models.allocated(charges, decisions) as con:
        [(amount, reporting)] = con.execute(
            "select amount, amount_reporting from fct_chargeback where kind <> 'rounding'"
        ).fetchall()
    assert (amount, reporting) == (Decimal("1234.56"), Decimal("1337.892672"))
    assert rounded(reporting, 2) == Decimal("1337.89")


def test_pools_that_serve_each_other_are_solved_reciprocally_by_step_down_or_directly(models):
    """Golden case G9 (domain page 4.5): 160,000 over P and Q, and every way gives all of it away."""
    pools = [f"s{n},{n},service,,s{n},fixed_percentage,,,,,," for n in (1, 2)]
    shares = ["s1,s2,20,,,", "s1,A,50,,,", "s1,B,30,,,", "s2,s1,10,,,", "s2,A,40,,,", "s2,B,50,,,"]
    charges = [Charge("100000", service="s1"), Charge("60000", service="s2")]
    for way, p, q in (
        ("reciprocal", "86734.69", "73265.31"),
        ("step_down", "85555.56", "74444.44"),
        ("direct", "89166.67", "70833.33"),
    ):
        found = models.bill(
            charges,
            {"cost_centers": CENTERS, "shared_cost_rules": pools, "shared_cost_shares": shares,
             "allocation_policies": policy("shared_on_shared", way)},
        )  # fmt: skip
        assert {center: rounded(amount, 2) for center, amount in found.items()} == {"A": Decimal(p), "B": Decimal(q)}
        assert sum(found.values()) == 160_000


def test_what_a_pool_may_not_get_the_others_get_in_exact_proportion(models):
    """By hand: of use 1, 3 and 7, the first is a pool's; without it A has 3 tenths of a million and B 7."""
    found = models.bill(
        [Charge("1000000", service="s1")],
        {"cost_centers": CENTERS,
         "shared_cost_rules": ["s1,1,service,,s1,proportional_usage,gb,,,,,", "s2,2,service,,s2,equal_split,,,,,,"],
         "drivers": ["2026-10-01,gb,s2,gb,1", "2026-10-01,gb,A,gb,3", "2026-10-01,gb,B,gb,7"],
         "allocation_policies": policy("shared_on_shared", "direct")},
    )  # fmt: skip
    assert found == {"A": 300_000, "B": 700_000}


def test_an_activity_of_a_pool_is_served_under_its_own_name(models):
    """By hand: half of 100 is A's; the other half is the queue's, whose requests are A's by a quarter."""
    found = models.bill(
        [Charge("100", service="net")],
        {"cost_centers": CENTERS,
         "shared_cost_rules": ["queue,1,service,,queue,activity_based,requests,,,,,",
                               "net,2,service,,net,fixed_percentage,,,,,,"],
         "shared_cost_shares": ["net,A,50,,,", "net,queue/requests,50,,,"],
         "drivers": ["2026-10-01,requests,A,k,1", "2026-10-01,requests,B,k,3"]},
    )  # fmt: skip
    assert found == {"A": Decimal("62.5"), "B": Decimal("37.5")}
