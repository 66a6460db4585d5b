"""Anomalies of series whose truth is known: what must be one alarm on its day, and what must be none."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from forecasting.anomalies.alarms import Floors, Incident, date_of, incidents
from forecasting.anomalies.causes import Leaf, rank
from forecasting.anomalies.detectors import monthly_fees
from forecasting.anomalies.expectation import AHEAD, residuals
from forecasting.anomalies.grouping import Group, Node, Seen, grouped
from forecasting.anomalies.injections import Event, quality
from forecasting.anomalies.panel import panel_of
from forecasting.anomalies.schedule import Schedule
from forecasting.anomalies.series_file import anomalies_of_file
from forecasting.anomalies.stacker import THRESHOLD, probabilities, shipped
from forecasting.anomalies.watch import tuned_by_labels

START = date(2026, 1, 1)
NO_FLOOR = Floors()


def days_of(values) -> pl.DataFrame:
    days = [START + timedelta(number) for number in range(len(values))]
    return pl.DataFrame({"unique_id": "s", "ds": days, "y": [float(value) for value in values]})


def usual(days: int) -> np.ndarray:
    """100 on weekdays, 60 at weekends, 3 % noise."""
    noise = np.random.default_rng(3).normal(0, 0.03, days)
    weekday = [(START + timedelta(number)).weekday() for number in range(days)]
    return np.where(np.array(weekday) < 5, 100, 60) * (1 + noise)


def found(values, floors=NO_FLOOR):
    panel = panel_of(days_of(values))
    chances = probabilities(panel, panel.values.shape[1])
    incident_list = incidents(panel, chances, np.full(1, THRESHOLD), [floors])
    return [
        (date_of(panel, 0, one.first), None if one.resolved is None else date_of(panel, 0, one.resolved), one)
        for one in incident_list
    ]


def test_usual_days_raise_nothing():
    assert found(usual(220)) == []


def test_a_spike_is_found_on_its_day_and_over_on_the_next():
    values = usual(220)
    values[150] *= 2.5
    [(first, resolved, one)] = found(values)
    assert (first, resolved) == (START + timedelta(150), START + timedelta(151))
    expected = np.median(values[150 - 56 : 150 : 7])
    assert one.impact == pytest.approx(values[150] - expected)


def test_two_weeks_at_twice_the_cost_are_one_incident_and_the_way_back_is_none():
    values = usual(220)
    values[150:164] *= 2
    [(first, resolved, one)] = found(values)
    assert (first, resolved) == (START + timedelta(150), START + timedelta(164))
    assert len(one.days) == 14


def test_what_stays_is_a_new_level_after_four_weeks():
    values = usual(220)
    values[150:] *= 2
    [(first, resolved, one)] = found(values)
    assert (first, resolved, one.is_new_level) == (START + timedelta(150), START + timedelta(178), True)


def test_a_fee_on_the_first_of_each_month_is_no_alarm_once_it_has_come_twice():
    values = usual(300)
    for number in range(300):
        if (START + timedelta(number)).day == 1:
            values[number] += 400
    assert [first for first, *_ in found(values) if first > date(2026, 3, 1)] == []


def test_a_rise_in_a_series_that_goes_up_and_down_by_itself_is_no_fee():
    """The same day of the last two months was high too, but so were the days before it: none of them stood out."""
    values = usual(300)
    for day in (date(2026, 6, 15), date(2026, 7, 15), date(2026, 8, 15)):
        number = (day - START).days
        values[number - 4 : number + 3] *= 1.8
    assert not monthly_fees(panel_of(days_of(values)))[0, number]


def test_a_fee_of_every_month_is_known_as_one():
    """From March: its first, on the series' first day, has no usual day to stand out from."""
    values = usual(300)
    firsts = [number for number in range(300) if (START + timedelta(number)).day == 1]
    values[firsts] += 400
    [fees] = monthly_fees(panel_of(days_of(values)))
    assert np.flatnonzero(fees).tolist() == [number for number in firsts if number >= 59]


