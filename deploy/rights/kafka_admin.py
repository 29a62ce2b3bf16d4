"""Makes users and their rights at a Kafka that keeps them: what aiokafka lacks for it, and nothing more.

Formats: Kafka's protocol guide, "AlterUserScramCredentials Request (Version: 0)"; the rest brings aiokafka.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import CompactArray, CompactBytes, CompactString, Int8, Int16, Int32, Schema, TaggedFields

from deploy.rights.acls import Rule

ITERATIONS = 8_192
SCRAM_SHA_512 = 2
_NO_SUCH_CREDENTIAL = 91  # Kafka's RESOURCE_NOT_FOUND
KINDS = {"Topic": 2, "Group": 3}
OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Delete": 6, "Alter": 7, "Describe": 8}
ANY, ALLOW = 1, 3
PATTERNS = {"Literal": 3, "Prefixed": 4}


class _AlterUserScram0Response(Response):
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error", Int16),
                ("message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterUserScram0(RequestStruct):
    API_KEY = 51
    API_VERSION = 0
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _AlterUserScram0Response
    SCHEMA = Schema(
        ("deletions", CompactArray(("user", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields))),
        (
            "upsertions",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterUserScram(Request[_AlterUserScram0]):
    API_KEY = 51

    def __init__(self, passwords: Mapping[str, str], gone: Iterable[str] = ()) -> None:
        self._passwords = passwords
        self._gone = tuple(gone)

    def build(self, request_struct_class: type[_AlterUserScram0]) -> _AlterUserScram0:
        made: list[tuple[Any, ...]] = []
        for user, password in self._passwords.items():
            salt = secrets.token_bytes(32)
            salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
            made.append((user, SCRAM_SHA_512, ITERATIONS, salt, salted, {}))
        return request_struct_class([(user, SCRAM_SHA_512, {}) for user in self._gone], made, {})


async def apply(
    login: Mapping[str, Any], passwords: Mapping[str, str], rules: Collection[Rule], also: Iterable[str] = ()
) -> None:
    """From now on these users have these passwords, and the users of the rules (``also`` these, without any) those
    rights and no others.

    Other users stay as they are. Safe to repeat. Raises KafkaError.
    """
    client = AIOKafkaClient(**login)
    try:
        await client.bootstrap()
        there = await rules_there(client)
        users = {rule.user for rule in rules} | set(passwords) | set(also)
        for rule in sorted({each for each in there if each.user in users} - set(rules)):
            await remove(client, rule)
        for rule in sorted(set(rules) - there):
            await add(client, rule)
        if passwords:  # last: who is told that it failed has the password of before, unless this very answer was lost
            answer = await _ask(client, _AlterUserScram(passwords))
            _raise_first(result[1] for result in answer.results)
    finally:
        await client.close()


async def forget(client: AIOKafkaClient, user: str) -> bool:
    """Take a user's password away: nobody comes in under that name any more. False when it had none. Raises
    KafkaError."""
    answer = await _ask(client, _AlterUserScram({}, [user]))
    codes = [result[1] for result in answer.results]
    _raise_first(code for code in codes if code != _NO_SUCH_CREDENTIAL)
    return _NO_SUCH_CREDENTIAL not in codes


async def add(client: AIOKafkaClient, rule: Rule) -> None:
    """Give one right. Raises KafkaError."""
    request = CreateAclsRequest(*_of_acl(rule), f"User:{rule.user}", "*", OPERATIONS[rule.operation], ALLOW)
    _raise_first(result[0] for result in (await _ask(client, request)).creation_responses)


async def remove(client: AIOKafkaClient, rule: Rule) -> None:
    """Take one right. Raises KafkaError."""
    request = DeleteAclsRequest(*_of_acl(rule), f"User:{rule.user}", "*", OPERATIONS[rule.operation], ALLOW)
    _raise_first(result[0] for result in (await _ask(client, request)).filter_responses)


async def rules_there(client: AIOKafkaClient) -> set[Rule]:
    """What is allowed now to users by name, on topics and groups; other kinds of rules are left alone."""
    any_name: Any = None  # aiokafka's own annotation leaves out that it may be nobody's
    answer = await _ask(client, DescribeAclsRequest(ANY, any_name, ANY, any_name, any_name, ANY, ANY))
    _raise_first([answer.error_code])
    kinds = {code: kind for kind, code in KINDS.items()}
    operations = {code: operation for operation, code in OPERATIONS.items()}
    patterns = {code: pattern for pattern, code in PATTERNS.items()}
    found = set()
    for kind, name, pattern, allowed in answer.resources:
        for principal, host, operation, permission in allowed:
            known = kind in kinds and operation in operations and pattern in patterns
            if known and (host, permission) == ("*", ALLOW):
                user = principal.removeprefix("User:")
                found.add(Rule(user, kinds[kind], name, operations[operation], patterns[pattern]))
    return found


def _of_acl(rule: Rule) -> tuple[int, str, int]:
    return KINDS[rule.kind], rule.name, PATTERNS[rule.pattern]


async def _ask(client: AIOKafkaClient, request: Request[Any]) -> Any:
    return await client.send(client.get_random_node(), request)


def _raise_first(codes: Iterable[int]) -> None:
    for code in codes:
        if code:
            raise for_code(code)()


__all__ = ["KafkaError", "add", "apply", "forget", "remove", "rules_there"]
