"""Values of `next_link` that must never be followed, and those that must: data only.

`HOSTILE` holds `(name, make)`, `GOOD` and `GOOD_CAMPAIGN` hold `(name, token, make)`, where
`make(base_path, origin)` gives the value for a report asked at `origin + base_path`
(`"/v2/contacts/36/tracking/clicks"`, `"http://127.0.0.1:8000"`) and `token` is what the next
request must carry in `next`, decoded. `GOOD_CAMPAIGN` is for campaign reports only.
"""

import re
from collections.abc import Callable
from typing import Any

Make = Callable[[str, str], Any]

EVIL = "evil.example"
TOKEN = "c3RhcnRBdD0zJmxpbWl0PTI"
# Every character that changes meaning when it is not percent-encoded, or encoded twice.
AWKWARD = "a+b/c=d%e%2Bf&g#h?i"
AWKWARD_ENCODED = "a%2Bb%2Fc%3Dd%25e%252Bf%26g%23h%3Fi"
Q = f"?next={TOKEN}"


def _host(origin: str) -> str:
    return origin.partition("//")[2]


def _bare_host(origin: str) -> str:
    return _host(origin).rpartition(":")[0] or _host(origin)


def _other_scheme(origin: str) -> str:
    scheme, _, host = origin.partition("://")
    return f"{'http' if scheme == 'https' else 'https'}://{host}"


def _other_id(path: str) -> str:
    return re.sub(r"/(\d+)", lambda found: f"/{int(found[1]) + 1}", path, count=1)


