"""Who may do what: the exact actions and resources of every role. Nothing more is allowed anywhere.

At the end the roles are held against what the functions do: each request that they make is allowed, and each
action that is allowed is made use of. They run under Lambda's runtime client; a proxy sees their requests.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

import pytest
import urllib3
from tests.support.lambda_runtime import LoopbackServer, gateway_event, lambda_functions, queue_event

from pitboard.simulator import Population, Simulator

XRAY = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
BATCH = {"dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"}
KINDS = ("auth", "custid", "drivers", "index")
POLLING = {
    (f"sqs:{action}", "ir-renewals-prod")
    for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
}
"""What Lambda does itself with the role of ir-drivers."""


def as_list(value):
    return value if isinstance(value, list) else [value]


def plain(one, value):
    """A resource as text: references to resources of the stack by their names, AWS' own as ${...}."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return argument[0].join(plain(one, part) for part in argument[1])
    if function == "Ref" and argument.startswith("AWS::"):
        return "${" + argument + "}"
    target = argument if function == "Ref" else argument[0]
    properties = one.template["Resources"][target]["Properties"]
    name = next(
        properties[key]
        for key in ("TableName", "Name", "LogGroupName", "FunctionName", "QueueName")
        if key in properties
    )
    name = plain(one, name)
    return name if function == "Ref" else f"{name}.{argument[1]}"


def statements(one, role_name):
    """{(policy, resource): actions} of a role."""
    role = one.one("AWS::IAM::Role", RoleName=role_name)
    assert not role.get("ManagedPolicyArns")
    found = {}
    for policy in role["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            for resource in as_list(statement["Resource"]):
                key = [policy["PolicyName"], plain(one, resource)]
                if "Condition" in statement:
                    key.append(json.dumps(statement["Condition"]))
                assert tuple(key) not in found
                found[tuple(key)] = set(as_list(statement["Action"]))
    return found


def invoke(function):
    return "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:" + function + ":live"


def logs_of(function):
    group = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:"
    return group + f"/aws/lambda/{function}:log-stream:*"


def test_ir_auth_reads_the_secret_and_keeps_the_token_and_does_nothing_else(prod):
    assert statements(prod, "ir-auth-role") == {
        ("SecretsManagerPolicy", "iRacing/OAuth/Credentials"): {"secretsmanager:GetSecretValue"},
        ("DynamoDBPolicy", "ir_auth.Arn"): {"dynamodb:GetItem", "dynamodb:PutItem"},
        ("LogsPolicy", logs_of("ir-auth-prod")): LOGS,
        ("TracingPolicy", "*"): XRAY,
    }


def item(*keys):
    return json.dumps({"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": list(keys)}})


SHARED = item("DOCUMENT:BUDGET", "DOCUMENT:MEMBERS")
"""What several functions change: the budget, and what members have asked for."""


def test_ir_custid_writes_ids_and_the_budget_and_asks_ir_auth(prod):
    assert statements(prod, "ir-custid-role") == {
        ("DynamoDBPolicy", "ir_custid.Arn"): BATCH,
        ("DynamoDBPolicy", "ir_drivers.Arn"): {"dynamodb:BatchGetItem", "dynamodb:GetItem"},
        ("DynamoDBPolicy", "ir_drivers.Arn", SHARED): {"dynamodb:PutItem"},
        ("InvokePolicy", invoke("ir-auth-prod")): {"lambda:InvokeFunction"},
        ("LogsPolicy", logs_of("ir-custid-prod")): LOGS,
        ("TracingPolicy", "*"): XRAY,
    }


def test_ir_drivers_works_on_its_tables_and_its_queue_and_asks_ir_auth(prod):
    """Lambda polls the queue with the function's role. Source: AWSLambdaSQSQueueExecutionRole."""
    poll = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
    single = {"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"}
    assert statements(prod, "ir-drivers-role") == {
        ("DynamoDBPolicy", "ir_custid.Arn"): BATCH,
        ("DynamoDBPolicy", "ir_drivers.Arn"): BATCH | single,
        ("InvokePolicy", invoke("ir-auth-prod")): {"lambda:InvokeFunction"},
        ("QueuePolicy", "ir-renewals-prod.Arn"): poll | {"sqs:SendMessage"},
        ("LogsPolicy", logs_of("ir-drivers-prod")): LOGS,
        ("TracingPolicy", "*"): XRAY,
    }


