"""Cover letters: one e-mail per cost centre with its statement attached, to the owner's address.

Nothing is sent unless it is asked for, and one revision of a statement is sent once: what was sent is kept in
landing/letters, one file per letter, named by the bytes of the statement. The password comes from the environment only.
"""

from __future__ import annotations

import hashlib
import json
import os
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from html import escape

from pipelines.errors import FinopsError, SettingsError
from pipelines.landing.decisions import read_decisions
from pipelines.landing.deliveries import locked, write_atomically
from pipelines.outputs.publish import current_run
from pipelines.outputs.statement_model import (
    Section,
    Showback,
    Statement,
    sum_of,
)
from pipelines.outputs.statement_periods import last_day, period_name
from pipelines.outputs.statement_reader import read_showback
from pipelines.outputs.statement_text import money_text, shown
from pipelines.outputs.statements import file_stems
from pipelines.settings import MailTable, Workspace

PASSWORD = "FINOPS_MAIL_PASSWORD"
_TYPES = {"xlsx": ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
          "pdf": ("application", "pdf"), "csv": ("text", "csv")}  # fmt: skip
_PATIENCE = 30  # seconds that a mail server may take to answer
_SHOWN_LINES = 5
Progress = Callable[[str], None]


class LetterError(FinopsError):
    """Letters could not be sent. Those that were are known and are not sent again."""


@dataclass(frozen=True)
class Letter:
    cost_center_id: str
    recipient: str  # empty where the cost centre names no address
    subject: str
    state: str  # would be sent | sent | sent before | no address | refused
    why: str = ""


def write_letters(
    workspace: Workspace,
    period: str,
    *,
    is_estimate: bool = False,
    send: bool = False,
    progress: Progress = lambda _: None,
) -> list[Letter]:
    """What each cost centre of `period` gets; sent only with `send`. The statements must have been written.

    A letter that the server refuses is named and does not keep back the others.
    """
    mail = workspace.settings.mail
    if send and not (mail.host and mail.sender):
        raise SettingsError(str(workspace.root / "finops.toml"), "[mail] names no host and sender", "Nothing was sent",
                            "Add them, and put the password into $" + PASSWORD)  # fmt: skip
    current = current_run(workspace)
    if current is None:
        raise FinopsError(str(workspace.published), "nothing has been published yet", fix="Run `finops run` first")
    showback = read_showback(current / "marts.duckdb", period, is_estimate=is_estimate)
    addresses = _addresses(workspace, period)
    stems = file_stems(statement.cost_center.cost_center_id for statement in showback.statements)
    letters: list[Letter] = []
    with locked(workspace, "letters"), _server(mail, send) as server:
        for statement in showback.issued:
            center = statement.cost_center.cost_center_id
            files = [workspace.reports / period / f"{stems[center]}.{ending}" for ending in _TYPES]
            if not files[-1].is_file():
                raise LetterError(str(files[-1]), "is not written yet", fix=f"Run `finops showback {period}` first")
            digest = hashlib.sha256(files[-1].read_bytes()).hexdigest()
            sent = workspace.landing / "letters" / f"{period}-{stems[center]}-{digest[:16]}.json"
            subject, to = _subject(statement, showback), addresses.get(center, "")
            state, why = "would be sent", ""
            if sent.is_file():
                state, why = "sent before", json.loads(sent.read_text("utf-8"))["sent_at"]
            elif not to:
                state = "no address"
            elif server is not None:
                message = _message(statement, showback, mail, to, digest)
                for path in files:
                    kind, subtype = _TYPES[path.suffix[1:]]
                    message.add_attachment(path.read_bytes(), maintype=kind, subtype=subtype, filename=path.name)
                state, why = _delivered(server, message)
                if state == "sent":
                    kept = {"cost_center_id": center, "period": period, "to": to, "subject": subject, "sent_at": _now(),
                            "message_id": message["Message-ID"], "statement_sha256": digest}  # fmt: skip
                    write_atomically(sent, json.dumps(kept, indent=1, ensure_ascii=False))
            letters.append(Letter(center, to, subject, state, why))
            progress(f"{state:<14}{center}  {to or '-'}")
    return letters


def _addresses(workspace: Workspace, period: str) -> dict[str, str]:
    """Each cost centre's address at the end of the month; the newest before where none was in force."""
    day = last_day(period)
    found: dict[str, str] = {}
    for row in sorted(
        read_decisions(workspace)["cost_centers"], key=lambda r: (r["valid_from"] <= day, r["valid_from"])
    ):
        name, address = parseaddr(str(row["owner_email"] or ""))
        found[row["cost_center_id"]] = address if "@" in address else ""
    return found


@contextmanager
def _server(mail: MailTable, send: bool) -> Iterator[smtplib.SMTP | None]:
    if not send:
        yield None
        return
    secure = ssl.create_default_context()
    try:
        if mail.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(mail.host, mail.port, timeout=_PATIENCE, context=secure)
        else:
            server = smtplib.SMTP(mail.host, mail.port, timeout=_PATIENCE)
        with server:
            if mail.security == "starttls":
                server.starttls(context=secure)
            if mail.user:
                server.login(mail.user, os.environ.get(PASSWORD, ""))
            yield server
    except (smtplib.SMTPException, ConnectionError, TimeoutError, socket.gaierror, ssl.SSLError) as problem:
        what, done = f"the mail server failed: {problem}", "Letters that were sent are not sent again"
        raise LetterError(f"{mail.host}:{mail.port}", what, done, "Mend [mail] or the server and rerun") from problem


