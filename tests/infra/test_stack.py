"""The properties of the stack that matter, in each environment."""

import json
import re

import pytest

KINDS = ("auth", "custid", "drivers", "index")
ALL = (*KINDS, "addon")

HANDED_OUT = {
    "/pitboard.user.js",
    "/pitboard-card.js",
    "/pitboard-options.js",
    "/addon",
    "/addon/{file}",
    "/static/{file}",
}


# --- names: the troubleshooting guide's commands must work as they are written


def test_the_names_are_the_guides(prod):
    functions = {f["FunctionName"] for f in prod.properties("AWS::Lambda::Function") if "FunctionName" in f}
    assert functions == {f"ir-{kind}-prod" for kind in ALL}
    groups = {g["LogGroupName"] for g in prod.properties("AWS::Logs::LogGroup")}
    assert {f"/aws/lambda/{function}" for function in functions} <= groups
    assert prod.one("AWS::SecretsManager::Secret")["Name"] == "iRacing/OAuth/Credentials"
    assert prod.one("AWS::ApiGateway::Stage")["StageName"] == "prod"


@pytest.mark.parametrize(("environment", "suffix"), [("dev", "_dev"), ("staging", "_staging"), ("prod", "")])
def test_the_tables_have_the_guides_keys_and_a_suffix_outside_prod(request, environment, suffix):
    one = request.getfixturevalue(environment)
    keys = {
        t["TableName"]: [(k["AttributeName"], k["KeyType"]) for k in t["KeySchema"]]
        for t in one.properties("AWS::DynamoDB::Table")
    }
    assert keys == {
        f"ir_auth{suffix}": [("username", "HASH")],
        f"ir_custid{suffix}": [("name", "HASH")],
        f"ir_drivers{suffix}": [("name", "HASH")],
    }


# --- tables and secret


def test_tables_expire_by_ttl_are_paid_by_use_and_can_be_restored(each):
    for table in each.properties("AWS::DynamoDB::Table"):
        assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True


def test_tables_and_secret_stay_when_the_stack_is_deleted(each):
    for kind in ("AWS::DynamoDB::Table", "AWS::SecretsManager::Secret"):
        for resource in each.of(kind).values():
            assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
            assert resource["UpdateReplacePolicy"] == "Retain"


def test_a_failed_first_deploy_leaves_nothing_that_the_next_one_collides_with(synthesize):
    """With `Retain` a table outlives the first deploy that failed, and its name is taken. Source:
    CloudFormation's guide, "DeletionPolicy attribute", RetainExceptOnCreate. DynamoDB does not delete a table
    that is protected, nor CloudFormation a stack. Sources: DynamoDB's guide, "Using deletion protection";
    CloudFormation's guide, "Protect a stack from being deleted"."""
    from infra.config import from_context

    first = synthesize(from_context({"env": "prod", "first": "true", "canary": "true"}.get))
    assert not any(t.get("DeletionProtectionEnabled") for t in first.properties("AWS::DynamoDB::Table"))
    named = ("TableName", "FunctionName", "RoleName", "LogGroupName", "QueueName", "TopicName", "Name")
    resources = [
        resource
        for resource in first.template["Resources"].values()
        if any(isinstance(resource.get("Properties", {}).get(name), str) for name in named)
    ]
    assert len(resources) > 20
    for resource in resources:
        assert resource.get("DeletionPolicy", "Delete") in ("Delete", "RetainExceptOnCreate")


def test_a_version_goes_with_the_deploy_that_has_failed_so_that_the_same_can_be_deployed_again(each):
    """Lambda makes no second version of the same code and settings, and CloudFormation then fails. What an
    alarm has sent back is often deployed again as it is. Sources: Lambda's guide, "Manage Lambda function
    versions"; CloudFormation's guide, "AWS::Lambda::Version" and "DeletionPolicy attribute"."""
    for version in each.of("AWS::Lambda::Version").values():
        assert version["DeletionPolicy"] == "RetainExceptOnCreate"
        assert version["UpdateReplacePolicy"] == "Retain", "an older version is the way back"


def test_production_tables_cannot_be_deleted_by_mistake(prod, dev):
    assert all(t["DeletionProtectionEnabled"] for t in prod.properties("AWS::DynamoDB::Table"))
    assert not any(t.get("DeletionProtectionEnabled") for t in dev.properties("AWS::DynamoDB::Table"))


def test_the_template_has_no_value_of_the_secret(each):
    secret = each.one("AWS::SecretsManager::Secret")
    assert set(secret) <= {"Name", "Description", "Tags"}


