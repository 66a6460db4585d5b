"""Cover letters: who gets what, once per revision, and nothing without being asked for. The server is a real one."""

import csv
import json
from datetime import date
from email import message_from_bytes, policy
from types import SimpleNamespace

import duckdb
import openpyxl  # type: ignore[import-untyped]
import pypdf
import pytest
from aiosmtpd.controller import Controller

from pipelines.errors import SettingsError
from pipelines.landing.decision_files import FILES
from pipelines.outputs.letters import LetterError, write_letters
from pipelines.outputs.statements import write_statements
from pipelines.run import letters, showback
from pipelines.settings import MailTable, Settings, Workspace
from tests.emulators import free_port
from tests.unit.test_statements import JULY, build_marts

CENTERS = f"""{",".join(FILES["cost_centers"])}
search,Search,,,,Dana,old@example.com,,,,2025-01-01,2026-07-01
search,Search,,,,Dana,dana@example.com,,,,2026-07-01,
a/b,Slashed,,,,Marek,full@example.com,,,,2026-01-01,
研究-é,研究開発,,,,,,,,,2026-01-01,
"""


class Postbox:
    """An SMTP server's handler that keeps what it takes and refuses one mailbox."""

    def __init__(self) -> None:
        self.letters: list = []

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("full@"):
            return "552 mailbox full"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture
def postbox():
    handler = Postbox()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield SimpleNamespace(letters=handler.letters, port=controller.port)
    controller.stop()


def company(root, port: int = 1, status: str = "closed", extra=()) -> Workspace:
    """A workspace whose published marts hold July, and whose letters leave by a server on `port`."""
    mail = MailTable(host="127.0.0.1", port=port, security="none", sender="FinOps <finops@example.com>")
    opened = Workspace(root, Settings(mail=mail))
    publish(opened, status, extra)
    opened.decisions.mkdir(exist_ok=True)
    (opened.decisions / "cost_centers.csv").write_text(CENTERS)
    return opened


def publish(opened: Workspace, status: str, extra=(), is_estimate: bool = False) -> None:
    run = opened.published / f"run-{status}-{len(extra)}"
    build_marts(run / "marts.duckdb", status, extra)
    (opened.published / "manifest.json").write_text(json.dumps({"run_id": run.name}))
    write_statements(run / "marts.duckdb", JULY, opened.reports, is_estimate=is_estimate)


def states(found) -> dict[str, str]:
    return {letter.cost_center_id: letter.state for letter in found}


def test_nothing_is_sent_unless_asked_for(postbox, tmp_path):
    """The dry run says who would get what, to the address that was in force at the end of the month."""
    found = write_letters(company(tmp_path, postbox.port), JULY)
    assert {letter.cost_center_id: (letter.recipient, letter.state) for letter in found} == {
        "search": ("dana@example.com", "would be sent"),
        "a/b": ("full@example.com", "would be sent"),
        "研究-é": ("", "no address"),
        "~unallocated": ("", "no address"),
    }
    assert postbox.letters == []


def test_a_letter_carries_the_statement_and_is_sent_once_per_revision(postbox, tmp_path):
    opened = company(tmp_path, postbox.port)
    first = write_letters(opened, JULY, send=True)
    assert states(first) == {"search": "sent", "a/b": "refused", "研究-é": "no address", "~unallocated": "no address"}
    assert "552" in next(letter.why for letter in first if letter.state == "refused")

    [letter] = postbox.letters
    assert letter["To"] == "Dana Whitfield <dana@example.com>" and letter["From"] == "FinOps <finops@example.com>"
    assert letter["Subject"].strip() == "Cloud cost July 2026, Search & Discovery (search), 1,298.50 USD, 98,765 JPY"
    text, html = (letter.get_body((kind,)).get_content() for kind in ("plain", "html"))
    for body in (text, html):
        for figure in ("1,298.50", "98,765", "1,012.50", "−3.20", "finops explain s-jul", "never changes"):
            assert figure in body
    assert "Search &amp; Discovery" in html and "<b>Final" in html
    attached = {part.get_filename(): part.get_payload(decode=True) for part in letter.iter_attachments()}
    assert attached == {
        f"search.{e}": (opened.reports / JULY / f"search.{e}").read_bytes() for e in ("xlsx", "pdf", "csv")
    }

    again = write_letters(opened, JULY, send=True)
    assert (states(again)["search"], len(postbox.letters)) == ("sent before", 1)

    # A new revision: another line on the statement of search.
    publish(opened, "closed", [(JULY, JULY, "search", "s-new", "direct", "Compute", "1.00", "1.00", "USD")])
    assert states(write_letters(opened, JULY, send=True))["search"] == "sent"
    assert "1,299.50 USD" in postbox.letters[1]["Subject"]
    assert postbox.letters[1]["Message-ID"] != letter["Message-ID"]


