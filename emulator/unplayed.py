"""Takes away what moto answers although nothing happens, and makes it refuse what it breaks on.

Touches moto's private parts: the actions of its Response classes, which it finds by name; methods of S3Backend;
S3Response._set_action, which every request for a bucket or an object passes but for POST to a bucket, which passes
_bucket_response_post.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from moto.cloudformation.responses import CloudFormationResponse
from moto.ecr.responses import ECRResponse
from moto.events.responses import EventsHandler
from moto.iam.responses import IamResponse
from moto.logs.responses import LogsResponse
from moto.s3.models import S3Backend
from moto.s3.responses import S3Response
from moto.sagemakermetrics.responses import SageMakerMetricsResponse
from moto.sagemakerruntime.responses import SageMakerRuntimeResponse
from moto.stepfunctions.responses import StepFunctionResponse
from moto.sts.responses import TokenResponse

from emulator.moto_patches import replace
from emulator.refusals import RefusedError, not_played

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.endpoint import EmulatorSettings

# moto's class of a service → its actions that are answered although nothing is done, or that break.
UNPLAYED: dict[Any, tuple[str, ...]] = {
    CloudFormationResponse: (
        "create_stack_instances",
        "create_stack_set",
        "delete_stack_instances",
        "delete_stack_set",
        "describe_stack_instance",
        "describe_stack_set",
        "describe_stack_set_operation",
        "list_stack_instances",
        "list_stack_set_operation_results",
        "list_stack_set_operations",
        "list_stack_sets",
        "stop_stack_set_operation",
        "update_stack_instances",
        "update_stack_set",
    ),
    # No layer of an image can be sent here.
    ECRResponse: (
        "put_image",
        "put_registry_scanning_configuration",
    ),
    EventsHandler: (
        "create_partner_event_source",
        "delete_partner_event_source",
        "describe_event_source",
        "describe_partner_event_source",
        "put_partner_events",
    ),
    LogsResponse: ("create_delivery", "put_delivery_destination", "put_delivery_source"),
    SageMakerMetricsResponse: ("batch_put_metrics",),
    SageMakerRuntimeResponse: ("invoke_endpoint", "invoke_endpoint_async"),
    # There are no versions that an alias could point to.
    StepFunctionResponse: (
        "create_state_machine_alias",
        "delete_state_machine_alias",
        "describe_state_machine_alias",
        "list_state_machine_aliases",
        "update_state_machine_alias",
    ),
    TokenResponse: ("assume_role_with_saml",),
}
# What moto does not know of S3's parts of a bucket or an object; it would take the bucket or the object itself.
UNPLAYED_IN_S3 = frozenset(
    {"abac", "analytics", "annotation", "intelligent-tiering", "metadataAnnotationTable"}
    | {"metadataConfiguration", "metadataInventoryTable", "metadataJournalTable", "metadataTable", "metrics"}
    | {"renameObject", "requestPayment", "select", "session", "torrent"}
)
# A method of moto, what it breaks on, and the code and words by which AWS refuses that request.
_BREAKING: tuple[tuple[Any, str, type[Exception], str, str], ...] = (
    (
        CloudFormationResponse,
        "get_template_summary",
        AttributeError,
        "ValidationError",
        "Either Template URL or Template Body must be specified.",
    ),
    (IamResponse, "create_service_linked_role", IndexError, "InvalidInput", "The service name is not valid."),
    (LogsResponse, "get_query_results", KeyError, "ResourceNotFoundException", "There is no such query."),
    (
        LogsResponse,
        "start_query",
        TypeError,
        "InvalidParameterException",
        "Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be given.",
    ),
    (S3Backend, "complete_multipart_upload", KeyError, "NoSuchUpload", "The specified upload does not exist."),
    (S3Backend, "delete_object_tagging", AttributeError, "NoSuchKey", "The specified key does not exist."),
    (S3Backend, "upload_part", KeyError, "NoSuchUpload", "The specified upload does not exist."),
    (S3Response, "copy_object", ValueError, "InvalidArgument", "Invalid copy source object key"),
    (S3Response, "upload_part_copy", ValueError, "InvalidArgument", "Invalid copy source object key"),
    (
        StepFunctionResponse,
        "tag_resource",
        KeyError,
        "ValidationException",
        "Every tag must have a key and a value.",
    ),
)

_set_action = S3Response._set_action  # noqa: SLF001 - see above
_post_to_bucket = S3Response._bucket_response_post  # noqa: SLF001 - see above


def set_action(self: Any, action_resource_type: str, method: str, querystring: dict[str, Any]) -> None:
    """As moto's, of the parts of buckets and objects that it knows."""
    if not UNPLAYED_IN_S3.isdisjoint(querystring):
        raise NotImplementedError
    # Of an object, moto would store the request's body as the object.
    if action_resource_type == "KEY" and method == "PUT" and "encryption" in querystring:
        raise NotImplementedError
    _set_action(self, action_resource_type, method, querystring)


def post_to_bucket(self: Any, request: Any, bucket_name: str) -> Any:
    """As moto's, of the two operations that it has: DeleteObjects, and the form with which a browser uploads an object."""
    if "delete" not in request.args and "key" not in self.querystring:
        raise NotImplementedError
    return _post_to_bucket(self, request, bucket_name)


@functools.cache
def _refusing(owner: Any, method: str, error: type[Exception], code: str, message: str) -> Callable[..., Any]:
    """Return moto's method, which refuses what it would break on; one for each, so that `install` can be repeated."""
    moto_acts = getattr(owner, method)

    @functools.wraps(moto_acts)
    def act(*arguments: Any, **named: Any) -> Any:
        try:
            return moto_acts(*arguments, **named)
        except error as broken:
            raise RefusedError(code, message) from broken

    return act


def install(settings: EmulatorSettings) -> None:  # noqa: ARG001 - every part is installed the same way
    """Put refusals in the place of those actions."""
    for owner, actions in UNPLAYED.items():
        for action in actions:
            replace(owner, action, not_played, expects=("self",))
    for owner, method, *refusal in _BREAKING:
        replace(owner, method, _refusing(owner, method, *refusal))
    replace(
        S3Response,
        "_set_action",
        set_action,
        expects=("self", "action_resource_type", "method", "querystring"),
    )
    replace(S3Response, "_bucket_response_post", post_to_bucket, expects=("self", "request", "bucket_name"))