def test_existing_tables_and_an_existing_secret_are_used_and_not_made(synthesize):
    from dataclasses import replace

    from infra.config import environment

    existing = frozenset({"ir_auth", "ir_custid", "ir_drivers_restored", "iRacing/OAuth/Credentials"})
    config = replace(environment("prod"), existing=existing, tables={"ir_drivers": "ir_drivers_restored"})
    one = synthesize(config)
    assert one.lacks("AWS::DynamoDB::Table")
    assert one.lacks("AWS::SecretsManager::Secret")
    drivers = one.one("AWS::Lambda::Function", FunctionName="ir-drivers-prod")
    assert drivers["Environment"]["Variables"]["DRIVERS_TABLE"] == "ir_drivers_restored"
    assert one.template["Outputs"]["TableDrivers"]["Value"] == "ir_drivers_restored"
    auth = json.dumps(one.one("AWS::IAM::Role", RoleName="ir-auth-role")["Policies"])
    assert "secret:iRacing/OAuth/Credentials-??????" in auth


# --- functions


def test_functions_run_on_python_313_and_arm_by_default_and_are_traced(prod):
    for kind in ALL:
        function = prod.one("AWS::Lambda::Function", FunctionName=f"ir-{kind}-prod")
        assert function["Runtime"] == "python3.13"
        assert function["Architectures"] == ["arm64"]
        assert function["Handler"] == f"pitboard.aws.{kind}.lambda_handler"
        assert function["TracingConfig"] == {"Mode": "Active"}
        assert function["Environment"]["Variables"]["ENVIRONMENT"] == "prod"


def test_every_function_has_an_alias_live_that_points_to_a_version_of_its_own(each):
    aliases = each.properties("AWS::Lambda::Alias")
    assert [alias["Name"] for alias in aliases] == ["live"] * len(ALL)
    versions = each.of("AWS::Lambda::Version")
    for alias in aliases:
        version, attribute = alias["FunctionVersion"]["Fn::GetAtt"]
        assert attribute == "Version"
        assert version in versions


def test_snap_start_is_on_for_what_readers_wait_for_in_production(prod, dev):
    drivers = [
        prod.one("AWS::Lambda::Function", FunctionName="ir-drivers-prod"),
        dev.one("AWS::Lambda::Function", FunctionName="ir-drivers-dev"),
    ]
    apply_on = [function.get("SnapStart") for function in drivers]
    assert apply_on == [{"ApplyOn": "PublishedVersions"}, None]


def test_provisioned_concurrency_sits_on_the_alias(synthesize):
    from dataclasses import replace

    from infra.config import environment

    config = environment("staging")
    one = synthesize(replace(config, drivers=replace(config.drivers, provisioned=2)))
    provisioned = [a.get("ProvisionedConcurrencyConfig") for a in one.properties("AWS::Lambda::Alias")]
    assert provisioned.count({"ProvisionedConcurrentExecutions": 2}) == 1
    assert provisioned.count(None) == len(ALL) - 1


def test_every_log_has_a_retention(each):
    assert all(group["RetentionInDays"] for group in each.properties("AWS::Logs::LogGroup"))


def text(value):
    """A text of the template; what CloudFormation puts into it is a question mark."""
    if isinstance(value, str):
        return value
    return "".join(part if isinstance(part, str) else "?" for part in value["Fn::Join"][1])


def schedules(one):
    """{action: (how often, the target)} of the rules."""
    return {
        json.loads(text(rule["Targets"][0]["Input"]))["action"]: (
            rule["ScheduleExpression"],
            rule["Targets"][0],
        )
        for rule in one.properties("AWS::Events::Rule")
    }


def test_the_token_is_renewed_by_the_clock(each):
    assert schedules(each)["refresh_token_now"][0] == "rate(6 hours)"


# --- the driver index


def test_the_index_is_refreshed_once_a_day_and_not_at_once_again_when_that_fails(each):
    """Lambda repeats an asynchronous invocation twice unless it is told not to. Source: Lambda's guide,
    "Asynchronous invocation"."""
    every, target = schedules(each)["refresh_index"]
    assert every == "rate(1 day)"
    assert target["RetryPolicy"]["MaximumRetryAttempts"] == 0
    events = each.one("AWS::Lambda::EventInvokeConfig")
    assert events["MaximumRetryAttempts"] == 0
    assert each.template["Resources"][events["FunctionName"]["Ref"]]["Properties"]["FunctionName"].startswith(
        "ir-index"
    )
    assert events["Qualifier"] == "live"