def test_days_to_come_change_nothing():
    """A day is judged with what was known on it: the same days with other days after them are as likely."""
    values = usual(220)
    values[150] *= 2.5
    known = probabilities(panel_of(days_of(values[:180])), 60)[0]
    later = probabilities(panel_of(days_of(np.concatenate([values[:180], values[180:] * 3]))), 100)[0]
    assert known.tolist() == later[:60].tolist()


def test_an_incident_that_grows_slowly_is_told_again_after_four_days():
    values = np.full(100, 100.0)
    values[70:] = 150.0 + 10 * np.arange(30)
    panel = panel_of(days_of(values[:80]))
    [one] = incidents(panel, np.full((1, 40), 0.9), np.full(1, 0.7), [NO_FLOOR])
    assert one.alarms == [70, 74, 78]


@pytest.mark.parametrize(("before", "after"), [(120.0, 250.0), (50.0, 150.0)])
def test_a_jump_on_top_of_an_open_incident_is_another_one_against_the_same_usual_cost(before, after):
    """20 % more for two days, then 150 % more: whoever knows of the first does not know of the second."""
    values = np.full(100, 100.0)
    values[70:72], values[72:76] = before, after
    panel = panel_of(days_of(values[:80]))
    first, second = incidents(panel, np.full((1, 40), 0.9), np.full(1, 0.7), [NO_FLOOR])
    assert (first.alarms, first.resolved, list(first.days)) == ([70], 72, [70, 71])
    assert (second.alarms, second.resolved, second.days[72]) == ([72], 76, (100.0, after))


def test_a_rise_of_costs_that_had_fallen_is_large_enough_against_their_new_level():
    """A tenth below its usual weekdays, then a tenth above them: 20 % and more of where it was."""
    values = np.full(100, 100.0)
    values[80:] = 88.0
    values[99] = 108.0
    panel = panel_of(days_of(values))
    [one] = incidents(panel, np.append(np.zeros((1, 19)), [[0.9]], axis=1), np.full(1, 0.7), [NO_FLOOR])
    assert one.first == 99


@pytest.mark.parametrize(("immature", "found"), [(2, 1), (4, 1), (5, 0)])
def test_a_fall_on_days_that_have_not_come_whole_is_none(immature, found):
    """The newest five days cost a tenth: they are not judged where that many days are not whole yet."""
    values = usual(220)
    values[-5:] *= 0.1
    panel = panel_of(days_of(values))
    chances = probabilities(panel, panel.values.shape[1])
    told = incidents(panel, chances, np.full(1, THRESHOLD), [NO_FLOOR], [immature])
    assert len([one for one in told if one.first >= 215]) == found


def test_what_days_should_cost_follows_their_weekdays():
    """Noise of 3 % around weekdays of 100 and weekends of 60: half of the days within 4 %, from 8 days before too."""
    found = residuals(panel_of(days_of(usual(220))), 60, shipped().expected)
    assert {ahead: float(np.nanmedian(np.abs(found[ahead]))) < 0.04 for ahead in AHEAD} == dict.fromkeys(AHEAD, True)


def test_a_change_below_the_floor_of_money_is_no_alarm():
    values = usual(220)
    values[150] *= 2.5
    assert found(values, Floors(amount=1000.0)) == []


@pytest.mark.parametrize(
    "values", [[5], [5] * 10, [0] * 90, [7] * 90, [-3] * 90, [1, 1e12] * 40, [2.0**number for number in range(90)]]
)
def test_series_with_little_to_learn_from_never_fail(values, tmp_path):
    days_of(values).write_parquet(tmp_path / "in.parquet")
    anomalies_of_file(tmp_path / "in.parquet", tmp_path / "out.csv", 0.15, 0.0)
    out = pl.read_csv(tmp_path / "out.csv")
    assert out.null_count()["actual"].sum() == 0