def test_ir_index_works_on_the_index_the_budget_and_its_lease_and_asks_ir_auth(prod):
    budget = {"dynamodb:GetItem", "dynamodb:PutItem"}
    assert statements(prod, "ir-index-role") == {
        ("DynamoDBPolicy", "ir_custid.Arn"): BATCH | {"dynamodb:Scan"},
        ("DynamoDBPolicy", "ir_drivers.Arn", SHARED): budget,
        ("DynamoDBPolicy", "ir_drivers.Arn", item("LEASE:INDEX")): {
            "dynamodb:PutItem",
            "dynamodb:DeleteItem",
        },
        ("InvokePolicy", invoke("ir-auth-prod")): {"lambda:InvokeFunction"},
        ("LogsPolicy", logs_of("ir-index-prod")): LOGS,
        ("TracingPolicy", "*"): XRAY,
    }


def test_ir_addon_may_write_its_log_and_nothing_else(prod):
    assert statements(prod, "ir-addon-role") == {
        ("LogsPolicy", logs_of("ir-addon-prod")): LOGS,
        ("TracingPolicy", "*"): XRAY,
    }


def test_only_ir_auth_is_told_of_the_secret_and_of_its_table(each):
    for function in each.properties("AWS::Lambda::Function"):
        given = function["Environment"]["Variables"] if "Environment" in function else {}
        is_auth = function.get("Handler") == "pitboard.aws.auth.lambda_handler"
        assert ("SECRET_NAME" in given) == is_auth
        assert ("AUTH_TABLE" in given) == is_auth


def policies(one):
    for role in one.properties("AWS::IAM::Role"):
        yield from (policy["PolicyDocument"] for policy in role.get("Policies", []))
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        if not one.lacks(kind):
            yield from (policy["PolicyDocument"] for policy in one.properties(kind))


def test_no_action_has_a_star_and_a_resource_is_a_star_only_where_aws_has_no_other(each):
    documents = list(policies(each))
    assert len(documents) > 4
    for document in documents:
        for statement in document["Statement"]:
            actions = set(as_list(statement["Action"]))
            assert not any("*" in action for action in actions)
            if "*" in as_list(statement["Resource"]):
                assert actions <= XRAY


def test_roles_of_other_environments_do_not_stand_in_the_way_of_prods(dev, prod):
    names = [{r["RoleName"] for r in e.properties("AWS::IAM::Role") if "RoleName" in r} for e in (dev, prod)]
    assert names[0] == {f"ir-{kind}-role-dev" for kind in (*KINDS, "addon")}
    assert names[0].isdisjoint(names[1])


@pytest.mark.parametrize("kind", ["auth", "custid", "drivers"])
def test_a_check_before_traffic_may_invoke_its_own_version_and_report_to_its_own_group(staging, kind):
    role = staging.one("AWS::IAM::Role", RoleName=f"ir-{kind}-preflight-role-staging")
    allowed = {p["PolicyName"]: p["PolicyDocument"]["Statement"][0] for p in role["Policies"]}
    assert allowed["InvokePolicy"]["Action"] == "lambda:InvokeFunction"
    version = staging.template["Resources"][allowed["InvokePolicy"]["Resource"]["Ref"]]
    assert version["Type"] == "AWS::Lambda::Version"
    reports = [
        s
        for d in policies(staging)
        for s in d["Statement"]
        if s["Action"] == "codedeploy:PutLifecycleEventHookExecutionStatus"
    ]
    assert len(reports) == 3
    assert all("deploymentgroup" in json.dumps(s["Resource"]) for s in reports)


# --- the roles in use

HTTP = urllib3.PoolManager()


