"""Lets a payload template take a field named RoleArn from a path, which CreateTrainingJob needs.

Touches moto's private parts: `Preprocessor.visitPayload_binding_value`. Its lexer reserves `"RoleArn.$"` for a
Task's Credentials, so that anywhere else the path stays an unresolved text.
"""

from __future__ import annotations

import json
from typing import Any

from moto.stepfunctions.parser.asl.component.common.payload.payloadvalue.payloadbinding.payload_binding import (
    PayloadBindingStringExpressionSimple,
)
from moto.stepfunctions.parser.asl.component.common.string.string_expression import (
    StringContextPath,
    StringJsonPath,
)
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

from emulator.moto_patches import replace

RESERVED = "RoleArn.$"

_visit_binding = Preprocessor.visitPayload_binding_value


def visit_binding(self: Any, ctx: Any) -> Any:
    """Return a binding of a payload template, the reserved one as any other that names a path."""
    if json.loads(ctx.string_literal().getText()) != RESERVED:
        return _visit_binding(self, ctx)
    path = json.loads(ctx.payload_value_decl().getText())
    sampler = StringContextPath(path) if path.startswith("$$") else StringJsonPath(path)
    return PayloadBindingStringExpressionSimple(
        field=RESERVED.removesuffix(".$"), string_expression_simple=sampler
    )


def install() -> None:
    """Put the repair into moto's preprocessor."""
    replace(Preprocessor, "visitPayload_binding_value", visit_binding, expects=("self", "ctx"))
