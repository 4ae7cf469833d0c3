"""What moto does otherwise than AWS, and takes a few lines to put right.

Touches moto's private parts: the version check of its policy validator, and FilterLogEvents of CloudWatch Logs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto.iam.policy_validation import BaseIAMPolicyValidator
from moto.logs.exceptions import InvalidParameterException
from moto.logs.responses import LogsResponse

from emulator.moto_patches import replace

if TYPE_CHECKING:
    from emulator.endpoint import EmulatorSettings

_filter_log_events = LogsResponse.filter_log_events


def take_version(validator: Any) -> None:
    """Take a policy document of either version; one that names none is of the first.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
    """
    del validator


def filter_log_events(request: Any) -> Any:
    """FilterLogEvents, of streams whose names begin with logStreamNamePrefix as well."""
    prefix = request._get_param("logStreamNamePrefix")  # noqa: SLF001 - moto's way to a parameter
    if not prefix:
        return _filter_log_events(request)
    if request._get_param("logStreamNames"):  # noqa: SLF001 - as above
        raise InvalidParameterException(
            msg="Only one of the parameters logStreamNames and logStreamNamePrefix can be given."
        )
    group = request.logs_backend.groups.get(request._get_param("logGroupName"))  # noqa: SLF001 - as above
    names = [name for name in (group.streams if group else ()) if name.startswith(prefix)]
    if group and not names:
        return json.dumps({"events": [], "searchedLogStreams": []})
    request.body = json.dumps({**json.loads(request.body), "logStreamNames": names})
    return _filter_log_events(request)


def install(settings: EmulatorSettings) -> None:  # noqa: ARG001 - every part is installed the same way
    """Put these in the place of moto's."""
    replace(BaseIAMPolicyValidator, "_validate_version", take_version, expects=("self",))
    replace(LogsResponse, "filter_log_events", filter_log_events, expects=("self",))
