"""Calls every operation of a running demo through the generated client, an upload among them."""

import json
import sys
from datetime import datetime, timedelta, timezone
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import TypeVar

from twitchy_client import AuthenticatedClient
from twitchy_client.api.about import show_document, show_page, show_style
from twitchy_client.api.audit import list_audit
from twitchy_client.api.channels import (
    call_command,
    change_one,
    disable_module,
    list_channel_modules,
    list_channels,
    put_module,
    roll_back_channel_module,
    show_channel,
    show_channel_module,
)
from twitchy_client.api.keys import create_key, list_keys, revoke_key, show_own_key
from twitchy_client.api.modules import (
    drop_canary,
    list_modules,
    promote_canary,
    restore_version,
    roll_back,
    set_canary,
    show_module,
    show_version,
    upload_module,
    withdraw_module,
    withdraw_version,
)
from twitchy_client.api.watch import list_lines, stream_events, tell_health, tell_readiness
from twitchy_client.models import (
    ChannelPatch,
    ClaimedChatter,
    CommandAnswer,
    CommandCall,
    CreatedKey,
    ListedChannel,
    NewCanary,
    NewKey,
    Problem,
    RollbackWish,
    StepBack,
    UploadModuleClass,
    VersionDetail,
    WantedModule,
)
from twitchy_client.types import File, Response

url, key, component, document = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=key, raise_on_unexpected_status=True)
called: set[str] = set()


T = TypeVar("T")


def check(answer: Response[T], *refusals: HTTPStatus) -> T:
    if refusals:
        assert answer.status_code in refusals and isinstance(answer.parsed, Problem), answer
    else:
        assert answer.status_code < 300, (answer.status_code, answer.content)
    assert answer.parsed is not None
    return answer.parsed


payload = Path(component).read_bytes()
uploaded = check(
    upload_module.sync_detailed(client=client, body=File(BytesIO(payload)), class_=UploadModuleClass.SMALL)
)
assert isinstance(uploaded, VersionDetail)
name, version = uploaded.name, uploaded.version

check(tell_health.sync_detailed(client=client))
check(tell_readiness.sync_detailed(client=client))
check(show_document.sync_detailed(client=client))
check(show_page.sync_detailed(client=client))
check(show_style.sync_detailed(client=client))

channels = check(list_channels.sync_detailed(client=client, login="shop"))
assert isinstance(channels, ListedChannel)
channel = channels.items[0].id
until = datetime.now(timezone.utc) + timedelta(minutes=1)
for patch in (ChannelPatch(locale="en", muted_until=until), ChannelPatch(muted_until=None)):
    check(change_one.sync_detailed(channel, client=client, body=patch, if_match="*"))
check(show_channel.sync_detailed(channel, client=client))
check(list_channel_modules.sync_detailed(channel, client=client))
check(put_module.sync_detailed(channel, name, client=client, body=WantedModule(enabled=True), if_match="*"))
check(show_channel_module.sync_detailed(channel, name, client=client))
call = CommandCall(chatter=ClaimedChatter(id="42", login="dora"), arguments=["a", "b"])
answer = check(call_command.sync_detailed(channel, "echo-args", client=client, body=call, dry_run=True))
assert isinstance(answer, CommandAnswer) and answer.outcome == "answered", answer
check(list_lines.sync_detailed(name, client=client, limit=5))
check(list_modules.sync_detailed(client=client))
check(show_module.sync_detailed(name, client=client))
check(show_version.sync_detailed(name, version, client=client))
check(list_audit.sync_detailed(client=client, since=datetime.fromtimestamp(0, timezone.utc), limit=1))
check(list_keys.sync_detailed(client=client))
check(show_own_key.sync_detailed(client=client))
ends = datetime(2999, 1, 1, tzinfo=timezone(timedelta(hours=1)))
new_key = NewKey(name="made", scopes=[f"channel:{channel}"], role="vip", expires_at=ends)
made = check(create_key.sync_detailed(client=client, body=new_key))
assert isinstance(made, CreatedKey)
check(revoke_key.sync_detailed(made.id, client=client))

no = (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)
check(roll_back_channel_module.sync_detailed(channel, name, client=client, body=StepBack()), *no)
check(roll_back.sync_detailed(name, client=client, body=RollbackWish()), *no)
canary = NewCanary(version=version, channels=["1"])
check(set_canary.sync_detailed(name, client=client, body=canary, if_match="*"), *no)
check(promote_canary.sync_detailed(name, client=client), *no)
check(drop_canary.sync_detailed(name, client=client), *no)
check(disable_module.sync_detailed(channel, name, client=client))
check(withdraw_version.sync_detailed(name, version, client=client))
check(withdraw_module.sync_detailed(name, client=client, force=True))
check(restore_version.sync_detailed(name, version, client=client))

# The stream of events has no end.
with client.get_httpx_client().stream(**stream_events._get_kwargs()) as events:
    assert events.status_code == 200

operations = [
    operation["operationId"] for item in json.loads(Path(document).read_text())["paths"].values() for operation in item.values()
]
missing = [operation for operation in operations if operation not in globals()]
assert not missing, f"{missing} are called nowhere: call them in call.py"
print("the Python client calls every operation")
