"""What AWS is believed to do, and what shows it: the entries of aws_evidence.toml, read and checked."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

FILE = Path(__file__).with_name("aws_evidence.toml")

Kind = Literal["AWS page", "service model", "public definition", "inference"]
# What AWS itself says. A public definition that works shows a behaviour, but promises nothing.
DOCUMENTED: frozenset[Kind] = frozenset({"AWS page", "service model"})

# On the page in this order.
Group = Literal[
    "createTrainingJob",
    "createTransformJob",
    "results",
    "errors",
    "permissions",
    "language",
    "map",
    "jobs",
    "s3",
    "functions",
    "deployment",
    "limits",
]
# Groups whose names are the fields that an integration of Step Functions takes: an action of SageMaker each.
INTEGRATIONS: frozenset[Group] = frozenset({"createTrainingJob", "createTransformJob"})
# Groups whose entries say by name what they are about, and those in which every entry does.
NAMED: frozenset[Group] = INTEGRATIONS | {"results", "errors", "permissions"}
ALWAYS_NAMED: frozenset[Group] = INTEGRATIONS | {"errors"}

_Text = Annotated[str, Field(min_length=1)]
_Texts = Annotated[tuple[_Text, ...], Field(strict=False)]


class EvidenceError(Exception):
    """The file of beliefs cannot be used; says which entry, and what is wrong with it."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Evidence(_Part):
    """What shows a behaviour.

    Attributes:
        kind: an AWS page; AWS's own model of a service, as botocore carries it; a public definition, thread or log of
            somebody who ran it; or an inference from these.
        source: a URL, or for a service model the service and the shape.
    """

    kind: Kind
    source: _Text

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        is_page = self.source.startswith(("https://docs.aws.amazon.com/", "https://states-language.net/"))
        if (self.kind == "AWS page") != is_page:
            raise ValueError(f"{self.source!r} is no source of the kind {self.kind!r}")
        if self.kind == "service model" and not self.source.startswith("botocore, "):
            raise ValueError("a service model is named as `botocore, SERVICE: SHAPE`")
        if self.kind == "public definition" and not self.source.startswith("https://github.com/"):
            raise ValueError("a public definition is named by its address at GitHub")
        return self


class Belief(_Part):
    """One behaviour of AWS that the deployed part relies on.

    Attributes:
        group: what it is about.
        names: the fields (dotted where they are inside others), members, errors or actions that it is about.
        belief: the behaviour, in one sentence.
        evidence: what shows it.
        tests: node ids of the tests that hold it here.
        otherwise: what would happen if AWS did otherwise.
        live: node ids of the tests that show it on a deployed stack.
        not_live: why no test can.
    """

    group: Group
    names: _Texts = ()
    belief: _Text
    evidence: Annotated[tuple[Evidence, ...], Field(min_length=1, strict=False)]
    tests: Annotated[_Texts, Field(min_length=1)]
    otherwise: _Text
    live: _Texts = ()
    not_live: str = ""

    @property
    def documented(self) -> bool:
        """Whether AWS itself says all of it: where a part is inferred, it does not."""
        kinds = {one.kind for one in self.evidence}
        return bool(kinds & DOCUMENTED) and "inference" not in kinds

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.names and self.group not in NAMED:
            raise ValueError("`names` goes with the groups " + ", ".join(sorted(NAMED)) + ", and with no other")
        if not self.names and self.group in ALWAYS_NAMED:
            raise ValueError(f"an entry of the group {self.group} says in `names` what it is about")
        # SageMaker's own model says nothing of what Step Functions passes on.
        if self.group in INTEGRATIONS and any(one.kind == "service model" for one in self.evidence):
            raise ValueError("a service model does not show that an integration takes a field")
        if self.live and self.not_live:
            raise ValueError("give `live` or `not_live`, not both")
        if not (self.documented or self.live or self.not_live):
            raise ValueError(
                "AWS does not document all of it, so give `live`, or in `not_live` why no test can show it"
            )
        return self


@functools.cache
def read_beliefs() -> dict[str, Belief]:
    """All entries by id, in the file's order.

    Raises:
        EvidenceError: an entry is incomplete or contradicts itself.
    """
    with FILE.open("rb") as file:
        content = tomllib.load(file)
    try:
        return TypeAdapter(dict[str, Belief]).validate_python(content)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False)
        )
        raise EvidenceError(f"{FILE.name}: {problems}") from error


@functools.cache
def names_of(group: Group) -> frozenset[str]:
    """All names that entries of a group are about."""
    return frozenset(name for belief in read_beliefs().values() if belief.group == group for name in belief.names)


def fields_of(action: str) -> frozenset[str] | None:
    """Return the fields of a SageMaker action that its integration takes; None for an action without entries."""
    for group in INTEGRATIONS:
        if group == action:
            return names_of(group)
    return None
