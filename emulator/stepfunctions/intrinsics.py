r"""Intrinsic functions as Step Functions reads them: escapes, null, decimals, and no text that is no function.

Touches moto's private parts: `IntrinsicParser.parse`, the intrinsic `Preprocessor`'s visits of arguments and
functions, `StringFormat._eval_body`. Its lexer has no null, and its parser repairs what it cannot read by leaving it
out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.asl.antlr.runtime.ASLIntrinsicLexer import ASLIntrinsicLexer
from moto.stepfunctions.parser.asl.antlr.runtime.ASLIntrinsicParser import ASLIntrinsicParser
from moto.stepfunctions.parser.asl.component.intrinsic.argument.argument import ArgumentLiteral
from moto.stepfunctions.parser.asl.component.intrinsic.function.statesfunction.generic.string_format import (
    StringFormat,
)
from moto.stepfunctions.parser.asl.component.intrinsic.functionname.state_function_name_types import (
    StatesFunctionNameType,
)
from moto.stepfunctions.parser.asl.parse.asl_parser import ASLParserException, SyntaxErrorListener
from moto.stepfunctions.parser.asl.parse.intrinsic.intrinsic_parser import (
    CommonTokenStream,
    InputStream,
    IntrinsicParser,
)
from moto.stepfunctions.parser.asl.parse.intrinsic.preprocessor import Preprocessor

from emulator.moto_patches import replace
from emulator.stepfunctions.errors import INTRINSIC_FAILURE, failure

if TYPE_CHECKING:
    from emulator.stepfunctions.environment import ExecutionEnvironment

_NULL = "null"
# The definition's JSON is not decoded before the functions in it are read.
_JSON_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_PLACE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)|\{\}", re.DOTALL)

_visit_states_function = Preprocessor.visitStates_func_decl


class _Lexer(ASLIntrinsicLexer):  # type: ignore[misc]  # moto is not followed by mypy
    """Reads `null` as a word of the language; the grammar takes it where it takes `true`."""

    def nextToken(self) -> Any:  # noqa: N802 - antlr's name
        token = super().nextToken()
        if token.type == self.IDENTIFIER and token.text == _NULL:
            token.type = self.TRUE
        return token


def parse(src: str) -> Any:
    """Return the function that a text in a definition names, and its tree.

    Raises:
        ASLParserException: the text is no intrinsic function.
    """
    listener = SyntaxErrorListener()
    # A backslash of the language is two in JSON; the escapes of JSON itself are resolved with the language's own.
    lexer = _Lexer(InputStream(src.replace("\\\\", "\\")))
    parser = ASLIntrinsicParser(CommonTokenStream(lexer))
    for reader in (lexer, parser):
        reader.removeErrorListeners()
        reader.addErrorListener(listener)
    tree = parser.func_decl()
    if listener.errors:
        raise ASLParserException(errors=[f"The intrinsic function {src} is not valid: {listener.errors[0]}"])
    return Preprocessor().visit(tree), tree


_PARSE = staticmethod(parse)


def _unescape(found: re.Match[str]) -> str:
    code = found[1]
    return chr(int(code[1:], 16)) if len(code) > 1 else _JSON_ESCAPES.get(code, code)


def visit_word(_: Any, ctx: Any) -> ArgumentLiteral:
    """Return the argument that `true`, `false` or `null` is."""
    return ArgumentLiteral(definition_value={"true": True, "false": False, _NULL: None}[ctx.getText()])


def visit_decimal(_: Any, ctx: Any) -> ArgumentLiteral:
    """Return the argument that a number with a decimal point is."""
    return ArgumentLiteral(definition_value=float(ctx.getText()))


def visit_text(_: Any, ctx: Any) -> ArgumentLiteral:
    """Return the argument that a text in quotes is, its escapes still in it: a template has more than other texts."""
    return ArgumentLiteral(definition_value=ctx.getText()[1:-1])


def visit_function(preprocessor: Any, ctx: Any) -> Any:
    """Return a function, the escapes in its texts resolved but for States.Format's template."""
    function = _visit_states_function(preprocessor, ctx)
    is_format = function.name.function_type == StatesFunctionNameType.Format
    for position, argument in enumerate(function.argument_list.arguments):
        text = getattr(argument, "definition_value", None)
        if isinstance(text, str) and not (is_format and position == 0):
            argument.definition_value = _ESCAPE.sub(_unescape, text)
    return function


def evaluate_format(function: Any, env: ExecutionEnvironment) -> None:
    r"""Leave the template on the stack, `{}` replaced by the values in turn, `\'`, `\{`, `\}` and `\\` by themselves.

    Raises:
        FailureEventException: States.IntrinsicFailure, for there are more or fewer values than places.
    """
    function.argument_list.eval(env=env)
    template, *values = env.stack.pop()
    remaining = [StringFormat._to_str_repr(value) for value in values]  # noqa: SLF001 - this is that class's method
    places = sum(found[1] is None for found in _PLACE.finditer(template))
    if places != len(remaining):
        cause = f"States.Format has {len(remaining)} values for {places} places in '{template}'"
        raise failure(env, INTRINSIC_FAILURE, cause)
    env.stack.append(_PLACE.sub(lambda found: _unescape(found) if found[1] else remaining.pop(0), template))


def install() -> None:
    """Put these in the place of moto's."""
    replace(IntrinsicParser, "parse", _PARSE, expects=("src",))
    for name, visit in (
        ("visitFunc_arg_bool", visit_word),
        ("visitFunc_arg_float", visit_decimal),
        ("visitFunc_arg_string", visit_text),
        ("visitStates_func_decl", visit_function),
    ):
        replace(Preprocessor, name, visit, expects=("self", "ctx"))
    replace(StringFormat, "_eval_body", evaluate_format, expects=("self", "env"))
