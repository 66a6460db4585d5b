"""The files of a new workspace, with commented examples."""

from __future__ import annotations

from pathlib import Path

from pipelines.landing.decisions import FILES

_SETTINGS = """\
# One company's settings. Secrets never go here: cloud credentials come from each SDK's own chain.

[workspace]
reporting_currency = "USD"

# One [[sources]] per bill. uri is any folder above the export: local or s3://bucket/prefix. A relative one starts here.
#
# [[sources]]
# name = "acme-payer"              # unique; becomes x_source in the ledger
# provider = "aws"                 # aws | azure | gcp | any name, for FOCUS files
# format = "cur2"                  # cur | cur2 | focus | cost_details | billing_export
# uri = "s3://acme-billing/exports/cur2"
#
# [[sources]]
# name = "acme-azure"
# provider = "azure"
# format = "cost_details"
# actual = "exports/azure/actual"          # two exports of one bill, never added together;
# amortized = "exports/azure/amortized"    # amortized may be absent
#
# [[sources]]
# name = "acme-gcp"
# provider = "gcp"
# format = "billing_export"
# uri = "exports/gcp"

# Invoices, which bills must add up to: CSV files with these columns, of which the first six are required.
# bill,billing_period,invoice_id,issued_on,currency,amount,line_number,category,description,seller
# acme-payer,2026-10,1234567890,2026-11-03,USD,1190.00,,,,                    the total due has no line_number
# acme-payer,2026-10,1234567890,2026-11-03,USD,1000.00,1,usage,Compute,       its lines, as far as you have them
# acme-payer,2026-10,1234567890,2026-11-03,USD,190.00,2,tax,VAT 19 %,
# category: usage | tax | credit | marketplace | rounding | fx | late. seller: who sends a marketplace invoice of his
# own, as the bill names him. More columns: charge_period, of a line for another month's charges; charge_currency and
# exchange_rate (currency per charge_currency), of an invoice in another currency than the bill; due_on.
#
# [[sources]]
# name = "invoices"
# format = "invoices"
# uri = "invoices"

# One [[signals]] per place that tells what exists and how busy it is.
#
# [[signals]]
# name = "acme-aws"
# provider = "aws"                 # asked by its API
# regions = ["eu-west-1", "us-east-1"]
# accounts = ["111111111111"]      # none: the account of the credentials
# role = "arn:aws:iam::{account}:role/finops-reader"
#
# [[signals]]
# name = "acme-azure"
# provider = "azure"
# uri = "exports/azure-signals"    # folders inventory/, metrics/, … with csv, json, jsonl or parquet files

# [build]
# memory_limit = "1300MB"         # of DuckDB; Python and dbt take 0.3 GiB more
# threads = 2

# [landing]
# keep_deliveries = 30             # previous deliveries of a month whose rows are kept; totals are kept for good
# keep_days = 400                  # and for how long

# [gate]
# max_drop = 0.9                   # a month that loses more of its rows than this is held back

# [forecast]
# pool = "fast"                    # full: more candidates, minutes instead of seconds; neural: full and a network

# [anomalies]
# min_amount = 25                  # per day, in reporting currency; smaller deviations raise no alarm

# [optimization]
# hour_of_work = "95"              # in reporting currency: work is part of every payback; without it only fees are

# [statements]
# fonts = "fonts"                  # a folder of fonts, for scripts that the packaged ones lack

# [mail]                           # the cover letters of statements; the password is $FINOPS_MAIL_PASSWORD
# host = "smtp.example.com"
# port = 587
# security = "starttls"            # starttls | tls | none
# user = "finops"
# sender = "FinOps <finops@example.com>"
# send = false                     # true: monthly_showback sends them once a month is closed
"""