def test_a_refresh_may_take_as_long_as_lambda_allows_and_has_room_for_its_files(prod):
    """15 minutes are the longest that a function may run. Source: Lambda quotas. The files of 500,000 drivers
    take some 400 MB: benchmarks/index_aws.py."""
    function = prod.one("AWS::Lambda::Function", FunctionName="ir-index-prod")
    assert (function["Timeout"], function["MemorySize"]) == (900, 1024)
    assert function["EphemeralStorage"] == {"Size": 1024}
    assert "SnapStart" not in function


# --- the queue of renewals


def queues(one):
    suffix = one.config.names.environment
    return (
        one.one("AWS::SQS::Queue", QueueName=f"ir-renewals-{suffix}"),
        one.one("AWS::SQS::Queue", QueueName=f"ir-renewals-dead-{suffix}"),
    )


def test_a_message_is_hidden_for_six_timeouts_of_its_function_and_its_window(each):
    """Source: Lambda's guide, "Using Lambda with Amazon SQS", on the visibility timeout."""
    queue, _ = queues(each)
    mapping = each.one("AWS::Lambda::EventSourceMapping")
    function = each.one("AWS::Lambda::Function", FunctionName=each.config.names.drivers)
    window = mapping["MaximumBatchingWindowInSeconds"]
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"] + window


