"""AWS clients, from botocore directly: boto3's resources and transfer manager cost start time."""

from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config

from pitboard.stores.dynamodb import CLIENT_CONFIG

INVOKE_CONFIG = Config(
    connect_timeout=2, read_timeout=35, retries={"mode": "standard", "total_max_attempts": 2}
)
"""ir-auth may take as long as a refresh and a login that both time out."""

SECRETS_CONFIG = Config(
    connect_timeout=2, read_timeout=4, retries={"mode": "standard", "total_max_attempts": 3}
)

QUEUE_CONFIG = Config(
    connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2}
)
"""A reader waits while names are sent."""

PATIENT_CONFIG = CLIENT_CONFIG.merge(
    Config(read_timeout=20, retries={"mode": "standard", "total_max_attempts": 5})
)
"""For a refresh of the driver index: nobody waits, and a page of a scan may take long."""

_CONFIGS = {
    "dynamodb": CLIENT_CONFIG,
    "lambda": INVOKE_CONFIG,
    "secretsmanager": SECRETS_CONFIG,
    "sqs": QUEUE_CONFIG,
}


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


@cache
def client(service: str, *, patient: bool = False) -> Any:
    """The client of one of four services, made once; for DynamoDB also a patient one (`PATIENT_CONFIG`).

    Region and credentials are the runtime's. It opens its connection at the first request.
    """
    return _session().create_client(service, config=PATIENT_CONFIG if patient else _CONFIGS[service])
