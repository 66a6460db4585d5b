"""dbt in a process of its own (`python -m pipelines.dbt_events build …`): a line of JSON per model, test and error.

dbt's own JSON log makes text of every event before it throws most of it away, which is a tenth of a small build.
"""

from __future__ import annotations

import sys
from threading import Lock

from dbt.cli.main import dbtRunner
from dbt_common.events.base_types import EventMsg
from dbt_common.events.functions import msg_to_json

_RESULTS = ("LogModelResult", "LogSeedResult", "LogTestResult")
_ONE_AT_A_TIME = Lock()  # events come from every thread that builds models


def main(arguments: list[str]) -> int:
    """Run dbt; 0 when all went well, as dbt itself."""
    result = dbtRunner(callbacks=[_tell]).invoke(arguments)
    if result.exception:
        _write(str(result.exception))
    return 0 if result.success else 1


def _tell(event: EventMsg) -> None:
    if event.info.name in _RESULTS or event.info.level == "error":
        _write(msg_to_json(event))


def _write(line: str) -> None:
    with _ONE_AT_A_TIME:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
