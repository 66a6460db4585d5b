"""One typed settings object: the only reader of finops.toml and of FINOPS_* environment variables.

Secrets never live here: cloud credentials come from each SDK's own chain (environment, profile, workload identity).
"""

from __future__ import annotations

import os
import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pipelines.errors import SettingsError

Format = Literal["cur", "cur2", "focus", "cost_details", "billing_export", "invoices"]

DATASET_OF_FORMAT: dict[str, str] = {
    "cur": "cur",
    "cur2": "cur",
    "focus": "focus",
    "cost_details": "cost_details",
    "billing_export": "billing_export",
    "invoices": "invoices",
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Strict):
    """One bill of one provider, or the invoices of some; `name` becomes x_source in the ledger."""

    name: str
    provider: str = ""  # invoices need none: each names the bill that it belongs to
    format: Format
    uri: str | None = None
    actual: str | None = None
    amortized: str | None = None
    # For old exports without a currency column; a column in the file always wins.
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None

    @field_validator("name")
    @classmethod
    def _name_is_a_safe_path_part(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", value):
            raise ValueError("use letters, digits, - and _ (it becomes a folder name and x_source)")
        return value

    @field_validator("provider")
    @classmethod
    def _provider_is_lower_case(cls, value: str) -> str:
        if value and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._-]*", value):
            raise ValueError("use aws, azure, gcp, or a plain name for FOCUS files of others")
        return value.lower()

    @model_validator(mode="after")
    def _has_a_place_to_read(self) -> Source:
        if self.is_bill and not self.provider:
            raise ValueError("give provider: aws, azure, gcp, or a plain name for FOCUS files of others")
        if self.format != "cost_details" and (self.actual or self.amortized):
            raise ValueError("actual and amortized belong to format = 'cost_details'")
        if not self.uri and not self.actual and not self.amortized:
            raise ValueError("give uri (or, for cost_details, actual and amortized)")
        if self.uri and (self.actual or self.amortized):
            raise ValueError("give either uri or actual/amortized, not both")
        return self

    @property
    def dataset(self) -> str:
        return DATASET_OF_FORMAT[self.format]

    @property
    def is_bill(self) -> bool:
        """Its rows are charges; invoices only say what charges must add up to."""
        return self.format != "invoices"

    @property
    def uris(self) -> dict[str, str]:
        """Where to look, by role: `""` where the export itself says what it is."""
        named = {"actual": self.actual, "amortized": self.amortized, "": self.uri}
        return {role: uri for role, uri in named.items() if uri}


