"""One key for the many spellings of one link: pure, offline, and no text makes it raise."""

# Own code, for libraries fail here: of `?utm_source=a&id=3&b=2`, w3lib's canonical form keeps the tracking,
# url-normalize keeps all or loses id and b too, and courlan mangles mailto:.

import base64
import importlib
import ipaddress
import re
import unicodedata
from collections.abc import Collection, Iterable
from contextlib import suppress
from functools import cache, lru_cache
from itertools import islice
from typing import Any, Literal, NamedTuple, get_args
from urllib.parse import quote, unquote, unquote_plus, unquote_to_bytes

Level = Literal["page", "raw", "exact", "path", "section", "host", "domain"]
LEVELS: tuple[Level, ...] = get_args(Level)

_WEB = ("http", "https")
_DIRECT = ("mailto", "tel", "sms")
_TRACKING = re.compile(
    r"(?:utm_|mc_|_hs|vero_|mkt_|pk_|mtm_|hsa_|oly_).*|_ga|_gl|s_kwcid|igsh|igshid|li_fat_id|jsessionid|phpsessid"
    r"|(?:fb|g|d|y|tt|tw)clid|msclkid|gclsrc|gbraid|wbraid|gad_source|gad_campaignid",
    re.DOTALL,
)
# A semicolon in a query and an ampersand in a path are always escaped: together they could spell `&amp;` again.
_PATH_SAFE, _QUERY_SAFE = "!$'()*+,;=:@", "!$'()*,/:?@"
_ODD_PATH = re.compile(r"[^A-Za-z0-9._~!$'()*+,;=:@/-]")
_ODD_QUERY = re.compile(r"[^A-Za-z0-9._~!$'()*,/:?@=&+-]")
_EDGES = "".join(map(chr, [*range(33), *range(0x7F, 0xA1), 0x1680, *range(0x2000, 0x2010), 0x2028, 0x2029]))
_EDGES += "\u202f\u205f\u2060\u3000\ufeff"
_BREAKS = re.compile(r"[\t\r\n]+")
_AMPERSANDS = re.compile(r"&(?:(?:amp|#0*38|#x0*26);)+", re.IGNORECASE)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_BARE_HOST = re.compile(r"(?:[\w-]+\.)+[^\W\d_]{2,}(?::[0-9]*)?(?=[/\\?#]|\Z)")
_AUTHORITY = re.compile(r"[^/\\?#]*")
_PLAIN = re.compile(r"[A-Za-z0-9._-]*")
# The codec has the rules of 2003, by which these lead to another domain than browsers go to.
_DEVIATING = re.compile("[\u00df\u03c2\u200c\u200d]")
_SESSION = re.compile(r";(?:jsessionid|phpsessid)=[^;/]*", re.IGNORECASE)
_NOT_PRINTABLE = re.compile(r"[^!-~]+")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")

# Redirectors that carry the target in their own address; a group is named after the parameters that may hold it.
_REDIRECTOR = re.compile(
    r"""
    (?P<url> [^/]+\.safelinks\.protection\.(?:outlook|office365)\.(?:com|us)/.*
           | linkedin\.com/(?:redir/redirect|safety/go) )
    | (?P<q_url> google\.[a-z.]{2,6}/url )
    | (?P<q> (?:m\.)?youtube\.com/redirect )
    | (?P<u> lm?\.(?:facebook|instagram)\.com/(?:l\.php)? | urldefense(?:\.proofpoint)?\.(?:com|us)/v1/url )
    | (?P<u_v2> urldefense(?:\.proofpoint)?\.(?:com|us)/v2/url )
    | (?P<v3> urldefense(?:\.proofpoint)?\.(?:com|us)/v3/__https?:/.* )
    | (?P<a> linkprotect\.cudasvc\.com/url )
    """,
    re.VERBOSE | re.DOTALL,
)
_WEB_START = re.compile(r"https?:[/\\]", re.IGNORECASE)
_DEFENDED = re.compile(r"[^/]+/v3/__(https?:/.*)__(?:;|%3B)([^!]*)")
_STARS = re.compile(r"\*(?:\*[A-Za-z0-9_-])?")
_STAR_COUNTS = "*ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"  # **A stands for two characters

