"""The names of all candidates."""

from __future__ import annotations

from next_purchase.models.average import JOIN
from next_purchase.models.naive import NAIVE_GUESSES
from next_purchase.models.regression import CURE, FAMILIES

AUTO = "auto"
"""Not a model: chooses the one with the best scores on earlier days."""

MBG_NBD = "mbg_nbd"
REGRESSIONS = (*FAMILIES, *(f"{family}{CURE}" for family in FAMILIES))
AVERAGES = tuple(f"{MBG_NBD}{JOIN}{regression}" for regression in REGRESSIONS)
BACKENDS = (*NAIVE_GUESSES, MBG_NBD, *REGRESSIONS, *AVERAGES)
"""The simplest first: of equally good candidates, the first one is chosen."""