def test_a_message_that_fails_again_and_again_is_put_aside_before_it_ends(each):
    """At least five tries. Source: the same guide. A message ends with its queue's retention period, counted
    from when it was sent, also in the dead-letter queue. Source: SQS' guide, "Dead-letter queues"."""
    queue, dead = queues(each)
    redrive = queue["RedrivePolicy"]
    target = each.template["Resources"][redrive["deadLetterTargetArn"]["Fn::GetAtt"][0]]
    assert target["Properties"] == dead
    assert redrive["maxReceiveCount"] >= 5
    assert queue["MessageRetentionPeriod"] > redrive["maxReceiveCount"] * queue["VisibilityTimeout"]
    assert dead["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]


def test_the_queues_are_encrypted_and_take_tls_alone(each):
    """Source: SQS' guide, "Security best practices"."""
    assert all(queue["SqsManagedSseEnabled"] is True for queue in queues(each))
    policies = each.properties("AWS::SQS::QueuePolicy")
    assert len(policies) == 2
    for policy in policies:
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Action"]) == ("Deny", "sqs:*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_queue_feeds_the_live_ir_drivers_in_batches_and_two_at_a_time(each):
    """Two is the lowest that AWS allows. Batches of more than ten need a window. Source: Lambda's API
    reference, CreateEventSourceMapping."""
    mapping = each.one("AWS::Lambda::EventSourceMapping")
    (alias,) = [key for key in each.of("AWS::Lambda::Alias") if "drivers" in key]
    assert f'"Ref": "{alias}"' in json.dumps(mapping["FunctionName"])
    assert mapping["FunctionName"]["Fn::Join"][1][-1] == ":live"
    assert mapping["MaximumBatchingWindowInSeconds"] == 10
    assert 10 < mapping["BatchSize"] <= 10_000
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


# --- the API


def method_settings(one):
    return one.one("AWS::ApiGateway::Stage")["MethodSettings"]


def test_each_route_has_a_limit_below_the_stages(each):
    """Source: API Gateway's guide, "Throttle requests to your REST APIs": a method's limit goes first."""
    stage = {s["ResourcePath"]: s for s in method_settings(each)}
    whole = stage.pop("/*")
    served = {path for path, method in routes(each) if method != "OPTIONS"}
    assert {path.replace("/~1", "/").replace("~1", "/") for path in stage} == served
    for settings in stage.values():
        assert settings["ThrottlingRateLimit"] <= min(200, whole["ThrottlingRateLimit"])
        assert settings["ThrottlingBurstLimit"] <= min(400, whole["ThrottlingBurstLimit"])


def test_the_gateways_detailed_metrics_are_off(each):
    """They cost about 7.50 dollars a month, and all alarms look at the stage. Source: API Gateway's guide,
    "Amazon API Gateway dimensions and metrics"."""
    assert not any(settings.get("MetricsEnabled") for settings in method_settings(each))


def test_each_function_may_run_so_many_copies_and_no_more(each):
    """Source: Lambda's guide, "Configuring reserved concurrency": it is a limit, too. AWS keeps 100 of an
    account's 1,000 for functions without one."""
    reserved = {
        kind: each.one("AWS::Lambda::Function", FunctionName=f"ir-{kind}-{each.config.names.environment}")[
            "ReservedConcurrentExecutions"
        ]
        for kind in ALL
    }
    assert sum(reserved.values()) == each.config.reserved < 100
    (mapping,) = each.properties("AWS::Lambda::EventSourceMapping")
    assert mapping["ScalingConfig"]["MaximumConcurrency"] < reserved["drivers"]


def test_an_account_without_room_reserves_nothing(synthesize):
    from infra.config import from_context

    for settings in ({"no_room": "true"}, {"reserved": "false"}):
        one = synthesize(from_context({"env": "dev", **settings}.get))
        functions = one.properties("AWS::Lambda::Function")
        assert not any("ReservedConcurrentExecutions" in function for function in functions)


def test_a_domain_of_the_hosts_own_leads_to_the_stage_over_tls_12(synthesize, prod):
    """A regional domain takes a certificate of its own region. Source: API Gateway's guide, "Set up a
    Regional custom domain name"."""
    from infra.config import from_context

    arn = "arn:aws:acm:eu-central-1:1:certificate/2"
    one = synthesize(from_context({"env": "prod", "domain": "stats.example.org", "certificate": arn}.get))
    domain = one.one("AWS::ApiGateway::DomainName", DomainName="stats.example.org")
    assert domain["RegionalCertificateArn"] == arn
    assert domain["SecurityPolicy"] == "TLS_1_2"
    mapping = one.one("AWS::ApiGateway::BasePathMapping")
    assert "BasePath" not in mapping
    assert "DomainTarget" in one.template["Outputs"]
    assert prod.lacks("AWS::ApiGateway::DomainName")


def test_the_firewall_blocks_an_address_that_asks_too_often_and_keeps_no_samples(synthesize, prod):
    """A rate rule counts over one, two, five or ten minutes; its limit is 10 and more. Source: WAF's API
    reference, RateBasedStatement. Samples of requests hold names and addresses."""
    from dataclasses import replace

    from infra.config import environment

    one = synthesize(replace(environment("prod"), waf=True))
    acl = one.one("AWS::WAFv2::WebACL")
    assert acl["Scope"] == "REGIONAL"
    (rule,) = acl["Rules"]
    assert rule["Statement"]["RateBasedStatement"] == {
        "AggregateKeyType": "IP",
        "EvaluationWindowSec": 300,
        "Limit": 600,
    }
    assert rule["VisibilityConfig"]["SampledRequestsEnabled"] is False
    assert "/stages/" in json.dumps(one.one("AWS::WAFv2::WebACLAssociation")["ResourceArn"])
    assert prod.lacks("AWS::WAFv2::WebACL")


def test_production_is_throttled_at_a_thousand_a_second_and_bursts_of_two_thousand(prod):
    (settings,) = [s for s in method_settings(prod) if s["ResourcePath"] == "/*"]
    assert settings["ThrottlingRateLimit"] == 1000
    assert settings["ThrottlingBurstLimit"] == 2000
    assert (settings["HttpMethod"], settings["ResourcePath"]) == ("*", "/*")


def routes(one):
    """{(path, method): method's properties}."""
    resources = one.of("AWS::ApiGateway::Resource")

    def path(reference):
        if "Ref" not in reference or reference["Ref"] not in resources:
            return ""
        properties = resources[reference["Ref"]]["Properties"]
        return f"{path(properties['ParentId'])}/{properties['PathPart']}"

    return {(path(m["ResourceId"]), m["HttpMethod"]): m for m in one.properties("AWS::ApiGateway::Method")}


def test_the_routes_of_the_contract_reach_the_aliases_and_no_others_are_open(each):
    found = routes(each)
    served = {key for key in found if key[1] != "OPTIONS"}
    assert served == {
        ("/auth", "POST"),
        ("/health", "GET"),
        ("/custid", "GET"),
        ("/drivers", "GET"),
        ("/drivers/{cust_id}/history", "GET"),
        ("/drivers/{cust_id}/races", "GET"),
        ("/cars", "GET"),
        *((path, "GET") for path in HANDED_OUT),
    }
    aliases = each.of("AWS::Lambda::Alias")
    for key in served:
        assert found[key]["Integration"]["Type"] == "AWS_PROXY"
        parts = found[key]["Integration"]["Uri"]["Fn::Join"][1]
        assert any(isinstance(part, dict) and part.get("Ref") in aliases for part in parts)


# --- what ir-addon hands out


def test_every_file_that_both_homes_hand_out_has_a_route_of_the_gateway(each):
    """A path's last part may be a parameter. The gateway's page is at /addon; whether it takes /addon/ for it
    is not written anywhere, so nothing leads there."""
    from pitboard.addon.routes import addon_routes

    handed_out = {route.path for route in addon_routes(str, look_up=False)} - {"/addon/"}
    patterns = [re.escape(path).replace(r"\{file\}", "[^/]+") for path, _ in routes(each)]
    for path in handed_out:
        assert any(re.fullmatch(pattern, path) for pattern in patterns), path


def test_what_ir_addon_hands_out_has_a_package_of_its_own(prod):
    """The files would be in the cold start of the functions that readers wait for."""
    code = {
        f["FunctionName"]: f["Code"]["S3Key"]
        for f in prod.properties("AWS::Lambda::Function")
        if "FunctionName" in f
    }
    assert len({key for name, key in code.items() if name != "ir-addon-prod"}) == 1
    assert len(set(code.values())) == 2


def test_the_gateway_passes_zips_on_to_browsers_and_leaves_all_other_answers_alone(each):
    """An answer in base64 is decoded if the first type that the client accepts is a binary one of the API's:
    for a link that is followed text/html. With */* the gateway would hand bodies to the functions in base64,
    and could not answer OPTIONS by itself any more. Sources: API Gateway's guide, "Content type conversions"
    and "Return binary media from a Lambda proxy integration"; github.com/aws/chalice/issues/1310."""
    assert each.one("AWS::ApiGateway::RestApi")["BinaryMediaTypes"] == ["text/html", "application/zip"]


def test_what_an_attack_on_a_file_costs_is_bounded(each):
    """Bytes that go out are the dearest part: 200 kB for a zip, at 0.09 $ a GB."""
    settings = {s["ResourcePath"].replace("~1", "/").strip("/"): s for s in method_settings(each)}
    zips = settings["addon/{file}"]["ThrottlingRateLimit"]
    assert zips * 3600 * 0.0002 * 0.09 < 1, "dollars an hour"
    assert {f"/{path}" for path in settings} >= HANDED_OUT


def test_every_route_answers_preflights_for_every_origin_without_credentials(each):
    found = routes(each)
    for path in {path for path, method in found if method != "OPTIONS"}:
        (response,) = found[path, "OPTIONS"]["Integration"]["IntegrationResponses"]
        headers = {k.rsplit(".", 1)[1]: v for k, v in response["ResponseParameters"].items()}
        assert headers["Access-Control-Allow-Origin"] == "'*'"
        assert "GET" in headers["Access-Control-Allow-Methods"]
        assert "Access-Control-Allow-Credentials" not in headers


def test_the_gateways_own_errors_may_be_read_by_a_page_and_are_problems(each):
    answers = {r["ResponseType"]: r for r in each.properties("AWS::ApiGateway::GatewayResponse")}
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "THROTTLED", "MISSING_AUTHENTICATION_TOKEN"} <= set(answers)
    for answer in answers.values():
        headers = answer["ResponseParameters"]
        assert headers["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"
        problem = json.loads(answer["ResponseTemplates"]["application/json"])
        assert {"type", "title", "detail", "code"} <= set(problem)
    throttled = answers["THROTTLED"]
    assert throttled["StatusCode"] == "429"
    assert throttled["ResponseParameters"]["gatewayresponse.header.Retry-After"] == "'1'"


def test_answers_are_compressed_by_the_gateway(each):
    assert each.one("AWS::ApiGateway::RestApi")["MinimumCompressionSize"] == 1024


def test_access_logs_tell_routes_and_never_names_or_addresses(each):
    stage = each.one("AWS::ApiGateway::Stage")
    written = json.loads(stage["AccessLogSetting"]["Format"])
    assert written["route"] == "$context.resourcePath"
    told = " ".join(written.values())
    for revealing in ("querystring", "$context.path", "sourceIp", "userAgent", "requestOverride", "$input"):
        assert revealing not in told
    for settings in stage["MethodSettings"]:
        assert settings.get("DataTraceEnabled") is False
        assert "LoggingLevel" not in settings, "execution logs hold query strings"


def test_the_cache_is_off_by_default(prod):
    stage = prod.one("AWS::ApiGateway::Stage")
    assert not stage.get("CacheClusterEnabled")
    assert not any(settings.get("CachingEnabled") for settings in stage["MethodSettings"])


def test_the_cache_keeps_charts_and_races_by_all_that_they_depend_on(staging):
    """A key has one value of a repeated parameter, so lists of names cannot be cached; a 304 must not be kept
    for somebody who has nothing yet. Sources: ADR 51."""
    stage = staging.one("AWS::ApiGateway::Stage")
    assert stage["CacheClusterEnabled"] is True
    assert stage["CacheClusterSize"] == "0.5"
    cached = {s["ResourcePath"] for s in stage["MethodSettings"] if s.get("CachingEnabled")}
    assert cached == {"/~1drivers~1{cust_id}~1history", "/~1drivers~1{cust_id}~1races"}
    assert all(s["CacheTtlInSeconds"] == 300 for s in stage["MethodSettings"] if s.get("CachingEnabled"))
    for path, own in (("history", {"querystring.category", "querystring.kind"}), ("races", set())):
        method = routes(staging)[f"/drivers/{{cust_id}}/{path}", "GET"]
        wanted = {"path.cust_id", "querystring.wait", "header.Origin", "header.If-None-Match"} | own
        assert set(method["Integration"]["CacheKeyParameters"]) == {f"method.request.{k}" for k in wanted}
        assert set(method["RequestParameters"]) >= set(method["Integration"]["CacheKeyParameters"])


# --- release


def test_a_canary_goes_back_on_an_alarm_or_a_failed_check(staging):
    """A check that reports Failed fails the deployment, before any request goes to the new version; a failed
    deployment is rolled back if the group says so. Sources: CodeDeploy's guide, "AppSpec 'hooks' section for
    an AWS Lambda deployment" and "Redeploy and roll back a deployment with CodeDeploy"."""
    groups = staging.properties("AWS::CodeDeploy::DeploymentGroup")
    assert len(groups) == 3
    for group in groups:
        assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
        assert group["AlarmConfiguration"]["Enabled"] is True
        assert len(group["AlarmConfiguration"]["Alarms"]) == 3
        back = group["AutoRollbackConfiguration"]
        assert back["Enabled"] is True
        assert {"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"} <= set(back["Events"])
    aliases = {
        i: alias
        for i, alias in staging.of("AWS::Lambda::Alias").items()
        if "index" not in i and "addon" not in i
    }
    assert len(aliases) == 3, "a tenth of a few invocations a day would tell nothing"
    for alias in aliases.values():
        update = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        assert update["BeforeAllowTrafficHook"]


def test_the_check_of_a_version_that_hangs_lives_to_report_it(staging):
    """Without a report CodeDeploy waits for an hour. Source: its guide, "AppSpec 'hooks' section for an AWS
    Lambda deployment"."""
    from pitboard.aws import preflight
    from pitboard.aws.clients import INVOKE_CONFIG as CONFIG

    once = CONFIG.connect_timeout + CONFIG.read_timeout
    backoff = 1  # botocore's longest before a second try, in its mode "standard"
    most = len(preflight._requests("auth")) * (2 * once + backoff)  # the others ask once
    checks = [f for f in staging.properties("AWS::Lambda::Function") if "preflight" in f["FunctionName"]]
    assert len(checks) == 3
    assert CONFIG.retries["total_max_attempts"] == 2
    assert all(check["Timeout"] >= most for check in checks)


def test_the_alarms_of_a_canary_can_fire_within_its_five_minutes_and_move_when_a_500_is_handled(staging):
    """Lambda's Errors count what a function does not handle; a 500 that it answers moves 5XXError, and the
    metric Defects. Source: API Gateway's guide, "Amazon API Gateway dimensions and metrics". A period of less
    than a minute would need metrics of high resolution. Source: PutMetricAlarm, Period."""
    watched = set()
    for group in staging.properties("AWS::CodeDeploy::DeploymentGroup"):
        for one in group["AlarmConfiguration"]["Alarms"]:
            found = staging.template["Resources"][one["Name"]["Ref"]]["Properties"]
            assert found["Period"] == 60
            assert found["Period"] * found["EvaluationPeriods"] <= 120
            watched.add(found["MetricName"])
    assert watched == {"Errors", "Defects", "5XXError"}


def test_a_canary_that_fails_always_crosses_the_alarm_and_single_waits_do_not(staging):
    """/custid answers a wait with 503. A tenth of the requests goes to the canary."""
    found = alarm(staging, "api-5xx")
    assert found["Statistic"] == "Average"
    assert 0.01 < found["Threshold"] < 0.1


def test_ordinary_renewals_do_not_cross_the_alarm_of_a_functions_time(prod):
    from pitboard.aws.renewals import SPARE

    timeout = prod.one("AWS::Lambda::Function", FunctionName="ir-drivers-prod")["Timeout"]
    assert (timeout - SPARE) * 1000 < alarm(prod, "drivers-duration")["Threshold"] < timeout * 1000


def test_while_another_table_is_switched_in_the_roles_allow_both(synthesize):
    """CloudFormation changes a role before the alias: the version that runs until then needs its own table.
    Source: the order that Ref and Fn::GetAtt make."""
    from dataclasses import replace

    from infra.config import environment

    tables = {"ir_drivers_dev": "ir_drivers_dev_2"}
    config = replace(
        environment("dev"),
        tables=tables,
        existing=frozenset(tables.values()),
        former={"ir_drivers_dev": "ir_drivers_dev"},
    )
    one = synthesize(config)
    for kind in ("custid", "drivers", "index"):
        role = json.dumps(one.one("AWS::IAM::Role", RoleName=f"ir-{kind}-role-dev")["Policies"])
        assert ":table/ir_drivers_dev_2" in role
        assert ':table/ir_drivers_dev"' in role
    assert ":table/ir_drivers_dev" not in json.dumps(
        one.one("AWS::IAM::Role", RoleName="ir-auth-role-dev")["Policies"]
    )


def test_without_the_canary_nothing_of_codedeploy_is_there(prod):
    assert not [r for r in prod.template["Resources"].values() if "CodeDeploy" in r["Type"]]


# --- watching


def test_alarms_watch_functions_api_tables_token_budget_and_logins(prod):
    alarms = {
        (a["Namespace"], a["MetricName"], tuple(sorted(d["Value"] for d in a["Dimensions"])))
        for a in prod.properties("AWS::CloudWatch::Alarm")
        if "Namespace" in a
    }
    for kind in KINDS:
        for metric in ("Errors", "Throttles", "Duration"):
            assert ("AWS/Lambda", metric, (f"ir-{kind}-prod",)) in alarms
    for metric in ("Errors", "Throttles"):  # the heartbeat does not ask for its files
        assert ("AWS/Lambda", metric, ("ir-addon-prod",)) in alarms
    for metric in ("4XXError", "5XXError"):
        assert ("AWS/ApiGateway", metric, ("pitboard-prod", "prod")) in alarms
    for table in ("ir_auth", "ir_custid", "ir_drivers"):
        for metric in ("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"):
            assert ("AWS/DynamoDB", metric, (table,)) in alarms
    assert ("iRacing/Lambda", "GrantsFailed", ("prod",)) in alarms
    assert ("iRacing/Lambda", "Heartbeats", ("ok", "prod")) in alarms
    assert ("iRacing/Lambda", "TokenAgeSeconds", ("prod",)) in alarms
    assert ("iRacing/Lambda", "BudgetLeft", ("prod",)) in alarms
    assert ("iRacing/Lambda", "OauthGrants", ("password_limited", "prod")) in alarms
    assert ("AWS/SQS", "ApproximateAgeOfOldestMessage", ("ir-renewals-prod",)) in alarms
    assert ("AWS/SQS", "ApproximateNumberOfMessagesVisible", ("ir-renewals-dead-prod",)) in alarms


def alarm(one, name):
    return one.one("AWS::CloudWatch::Alarm", AlarmName=f"pitboard-{one.config.names.environment}-{name}")


def test_an_index_that_was_not_refreshed_for_two_days_is_an_alarm_also_when_nothing_ran(each):
    """With a period of an hour or more an alarm may look at seven days. Source: PutMetricAlarm, Period."""
    found = alarm(each, "index-age")
    assert (found["Period"], found["EvaluationPeriods"], found["Statistic"]) == (86_400, 2, "Sum")
    assert (found["ComparisonOperator"], found["Threshold"]) == ("LessThanThreshold", 1)
    assert {"Name": "outcome", "Value": "whole"} in found["Dimensions"]
    assert found["TreatMissingData"] == "breaching"


def test_one_dead_message_is_an_alarm(each):
    found = alarm(each, "renewals-dead")
    assert (found["Threshold"], found["Statistic"], found["EvaluationPeriods"]) == (1, "Maximum", 1)


def test_the_first_refresh_of_the_index_is_no_alarm_for_its_table(prod):
    """It writes for some minutes; the other tables have no such load."""
    assert alarm(prod, "ir_custid-writes")["EvaluationPeriods"] == 3
    assert alarm(prod, "ir_drivers-writes")["EvaluationPeriods"] == 1


def test_a_million_page_views_a_day_are_no_alarm_of_the_tables(prod):
    """Three times their mean is a busy hour. An alarm that is always on tells nothing."""
    import runpy
    from pathlib import Path

    cost = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "cost.py"))
    mean = cost["reads"](cost["SIZES"][-1]) / cost["SECONDS"]
    found = alarm(prod, "ir_drivers-reads")
    assert found["Statistic"] == "Sum"
    assert 3 * mean < found["Threshold"] / found["Period"] < 5 * mean