# Where names are sold one label deeper; only used without tldextract, which knows them all.
_SECOND_LEVELS = (
    ("ac co gov ltd me net nhs org plc police sch", "uk"),
    ("com edu gov net org", "ar au br cn hk mx my ph pl sg tr tw"),
    ("ac co gov net org", "il in nz za"),
    ("ac co go ne or", "id jp kr th"),
    ("ac co gv or", "at"),
    ("asn id", "au"),
    ("gob", "ar mx"),
    ("govt school", "nz"),
    ("ed lg", "jp"),
)
_SUFFIXES = {f"{name}.{top}" for names, tops in _SECOND_LEVELS for name in names.split() for top in tops.split()}


class Address(NamedTuple):
    """An address taken apart, every part in its normal form; equal addresses have equal parts."""

    scheme: str
    host: str
    """Empty for what leads to no host: mailto:, tel:, mere words."""
    port: str
    path: str
    query: tuple[str, ...]
    """The parameters as they are written, in their order."""
    route: str
    """The fragment of a single-page application, with its #."""


def link_key(uri: str, level: Level = "page", *, drop: Collection[str] = ()) -> str:
    """Give the key that all spellings of one link share.

    Parameters
    ----------
    uri
        The address as a report or a mail has it; any text.
    level
        What counts as one link, from fine to coarse: ``"raw"``, the text as it is; ``"exact"``, the address with
        all its parameters; ``"page"``, without those that only track, in any order; ``"path"``, without any;
        ``"section"``, the first segment of the path; ``"host"``; ``"domain"``, the one that was registered.
    drop
        Further parameters that only track, such as ``cid``; upper and lower case are the same.

    Returns
    -------
    str
        An address again, in ASCII and for the web always with https. The key of a key is the key itself.

    Raises
    ------
    ValueError
        When the level is none of these.
    """
    if level not in LEVELS:
        raise ValueError(f"level is {level!r}; pass one of {', '.join(map(repr, LEVELS))}")
    if level == "raw":
        return uri
    address = opened(uri)
    if level != "exact":
        address = page(address, drop)
    if level not in ("exact", "page"):
        address = address._replace(query=(), route="")
    if address.host and level in ("section", "host", "domain"):
        address = address._replace(path="/" + address.path.split("/")[1] if level == "section" else "/")
        if level == "domain":
            address = address._replace(host=registrable(address.host), port="")
    return _written(address)


def opened(uri: str) -> Address:
    """Take an address apart, after taking it out of the redirectors it is wrapped in."""
    carried: str | None = uri
    while carried is not None:  # ends, since what is carried is shorter than what carries it
        text = _AMPERSANDS.sub("&", _BREAKS.sub("", carried.strip(_EDGES)))
        scheme, authority, tail = _split(text)
        host, port = _host(authority)
        if not host:
            return _hostless(text)
        body, _, fragment = tail.partition("#")
        path, _, query = body.partition("?")
        path = _path(path)
        carried = _carried(host + _page_path(path), query)
    route = ""
    if fragment.startswith(("!", "/")):
        start, _, rest = fragment.partition("?")
        route = "#" + _with_query(_printable(start), _parameters(rest))
    return Address("https" if scheme in _WEB else scheme, host, port, path, _parameters(query), route)


def page(address: Address, drop: Collection[str] = ()) -> Address:
    """Leave out of an address what does not change the page: sessions, tracking, order, the last slash."""
    if not address.host:
        return address
    query, route = _untracked(address.query, drop), address.route
    if "?" in route:
        start, _, rest = route.partition("?")
        route = _with_query(start, _untracked(rest.split("&"), drop))
    return address._replace(path=_page_path(address.path), query=query, route=route)


