"""The facts of the AWS home that several rooms need: what its resources and actions are called, and CDK's.

The functions, the commands and the stack in `infra` use these. It imports nothing but the standard library.
"""

from dataclasses import dataclass

ENVIRONMENTS = ("dev", "staging", "prod")

ALIAS = "live"
"""The alias of each function that the API and the other functions invoke."""

METRICS_NAMESPACE = "iRacing/Lambda"

AUTH_KEY = "username"
NAME_KEY = "name"
"""The partition keys of the token's table and of the two others."""

INDEX_LEASE = "INDEX"
"""The key of the lease that a refresh of the driver index holds in ir_drivers."""

MEMBERS_SECONDS = 30.0
"""So often a function that is used looks whether a member has asked for something."""

TTL_ATTRIBUTE = "ttl"
"""The attribute with an item's end in Unix seconds."""

BINARY = ("text/html", "application/zip")
"""The gateway passes on bytes that are no text to those alone whose Accept header begins with one of these:
browsers that follow a link, and tools that say so. Source: API Gateway's guide, "Content type
conversions"."""

API_URL_OUTPUT = "ApiUrl"
"""The stack's output with the API's address."""

ACCESS_TOKEN = "access_token"  # noqa: S105 - the name of an action
REFRESH_TOKEN_NOW = "refresh_token_now"  # noqa: S105 - the name of an action
REFRESH_INDEX = "refresh_index"
HEARTBEAT = "heartbeat"
PING = "ping"
CUSTID = "custid"
"""The actions that functions take by direct invocation: {"action": ...}."""


class Variable:
    """The environment variables by which the stack tells a function the names of what it may use."""

    ENVIRONMENT = "ENVIRONMENT"
    AUTH_TABLE = "AUTH_TABLE"
    CUSTID_TABLE = "CUSTID_TABLE"
    DRIVERS_TABLE = "DRIVERS_TABLE"
    SECRET = "SECRET_NAME"  # noqa: S105 - the name of a variable
    AUTH_FUNCTION = "AUTH_FUNCTION"
    RENEWALS_QUEUE = "RENEWALS_QUEUE"
    CHECKED_VERSION = "VERSION"
    CHECKED_KIND = "KIND"
    TABLES = (AUTH_TABLE, CUSTID_TABLE, DRIVERS_TABLE)


ACTIONS_WITHOUT_RESOURCE = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
"""Actions of the functions that IAM allows on `*` alone. Source: AWS' service authorization reference."""

CDK = "aws-cdk@2.1148.1"
"""The CDK command line. It is pinned, because the npm registry's `latest` was a broken version once."""

BOOTSTRAP_STACK = "CDKToolkit"
BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
"""The stack that `cdk bootstrap` makes, and its version's SSM parameter with CDK's default qualifier."""

CDK_ROLE = "cdk-hnb659fds"
"""How the names of CDK's roles begin: cdk-hnb659fds-ROLE-ACCOUNT-REGION."""

BOOTSTRAP_VERSION = 6
"""The lowest bootstrap version that templates of CDK 2 accept (rule CheckBootstrapVersion)."""


class UnknownEnvironmentError(ValueError):
    """There is no environment of that name. The message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names in one environment. Functions carry its name, tables and the secret only outside prod.

    Raises `UnknownEnvironmentError`.
    """

    environment: str

    def __post_init__(self) -> None:
        if self.environment not in ENVIRONMENTS:
            known = ", ".join(ENVIRONMENTS)
            raise UnknownEnvironmentError(f"There is no environment {self.environment!r}; there are {known}.")

    @property
    def auth(self) -> str:
        """The function that owns the token."""
        return f"ir-auth-{self.environment}"

    @property
    def custid(self) -> str:
        """The function that turns names into customer ids."""
        return f"ir-custid-{self.environment}"

    @property
    def drivers(self) -> str:
        """The function that answers with drivers."""
        return f"ir-drivers-{self.environment}"

    @property
    def index(self) -> str:
        """The function that refreshes the driver index."""
        return f"ir-index-{self.environment}"

    @property
    def addon(self) -> str:
        """The function that hands the addon out."""
        return f"ir-addon-{self.environment}"

    @property
    def serving(self) -> tuple[str, ...]:
        """The functions that answer the addon."""
        return (self.auth, self.custid, self.drivers)

    @property
    def functions(self) -> tuple[str, ...]:
        """All functions."""
        return (*self.serving, self.index, self.addon)

    @property
    def renewals(self) -> str:
        """The queue of names that are due."""
        return f"ir-renewals-{self.environment}"

    @property
    def dead_renewals(self) -> str:
        """The queue of messages that could not be processed."""
        return f"ir-renewals-dead-{self.environment}"

    @property
    def auth_table(self) -> str:
        """The table with the token. Its items have no end."""
        return f"ir_auth{self._table_suffix}"

    @property
    def custid_table(self) -> str:
        """The table with customer ids by name, and the driver index."""
        return f"ir_custid{self._table_suffix}"

    @property
    def drivers_table(self) -> str:
        """The table with the drivers' records."""
        return f"ir_drivers{self._table_suffix}"

    @property
    def _table_suffix(self) -> str:
        return "" if self.environment == "prod" else f"_{self.environment}"

    @property
    def tables(self) -> dict[str, str]:
        """The partition key of each table, by the table's name."""
        return {self.auth_table: AUTH_KEY, self.custid_table: NAME_KEY, self.drivers_table: NAME_KEY}

    @property
    def table_outputs(self) -> dict[str, str]:
        """The stack's output that says which table is in use for each table: after a restore another one."""
        return {
            self.auth_table: "TableAuth",
            self.custid_table: "TableCustid",
            self.drivers_table: "TableDrivers",
        }

    @property
    def stack(self) -> str:
        """The CloudFormation stack."""
        return f"pitboard-{self.environment}"

    @property
    def api(self) -> str:
        """The REST API. Its stage is named after the environment."""
        return f"pitboard-{self.environment}"

    @property
    def secret(self) -> str:
        """The secret with iRacing's credentials; ir-auth alone may read it."""
        suffix = "" if self.environment == "prod" else f"-{self.environment}"
        return f"iRacing/OAuth/Credentials{suffix}"

    @property
    def alarm_topic(self) -> str:
        """The SNS topic that alarms notify."""
        return f"pitboard-{self.environment}-alarms"

    def alarm(self, name: str) -> str:
        """The full name of an alarm."""
        return f"pitboard-{self.environment}-{name}"

    @property
    def protected(self) -> bool:
        """Whether stack and tables are protected from deletion."""
        return self.environment == "prod"

    def role(self, kind: str) -> str:
        """The role of a function, by the function's short name. An account has one of a name, whatever the
        region."""
        suffix = "" if self.environment == "prod" else f"-{self.environment}"
        return f"ir-{kind}-role{suffix}"

    def preflight(self, function: str) -> str:
        """The function that checks a new version of `function` before traffic, if there is a canary."""
        return function.replace(f"-{self.environment}", f"-preflight-{self.environment}")

    def log_group(self, function: str) -> str:
        """The log group of a function."""
        return f"/aws/lambda/{function}"
