"""moto's application without the web framework around it, which costs more than most of moto's answers.

Touches moto's private parts: the Flask application that create_backend_app makes, for its URL map and views;
convert_to_flask_response, whose `callback` is moto's own handler, BackendRequest, and DISABLE_GLOBAL_CORS.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from moto.core.utils import convert_to_flask_response
from moto.moto_server import werkzeug_app
from moto.moto_server.werkzeug_app import BackendRequest, DomainDispatcherApplication, create_backend_app
from werkzeug.exceptions import HTTPException

from emulator.moto_patches import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"})
_STATUSES = {int(status): f"{int(status)} {status.phrase}" for status in HTTPStatus}


def make_application() -> Any:
    """All of moto as one WSGI application, which lets no web page read its answers."""
    replace(werkzeug_app, "DISABLE_GLOBAL_CORS", True)
    return DomainDispatcherApplication(_BackendApplication)


class _BackendApplication:
    """The application of one service; what is not moto's plain way to a handler is left to Flask.

    Args:
        service: moto's name of it.
    """

    def __init__(self, service: str) -> None:
        self._flask = create_backend_app(service)
        self._routes = self._flask.url_map.bind("localhost")

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        handler = self._handler(environ) if environ["REQUEST_METHOD"] in _METHODS else None
        if handler is None:
            answer: Iterable[bytes] = self._flask(environ, start_response)
            return answer
        request = BackendRequest(environ)
        try:
            found = handler(request, request.raw_url, dict(request.headers))
        except HTTPException as error:
            refused: Iterable[bytes] = error.get_response(environ)(environ, start_response)
            return refused
        except ClientError as error:
            # Of a call that moto makes to itself.
            found = 400, {}, error.response["Error"]["Message"]
        status, headers, content = found if len(found) == 3 else (200, {}, found)
        body = content.encode() if isinstance(content, str) else bytes(content)
        start_response(_STATUSES.get(int(status), f"{status} Unknown"), _header_list(headers, len(body)))
        return [body]

    def _handler(self, environ: dict[str, Any]) -> Callable[..., Any] | None:
        """Moto's handler of a request; None if Flask is to find out."""
        path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
        try:
            endpoint, _ = self._routes.match(path, environ["REQUEST_METHOD"])
        except HTTPException:
            return None
        view = self._flask.view_functions[endpoint]
        return view.callback if isinstance(view, convert_to_flask_response) else None


def _header_list(headers: dict[str, Any], length: int) -> list[tuple[str, str]]:
    header_list: list[tuple[str, str]] = []
    names: set[str] = set()
    for name, value in headers.items():
        names.add(name.lower())
        header_list += [(name, str(one)) for one in (value if isinstance(value, list | tuple) else [value])]
    if "content-type" not in names:
        header_list.append(("Content-Type", "text/html; charset=utf-8"))
    if "content-length" not in names:
        header_list.append(("Content-Length", str(length)))
    return header_list
