"""Counts the instances that jobs hold against the account's quotas.

The words of the refusal, and that it comes with ResourceLimitExceeded, are AWS's:
https://docs.aws.amazon.com/sagemaker/latest/dg/regions-quotas.html and
https://repost.aws/knowledge-center/sagemaker-resource-limit-exceeded-error.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

from emulator.sagemaker.errors import ResourceLimitError
from emulator.sagemaker.jobs import TRAINING
from emulator.service_quotas import quota_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.sagemaker.jobs import Job


class InstanceQuotas:
    """The instances in use, by Region and quota: from a job's accepted request to its end.

    Args:
        limits: name of a quota → instances.
    """

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = limits
        self._used: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def take(self, job: Job, region: str) -> None:
        """Take the instances of a new job, until it ends.

        Raises:
            ResourceLimitError: there are not so many left.
        """
        resources = job.request["ResourceConfig" if job.kind is TRAINING else "TransformResources"]
        # Of InstancePreferences, AWS takes what it has; here the first is there.
        kind = resources.get("InstanceType") or resources["InstancePreferences"][0]["InstanceType"]
        spot = "spot " if job.request.get("EnableManagedSpotTraining") else ""
        name = quota_name(kind, f"{spot}{job.kind.noun.lower()}")
        limit = self._limits.get(name)
        if limit is None:
            return
        requested = int(resources.get("InstanceCount", 1))
        with self._lock:
            used = self._used[region, name]
            if used + requested > limit:
                raise ResourceLimitError(
                    f"The account-level service limit '{name}' is {limit} Instances, with current utilization of "
                    f"{used} Instances and a request delta of {requested} Instances. Please use AWS Service Quotas to "
                    "request an increase for this quota. If AWS Service Quotas is not available, contact AWS "
                    "support to request an increase for this quota."
                )
            self._used[region, name] += requested
        job.on_end(lambda: self._give_back(region, name, requested))

    def _give_back(self, region: str, name: str, count: int) -> None:
        with self._lock:
            self._used[region, name] -= count
