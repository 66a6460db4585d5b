"""Closing: a closed month never changes, what changes later is an adjustment, and the journal balances."""

import csv
import json
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from pipelines.build import build
from pipelines.close import CloseError, close, reopen
from pipelines.dbt_command import run_dbt
from pipelines.errors import BuildError
from pipelines.explain import explain, lines_of
from pipelines.landing import land
from pipelines.landing.books import book_events, register_books
from pipelines.landing.decision_files import FILES
from pipelines.outputs.publish import current_run, publish
from pipelines.run import showback
from tests.integration.bills import open_workspace

HEADER = (
    "BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,BillingCurrency,ChargeCategory,ServiceName,"
    "ServiceCategory,ProviderName,SubAccountId,Tags,BilledCost,EffectiveCost,ListCost,ContractedCost"
).split(",")
A, B, SEPTEMBER, OCTOBER = "A", "B", "2026-09", "2026-10"


def bill(root, month: str, charges: list[tuple[str, str]]) -> None:
    """One FOCUS file of a month: (cost centre tag, cost) each."""
    start, end = f"{month}-01T00:00:00Z", f"{month[:5]}{int(month[5:]) + 1:02d}-01T00:00:00Z"
    day = f"{month}-02T00:00:00Z"
    rows = [
        [start, end, start, day, "USD", "Usage", "Compute", "Compute", "Other Cloud", "acct",
         json.dumps({"CostCenter": tag}), cost, cost, cost, cost]
        for tag, cost in charges
    ]  # fmt: skip
    folder = root / "bills" / month
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "focus.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])


def decide(opened, name: str, *rows: str) -> None:
    opened.decisions.mkdir(exist_ok=True)
    (opened.decisions / f"{name}.csv").write_text("\n".join([",".join(FILES[name]), *rows, ""]))


def refresh(opened) -> None:
    assert not land(opened).failed
    build(opened)
    publish(opened)


def ask(opened, sql: str) -> list[tuple]:
    with duckdb.connect(str(current_run(opened) / "marts.duckdb"), read_only=True) as con:
        return con.execute(sql).fetchall()


def replace_in(kept: Path, column: str) -> None:
    duckdb.execute(f"copy (select * replace ({column}) from '{kept}') to '{kept}.new' (format parquet)")
    kept.with_name(kept.name + ".new").replace(kept)


def intact_postings(opened) -> list[bool]:
    """Whether each posting is as it was sealed, computed anew."""
    register_books(opened)
    run_dbt(opened, ["run", "--select", "fct_closed_statements"])
    with duckdb.connect(str(opened.warehouse), read_only=True) as con:
        return [
            seal for (seal,) in con.execute("select is_intact from fct_closed_statements order by sequence").fetchall()
        ]


def explained(opened, center: str) -> str:
    """What `finops explain` says of September's adjustment of a cost centre."""
    [(line_id,)] = ask(
        opened,
        f"select line_id from fct_chargeback where kind = 'adjustment' and cost_center_id = '{center}' "
        f"and billing_period = '{SEPTEMBER}'",
    )
    return "\n".join(lines_of(explain(current_run(opened), line_id)))


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    """September at A 100.00, B 50.00 and October at A 10.00, published."""
    root = tmp_path_factory.mktemp("books")
    bill(root, SEPTEMBER, [(A, "100.00"), (B, "20.00"), ("b-moved", "30.00")])
    bill(root, OCTOBER, [(A, "10.00")])
    opened = open_workspace(
        root, {"name": "bill", "provider": "other", "format": "focus", "uri": str(root / "bills")}
    )  # fmt: skip
    decide(opened, "cost_centers", "A,Team A,,,,,,6100,1,0,2026-01-01,", "B,Team B,,,,,,6200,1,0,2026-01-01,")
    decide(opened, "allocation_rules", "a,1,tag,CostCenter,A,A,100,,,", "b,1,tag,CostCenter,B,B,100,,,",
           "m,1,tag,CostCenter,b-moved,B,100,,,")  # fmt: skip
    decide(opened, "journal_columns", "Konto,account,", "Soll,debit,", "Haben,credit,", "Kreis,=1000,")
    refresh(opened)
    return opened


