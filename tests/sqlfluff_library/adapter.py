"""dbt's `adapter` as sqlfluff's Jinja sees it: a dispatched macro renders as one plain name."""


def dispatch(name, _package):
    return lambda *_arguments: f"macro_{name}"


def get_relation(*_arguments):
    return None
