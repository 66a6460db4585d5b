"""dbt's cross-database macros as sqlfluff's Jinja sees them."""


def dateadd(_part, _interval, expression):
    return f"dateadd({expression})"


def datediff(first, second, _part):
    return f"datediff({first}, {second})"


def position(substring, string):
    return f"position({substring} in {string})"


def date_trunc(_part, expression):
    return f"date_trunc({expression})"


def split_part(text, delimiter, part):
    return f"split_part({text}, {delimiter}, {part})"