def test_the_life_of_a_month(books):
    """G16 as one story: approval, close, a re-tag, adjustments once, a restatement, a reversal, tampering."""
    with pytest.raises(CloseError, match="1 earlier month"):
        close(books, OCTOBER, despite="test")

    soft = close(books, SEPTEMBER, despite="small test bill")
    assert (soft.status, soft.totals) == ("soft_closed", {"USD": Decimal("150.000000000000")})
    assert close(books, SEPTEMBER, despite="small test bill").was_changed is False

    with pytest.raises(CloseError, match="is not what Dana approved"):
        close(books, SEPTEMBER, approved_by="Dana", approved_hash="0" * 64, despite="small test bill")

    decide(books, "close_approvals", f"{SEPTEMBER},reject,{soft.statement_hash[:12]},Dana,2026-10-05,Look at B")
    with pytest.raises(CloseError, match="rejected by Dana on 2026-10-05: Look at B"):
        close(books, SEPTEMBER, despite="small test bill")

    decide(books, "close_approvals", f"{SEPTEMBER},approve,{soft.statement_hash[:12]},Dana,2026-10-06,")
    assert close(books, SEPTEMBER, despite="small test bill").status == "closed"
    events = len(book_events(books))
    assert close(books, SEPTEMBER).was_changed is False
    assert len(book_events(books)) == events
    assert set(ask(books, f"select status from fct_chargeback where posting_period = '{SEPTEMBER}'")) == {("closed",)}
    showback(books, SEPTEMBER)
    files = {p.name: p.read_bytes() for p in sorted((books.reports / SEPTEMBER).iterdir())}

    booked = f"select * from fct_chargeback_journal where billing_period = '{SEPTEMBER}' order by all"
    posted_journal = ask(books, booked)

    # The rule moves 30.00 from B to A, for September too. Both have new names, owners and accounts, and the ERP is new.
    decide(books, "cost_centers", "A,Renamed A,T,D,U,Ann,,6101,1,0,2026-01-01,",
           "B,Renamed B,T,D,U,Bo,,6201,1,0,2026-01-01,")  # fmt: skip
    decide(books, "gl_accounts", "clearing,6990,", "company,2000,")
    decide(books, "journal_columns", "Account,account,", "Debit,debit,", "Credit,credit,", "Unit,company,")
    decide(books, "allocation_rules", "a,1,tag,CostCenter,A,A,100,,,", "b,1,tag,CostCenter,B,B,100,,,",
           "m,1,tag,CostCenter,b-moved,A,100,,,")  # fmt: skip
    refresh(books)
    adjustments = (
        "select cost_center_id, amount, posting_period from fct_chargeback "
        f"where billing_period = '{SEPTEMBER}' and kind = 'adjustment' order by 1"
    )
    assert ask(books, adjustments) == [("A", Decimal(30), OCTOBER), ("B", Decimal(-30), OCTOBER)]
    text = explained(books, A)
    assert "posted before  100.00 USD" in text and "counted now    130.00 USD" in text
    assert "a tag, a rule or a driver changed" in text
    build(books)
    publish(books)
    assert len(ask(books, adjustments)) == 2
    showback(books, SEPTEMBER)
    assert {p.name: p.read_bytes() for p in sorted((books.reports / SEPTEMBER).iterdir())} == files

    # The provider restates September: A pays 7.77 more. The adjustments sum to the change of the source.
    bill(books.root, SEPTEMBER, [(A, "107.77"), (B, "20.00"), ("b-moved", "30.00")])
    refresh(books)
    assert ask(books, adjustments) == [("A", Decimal("37.77"), OCTOBER), ("B", Decimal(-30), OCTOBER)]
    assert "counted now    137.77 USD" in explained(books, A) and "restated by the provider" in explained(books, A)
    showback(books, SEPTEMBER)
    assert {p.name: p.read_bytes() for p in sorted((books.reports / SEPTEMBER).iterdir())} == files

    journal = ask(
        books,
        "select journal_id, sum(debit), sum(credit) from fct_chargeback_journal group by 1 order by 1",
    )
    assert journal == [
        ("FIN-2026-09-USD-R1", Decimal(150), Decimal(150)),
        ("FIN-2026-10-USD-R1", Decimal("47.77"), Decimal("47.77")),
    ]
    showback(books, OCTOBER)
    with (books.reports / OCTOBER / f"journal-{OCTOBER}.csv").open() as file:
        assert sorted(map(tuple, csv.reader(file))) == [
            ("6101", "10.00", "0.00", "2000"),
            ("6101", "37.77", "0.00", "2000"),
            ("6201", "0.00", "30.00", "2000"),
            ("6990", "0.00", "10.00", "2000"),
            ("6990", "0.00", "7.77", "2000"),
            ("Account", "Debit", "Credit", "Unit"),
        ]
    assert ask(books, booked) == posted_journal

    # A reversal stays in the books, and the month counts what costs and rules say now.
    with pytest.raises(CloseError, match="not the newest closed month"):
        reopen(books, OCTOBER, by="Dana", reason="mistake")
    reopen(books, SEPTEMBER, by="Dana", reason="auditor's finding")
    totals = (
        "select cost_center_id, sum(amount) from fct_chargeback where posting_period = '2026-09' group by 1 order by 1"
    )
    assert ask(books, totals)[:2] == [("A", Decimal("137.77")), ("B", Decimal(20))]
    assert ask(books, "select event, revision, decided_by, is_intact from fct_closed_statements order by sequence") == [
        ("close", 1, "Dana", True),
        ("reopen", 2, "Dana", True),
    ]
    reversal = (
        "select reversal_of, account, debit, credit from fct_chargeback_journal "
        "where reversal_of is not null order by all"
    )
    assert ask(books, reversal) == [
        ("FIN-2026-09-USD-R1", "6100", Decimal(0), Decimal(100)),
        ("FIN-2026-09-USD-R1", "6200", Decimal(0), Decimal(50)),
        ("FIN-2026-09-USD-R1", "6999", Decimal(150), Decimal(0)),
    ]

    # Someone books the closed month on another account in landing: the chain is broken.
    journal_kept = sorted((books.landing / "books").glob("*-close-2026-09-journal.parquet"))[-1]
    as_posted = journal_kept.read_bytes()
    replace_in(journal_kept, "'6999' as account")
    assert intact_postings(books) == [False, True]
    journal_kept.write_bytes(as_posted)

    # Someone changes a cent of the closed statement in landing: the next build says so.
    posted = sorted((books.landing / "books").glob("*-close-2026-09.parquet"))[-1]
    replace_in(posted, "cast(amount + 0.01 as decimal(28, 12)) as amount")
    with pytest.raises(BuildError, match="assert_closed_statements_are_intact"):
        build(books)
