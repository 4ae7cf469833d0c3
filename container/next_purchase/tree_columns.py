"""Small boosted trees as polars expressions: LightGBM's sums, in a small part of its time.

Asking the library goes row by row through all trees, once for each interval. Here each tree is a few comparisons of whole
columns, computed once for all intervals between which it makes no difference. The numbers are the library's own; they are
added up in another order.

Source: the text format is that of LightGBM 4 (gbdt_model_text.cpp, tree.cpp); a split sends a row to the left if its value
is at most the threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from operator import add
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

MOST_SPLITS = 300
"""With more the library is asked: expressions take long to plan, and a tree as deep as that would be too deep for them."""

# Bits of a split's decision_type.
_BY_CATEGORY, _NULL_GOES_LEFT = 1, 2
_MISSING_SHIFT, _NO_NULL_SEEN, _NULL_APART = 2, 0, 2


@dataclass(frozen=True)
class Split:
    """Whether a feature is at most a threshold; a child below 0 is the leaf ~child."""

    feature: int
    threshold: float
    decision_type: int
    left: int
    right: int


@dataclass(frozen=True)
class Tree:
    """The first split is the root; without splits there is one leaf."""

    splits: tuple[Split, ...]
    leaves: tuple[float, ...]


def read_trees(text: str) -> list[Tree] | None:
    """The trees of a model text that LightGBM wrote, in its order.

    Returns:
        None if there are more than MOST_SPLITS, or splits of a kind that is not known here.
    """
    trees = []
    for block in text[: text.index("end of trees")].split("\nTree=")[1:]:
        fields = dict(line.split("=", 1) for line in block.splitlines()[1:] if line)
        leaves = tuple(map(float, fields["leaf_value"].split()))
        kinds = {
            "split_feature": int,
            "threshold": float,
            "decision_type": int,
            "left_child": int,
            "right_child": int,
        }
        columns = [map(kind, fields[name].split()) for name, kind in kinds.items()] if len(leaves) > 1 else []
        trees.append(Tree(tuple(Split(*row) for row in zip(*columns, strict=True)), leaves))
    splits = [split for tree in trees for split in tree.splits]
    known = all(
        not split.decision_type & _BY_CATEGORY
        and split.decision_type >> _MISSING_SHIFT in {_NO_NULL_SEEN, _NULL_APART}
        for split in splits
    )
    return trees if known and len(splits) <= MOST_SPLITS else None


class TreeColumns:
    """The sums of trees over features and, as the one after them, the interval's number.

    Args:
        trees: As read_trees gives them.
        features: The features' names in the order of training, without the interval.
        intervals: How many there are; their numbers begin at 0.
    """

    def __init__(self, trees: Sequence[Tree], features: Sequence[str], intervals: int) -> None:
        import polars as pl

        together: dict[tuple[int, ...], list[pl.Expr]] = {}
        for tree in trees:
            for numbers in _told_apart(tree, len(features), intervals):
                answer = _answer(tree, 0 if tree.splits else ~0, features, numbers[0])
                together.setdefault(numbers, []).append(answer)
        self._sums = [reduce(add, answers).alias(str(place)) for place, answers in enumerate(together.values())]
        self._totals = [
            reduce(add, (pl.col(str(place)) for place, numbers in enumerate(together) if number in numbers)).alias(
                str(number)
            )
            for number in range(intervals)
        ]

    def scores(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Every row's raw score in every interval.

        Args:
            rows: (rows, features), null for unknown.

        Returns:
            A column (Float64) for each interval, called by its number.
        """
        return rows.with_columns(self._sums).select(self._totals)


def _told_apart(tree: Tree, interval: int, intervals: int) -> list[tuple[int, ...]]:
    """The intervals in groups between which the tree makes no difference."""
    thresholds = [split.threshold for split in tree.splits if split.feature == interval]
    grouped = groupby(range(intervals), key=lambda number: sum(number > threshold for threshold in thresholds))
    return [tuple(numbers) for _, numbers in grouped]


def _answer(tree: Tree, node: int, features: Sequence[str], interval: int) -> pl.Expr:
    import polars as pl

    if node < 0:
        return pl.lit(tree.leaves[~node])
    split = tree.splits[node]
    if split.feature == len(features):
        return _answer(tree, split.left if interval <= split.threshold else split.right, features, interval)
    left, right = (_answer(tree, child, features, interval) for child in (split.left, split.right))
    value = pl.col(features[split.feature])
    if split.decision_type >> _MISSING_SHIFT == _NULL_APART:
        goes_left = (value <= split.threshold).fill_null(bool(split.decision_type & _NULL_GOES_LEFT))
    else:
        # What was never missing in training, LightGBM takes for 0.
        goes_left = value.fill_null(0.0) <= split.threshold
    return pl.when(goes_left).then(left).otherwise(right)
