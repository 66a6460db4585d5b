"""How bills and decisions get in: found, read, checked at the gate, and put in place by one rename."""

from pipelines.landing.land import Landed, LandingReport, land

__all__ = ["Landed", "LandingReport", "land"]
