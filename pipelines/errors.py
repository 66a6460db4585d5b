"""Errors that a person can act on: where, what, what was done about it, and the next command."""

from __future__ import annotations


class FinopsError(Exception):
    """Base of all expected failures; the command line prints it and exits 1.

    FinopsError
    ├── SettingsError        finops.toml or the command's arguments
    ├── DecisionError        a file under decisions/
    ├── ExportError          a provider's export
    │   ├── ExportNotReadyError   a manifest names files that are not there (yet)
    │   ├── ExportChangedError    the export was rewritten while it was read
    │   └── BadExportError        files that cannot be read as what they claim to be
    ├── GateError            a landed delivery failed its checks
    ├── BuildError           dbt failed
    ├── SeriesError          a table of series to be forecast
    ├── InvoiceError         invoices ask for more or less than the ledger's charges
    ├── ResultError          a forecast or another result could not be computed; costs are published without it
    ├── RateError            costs without an exchange rate; they are published in their own currency
    ├── AuditError           the marts failed the audit before publishing
    └── ToolError            a program of another environment cannot run
    """

    def __init__(self, where: str, what: str, done: str = "", fix: str = "") -> None:
        self.where, self.what, self.done, self.fix = where, what, done, fix
        super().__init__(str(self))

    def __str__(self) -> str:
        sentences = [text for text in (f"{self.where}: {self.what}", self.done, self.fix) if text]
        ended = [text if text.endswith((".", "?", "`", "\n")) else f"{text}." for text in sentences]
        return "".join(text if text.endswith("\n") else f"{text} " for text in ended).rstrip()


class SettingsError(FinopsError):
    """The workspace's finops.toml, or an argument, cannot be used."""


class DecisionError(FinopsError):
    """A decision file has rows that cannot be applied."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        shown = "\n  ".join(problems[:20])
        more = f"\n  … and {len(problems) - 20} more" if len(problems) > 20 else ""
        super().__init__("decisions", f"{len(problems)} problem(s):\n  {shown}{more}\n", "Nothing was applied")


class ExportError(FinopsError):
    """A provider's export could not be landed; the previous delivery stays."""


class ExportNotReadyError(ExportError):
    """A manifest names files that are absent: the export is still being written, or was damaged."""


class ExportChangedError(ExportError):
    """A file changed or vanished between listing and reading."""


class BadExportError(ExportError):
    """A file cannot be read as the format that the source declares."""


class GateError(ExportError):
    """A delivery was read but its checks failed; it lies in quarantine."""


class BuildError(FinopsError):
    """dbt could not build the warehouse."""


class SeriesError(FinopsError):
    """A table of series to be forecast cannot be read as unique_id, ds, y."""


class InvoiceError(FinopsError):
    """Invoices differ from the ledger by more than is explained or tolerated."""


class ResultError(FinopsError):
    """A step that computes from the built warehouse broke off; what it found before stays."""


class RateError(FinopsError):
    """Costs of a month have no rate into the reporting currency; they are published without those amounts."""


class AuditError(FinopsError):
    """The built marts failed the audit; readers keep the previous run."""


class ToolError(FinopsError):
    """A program that runs in an environment of its own is missing or broke off."""