def test_what_no_daily_series_is_is_said_and_the_others_are_looked_at(tmp_path):
    months = [date(2025, 1 + number, 1) for number in range(12)]
    table = pl.concat([days_of(usual(60)), pl.DataFrame({"unique_id": "m", "ds": months, "y": [5.0] * 12})])
    table.write_parquet(tmp_path / "in.parquet")
    said = anomalies_of_file(tmp_path / "in.parquet", tmp_path / "new" / "out.csv", 0.15, 0.0)
    assert (said["series"], said["refused"]) == (1, {"m": "it is monthly: anomalies are looked for day by day"})
    assert pl.read_csv(tmp_path / "new" / "out.csv").is_empty()


def test_a_day_without_a_number_is_unknown_and_no_fall_to_nothing(tmp_path):
    lines = [f"s,{START + timedelta(number)},{value if number != 100 else 'NaN'}" for number, value in
             enumerate(usual(120))]  # fmt: skip
    (tmp_path / "in.csv").write_text("\n".join(["unique_id,ds,y", *lines]))
    assert anomalies_of_file(tmp_path / "in.csv", tmp_path / "out.csv", 0.15, 0.0)["anomalies"] == 0


def test_a_file_says_on_which_days_an_incident_was_told(tmp_path):
    values = usual(220)
    values[150:156] *= 2
    days_of(values).write_parquet(tmp_path / "in.parquet")
    anomalies_of_file(tmp_path / "in.parquet", tmp_path / "out.parquet", 0.15, 0.0)
    told = pl.read_parquet(tmp_path / "out.parquet").filter("is_alarm")["ds"].to_list()
    assert told[0] == START + timedelta(150) and len(told) <= 2


def test_days_that_come_twice_are_added_and_missing_days_cost_nothing():
    table = pl.DataFrame({"unique_id": ["s"] * 3, "ds": [START, START, START + timedelta(2)], "y": [1.0, 2.0, 4.0]})
    assert panel_of(table).values.tolist() == [[3.0, 0.0, 4.0]]


def test_the_same_file_gives_the_same_bytes(tmp_path):
    values = usual(220)
    values[150] *= 3
    days_of(values).write_csv(tmp_path / "in.csv")
    for name in ("a.parquet", "b.parquet"):
        anomalies_of_file(tmp_path / "in.csv", tmp_path / name, 0.15, 0.0)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def node(level="leaf", account="a", service="compute", team="T", source="s") -> Node:
    keys = {"leaf": (source, account, service, team), "account": (source, account, None, None),
            "service": (source, None, service, None), "team": (None, None, None, team),
            "total": (None, None, None, None)}[level]  # fmt: skip
    return Node("|".join(map(str, (level, *keys))), level, *keys, "USD")


def seen(of: Node, impact="100", first=START, score=0.9) -> Seen:
    return Seen(
        of, first, first + timedelta(1), False, score, 0.7, {first: (Decimal(10), Decimal(10) + Decimal(impact))}
    )


def test_a_leaf_its_account_its_team_and_the_total_are_one_incident():
    groups = grouped([seen(node(level)) for level in ("total", "team", "account", "leaf")])
    assert [(g.lead.node.level, g.also_on) for g in groups] == [("leaf", ["account", "team", "total"])]


def test_services_of_one_account_that_rise_together_are_one_incident_and_a_fall_is_another():
    groups = grouped([seen(node(service="compute")), seen(node(service="disk")), seen(node(service="web"), "-50")])
    assert sorted(len(group.members) for group in groups) == [1, 2]
    both = next(group for group in groups if len(group.members) == 2)
    assert both.impact == 200 and both.scope()["service_name"] is None and both.scope()["sub_account_id"] == "a"


def test_an_account_whose_leaves_explain_less_than_half_is_an_incident_of_its_own():
    groups = grouped([seen(node("account"), "300"), seen(node(), "100")])
    assert sorted(group.lead.node.level for group in groups) == ["account", "leaf"]


def schedule(effective: float, contracted: float, events=()) -> Schedule:
    """Four weeks at 100 a day, then a day at the given costs."""
    before = {START - timedelta(back): (100.0, 100.0) for back in range(1, 29)}
    costs = {("s", "a", "compute", "USD"): before | {START: (effective, contracted)}}
    return Schedule(costs, list(events), {"s": "aws"}, {"T": {"department": "D", "business_unit": "B"}})


