"""Budgets: how they will end, what they should be, and how money moves between those of one department."""
