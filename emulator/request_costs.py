"""Takes out of every request the work that moto does anew for each, though its outcome never changes.

Touches moto's private parts: DomainDispatcherApplication.get_backend_for_host, which reads moto's folder and tries
hundreds of patterns; method_names_from_class, camelcase_to_underscores and gen_amzn_requestid_long
as moto.core.responses knows them; ErrorLookupFactory of moto.core.errors.
"""

from __future__ import annotations

import functools
import random
from typing import TYPE_CHECKING, Any

from moto import backend_index
from moto.core import errors, responses
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from emulator.moto_patches import replace

if TYPE_CHECKING:
    from emulator.endpoint import EmulatorSettings

# moto's request ids have 52 characters.
_ID_BITS = 52 * 4
# The system's randomness would make every request wait for its turn of the interpreter.
_random = random.Random()  # noqa: S311 - an id is no secret
# moto's way to the backend of a host, which needs nothing of the dispatcher but these.
_get_backend_for_host = DomainDispatcherApplication.get_backend_for_host


class _Patterns:
    backend_url_patterns = backend_index.backend_url_patterns


# A host names a service and a Region, in S3's case a bucket too, so their number is not bounded by itself.
@functools.lru_cache(maxsize=1024)
def _backend_of(host: str | None) -> Any:
    return _get_backend_for_host(_Patterns, host)


def get_backend_for_host(_: Any, host: str | None) -> Any:
    """Return the name of the backend that serves a host; it is looked up once."""
    return _backend_of(host)


def make_request_id(headerdict: dict[str, Any] | None = None) -> str:
    """Return a new request id, put into the headers as well; moto draws each of its characters on its own."""
    request_id = f"{_random.getrandbits(_ID_BITS):0{_ID_BITS // 4}x}"
    if headerdict is not None:
        headerdict["x-amzn-requestid"] = request_id
    return request_id


_method_names = functools.cache(responses.method_names_from_class)
_underscored = functools.lru_cache(maxsize=4096)(responses.camelcase_to_underscores)
_lookups = errors.ErrorLookupFactory()


def install(settings: EmulatorSettings) -> None:  # noqa: ARG001 - every part is installed the same way
    """Put these in the place of moto's."""
    replace(DomainDispatcherApplication, "get_backend_for_host", get_backend_for_host, expects=("self", "host"))
    replace(responses, "method_names_from_class", _method_names, expects=("clazz",))
    replace(responses, "camelcase_to_underscores", _underscored, expects=("argument",))
    replace(responses, "gen_amzn_requestid_long", make_request_id, expects=("headerdict",))
    # Its objects keep what they find, but moto makes a new one for each error.
    replace(errors, "ErrorLookupFactory", lambda: _lookups)
