"""The resources of one source and what they use each month.

A fleet is one row per (resource, meter). Its usage is arrays: quantities are whole numbers whose digits complete the
price's digits to 1e-10, so that quantity x price is exact.
"""

import math
import zlib
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from pipelines.sample.estate import Account, derived_id
from pipelines.sample.meters import Meter
from pipelines.sample.months import Month, Window, days_of
from pipelines.sample.tags import LATE, TagSets, tags_of

GOLDEN = 0.6180339887498949
ANOMALY_DAYS, ANOMALY_FACTOR = 3, 6
MONTHLY_GROWTH = 0.018


@dataclass(frozen=True)
class Pin:
    """A resource that must exist whatever the size of the sample."""

    account: str  # account name
    meter: str  # its name, or its product where several have one name
    share: float  # of the account's cost
    name: str = ""
    untagged: bool = False
    spikes: bool = False  # has the three-day anomaly
    waste: str = ""  # what is planted in it, whatever its turn; see signals.py


@dataclass(frozen=True)
class Estate:
    """One source: its accounts, its meters and what they cost in the first month."""

    source: str
    accounts: tuple[Account, ...]
    meters: tuple[Meter, ...]
    budget: int  # currency units in the first month
    regions: tuple[str, ...]
    pins: tuple[Pin, ...] = ()


@dataclass(frozen=True)
class Fleet:
    estate: Estate
    tags: TagSets
    table: pl.DataFrame  # account, meter, region, name, resource, tag, tag_before, owner
    price: np.ndarray
    quantity_digits: np.ndarray
    daily: np.ndarray  # quantity of a weekday in the first month, in whole units
    weekend: np.ndarray
    wobble: np.ndarray
    growth: np.ndarray  # per month
    first: np.ndarray
    last: np.ndarray
    tag_switch: np.ndarray  # hour from which `tag` replaces `tag_before`
    hourly: np.ndarray
    spikes: np.ndarray
    waste: tuple[str, ...]  # of pinned resources
    window: Window
    seed: int

    @property
    def spike_start(self) -> int:
        month = self.window.at(0.8)
        return month.start + 24 * 10


@dataclass(frozen=True)
class Usage:
    series: np.ndarray  # row of the fleet
    start: np.ndarray  # hour
    hours: np.ndarray  # 1 or 24
    quantity: np.ndarray
    cost: np.ndarray  # 1e-10
    tag: np.ndarray

    def where(self, mask: np.ndarray) -> "Usage":
        return Usage(*(getattr(self, name)[mask] for name in self.__dataclass_fields__))


@dataclass
class _Draft:
    account: int
    meter: int
    cost: float  # sizes its use; what is billed is quantity times price, in integers
    name: str
    owner: str
    pin: Pin | None
    spelled: dict[str, int] = field(default_factory=dict)


def random_for(seed: int, *parts: str) -> np.random.Generator:
    return np.random.default_rng([seed, *(zlib.crc32(part.encode()) for part in parts)])


