"""How Halden's resources are tagged, and how badly: missing, late, misspelt, in the wrong case.

A tag set is a dict as a person typed it; each provider's module writes it in that provider's spelling.
"""

from pipelines.sample.estate import COST_CENTERS, SHARED, cost_center

TagSet = dict[str, str]

# Shares of tagged resources. What is left writes the cost centre id correctly.
MISSING, LATE = 0.17, 0.03
NAME, LOWER_CASE, TRAILING_BLANK, HYPHEN_KEY, BRITISH_KEY, TYPO, UNKNOWN = 0.2, 0.05, 0.04, 0.03, 0.04, 0.04, 0.03

TYPOS = {"platform": "platfrom", "data-platform": "data platfrom", "search": "serach", "brightparcel": "bright-parcel",
         "machine-learning": "machine learning", "corporate-it": "corporate it"}  # fmt: skip


class TagSets:
    """The distinct tag sets of one source, numbered; number 0 is the empty set."""

    def __init__(self) -> None:
        self.sets: list[TagSet] = [{}]
        self._numbers: dict[tuple[tuple[str, str], ...], int] = {(): 0}

    def number(self, tags: TagSet) -> int:
        key = tuple(tags.items())
        if key not in self._numbers:
            self._numbers[key] = len(self.sets)
            self.sets.append(tags)
        return self._numbers[key]


def tags_of(owner: str, environment: str, luck: float, variant: float) -> TagSet:
    """Return the tags of a resource of `owner`. `luck` below MISSING loses its cost centre."""
    rest = {"Environment": environment if variant < 0.9 else environment.upper()}
    if luck < MISSING / 2:
        return {}
    if owner == SHARED:
        return {"CostCenter": SHARED, **rest, "Owner": "ines.carvalho"}
    center = cost_center(owner)
    rest["Owner"] = center.owner.lower().replace(" ", ".")
    project = center.projects[int(variant * 1000) % len(center.projects)]
    if luck < MISSING:
        return rest if luck < 0.8 * MISSING else rest | {"Project": project}
    rest["Project"] = project
    key, value = _spelled_cost_center(center.id, center.name, variant)
    return {key: value, **rest}


def value_aliases() -> list[tuple[str, str]]:
    """(what people typed, what they meant) for every misspelling that somebody has explained."""
    known = {center.name for center in COST_CENTERS}
    return [(typo, name) for name, typo in TYPOS.items() if name in known]


def _spelled_cost_center(identity: str, name: str, variant: float) -> tuple[str, str]:
    spellings = (
        (NAME, ("CostCenter", name)),
        (LOWER_CASE, ("CostCenter", identity.lower())),
        (TRAILING_BLANK, ("CostCenter", f"{identity} ")),
        (HYPHEN_KEY, ("cost-center", identity)),
        (BRITISH_KEY, ("costcentre", identity)),
        (TYPO, ("CostCenter", TYPOS.get(name, name.title()))),
        (UNKNOWN, ("CostCenter", "tbd")),
    )
    threshold = 0.0
    for share, spelling in spellings:
        threshold += share
        if variant < threshold:
            return spelling
    return "CostCenter", identity
