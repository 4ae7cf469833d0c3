"""Service Quotas on this machine: SageMaker's quotas of instances, as the account has them.

Touches moto's private parts: methods set on ServiceQuotasResponse, which moto finds by the action's name, and its body
and region; moto's own backend knows VPC's quotas alone.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from moto.servicequotas.exceptions import NoSuchResource
from moto.servicequotas.responses import ServiceQuotasResponse

from emulator.endpoint import ACCOUNT_ID
from emulator.moto_patches import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.endpoint import EmulatorSettings

_SERVICE = "sagemaker"
_PAGE = 100


def quota_name(instance_type: str, use: str) -> str:
    """Return the name of a quota of instances, as refusals and Service Quotas write it."""
    return f"{instance_type} for {use} job usage"


# An account without limits lists some all the same; AWS's own figures differ from account to account.
_USUAL_LIMIT = 20
_USUAL = {
    quota_name(f"ml.{family}.{size}", use): _USUAL_LIMIT
    for family in ("c5", "m5")
    for size in ("large", "xlarge", "2xlarge", "4xlarge")
    for use in ("training", "spot training", "transform")
    if (family, size) != ("c5", "large")
}


def listed_quotas(limits: Mapping[str, int], region: str) -> list[dict[str, Any]]:
    """Return the quotas of SageMaker as Service Quotas lists them, by name.

    Args:
        limits: name → instances; empty for an account without limits, which has usual ones.
        region: the Region.
    """
    return [_listed(name, limit, region) for name, limit in sorted((limits or _USUAL).items())]


def _listed(name: str, limit: int, region: str) -> dict[str, Any]:
    # AWS's quota codes are arbitrary but fixed, and so are these.
    code = f"L-{hashlib.sha256(name.encode()).hexdigest()[:8].upper()}"
    return {
        "ServiceCode": _SERVICE,
        "ServiceName": "Amazon SageMaker",
        "QuotaArn": f"arn:aws:servicequotas:{region}:{ACCOUNT_ID}:{_SERVICE}/{code}",
        "QuotaCode": code,
        "QuotaName": name,
        "Value": float(limit),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }


def list_page(quotas: list[dict[str, Any]], request: dict[str, Any]) -> dict[str, Any]:
    """Return the page of `quotas` that a ListServiceQuotas request asks for.

    Raises:
        ValueError: NextToken is none that was given out.
    """
    wanted = request.get("QuotaCode")
    found = [quota for quota in quotas if wanted in {None, quota["QuotaCode"]}]
    start = int(request.get("NextToken") or 0)
    if not 0 <= start <= len(found):
        raise ValueError(request["NextToken"])
    end = start + int(request.get("MaxResults") or _PAGE)
    page: dict[str, Any] = {"Quotas": found[start:end]}
    if end < len(found):
        page["NextToken"] = str(end)
    return page


def install(settings: EmulatorSettings) -> None:
    """Answer for SageMaker's quotas as the account of these settings has them."""
    limits = settings.conditions.instance_quotas

    def list_service_quotas(self: Any) -> Any:
        request = json.loads(self.body)
        if request.get("ServiceCode") != _SERVICE:
            raise NoSuchResource
        try:
            return json.dumps(list_page(listed_quotas(limits, self.region), request))
        except ValueError:
            return _refusal("InvalidPaginationTokenException", "Invalid pagination token.")

    def get_service_quota(self: Any) -> Any:
        request = json.loads(self.body)
        found = listed_quotas(limits, self.region) if request.get("ServiceCode") == _SERVICE else []
        for quota in found:
            if quota["QuotaCode"] == request.get("QuotaCode"):
                return json.dumps({"Quota": quota})
        raise NoSuchResource

    ServiceQuotasResponse.list_service_quotas = list_service_quotas
    replace(ServiceQuotasResponse, "get_service_quota", get_service_quota, expects=("self",))


def _refusal(code: str, message: str) -> tuple[int, dict[str, Any], str]:
    headers = {"status": 400, "x-amzn-errortype": code, "Content-Type": "application/x-amz-json-1.1"}
    return 400, headers, json.dumps({"__type": code, "Message": message})