def build_fleet(estate: Estate, window: Window, seed: int, rows_per_month: int, hourly_share: float = 0.0) -> Fleet:
    """Choose as many resources as fill `rows_per_month`; their cost does not depend on how many there are."""
    rng = random_for(seed, estate.source, "fleet")
    hourly_count = int(rows_per_month * hourly_share / 730)
    daily_count = math.ceil((rows_per_month - hourly_count * 730) / 27.6)  # a tenth start late or end early
    drafts = _drafts(estate, max(hourly_count + daily_count, 2 * len(estate.accounts)), rng)
    tags = TagSets()
    count = len(drafts)
    meters = [estate.meters[draft.meter] for draft in drafts]
    accounts = [estate.accounts[draft.account] for draft in drafts]
    costs = np.array([draft.cost for draft in drafts])
    price = np.array([meter.price_units for meter in meters], dtype=np.int64)
    price_digits = np.array([meter.price_digits for meter in meters])
    machine = np.array([meter.kind == "machine" for meter in meters])
    wanted = costs / 30.4 / (price / 10.0**price_digits)
    whole_days = np.where(wanted >= 24, np.rint(wanted / 24) * 24, np.maximum(np.round(wanted, 4), 0.0001))
    dev = np.array([account.environment != "prod" for account in accounts])
    pinned = np.array([draft.pin is not None for draft in drafts])
    start_late = (rng.random(count) < 0.1) & ~pinned
    end_early = (rng.random(count) < 0.07) & ~pinned & ~start_late
    span = window.end - window.start
    first = np.where(start_late, window.start + (rng.random(count) * span).astype(np.int64) // 24 * 24, 0)
    last = np.where(end_early, window.end - (rng.random(count) * span).astype(np.int64) // 24 * 24, 2**40)
    tag, before, switch = _tagged(drafts, accounts, costs, tags, window, rng)
    hourly = np.zeros(count, dtype=bool)
    hourly[np.argsort(-costs, kind="stable")[:hourly_count]] = True
    regions = np.where((rng.random(count) < 0.78) | pinned, 0, np.minimum(1, len(estate.regions) - 1))
    return Fleet(
        estate=estate,
        tags=tags,
        table=pl.DataFrame(
            {
                "account": [draft.account for draft in drafts],
                "meter": [draft.meter for draft in drafts],
                "region": [estate.regions[index] for index in regions],
                "name": [draft.name for draft in drafts],
                "owner": [draft.owner for draft in drafts],
                "tag": tag,
                "tag_before": before,
            }
        ).with_columns(
            resource=pl.Series(
                [
                    meter.resource.replace("{}", draft.name)
                    .replace("{account}", account.id)
                    .replace("{region}", estate.regions[index])
                    for meter, draft, account, index in zip(meters, drafts, accounts, regions, strict=True)
                ]
            )
        ),
        price=price,
        quantity_digits=10 - price_digits,
        daily=np.where(machine, whole_days, wanted),
        weekend=np.where(machine, np.where(dev, 0.35, 1.0), np.where(dev, 0.4, 0.72)),
        wobble=np.where(machine, 0.0, 0.06),
        growth=np.where(machine, 0.006, MONTHLY_GROWTH),
        first=first,
        last=last,
        tag_switch=switch,
        hourly=hourly,
        spikes=np.array([draft.pin is not None and draft.pin.spikes for draft in drafts]),
        waste=tuple(draft.pin.waste if draft.pin else "" for draft in drafts),
        window=window,
        seed=seed,
    )


def usage_of(fleet: Fleet, month: Month) -> Usage:
    """One month of usage: a row per day for most resources, a row per hour for the large ones."""
    rng = random_for(fleet.seed, fleet.estate.source, month.period)
    days = days_of(month)
    hours = month.start + np.arange(month.hours, dtype=np.int64)
    daily = _rows(fleet, np.flatnonzero(~fleet.hourly), days, 24, rng)
    hourly = _rows(fleet, np.flatnonzero(fleet.hourly), hours, 1, rng)
    return Usage(
        *(np.concatenate([getattr(daily, name), getattr(hourly, name)]) for name in Usage.__dataclass_fields__)
    )


def _rows(fleet: Fleet, series: np.ndarray, starts: np.ndarray, hours: int, rng: np.random.Generator) -> Usage:
    shape = (len(series), len(starts))
    weekday = (starts // 24 + 3) % 7  # 1970-01-01 was a Thursday; 0 is Monday
    months_in = (starts - fleet.window.start) / 730.5
    factor = np.where((weekday >= 5)[None, :], fleet.weekend[series][:, None], 1.0)
    factor = factor * (1 + fleet.growth[series])[:, None] ** months_in[None, :]
    steady = fleet.wobble[series][:, None] == 0
    factor = factor * np.exp(rng.standard_normal(shape) * fleet.wobble[series][:, None])
    if hours == 1:  # business hours are busier; machines run evenly
        factor = factor * np.where(steady, 1.0, (1 + 0.35 * np.sin((starts % 24 - 8) / 24 * 2 * np.pi))[None, :])
    spike = (starts >= fleet.spike_start) & (starts < fleet.spike_start + 24 * ANOMALY_DAYS)
    factor = np.where(fleet.spikes[series][:, None] & spike[None, :], factor * ANOMALY_FACTOR, factor)
    quantity = fleet.daily[series][:, None] * factor * hours / 24
    # A machine is on for whole hours, so its growth comes in steps.
    whole = steady & (fleet.daily[series][:, None] >= 24)
    quantity = np.where(whole, np.maximum(np.rint(quantity), 1), quantity)
    units = np.maximum(np.rint(quantity * 10.0 ** fleet.quantity_digits[series][:, None]), 1).astype(np.int64)
    alive = (starts[None, :] >= fleet.first[series][:, None]) & (starts[None, :] < fleet.last[series][:, None])
    chosen = np.broadcast_to(series[:, None], shape)[alive]
    start = np.broadcast_to(starts[None, :], shape)[alive]
    units = units[alive]
    tag = np.where(
        start >= fleet.tag_switch[chosen],
        fleet.table["tag"].to_numpy()[chosen],
        fleet.table["tag_before"].to_numpy()[chosen],
    )
    return Usage(chosen, start, np.full(len(chosen), hours), units, units * fleet.price[chosen], tag)


def _drafts(estate: Estate, count: int, rng: np.random.Generator) -> list[_Draft]:
    drafts: list[_Draft] = []
    for number, account in enumerate(estate.accounts):
        pins = [pin for pin in estate.pins if pin.account == account.name]
        chosen = [
            _draft(estate, number, _meter_named(estate, pin.meter), pin, len(drafts) + i) for i, pin in enumerate(pins)
        ]
        for draft, pin in zip(chosen, pins, strict=True):
            draft.cost = estate.budget * account.share * pin.share
        drafts += chosen
        free = max(round(count * account.share) - len(pins), 2)
        drafts += _unpinned(estate, number, free, 1 - sum(pin.share for pin in pins), len(drafts), rng)
    return drafts


def _unpinned(
    estate: Estate, number: int, count: int, share: float, position: int, rng: np.random.Generator
) -> list[_Draft]:
    account = estate.accounts[number]
    usable = [index for index, meter in enumerate(estate.meters) if account.profile in meter.profiles.split()]
    weights = np.array([estate.meters[index].weight for index in usable])
    picks = np.searchsorted(np.cumsum(weights) / weights.sum(), (np.arange(count) + 0.5) / count)
    sizes = rng.lognormal(0.0, 0.9, count)
    costs = estate.budget * account.share * share * sizes / sizes.sum()
    drafts = [_draft(estate, number, usable[pick], None, position + i) for i, pick in enumerate(picks)]
    for draft, cost in zip(drafts, costs, strict=True):
        draft.cost = float(cost)
    return drafts


def _draft(estate: Estate, number: int, meter: int, pin: Pin | None, position: int) -> _Draft:
    account = estate.accounts[number]
    spot = (position * GOLDEN) % 1
    total = 0.0
    owner = account.owners[-1][0]
    for candidate, weight in account.owners:
        total += weight
        if spot < total:
            owner = candidate
            break
    code = derived_id(estate.source, account.id, meter, position).replace("-", "")[:16]
    name = pin.name if pin and pin.name else code
    return _Draft(number, meter, 0.0, name, owner, pin)


def _meter_named(estate: Estate, name: str) -> int:
    return next(index for index, meter in enumerate(estate.meters) if name in (meter.name, meter.product))


def _tagged(
    drafts: list[_Draft],
    accounts: list[Account],
    costs: np.ndarray,
    tags: TagSets,
    window: Window,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give every resource its tags, the tags it had before, and the hour of the change.

    Luck is dealt along the sorted costs, so that the share of untagged resources is also their share of the cost.
    """
    count = len(drafts)
    luck, variant = np.empty(count), rng.random(count)
    order = np.lexsort((-costs, np.array([draft.account for draft in drafts])))
    luck[order] = (np.arange(count) * GOLDEN + rng.random()) % 1
    tag, before = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    switch = np.zeros(count, dtype=np.int64)
    learning_starts = window.machine_learning_starts.start
    for index, (draft, account) in enumerate(zip(drafts, accounts, strict=True)):
        chance = 0.0 if draft.pin and draft.pin.untagged else (1.0 if draft.pin else luck[index])
        tag[index] = before[index] = tags.number(tags_of(draft.owner, account.environment, chance, variant[index]))
        if draft.owner == "CC-2030":
            before[index] = tags.number(tags_of("CC-2020", account.environment, chance, variant[index]))
            switch[index] = learning_starts
        elif chance > 1 - LATE and not draft.pin:
            before[index] = 0
            switch[index] = window.at(rng.random()).start + 24 * 13 + 12
    return tag, before, switch


def whole_units(fleet: Fleet, usage: Usage, digits: int) -> np.ndarray:
    """Quantities of `usage` as whole numbers of 10**-digits."""
    quantities: np.ndarray = usage.quantity * 10 ** (digits - fleet.quantity_digits[usage.series])
    return quantities