def test_the_runbook_says_what_to_do_for_every_alarm(prod):
    from pathlib import Path

    text = (Path(__file__).parents[2] / "docs" / "RUNBOOK.md").read_text("utf-8")
    for found in prod.properties("AWS::CloudWatch::Alarm"):
        name = found["AlarmName"].removeprefix("pitboard-prod-")
        for table in prod.config.names.tables:
            name = name.replace(f"{table}-", "TABLE-")
        for kind in ALL:
            if name.startswith(f"{kind}-") and name != "index-age":
                name = name.replace(f"{kind}-", "KIND-")
        assert f"`{name}`" in text


WITHOUT_DATA = {"heartbeat": "breaching", "index-age": "breaching", "token-age": "ignore"}
"""A missing heartbeat is the trouble, as is a missing refresh. The token's age is told a few times a day."""


def test_every_alarm_tells_somebody_and_is_quiet_without_data_unless_that_is_the_trouble(each):
    for found in each.properties("AWS::CloudWatch::Alarm"):
        assert found["AlarmActions"]
        assert found["OKActions"]
        assert found["AlarmDescription"].endswith(".")
        name = found["AlarmName"].removeprefix(f"pitboard-{each.config.names.environment}-")
        assert found["TreatMissingData"] == WITHOUT_DATA.get(name, "notBreaching")