def test_an_estimate_says_so_in_subject_and_body(postbox, tmp_path):
    opened = company(tmp_path, postbox.port, "open")
    publish(opened, "open", [(JULY, JULY, "search", "x", "direct", "Queues", "1.00", "1.00", "USD")], is_estimate=True)
    write_letters(opened, JULY, send=True, is_estimate=True)
    [letter] = postbox.letters
    assert letter["Subject"].strip().startswith("ESTIMATE: Cloud cost July 2026")
    for kind in ("plain", "html"):
        body = letter.get_body((kind,)).get_content()
        assert "ESTIMATE — charges up to 6 July 2026, not for booking" in body and "not to be booked" in body


def test_a_dead_server_sends_nothing_and_says_so(postbox, tmp_path):
    opened = company(tmp_path, port=1)
    with pytest.raises(LetterError, match=r"127.0.0.1:1: the mail server failed.*Mend \[mail\]"):
        write_letters(opened, JULY, send=True)
    assert not (opened.landing / "letters").exists()


def test_letters_need_a_server_and_written_statements(tmp_path):
    opened = company(tmp_path)
    (opened.reports / JULY / "search.csv").unlink()
    with pytest.raises(LetterError, match="search.csv: is not written yet"):
        write_letters(opened, JULY)
    with pytest.raises(SettingsError, match="names no host and sender"):
        write_letters(Workspace(tmp_path, Settings()), JULY, send=True)


def test_a_password_has_no_place_in_the_settings():
    with pytest.raises(ValueError, match="password"):
        MailTable(host="smtp.example.com", password="secret")  # type: ignore[call-arg]


def test_a_month_that_still_runs_is_an_estimate_everywhere_and_has_no_journal(postbox, tmp_path):
    """On the 31st July is estimated; on 1 August it is provisional, with a journal."""
    opened = company(tmp_path, postbox.port, "open")
    with duckdb.connect(str(opened.published / "run-open-0" / "marts.duckdb")) as con:
        con.execute("create table fct_chargeback_journal (billing_period varchar, journal_id varchar, line_no integer, "
                    "debit decimal(28, 12), credit decimal(28, 12), cost_center_id varchar)")  # fmt: skip
    (opened.decisions / "journal_columns.csv").write_text("column,field,note\nId,journal_id,\n")
    folder = opened.reports / JULY

    found = letters(opened, JULY, send=True, today=date(2026, 7, 31))
    assert states(found)["search"] == "sent" and postbox.letters[0]["Subject"].strip().startswith("ESTIMATE")
    assert "ESTIMATE" in openpyxl.load_workbook(folder / "search.xlsx")["Summary"]["A3"].value
    assert "ESTIMATE" in pypdf.PdfReader(folder / "search.pdf").pages[0].extract_text()
    assert {line["status"] for line in csv.DictReader((folder / "search.csv").open())} == {"estimate"}
    assert not list(folder.glob("journal*"))

    provisional = letters(opened, JULY, send=True, today=date(2026, 8, 1))
    assert states(provisional)["search"] == "sent"
    assert postbox.letters[1]["Subject"].strip().startswith("Provisional: ")
    assert (folder / f"journal-{JULY}.csv").read_text() == "Id\n"
    showback(opened, JULY, today=date(2026, 7, 31))
    assert not list(folder.glob("journal*"))
