"""Which statements of a bucket's policy refuse a request."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.bucket_policy import denies

BUCKET = "arn:aws:s3:::b"
OBJECT = f"{BUCKET}/key"


def deny(**changes: Any) -> dict[str, Any]:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [BUCKET, f"{BUCKET}/*"],
        **changes,
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


@pytest.mark.parametrize(
    ("policy", "refused"),
    [
        pytest.param(deny(), True, id="everything"),
        pytest.param(deny(Condition={"Bool": {"aws:SecureTransport": "false"}}), False, id="plain HTTP"),
        pytest.param(deny(Condition={"Bool": {"aws:SecureTransport": False}}), False, id="plain HTTP, a boolean"),
        pytest.param(deny(Condition={"Bool": {"aws:SecureTransport": "true"}}), True, id="TLS"),
        pytest.param(deny(Condition={"NumericLessThan": {"s3:TlsVersion": "1.2"}}), False, id="old TLS"),
        pytest.param(
            deny(Condition={"StringNotEquals": {"aws:PrincipalAccount": "123456789012"}}),
            False,
            id="other accounts",
        ),
        pytest.param(
            deny(Condition={"StringNotEquals": {"aws:PrincipalAccount": "210987654321"}}),
            True,
            id="not this account",
        ),
        pytest.param(
            deny(Condition={"StringEquals": {"aws:SourceVpc": "vpc-1"}}), False, id="a key not known here"
        ),
        pytest.param(
            deny(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}), False, id="an operator not known"
        ),
        pytest.param(deny(Action=["s3:DeleteObject", "s3:PutObject*"]), False, id="other actions"),
        pytest.param(deny(Action="S3:getobject"), True, id="actions have no case"),
        pytest.param(
            {
                "Statement": [
                    {"Effect": "Deny", "Principal": "*", "NotAction": "s3:Get*", "Resource": f"{BUCKET}/*"}
                ]
            },
            False,
            id="all but these actions",
        ),
        pytest.param(deny(Resource=f"{BUCKET}/other/*"), False, id="another folder"),
        pytest.param(deny(Principal={"AWS": "arn:aws:iam::123456789012:root"}), True, id="this account"),
        pytest.param(deny(Principal={"AWS": "arn:aws:iam::210987654321:root"}), False, id="another account"),
        pytest.param(deny(Principal={"Service": "logging.s3.amazonaws.com"}), False, id="a service"),
        pytest.param(deny(Effect="Allow"), False, id="an Allow"),
    ],
)
def test_a_deny_holds_where_all_of_it_applies(policy: dict[str, Any], refused: bool) -> None:
    assert denies(policy, "s3:GetObject", OBJECT) is refused


def test_a_single_statement_needs_no_list() -> None:
    assert denies({"Statement": deny()["Statement"][0]}, "s3:GetObject", OBJECT)