def _fullwidth(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


HOSTILE: list[tuple[str, Make]] = [
    # another host, as urljoin sees it
    ("protocol-relative", lambda path, origin: f"//{EVIL}{path}{Q}"),
    ("three slashes", lambda path, origin: f"///{EVIL}{path}{Q}"),
    ("doubled leading slash", lambda path, origin: f"/{path}{Q}"),
    ("https host", lambda path, origin: f"https://{EVIL}{path}{Q}"),
    ("http host", lambda path, origin: f"http://{EVIL}{path}{Q}"),
    ("upper-case scheme", lambda path, origin: f"HTTPS://{EVIL}{path}{Q}"),
    ("leading blanks", lambda path, origin: f"  //{EVIL}{path}{Q}"),
    ("leading tab", lambda path, origin: f"\t//{EVIL}{path}{Q}"),
    ("leading newline", lambda path, origin: f"\n//{EVIL}{path}{Q}"),
    ("leading control character", lambda path, origin: f"\x01https://{EVIL}{path}{Q}"),
    ("tab between the slashes", lambda path, origin: f"/\t/{EVIL}{path}{Q}"),
    ("newline between the slashes", lambda path, origin: f"/\r\n/{EVIL}{path}{Q}"),
    # another host, as string concatenation sees it
    ("at sign", lambda path, origin: f"@{EVIL}{path}{Q}"),
    ("dot", lambda path, origin: f".{EVIL}{path}{Q}"),
    ("port only", lambda path, origin: f":8443{path}{Q}"),
    # our host, almost
    ("own host as userinfo", lambda path, origin: f"{origin}@{EVIL}{path}{Q}"),
    ("own host as subdomain", lambda path, origin: f"{origin}.{EVIL}{path}{Q}"),
    ("userinfo before the own host", lambda path, origin: f"http://user:word@{_host(origin)}{path}{Q}"),
    ("empty userinfo", lambda path, origin: f"{origin.partition('//')[0]}//@{_host(origin)}{path}{Q}"),
    ("other port", lambda path, origin: f"http://{_bare_host(origin)}:8443{path}{Q}"),
    ("second port", lambda path, origin: f"{origin}:8443{path}{Q}"),
    ("port that is no number", lambda path, origin: f"http://{_bare_host(origin)}:http{path}{Q}"),
    ("port out of range", lambda path, origin: f"http://{_bare_host(origin)}:99999999{path}{Q}"),
    ("other spelling of the address", lambda path, origin: f"http://2130706433{path}{Q}"),
    ("unclosed bracket", lambda path, origin: f"http://[::1{path}{Q}"),
    ("scheme changed", lambda path, origin: f"{_other_scheme(origin)}{path}{Q}"),
    ("http downgrade", lambda path, origin: f"http://api.constantcontact.com{path}{Q}"),
    # backslashes, which some parsers read as slashes
    ("two backslashes", lambda path, origin: f"\\\\{EVIL}{path}{Q}"),
    ("slash backslash", lambda path, origin: f"/\\{EVIL}{path}{Q}"),
    ("backslash before userinfo", lambda path, origin: f"{origin}\\@{EVIL}{path}{Q}"),
    ("backslashes as path", lambda path, origin: path.replace("/", "\\") + Q),
    # other schemes
    ("file", lambda path, origin: f"file:///etc/passwd{Q}"),
    ("file with our path", lambda path, origin: f"file://{path}{Q}"),
    ("ftp", lambda path, origin: f"ftp://{_host(origin)}{path}{Q}"),
    ("javascript", lambda path, origin: f"javascript:alert(1)//{path}{Q}"),
    ("data", lambda path, origin: f"data:application/json,{{}}{Q}"),
    # our host, another resource
    ("climbing out", lambda path, origin: f"/v2/../../oauth{Q}"),
    ("climbing from the report", lambda path, origin: f"{path}/../../../../oauth2/token{Q}"),
    ("climbing, encoded", lambda path, origin: f"{path}/%2e%2e/%2e%2e/reports/summary{Q}"),
    ("climbing and back", lambda path, origin: f"{path}/../{path.rpartition('/')[2]}{Q}"),
    ("other endpoint", lambda path, origin: f"/v2/account/info{Q}"),
    ("other report", lambda path, origin: f"{path.rpartition('/')[0]}/everything{Q}"),
    ("other id", lambda path, origin: f"{_other_id(path)}{Q}"),
    ("other API version", lambda path, origin: f"/v3{path.removeprefix('/v2')}{Q}"),
    ("longer path", lambda path, origin: f"{path}/1100000000101{Q}"),
    ("path parameters", lambda path, origin: f"{path};jsessionid=1{Q}"),
    ("encoded slash before a host", lambda path, origin: f"/%2F{EVIL}{path}{Q}"),
    ("other resource, absolute", lambda path, origin: f"{origin}/v2/contacts{Q}"),
    # the token
    ("two tokens", lambda path, origin: f"{path}{Q}&next=OTHER"),
    ("the same token twice", lambda path, origin: f"{path}{Q}&next={TOKEN}"),
    ("empty token", lambda path, origin: f"{path}?next="),
    ("no value", lambda path, origin: f"{path}?next"),
    ("no token", lambda path, origin: path),
    ("no token among parameters", lambda path, origin: f"{path}?limit=2&nextt={TOKEN}"),
    ("token in capitals", lambda path, origin: f"{path}?NEXT={TOKEN}"),
    ("token in the fragment", lambda path, origin: f"{path}#{Q}"),
    ("fragment after the token", lambda path, origin: f"{path}{Q}#{EVIL}"),
    ("5,000 characters", lambda path, origin: f"{path}?next={'A' * 5_000}"),
    ("blank inside the token", lambda path, origin: f"{path}?next=AA BB"),
    # characters
    ("header injection", lambda path, origin: f"{path}{Q}\r\nX-Evil: 1"),
    ("trailing newline", lambda path, origin: f"{path}{Q}\n"),
    ("trailing blank", lambda path, origin: f"{path}{Q} "),
    ("NUL", lambda path, origin: f"{path}{Q}\x00"),
    ("escape", lambda path, origin: f"{path}\x1b{Q}"),
    ("delete", lambda path, origin: f"{path}{Q}\x7f"),
    ("lone surrogate", lambda path, origin: f"{path}{Q}\ud800"),
    ("right-to-left override", lambda path, origin: f"{path}{Q}\u202e"),
    ("full-width slashes", lambda path, origin: f"{_fullwidth('//')}{EVIL}{path}{Q}"),
    ("full-width host", lambda path, origin: f"http://{_fullwidth('evil')}.example{path}{Q}"),
    ("full-width slash ends the host", lambda path, origin: f"{origin}{_fullwidth('/')}{path}{Q}"),
    ("full-width path", lambda path, origin: f"{_fullwidth(path)}{Q}"),
    ("full-width token name", lambda path, origin: f"{path}?{_fullwidth('next')}={TOKEN}"),
    # not text at all
    ("empty text", lambda path, origin: ""),
    ("number", lambda path, origin: 36),
    ("true", lambda path, origin: True),
    ("list", lambda path, origin: [f"{path}{Q}"]),
    ("dict", lambda path, origin: {"href": f"{path}{Q}"}),
]

GOOD: list[tuple[str, str, Make]] = [
    ("relative", TOKEN, lambda path, origin: f"{path}{Q}"),
    ("absolute, same origin", TOKEN, lambda path, origin: f"{origin}{path}{Q}"),
    ("percent-encoded token", AWKWARD, lambda path, origin: f"{path}?next={AWKWARD_ENCODED}"),
    ("other parameters before", TOKEN, lambda path, origin: f"{path}?limit=2&status=ALL&next={TOKEN}"),
    ("other parameters after", TOKEN, lambda path, origin: f"{path}{Q}&limit=2"),
]

GOOD_CAMPAIGN: list[tuple[str, str, Make]] = [
    (
        "path from before general availability",
        TOKEN,
        lambda path, origin: path.replace("/v2/emailmarketing/campaigns/", "/v2/emailcampaigns/") + Q,
    ),
]