@lru_cache(maxsize=4096)
def registrable(host: str) -> str:
    """Give the domain that somebody registered; that of an IP address is the address."""
    labels = host.split(".")
    if host.startswith("[") or labels[-1].isdigit():
        return host
    extract = _extractor()
    suffix = extract(host).suffix if extract else ""
    if not suffix:
        suffix = ".".join(labels[-2:]) if ".".join(labels[-2:]) in _SUFFIXES else labels[-1]
    return _host(".".join(labels[-suffix.count(".") - 2 :]))[0]  # www. may be what is left


@cache
def _extractor() -> Any:
    try:
        module = importlib.import_module("tldextract")
    except ImportError:
        return None
    # Without addresses it takes the list that it came with; without a folder it writes nothing.
    return module.TLDExtract(suffix_list_urls=(), cache_dir=None)


def _split(text: str) -> tuple[str, str, str]:
    """Cut into scheme, authority and the rest; the authority of what has none is empty."""
    found = _SCHEME.match(text)
    scheme = found[1].lower() if found else ""
    rest = text[len(scheme) + 1 :] if found else text
    if scheme in _WEB:
        rest = rest.lstrip("/\\")  # browsers forgive one slash, three, and the wrong ones
    elif _BARE_HOST.match(text) or text.startswith("//"):
        scheme, rest = "https", text.lstrip("/\\")
    elif scheme and scheme not in _DIRECT and rest.startswith("//"):
        rest = rest[2:]
    else:
        return scheme, "", rest
    authority = _AUTHORITY.match(rest)
    end = authority.end() if authority else 0
    return scheme, rest[:end], rest[end:]


def _hostless(text: str) -> Address:
    found = _SCHEME.match(text)
    scheme = found[1].lower() if found else ""
    body, _, parameters = (text[len(scheme) + 1 :] if found else text).partition("?")
    if scheme in _DIRECT:
        body = body.lstrip("/ ")
    if scheme == "mailto":
        body = re.sub("@[^,;]*", lambda domain: domain[0].lower(), body)
    query = (_printable(parameters),) if parameters else ()
    return Address(scheme, "", "", _printable(body), query, "")


@lru_cache(maxsize=4096)
def _host(authority: str) -> tuple[str, str]:
    """Give host and port; the names and passwords before them are no part of a key."""
    place = authority.rpartition("@")[2]
    host, colon, port = place.rpartition(":")
    if not colon or place.endswith("]"):
        host, port = place, ""
    if port.isascii() and port.isdigit():
        port = port.lstrip("0") or "0"
    labels = [label for label in _ascii_host(host).split(".") if label]
    while len(labels) > 2 and labels[0] == "www":
        del labels[0]
    # Both default ports go, for http and https are one here.
    return ".".join(labels), "" if port in ("80", "443") else _printable(port)


def _ascii_host(host: str) -> str:
    if _PLAIN.fullmatch(host):
        return host.lower()
    if host.startswith("[") and host.endswith("]") and "%" not in host:
        with suppress(ValueError):
            return f"[{ipaddress.IPv6Address(host[1:-1])}]"
    text = _unquoted(host)
    if len(text) > 1000:
        return ""  # no host, and slow to normalise
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower()).replace("\u3002", ".")
    labels = text.split(".")
    for place, label in enumerate(labels):
        if _DEVIATING.search(label):
            labels[place] = "xn--" + label.encode("punycode").decode("ascii")
        elif not label.isascii():
            with suppress(UnicodeError):
                labels[place] = label.encode("idna").decode("ascii")
    return ".".join(quote(label.encode("utf-8", "surrogateescape"), safe="") for label in labels)


def _path(path: str) -> str:
    path = path.replace("\\", "/")
    if _ODD_PATH.search(path):
        path = "/".join(_normal(segment, _PATH_SAFE) for segment in path.split("/"))
    return _resolved(path)