class Watcher:
    """Passes requests of one function on, and notes them as (action, table or secret)."""

    def __init__(self, url: str, seen: set[tuple[str, str]]) -> None:
        self._url = url
        self._seen = seen

    def __call__(self, request: Any, body: bytes) -> Any:
        service, operation = request.headers["X-Amz-Target"].split(".")
        asked = json.loads(body)
        where = [asked.get(key) for key in ("TableName", "SecretId", "QueueUrl")]
        where += asked.get("RequestItems", {})
        prefix = {"DynamoDB_20120810": "dynamodb", "AmazonSQS": "sqs"}.get(service, service)
        self._seen |= {(f"{prefix}:{operation}", name) for name in where if name}
        headers = {k: v for k, v in request.headers.items() if k.lower() not in ("host", "content-length")}
        got = HTTP.request("POST", self._url + request.path, body=body, headers=headers)
        kept = {k: v for k, v in got.headers.items() if k.lower() in ("content-type", "x-amz-crc32")}
        return got.status, kept, got.data


@pytest.fixture(scope="module")
def used() -> Iterator[dict[str, set[tuple[str, str]]]]:
    """What each function asked AWS for, while it did everything that it can do."""
    seen: dict[str, set[tuple[str, str]]] = {kind: set() for kind in KINDS}
    with ExitStack() as stack:
        simulator = stack.enter_context(Simulator(Population(500), latency=0.01, link_latency=0.005))

        def between(kind: str, url: str) -> str:
            return stack.enter_context(LoopbackServer(Watcher(url, seen[kind]))).url

        running = stack.enter_context(lambda_functions(simulator, between))
        first, second, third, fourth = simulator.population.sample(4, seed=31)
        functions = running.functions
        for target in (
            f"/drivers?name={quote(first.display_name)}&name=Nobody%20At%20All",
            f"/drivers/{first.cust_id}/history",
            f"/drivers/{first.cust_id}/races",
            "/cars",
        ):
            functions["drivers"].invoke(gateway_event("GET", target))
        names = json.dumps({"names": [second.display_name], "profiles": True})
        functions["drivers"].invoke(queue_event({"MessageId": "1", "Body": names}))
        functions["drivers"].invoke(
            gateway_event("GET", f"/drivers?name={quote(fourth.display_name)}&wait=0")
        )
        functions["custid"].invoke(gateway_event("GET", f"/custid?name={quote(third.display_name)}"))
        functions["index"].invoke({"action": "refresh_index"})
        functions["auth"].invoke(gateway_event("GET", "/health"))
        functions["auth"].invoke(gateway_event("POST", "/auth"))
        tables = {name: f"ir_{kind.removesuffix('_TABLE').lower()}" for kind, name in running.tables.items()}
        tables |= {running.secret: "iRacing/OAuth/Credentials", running.queue: "ir-renewals-prod"}
        yield {kind: {(action, tables[where]) for action, where in found} for kind, found in seen.items()}


def test_the_package_describes_what_the_roles_allow_and_nothing_that_nobody_calls(staging):
    """What botocore has no description of cannot be called."""
    from infra.bundle import OPERATIONS

    names = {"lambda:InvokeFunction": "lambda:Invoke"}
    allowed = {
        names.get(action, action)
        for document in policies(staging)
        for statement in document["Statement"]
        for action in as_list(statement["Action"])
        if action.split(":")[0] in OPERATIONS
    } - {action for action, _ in POLLING}
    assert allowed == {f"{service}:{name}" for service, names in OPERATIONS.items() for name in names}


@pytest.mark.parametrize("kind", KINDS)
def test_a_role_allows_what_its_function_asks_for_and_nothing_that_it_does_not(prod, used, kind):
    allowed = {
        (action, resource.removesuffix(".Arn"))
        for (policy, resource, *_), actions in statements(prod, f"ir-{kind}-role").items()
        for action in actions
        if policy in ("DynamoDBPolicy", "SecretsManagerPolicy", "QueuePolicy")
    }
    assert used[kind] == allowed - POLLING
