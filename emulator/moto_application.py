"""moto's application without the web framework around it, which costs more than most of moto's answers.

What moto does not have, or raises NotImplementedError for, is refused by name, and so is a request on which moto breaks
because AWS would not take it. Anything else that a handler raises is a fault of the emulator and goes on to the server,
which logs it and answers 500.

Touches moto's private parts: the Flask application that create_backend_app makes, for its URL map and views;
convert_to_flask_response, whose `callback` is moto's own handler, BackendRequest, and DISABLE_GLOBAL_CORS.
"""

from __future__ import annotations

import functools
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from xml.parsers.expat import ExpatError

from botocore.exceptions import ClientError
from moto.core.utils import convert_to_flask_response
from moto.moto_server import werkzeug_app
from moto.moto_server.werkzeug_app import BackendRequest, DomainDispatcherApplication, create_backend_app
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from emulator.moto_patches import replace
from emulator.refusals import MalformedXmlError, RefusedError, allow_codes, broken_request, refuse, refuse_unplayed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"})
_FORMS = frozenset({"multipart/form-data", "application/x-www-form-urlencoded", "application/x-url-encoded"})
_STATUSES = {int(status): f"{int(status)} {status.phrase}" for status in HTTPStatus}


def make_application() -> Any:
    """All of moto as one WSGI application, which lets no web page read its answers."""
    replace(werkzeug_app, "DISABLE_GLOBAL_CORS", True)
    allow_codes()
    return DomainDispatcherApplication(_BackendApplication)


class _Request(BackendRequest):  # type: ignore[misc]  # moto is not followed by mypy
    """A request as moto's handlers read it, several times each."""

    # Flask would ask an application that is not there.
    max_content_length = None
    max_form_parts = None

    @functools.cached_property
    def raw_url(self) -> str:
        url: str = super().raw_url
        return url

    def _load_form_data(self) -> None:
        if self.mimetype in _FORMS:
            super()._load_form_data()
        else:
            self.__dict__.setdefault("form", ImmutableMultiDict())
            self.__dict__.setdefault("files", ImmutableMultiDict())


class _BackendApplication:
    """The application of one service; what is not moto's plain way to a handler is left to Flask.

    Args:
        service: moto's name of it; None for a service that moto does not have.
    """

    def __init__(self, service: str | None) -> None:
        self._service = service
        if service is not None:
            self._flask = create_backend_app(service)
            self._routes = self._flask.url_map.bind("localhost")

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = _Request(environ)
        try:
            handler = self._handler(environ)
            if handler is None:
                answer: Iterable[bytes] = self._flask(environ, start_response)
                return answer
            found = handler(request, request.raw_url, dict(request.headers))
            if _names_no_action(found) and self._service != "s3":
                found = refuse_unplayed(self._service, request)
        except NotImplementedError as error:
            found = refuse_unplayed(self._service, request, str(error))
        except ExpatError:
            # moto reads no other XML than bodies of requests.
            found = refuse(self._service, request, MalformedXmlError())
        except RefusedError as error:
            found = refuse(self._service, request, error)
        except HTTPException as error:
            refused: Iterable[bytes] = error.get_response(environ)(environ, start_response)
            return refused
        except ClientError as error:
            # Of a call that moto makes to itself.
            found = 400, {}, error.response["Error"]["Message"]
        except Exception:
            reason = broken_request(self._service, request)
            if reason is None:
                raise
            found = refuse(self._service, request, reason)
        status, headers, content = found if len(found) == 3 else (200, {}, found)
        body = content.encode() if isinstance(content, str) else bytes(content)
        start_response(_STATUSES.get(int(status), f"{status} Unknown"), _header_list(headers, len(body)))
        return [body]

    def _handler(self, environ: dict[str, Any]) -> Callable[..., Any] | None:
        """Moto's handler of a request; None if Flask is to find out.

        Raises:
            NotImplementedError: moto has no such service, or the service no such operation.
        """
        if self._service is None:
            raise NotImplementedError
        if environ["REQUEST_METHOD"] not in _METHODS:
            return None
        path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
        try:
            endpoint, _ = self._routes.match(path, environ["REQUEST_METHOD"])
        except (NotFound, MethodNotAllowed) as error:
            raise NotImplementedError from error
        except HTTPException:
            return None
        view = self._flask.view_functions[endpoint]
        return view.callback if isinstance(view, convert_to_flask_response) else None


def _names_no_action(found: Any) -> bool:
    """Whether moto has the path of a request but no action for it; S3 answers what is not there in the same way."""
    return len(found) == 3 and found[0] == HTTPStatus.NOT_FOUND and not found[2]


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