def test_cloudwatch_and_budgets_may_publish_to_the_topic(each):
    """A topic policy replaces the default one, which would let them: with a Deny alone no alarm reaches
    anybody. Sources: CloudWatch's guide, "Notifying users on alarm changes"; Budgets' guide, "Creating an
    Amazon SNS topic for budget notifications"."""
    statements = each.one("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    allowed = [s for s in statements if s["Effect"] == "Allow"]
    assert {s["Principal"]["Service"] for s in allowed} == {
        "cloudwatch.amazonaws.com",
        "budgets.amazonaws.com",
    }
    for statement in allowed:
        assert statement["Action"] == "sns:Publish"
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_a_heartbeat_that_is_missing_is_an_alarm_within_fifteen_minutes(each):
    every, target = schedules(each)["heartbeat"]
    assert every == "rate(5 minutes)"
    assert "execute-api" in text(target["Input"])
    found = alarm(each, "heartbeat")
    assert (found["Period"], found["EvaluationPeriods"], found["Threshold"]) == (900, 1, 1)
    assert found["ComparisonOperator"] == "LessThanThreshold"
    assert {"Name": "outcome", "Value": "ok"} in found["Dimensions"]


def test_two_logins_within_an_hour_are_an_alarm(each):
    """The keeper makes at most four an hour; four in five minutes can never be."""
    from pitboard.iracing.token_state import LOGINS_AN_HOUR

    found = alarm(each, "password-logins")
    assert (found["Period"], found["Statistic"]) == (3600, "Sum")
    assert 1 < found["Threshold"] < LOGINS_AN_HOUR


def test_a_share_of_unavailable_answers_is_an_alarm(each):
    """Of one metric: CloudWatch's arithmetic would cost twice, and the emulator has none."""
    found = alarm(each, "unavailable")
    assert (found["MetricName"], found["Statistic"]) == ("UnavailablePercent", "Average")
    assert (found["Threshold"], found["EvaluationPeriods"]) == (10, 3)


def test_the_accounts_costs_have_a_budget_whose_messages_go_to_the_same_people(synthesize, prod):
    """One address of SNS for each notification. Source: Budgets' API reference, Subscriber."""
    from dataclasses import replace

    from infra.config import environment

    budget = prod.one("AWS::Budgets::Budget")
    assert budget["Budget"]["BudgetLimit"] == {"Amount": 50, "Unit": "USD"}
    kinds = set()
    for told in budget["NotificationsWithSubscribers"]:
        ((subscriber,), kind) = told["Subscribers"], told["Notification"]["NotificationType"]
        assert subscriber["SubscriptionType"] == "SNS"
        kinds.add(kind)
    assert kinds == {"ACTUAL", "FORECASTED"}
    assert synthesize(replace(environment("dev"), budget=0)).lacks("AWS::Budgets::Budget")


def test_our_metrics_are_ones_that_the_functions_write(each):
    from pitboard.telemetry.metrics import METRICS

    known = {metric.cloudwatch: metric for metric in METRICS}
    ours = [a for a in each.properties("AWS::CloudWatch::Alarm") if a.get("Namespace") == "iRacing/Lambda"]
    assert len(ours) > 5
    for found in ours:
        dimensions = {d["Name"] for d in found["Dimensions"]} - {"Environment"}
        assert dimensions <= {known[found["MetricName"]].split}
    drawn = json.dumps(each.properties("AWS::CloudWatch::Dashboard")).split("iRacing/Lambda")[1:]
    assert len(drawn) > 5
    for part in drawn:
        assert part.split('\\"')[2] in known


def test_there_is_a_dashboard_for_the_service_and_one_for_the_business(each):
    name = each.config.names.environment
    dashboards = {d["DashboardName"] for d in each.properties("AWS::CloudWatch::Dashboard")}
    assert dashboards == {f"pitboard-{name}-service", f"pitboard-{name}-business"}