class SignalSource(_Strict):
    """Where inventory and utilisation of one provider come from: files below `uri`, or the provider's API."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
    provider: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9 ._-]*$")]
    uri: str | None = None  # folders inventory/, metrics/, … below it
    regions: tuple[str, ...] = ()  # of the API
    accounts: tuple[str, ...] = ()  # none: the account of the credentials
    role: str | None = None  # assumed in each account; {account} stands for its id
    days: Annotated[int, Field(ge=1, le=63)] = 3  # of metrics to ask for; what landed before stays

    @model_validator(mode="after")
    def _has_a_place_to_look(self) -> SignalSource:
        if self.uri and (self.regions or self.accounts or self.role):
            raise ValueError("give either uri (files) or regions, accounts and role (the provider's API)")
        if not self.uri and not self.regions:
            raise ValueError("give uri, or the regions to look at")
        if not self.uri and self.provider != "aws":
            raise ValueError("only aws is asked by its API; give uri with the exported files of others")
        if self.accounts and "{account}" not in (self.role or ""):
            raise ValueError("accounts need a role with {account} in it")
        return self


class WorkspaceTable(_Strict):
    reporting_currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"


class BuildTable(_Strict):
    memory_limit: Annotated[str, Field(pattern=r"^\d+(\.\d+)?\s?[KMGT]i?B$")] = "1300MB"
    threads: Annotated[int, Field(ge=1, le=64)] = 2


class GateTable(_Strict):
    """Limits of the gate. A month that loses more than `max_drop` of its rows is held back for a person to look at."""

    max_drop: Annotated[float, Field(gt=0, le=1)] = 0.9


class LandingTable(_Strict):
    """How long the rows of previous deliveries are kept; their descriptions and daily totals are kept for good."""

    keep_deliveries: Annotated[int, Field(ge=1)] = 30  # per source and billing period
    keep_days: Annotated[int, Field(ge=1)] = 400  # since it landed: a year and the month that closes it


class PublishTable(_Strict):
    keep_runs: Annotated[int, Field(ge=1)] = 7
    show_owner_emails: bool = False


class StatementsTable(_Strict):
    """`fonts` is a folder with fonts for scripts that the packaged ones lack; relative to the workspace."""

    fonts: str | None = None


class ForecastTable(_Strict):
    """Candidates of the daily run: fast (seconds), full (about 2 CPU s per series and origin), neural."""

    pool: Literal["fast", "full", "neural"] = "fast"


class AnomaliesTable(_Strict):
    """What an anomaly must move at least, per day: an amount in reporting currency."""

    min_amount: Annotated[float, Field(ge=0)] = 25.0


class OptimizationTable(_Strict):
    """What an hour of work costs, in reporting currency; without it a payback counts fees only."""

    hour_of_work: Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=4)] | None = None


class MailTable(_Strict):
    """The mail server that cover letters leave by; its password is $FINOPS_MAIL_PASSWORD and never stands here."""

    host: str = ""
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    sender: str = ""
    send: bool = False  # whether monthly_showback sends; the command has --send

    @field_validator("sender")
    @classmethod
    def _sender_is_an_address(cls, value: str) -> str:
        if value and not re.fullmatch(r"([^<>\r\n]*<)?[^<>\s@]+@[^<>\s@]+>?", value):
            raise ValueError("write it like FinOps <finops@example.com>")
        return value


class Settings(_Strict):
    workspace: WorkspaceTable = WorkspaceTable()
    build: BuildTable = BuildTable()
    landing: LandingTable = LandingTable()
    gate: GateTable = GateTable()
    publish: PublishTable = PublishTable()
    statements: StatementsTable = StatementsTable()
    forecast: ForecastTable = ForecastTable()
    anomalies: AnomaliesTable = AnomaliesTable()
    optimization: OptimizationTable = OptimizationTable()
    mail: MailTable = MailTable()
    sources: tuple[Source, ...] = ()
    signals: tuple[SignalSource, ...] = ()

    @model_validator(mode="after")
    def _signal_names_are_unique(self) -> Settings:
        names = [source.name.lower() for source in self.signals]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"names of signals must be unique (letter case does not count): {', '.join(twice)}")
        return self

    @model_validator(mode="after")
    def _source_names_are_unique(self) -> Settings:
        names = [source.name.lower() for source in self.sources]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"source names must be unique (letter case does not count): {', '.join(twice)}")
        return self

    @model_validator(mode="after")
    def _no_bill_is_read_twice(self) -> Settings:
        """Two sources of one kind below one place would count the same files twice."""
        places = [(s.dataset, uri.rstrip("/") + "/", s.name) for s in self.sources for uri in s.uris.values()]
        for dataset, uri, name in places:
            for other_dataset, other, other_name in places:
                if name != other_name and dataset == other_dataset and uri.startswith(other):
                    raise ValueError(
                        f"{name} and {other_name} both read {uri.rstrip('/')}, which would count its charges twice: "
                        "give each export one source"
                    )
        return self


class Workspace:
    """A company's folder: its settings, and where each kind of thing lies below it."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root = root
        self.settings = settings

    @classmethod
    def open(cls, root: Path | None = None) -> Workspace:
        """Read `root`/finops.toml; `root` defaults to $FINOPS_WORKSPACE, then ./workspace."""
        root = (root or Path(os.environ.get("FINOPS_WORKSPACE", "workspace"))).absolute()
        toml = root / "finops.toml"
        if not toml.is_file():
            here = "Give `-w .`: this folder is one" if Path("finops.toml").is_file() else None
            raise SettingsError(
                str(toml), "there is no workspace here", fix=here or f"Make one with `finops init {root}`"
            )
        try:
            settings = Settings.model_validate(tomllib.loads(toml.read_text("utf-8")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
            raise SettingsError(
                str(toml), f"is not valid TOML: {problem}", fix="Mend that line and run again"
            ) from None
        except ValidationError as problem:
            found = "; ".join(
                ".".join(str(part) for part in error["loc"]) + ": " + error["msg"].removeprefix("Value error, ")
                for error in problem.errors()
            )
            raise SettingsError(str(toml), found, "Nothing was run", "Mend the file and run again") from None
        return cls(root, settings)

    @property
    def sources(self) -> tuple[Source, ...]:
        return self.settings.sources

    @property
    def bills(self) -> tuple[Source, ...]:
        return tuple(source for source in self.settings.sources if source.is_bill)

    def chosen_sources(self, names: list[str] | None = None) -> list[Source]:
        """The named sources (all when none are named)."""
        if not names:
            return list(self.sources)
        unknown = sorted(set(names) - {source.name for source in self.sources})
        if unknown:
            known = ", ".join(source.name for source in self.sources) or "none"
            raise SettingsError(str(self.root / "finops.toml"), f"no source named {', '.join(unknown)}; known: {known}")
        return [source for source in self.sources if source.name in names]

    @property
    def decisions(self) -> Path:
        return self.root / "decisions"

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def landing_history(self) -> Path:
        return self.root / "landing_history"

    @property
    def quarantine(self) -> Path:
        return self.root / "quarantine"

    @property
    def scratch(self) -> Path:
        return self.root / ".scratch"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        return self.root / "published"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def statement_fonts(self) -> Path | None:
        """The folder of fonts that the company adds for its statements."""
        named = self.settings.statements.fonts
        if named is None:
            return None
        folder = self.root / named
        if not folder.is_dir():
            raise SettingsError(str(self.root / "finops.toml"), f"[statements] fonts: {folder} is no folder")
        return folder


def is_period(text: str) -> bool:
    """True for a billing period written YYYY-MM."""
    return re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text) is not None


def periods_in(text: str) -> list[str]:
    """The billing periods that `2026-10` or `2026-01..2026-06` names, oldest first; empty when it names none."""
    first, dots, last = text.partition("..")
    if not is_period(first) or (dots and not is_period(last)):
        return []
    months = range(_month_number(first), _month_number(last or first) + 1)
    return [f"{number // 12}-{number % 12 + 1:02d}" for number in months]


def _month_number(period: str) -> int:
    return int(period[:4]) * 12 + int(period[5:]) - 1