_EXAMPLES = {
    "cost_centers": "# CC-100,Search,Search,Engineering,Product,Ada,ada@example.com,6100,12,0,2026-01-01,",
    "allocation_rules": (
        "# by-tag,100,tag,CostCenter,CC-100,CC-100,100,,,\n# by-account,200,account,,123456789012,CC-100,100,,,"
    ),
    "shared_cost_rules": (
        "# tax,10,charge_category,,Tax,proportional_usage,direct_cost,equal_split>unallocated,,,,\n"
        "# support,20,service,,AWS Support*,proportional_usage,direct_cost,equal_split,,,,"
    ),
    "resource_parents": "# snap-0a1,vol-0b2,900,A snapshot belongs to whoever owns the volume",
    "shared_cost_shares": "# network,CC-100,60,2026-01-01,,Agreed with finance",
    "shared_cost_parts": "# platform,base,40,equal_split,,,\n# platform,use,60,proportional_usage,requests,,",
    "driver_tiers": "# requests,,0,1.0,\n# requests,,1000000,0.5,The second million weighs half",
    "charge_treatments": "# commitment_waste,central,CC-900,Whoever buys commitments answers for unused ones",
    "allocation_policies": (
        "# shared_on_shared,reciprocal,,reciprocal | step_down | direct\n"
        "# commitment_benefit,as_applied,,as_applied | pooled | by_owner | central (names a cost centre)\n"
        "# backfill_same_resource,no,,\n# accuracy_target,0.90,,\n"
        "# fx_rate_order,monthly_average>closing>invoice,,the first type that a month has in fx_rates.csv"
    ),
    "commitment_owners": "# arn:aws:savingsplans::123456789012:savingsplan/*,CC-900,2026-01-01,,",
    "commitment_scopes": (
        "# ram-west,00F3D8-28D652-3F036F,ram,,us-west1,2400,search-prod;search-dev,,scope,2026-01-01,,100 GiB × 24 h"
    ),
    "commitment_terms": "# cud-1234,2026-01-01,2027-01-01,12,No Upfront,The bill does not say when it ends",
    "commitment_offers": (
        "# sp-1y,Compute Savings Plan,aws,compute,savings_plan,,28,12,No Upfront,0,,,From your contract\n"
        "# ri-1y,Reserved databases,aws,databases,reservation,Amazon Relational Database Service,36,12,No Upfront,0,,,"
    ),
    "workload_places": "# *,azure,westeurope,Data may leave our own regions within the EU\n# search*,gcp,europe-west4,",
    "interconnect_offers": "# line-ams,aws,azure,1250,0.02,USD,10 Gbit/s from the broker's contract",
    "recommendation_decisions": "# 3f2a9c0b,dismiss,Dana Whitfield,2026-11-05,2027-02-01,,Needed for year-end",
    "gl_accounts": "# clearing,6999,\n# default,6000,\n# tax,6400,\n# fx,6930,Differences of exchange rates",
    "journal_columns": "# Konto,account,\n# Soll,debit,\n# Haben,credit,\n# Buchungskreis,=1000,A fixed text",
    "close_approvals": "# 2026-10,approve,3f2a9c0b1d2e,Dana Whitfield,2026-11-05,",
    "licence_entitlements": "# windows_server,64,2026-01-01,2028-12-31,Cores that may be used in a cloud",
    "rule_thresholds": "# aws_ec2_idle,prod,lookback_days,32,Month-end jobs\n# *,any,min_saving_month,5,",
    "planned_events": (
        "# warehouse-move,migration,cost_center,CC-100,2026-11-15,,40,,,Both run until the old one is off\n"
        "# black-friday,launch,total,,2026-11-25,2026-12-01,25,,,ends_on is the first day after it"
    ),
    "anomaly_labels": "# 3f2a9c0b1d2e,false,Ada,2026-10-14,true | false | expected; ids are in fct_cost_anomalies",
    "budgets": (
        "# search,1,2026-10,cost_center,CC-100,25000,USD,Ada,Engineering,2,no,50;75;85;90;95;110,,\n"
        "# search,2,2026-10,cost_center,CC-100,28000,USD,Ada,Engineering,2,no,,2026-10-15,Two more teams\n"
        "# company,1,2026,total,,3600000,USD,CFO,,1,yes,85;95,,\n"
        "# company-fiscal,1,2026-04..2027-03,total,,3700000,USD,CFO,,1,yes,85;95,,April to March"
    ),
    "drivers": "# 2026-10-01,requests,CC-100,requests,12500",
    "tag_aliases": "# key,,cost-centre,CostCenter\n# value,CostCenter,cc100,CC-100",
    "fx_rates": "# 2026-10,EUR,USD,1.0837,monthly_average,ECB\n# 2026-10,EUR,USD,1.0911,closing,ECB",
    "invoice_tolerances": "# *,,USD,1.00,A dollar per invoice\n# acme-payer,1234567890,USD,25.00,Disputed with AWS",
}


def write_workspace(folder: Path) -> list[Path]:
    """Write finops.toml and the decision files into `folder`; files that exist are left as they are."""
    contents = {folder / "finops.toml": _SETTINGS}
    for name, fields in FILES.items():
        contents[folder / "decisions" / f"{name}.csv"] = f"{','.join(fields)}\n{_EXAMPLES[name]}\n"
    written = []
    for path, content in contents.items():
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, "utf-8")
            written.append(path)
    return written
