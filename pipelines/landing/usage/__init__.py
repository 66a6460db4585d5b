"""Signals beside the bill: what exists, how busy it is, what is committed, what providers recommend."""