def event(scope: str, value: str, starts=START) -> dict:
    return {"event_id": "move", "scope": scope, "scope_value": value, "starts_on": starts, "ends_on": START}


def test_a_commitment_purchase_is_no_alarm():
    """The cost falls to 60 while the same usage is still worth 100 at contracted prices."""
    assert schedule(60, 100).explained_by(Group([seen(node(), "-40")])) == "commitment_change"
    assert schedule(60, 60).explained_by(Group([seen(node(), "-40")])) is None


def test_a_cost_that_went_to_another_team_is_no_alarm():
    assert schedule(100, 100).explained_by(Group([seen(node(), "40")])) == "owner_change"


@pytest.mark.parametrize(
    ("scope", "value", "explains"),
    [("total", "", True), ("cost_center", "T", True), ("department", "D", True), ("provider", "aws", True),
     ("service", "disk", False), ("sub_account", "b", False)],
)  # fmt: skip
def test_a_planned_event_explains_what_lies_in_its_scope(scope, value, explains):
    reason = schedule(150, 150, [event(scope, value)]).explained_by(Group([seen(node(), "50")]))
    assert reason == ("planned_event:move" if explains else None)


def test_a_planned_event_of_another_week_explains_nothing():
    late = [event("total", "", START + timedelta(7))]
    assert schedule(150, 150, late).explained_by(Group([seen(node(), "50")])) is None


def test_labels_move_the_threshold_of_their_series_only():
    """A false alarm at 0.9 needs 0.91 from now on; a true one lowers the threshold by 0.04."""
    wrong, right = Group([seen(node(account="a"))]), Group([seen(node(account="b"))])
    names = [wrong.lead.node.series_id, right.lead.node.series_id, "other"]
    labels = {wrong.anomaly_id: "false", right.anomaly_id: "true"}
    assert tuned_by_labels(names, [wrong, right], labels).tolist() == pytest.approx([0.91, THRESHOLD - 0.04, THRESHOLD])


def test_quality_counts_events_once_and_every_alarm_outside_them():
    """Two events, one found a day late; one false alarm: precision 1/2, recall 1/2, 100 of 400 caught."""
    panel = panel_of(days_of([1.0] * 60))
    events = [Event(0, 40, 43, "burst", 1.0, 100.0), Event(0, 50, 50, "spike", 2.0, 300.0)]
    [false, late] = [Incident(row=0, first=day, alarms=[day]) for day in (30, 41)]
    measured = quality(panel, events, [false, late], 60)
    assert (measured.precision, measured.recall, measured.f1) == (0.5, 0.5, 0.5)
    assert (measured.cost_caught, measured.delay_days, measured.false_alarms_per_month) == (0.25, 1.0, 0.5)


def test_the_delay_of_a_ramp_counts_from_its_first_change_of_15_percent():
    """+100 % over 14 days: 7.1, 14.3, 21.4 % — the third day."""
    assert Event(0, 40, 53, "ramp", 1.0, 0.0).noticeable == 42


def test_a_change_of_price_and_of_quantity_are_told_apart():
    """100 units at 2.00, then 120 at 2.50: 20 × 2.00 = 40 by quantity, 0.50 × 120 = 60 by price."""
    [cause] = rank([Leaf("a", np.full(28, 200.0), 300.0, 100.0, 120.0)], direction=1)
    assert (cause.delta, cause.quantity_effect, cause.price_effect) == (100, 40, 60)


def test_the_unusual_leaf_comes_before_the_large_one_that_always_wobbles():
    wobbling = 1000 + np.tile([0.0, 150.0, -150.0, 100.0], 14)
    causes = rank(
        [Leaf("large", wobbling, 1130.0), Leaf("odd", np.full(56, 10.0), 110.0), Leaf("new", np.zeros(56), 50.0)], 1
    )
    assert [cause.name for cause in causes] == ["odd", "new", "large"]
    assert causes[1].state == "new"
