"""Costs that are not what they should be: found day by day, put together into incidents, explained, measured."""