def _delivered(server: smtplib.SMTP, message: EmailMessage) -> tuple[str, str]:
    try:
        server.send_message(message)
    except smtplib.SMTPServerDisconnected:
        raise
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPResponseException) as refused:
        return "refused", str(refused)
    return "sent", ""


def _subject(statement: Statement, showback: Showback) -> str:
    center = statement.cost_center
    totals = ", ".join(f"{money_text(s.total, s.digits)} {s.currency}" for s in statement.sections)
    mark = "ESTIMATE: " if showback.is_estimate else "" if showback.is_final else "Provisional: "
    return shown(f"{mark}Cloud cost {period_name(showback.period)}, {center.name} ({center.cost_center_id}), {totals}")


def _message(statement: Statement, showback: Showback, mail: MailTable, to: str, digest: str) -> EmailMessage:
    message = EmailMessage()
    name, address = parseaddr(mail.sender)
    message["From"] = Address(name, addr_spec=address)
    message["To"] = Address(shown(statement.cost_center.owner), addr_spec=to)
    message["Subject"] = _subject(statement, showback)
    message["Date"] = format_datetime(datetime.now(UTC))
    # The same statement has the same id, so that a mail server drops what a killed run had sent already.
    message["Message-ID"] = f"<{digest[:32]}.{showback.period}@{address.rpartition('@')[2]}>"
    message.set_content(_text(statement, showback))
    message.add_alternative(_html(statement, showback), subtype="html")
    return message


def _text(statement: Statement, showback: Showback) -> str:
    center = statement.cost_center
    parts = [
        f"Cloud cost of {shown(center.name)} ({shown(center.cost_center_id)}) in {period_name(showback.period)}",
        showback.status_label,
    ]
    for section in statement.sections:
        rows = [f"  {label:<34}{figure:>18}" for label, figure in _figures(section, showback)]
        parts.append("\n".join([f"In {shown(section.currency)}", *rows]))
        lines = [f"  {amount:>18}  {service}\n{'':<22}{command}" for service, amount, command in _dearest(section)]
        if lines:
            parts.append("\n".join(["The largest lines, and the command that explains each:", *lines]))
    return "\n\n".join([*parts, _closing(showback), ""])


def _html(statement: Statement, showback: Showback) -> str:
    center = statement.cost_center
    fill = "#DDEFE0" if showback.is_final else "#FFE8B3"
    parts = [
        f"<h2>Cloud cost of {escape(shown(center.name))} ({escape(shown(center.cost_center_id))}) "
        f"in {period_name(showback.period)}</h2>",
        f'<p style="background:{fill};padding:6px"><b>{escape(showback.status_label)}</b></p>',
    ]
    figure = 'style="text-align:right;padding-left:24px"'
    for section in statement.sections:
        rows = (f"<tr><td>{escape(a)}</td><td {figure}>{escape(b)}</td></tr>" for a, b in _figures(section, showback))
        parts.append(f"<h3>In {escape(shown(section.currency))}</h3><table>{''.join(rows)}</table>")
        lines = (
            f"<tr><td>{escape(service)}</td><td {figure}>{amount}</td><td><code>{escape(command)}</code></td></tr>"
            for service, amount, command in _dearest(section)
        )
        parts.append(f"<p>The largest lines, and the command that explains each:</p><table>{''.join(lines)}</table>")
    parts.append(f"<p>{escape(_closing(showback))}</p>")
    body = "\n".join(parts)
    return f'<html><body style="font-family:Calibri,Arial,sans-serif;font-size:14px">\n{body}\n</body></html>\n'


def _figures(section: Section, showback: Showback) -> list[tuple[str, str]]:
    def money(label: str, *amounts: object) -> tuple[str, str]:
        return label, money_text(sum_of(amounts), section.digits)  # type: ignore[arg-type]

    kinds = [money(members[0].kind_label, *(m.amount for m in members)) for _, members in section.by_kind()]
    return [
        *kinds,
        money("Total", section.total),
        money(period_name(showback.previous_period), section.previous),
        money("Change", section.total, -section.previous),
        money(f"Year to date, from {period_name(showback.year_starts)}", section.year_to_date),
    ]


def _dearest(section: Section) -> list[tuple[str, str, str]]:
    """Service, amount and command of the largest lines; credits count by their size."""
    lines = sorted((line for line in section.lines if line.line_id), key=lambda line: (-abs(line.amount), line.line_id))
    return [
        (f"{shown(line.service)}, {line.kind_label.lower()}", money_text(line.amount, section.digits),
         f"finops explain {shown(line.line_id)}")
        for line in lines[:_SHOWN_LINES]
    ]  # fmt: skip


def _closing(showback: Showback) -> str:
    if showback.is_estimate:
        return "An estimate of the month so far, by week and day in the workbook. It is not to be booked."
    if showback.is_final:
        return "The month is closed and this statement never changes; later changes are adjustments of later months."
    return "The month is not closed yet: figures may still change."


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