def _page_path(path: str) -> str:
    if ";" in path:
        path = _resolved(_SESSION.sub("", path))  # `..;jsessionid=1` leaves dots behind
    return path.rstrip("/") or "/"


def _resolved(path: str) -> str:
    """Follow the dots and drop empty segments."""
    if path and "//" not in path and "/." not in path:
        return path
    segments = path.split("/")
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    slash = "/" if kept and segments[-1] in ("", ".", "..") else ""
    return f"/{'/'.join(kept)}{slash}"


def _parameters(query: str) -> tuple[str, ...]:
    tokens = [token for token in query.split("&") if token]
    if _ODD_QUERY.search(query):
        pairs = (token.replace("+", " ").partition("=") for token in tokens)
        tokens = [
            _normal(name, _QUERY_SAFE) + equals + _normal(value, _QUERY_SAFE + "=") for name, equals, value in pairs
        ]
        tokens = [token.replace("%20", "+") for token in tokens]
    return tuple(tokens)


def _untracked(query: Iterable[str], drop: Collection[str]) -> tuple[str, ...]:
    names = {name.lower() for name in ([drop] if isinstance(drop, str) else drop)}
    kept = []
    for token in query:
        name = token.partition("=")[0]
        name = (unquote_plus(name) if "%" in name or "+" in name else name).lower()
        if name not in names and not _TRACKING.fullmatch(name):
            kept.append(token)
    return tuple(sorted(kept))


def _with_query(text: str, query: tuple[str, ...]) -> str:
    return f"{text}?{'&'.join(query)}" if query else text


def _written(address: Address) -> str:
    scheme, host, port, path, query, route = address
    start = f"{scheme}:" if scheme else ""
    if host:
        start = f"{start}//{host}:{port}" if port else f"{start}//{host}"
    return _with_query(start + path, query) + route


def _unquoted(text: str) -> str:
    """Undo escapes; bytes that are no UTF-8 survive as surrogates."""
    return unquote_to_bytes(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogateescape")


def _normal(text: str, safe: str) -> str:
    """Undo all escapes and set those that are needed, so that each text has one spelling."""
    if _PLAIN.fullmatch(text):
        return text
    text = _unquoted(text)
    if not text.isascii() and len(text) < 2000:  # longer ones are slow to normalise
        text = unicodedata.normalize("NFC", text)
    return quote(text.encode("utf-8", "surrogateescape"), safe)


def _printable(text: str) -> str:
    """Escape what is not printable ASCII and touch nothing else, where the meaning of a text is not known."""
    text = _NOT_PRINTABLE.sub(lambda found: quote(found[0].encode("utf-8", "surrogatepass")), text)
    return _ESCAPE.sub(lambda escape: escape[0].upper(), text)


def _carried(place: str, query: str) -> str | None:
    """Give the address that a redirector carries in its own, if it does."""
    found = _REDIRECTOR.fullmatch(place)
    if not found or not found.lastgroup:
        return None
    names = found.lastgroup.split("_")
    if "v3" in names:
        return _undefended(_with_query(place, _parameters(query)))
    pairs = (token.partition("=") for token in query.split("&"))
    values = [unquote_plus(value) for name, _, value in pairs if unquote_plus(name) in names]
    if "v2" in names:
        values = [unquote(value.replace("-", "%").replace("_", "/")) for value in values]
    # The least of several, as parameters have no order.
    return min((value for value in values if _WEB_START.match(value)), default=None)


def _undefended(text: str) -> str | None:
    """Read the third form of Proofpoint's addresses: odd characters are stars, and listed after the address."""
    found = _DEFENDED.match(text)
    if not found:
        return None
    listed = b""
    with suppress(ValueError):
        listed = base64.urlsafe_b64decode(unquote(found[2]) + "==")
    characters = iter(listed.decode("utf-8", "replace"))
    return _STARS.sub(
        lambda stars: "".join(islice(characters, _STAR_COUNTS.index(stars[0][-1]) + 1)) or stars[0], found[1]
    )
