"""The names of all models that compete for an item."""

from __future__ import annotations

from next_purchase.models.average import JOIN
from next_purchase.models.naive import NAIVE_GUESSES
from next_purchase.models.regression import CURE, FAMILIES

AUTO = "auto"
"""Not a model: the one that did best on earlier days."""

MBG_NBD = "mbg_nbd"
REGRESSIONS = (*FAMILIES, *(f"{family}{CURE}" for family in FAMILIES))
AVERAGES = tuple(f"{MBG_NBD}{JOIN}{regression}" for regression in REGRESSIONS)
BACKENDS = (*NAIVE_GUESSES, MBG_NBD, *REGRESSIONS, *AVERAGES)
"""From the simplest on: where some do equally well, the first of them is chosen."""
