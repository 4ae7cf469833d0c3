"""What the emulator does once instead of at every request gives what moto gives; fails first when moto changes."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from moto import backends
from moto.core import errors, responses
from moto.core import utils as core_utils
from moto.core.utils import convert_to_flask_response
from moto.moto_server import werkzeug_app
from moto.s3 import models
from moto.sagemaker.responses import SageMakerResponse

from emulator import bucket_listing, request_costs
from emulator.bucket_listing import KeyStore
from emulator.endpoint import EmulatorSettings
from emulator.moto_application import make_application


@pytest.fixture(autouse=True)
def installed(tmp_path: Path) -> None:
    for part in (request_costs, bucket_listing):
        part.install(EmulatorSettings(port=1, work_dir=tmp_path))


@pytest.mark.parametrize(
    ("host", "backend"),
    [
        ("api.sagemaker.us-east-1.amazonaws.com", "sagemaker"),
        ("s3.eu-west-1.amazonaws.com", "s3"),
        ("bucket.s3.amazonaws.com", "s3"),
        ("states.us-east-1.amazonaws.com", "stepfunctions"),
        ("lambda.us-east-1.amazonaws.com", "awslambda"),
        ("moto_api", "moto_api"),
        (None, None),
    ],
)
def test_host_leads_to_the_backend_that_moto_finds(host: str | None, backend: str | None) -> None:
    dispatcher = make_application()

    assert dispatcher.get_backend_for_host(host) == backend
    assert request_costs._get_backend_for_host(dispatcher, host) == backend


def test_motos_folder_is_not_read_again_for_a_host_that_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    dispatcher = make_application()
    dispatcher.get_backend_for_host("sqs.us-east-1.amazonaws.com")
    monkeypatch.setattr(backends, "list_of_moto_modules", lambda: pytest.fail("the folder was read"))

    assert dispatcher.get_backend_for_host("sqs.us-east-1.amazonaws.com") == "sqs"


def test_names_are_those_that_moto_makes() -> None:
    # From Python 3.14 on, listing a class's members reads its annotations, which replaces its __annotate_func__: moto's
    # first answer has that name, later ones do not. So one answer comes first, and what was kept from before goes.
    core_utils.method_names_from_class(SageMakerResponse)
    request_costs._method_names.cache_clear()
    names = responses.method_names_from_class(SageMakerResponse)

    assert names == core_utils.method_names_from_class(SageMakerResponse)
    assert responses.method_names_from_class(SageMakerResponse) is names
    assert responses.camelcase_to_underscores("ListObjectsV2") == core_utils.camelcase_to_underscores(
        "ListObjectsV2"
    )


def test_models_are_read_once() -> None:
    model: Any = responses.get_service_model("sagemaker")

    assert model is core_utils.get_service_model("sagemaker")
    assert errors.ErrorLookupFactory().for_service(model) is errors.ErrorLookupFactory().for_service(model)


def test_request_ids_differ_and_are_told_in_the_headers() -> None:
    headers: dict[str, Any] = {}
    first = responses.gen_amzn_requestid_long(headers)

    assert headers == {"x-amzn-requestid": first}
    assert len(first) == 52
    assert responses.gen_amzn_requestid_long({}) != first


def test_motos_application_is_put_together_as_it_was() -> None:
    application = werkzeug_app.create_backend_app("sagemaker")

    assert all(isinstance(view, convert_to_flask_response) for view in application.view_functions.values())
    assert "self.callback(request, request.raw_url, dict(request.headers))" in inspect.getsource(
        convert_to_flask_response.__call__
    )
    assert werkzeug_app.BackendRequest.from_wsgi_server


def test_buckets_keep_their_keys_in_a_store_of_ours() -> None:
    bucket = models.FakeBucket("bucket", "123456789012", "us-east-1")

    assert isinstance(bucket.keys, KeyStore)
