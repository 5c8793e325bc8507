"""What a link of a newsletter is for: content, or one of the links that every mail has."""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from itertools import takewhile
from typing import Final
from urllib.parse import unquote, unquote_plus

from cctrack.analysis._urls import Address, link_key, opened, page, registrable

KINDS: Final = (
    "content",
    "unsubscribe",
    "preferences",
    "forward",
    "view_in_browser",
    "social",
    "mailto",
    "tel",
    "legal",
    "home",
    "asset",
)

_SCHEMES = {"mailto": "mailto", "tel": "tel", "sms": "tel", "callto": "tel", "webcal": "asset", "webcals": "asset"}

# Host, path, one parameter (None: whatever there is), kind. The first that fits counts; upper and lower case are the
# same. What no line names is judged by its words, and else it is content: so are posts, videos and events.
_PLACES: tuple[tuple[str, str, str | None, str], ...] = (
    # Constant Contact; conta.cc is its shortener for all that it hosts, and says nothing about the target
    (r"(?:visitor|ui|eaui)(?:\.r20)?\.constantcontact\.com", r"/do|/d\.jsp", "p=un", "unsubscribe"),
    (r"(?:visitor|ui|eaui)(?:\.r20)?\.constantcontact\.com", r"/do|/d\.jsp", "p=oo", "preferences"),
    (r"ui\.constantcontact\.com", r"(?:/roving)?/sa/fwtf\.jsp", None, "forward"),
    (r"campaign(?:\.r20)?\.constantcontact\.com", "/render", None, "view_in_browser"),
    (r"(?:myemail|archive)[a-z0-9-]*\.constantcontact\.com", "/.+", None, "view_in_browser"),
    (r"constantcontact\.com", r"/landing1/vr/home|/index\.jsp", None, "home"),
    # Mailchimp
    (r".+\.list-manage[0-9]?\.com", "/unsubscribe(?:/.*)?", None, "unsubscribe"),
    (r".+\.list-manage[0-9]?\.com", "/profile(?:/.*)?", None, "preferences"),
    (r".+\.list-manage[0-9]?\.com", "/about", None, "legal"),
    (r".+\.list-manage[0-9]?\.com", "/vcard", None, "asset"),
    (r"(?:.+\.)?forward-to-friend[0-9]?\.com", "/.*", None, "forward"),
    (r"(?:.+\.)?campaign-archive[0-9]?\.com", "/.*", None, "view_in_browser"),
    (r"mailchi\.mp", "/.+", "e=", "view_in_browser"),
    (r"login\.mailchimp\.com", "/signup/email-referral", None, "home"),
    # others
    (r".+\.(?:cmail[0-9]+|createsend[0-9]*)\.com", "/t/[a-z]-u-.*", None, "unsubscribe"),
    (r".+\.(?:cmail[0-9]+|createsend[0-9]*)\.com", "/t/[a-z]-e-.*", None, "view_in_browser"),
    (r"manage\.kmail-lists\.com", "/subscriptions/update", None, "preferences"),
    (r".+\.(?:sendib[a-z]+[0-9]*|brevo)\.com", "(?:/.+)?/mk/un/.+", None, "unsubscribe"),
    (r".+\.(?:sendib[a-z]+[0-9]*|brevo)\.com", "(?:/.+)?/mk/mr/.+", None, "view_in_browser"),
    (r"preview\.mailerlite\.(?:com|io)", "/.+", None, "view_in_browser"),
    (r"view\..+", "/", "qs=", "view_in_browser"),
    # profiles and share buttons
    (
        r"(?:.+\.)?(?:facebook|fb)\.com",
        r"/(?!(?:watch|events|marketplace|reel|photo|photo\.php|story\.php|permalink\.php|video\.php|hashtag|help|login)"
        r"(?:/|$))[^/]*|/(?:pg|pages|people)/.+|/groups/[^/]+|/sharer/.+|/dialog/(?:share|feed|send)",
        None,
        "social",
    ),
    (r"instagram\.com", r"/(?!(?:explore|p|reel|reels|stories|tv)(?:/|$))[^/]*", None, "social"),
    (
        r"(?:[a-z]{2}\.)?linkedin\.com",
        r"/|/(?:in|company|school|showcase|groups|pub)/[^/]+(?:/about)?|/shareArticle|/sharing/.+|/cws/share",
        None,
        "social",
    ),
    (
        r"(?:mobile\.)?(?:x|twitter)\.com",
        r"/(?!(?:explore|hashtag|home|i|search)(?:/|$))[^/]*|/intent/.+",
        None,
        "social",
    ),
    (
        r"(?:m\.)?youtube\.com",
        r"/(?!(?:watch|playlist|shorts|live|embed|results|feed|hashtag|redirect|premium)(?:/|$))[^/]*"
        r"|/(?:@[^/]+|(?:c|channel|user)/[^/]+)(?:/(?:about|featured|videos))?",
        None,
        "social",
    ),
    (r"tiktok\.com|threads\.(?:net|com)", "/|/@[^/]+", None, "social"),
    (
        r"(?:[a-z]{2}\.)?pinterest\.(?:com|(?:com?\.)?[a-z]{2})",
        "/(?!(?:ideas|search|today)(?:/|$))[^/]*|/pin/create/.+",
        None,
        "social",
    ),
    (r"bsky\.app", "/|/profile/[^/]+|/intent/compose", None, "social"),
    (r"(?:mastodon|mstdn|social)\..+|mas\.to|fosstodon\.org|hachyderm\.io", "/@[^/]+", None, "social"),
    (r"t\.me|wa\.me|discord\.gg", "/[^/]+", None, "social"),
    (r"snapchat\.com", "/add/[^/]+", None, "social"),
    (r"flickr\.com", "/(?:people|photos)/[^/]+", None, "social"),
    (r"vimeo\.com", "/(?:(?![0-9]+$)(?!(?:blog|features|upgrade|watch)$)[^/]*)", None, "social"),
    (r"reddit\.com", "/(?:r|u|user)/[^/]+|/submit", None, "social"),
)


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Words that are a whole segment of a path or a whole value; without hyphens, accents and endings such as .html.
_WORDS: dict[str, frozenset[str]] = {
    "unsubscribe": _listed(
        """unsubscribe unsubscribeall unsubscribed unsub unsub2 unsubcenter oneclickunsubscribe emailunsubscribe
        listunsubscribe optout emailoptout disableemail abmelden abmeldung newsletterabmeldung austragen desabonnement
        desabonner sedesabonner desinscription sedesinscrire darsedebaja darsebaja cancelarsuscripcion disiscrizione
        disiscriviti annullaiscrizione cancelarinscricao descadastrar uitschrijven afmelden afmeld avregistrera
        avmelding"""
    ),
    "preferences": _listed(
        """preferences preferencecenter preferencecentre preferencescenter preferencescentre managepreferences
        emailpreferences emailpreferencecenter emailsettings mailpreferences mailingpreferences communicationpreferences
        contactpreferences newsletterpreferences notificationpreferences subscriptionpreferences subscriptioncenter
        subscriptioncentre subscriptionmanagement subscriptionsettings managesubscription managesubscriptions
        profilecenter updateprofile updatepreferences updateyourprofile"""
    ),
    "view_in_browser": _listed(
        """viewinbrowser viewinyourbrowser viewonline viewemail viewemailonline viewaswebpage viewwebpage webversion
        webview onlineversion browserversion emailinbrowser imbrowseransehen onlineansicht webansicht versionenligne
        verennavegador"""
    ),
    "forward": _listed(
        """forwardtoafriend forwardtofriend forwardemail forwardthisemail forwardnewsletter sendtoafriend sendtofriend
        tellafriend emailafriend weiterempfehlen"""
    ),
}
# A link to one of these is a footer's only where nothing but such folders, or a language, stands before it.
_LEGAL = _listed(
    """legal legalnotice legalnotices legalinformation privacy privacypolicy privacynotice privacystatement
    privacycenter dataprivacy dataprotection yourprivacychoices donotsell donotsellmyinfo
    donotsellmypersonalinformation terms termsofservice termsofuse termsandconditions termsconditions termsofsale tos
    antispam antispampolicy cookiepolicy cookienotice cookiestatement cookiesettings cookiepreferences copyright
    disclaimer imprint impressum agb datenschutz datenschutzerklarung datenschutzerklaerung datenschutzhinweise
    nutzungsbedingungen mentionslegales politiquedeconfidentialite confidentialite avisolegal politicadeprivacidad
    politicadeprivacidade notelegali informativaprivacy privacyverklaring privacybeleid"""
)
_FOLDERS = _listed(
    """about aboutus company corporate footer global home info information legal page pages policies policy site
    static"""
)
_ARTICLES = _listed(
    """article articles blog blogs category docs faq faqs forum guide guides help howto kb knowledgebase learn post
    posts question questions support tag tags topic topics tutorial tutorials wiki"""
)
_ACTIONS = _listed("a act action cmd do endpoint event funcml method mode op operation p page step task type view")
_LANGUAGE = re.compile("[a-z]{2}(?:[-_][a-z]{2})?", re.IGNORECASE)
_PAGE_ENDING = re.compile(r"\.(?:aspx?|cfm|do|html?|jsp|php)\Z")
_NO_LETTERS = re.compile(r"[\W_]+")
_INDEX = re.compile(r"/|/(?:index|default|home)(?:\.(?:aspx?|cfm|html?|jsp|php))?", re.IGNORECASE)
_FILE = re.compile(r"(?:.*/)?[^/:]+\.(?:pdf|ics|vcf|avif|bmp|gif|heic|jpe?g|png|svg|tiff?|webp)", re.IGNORECASE)


def link_kind(uri: str, extra: Mapping[str, str] | None = None) -> str:
    """Tell what a link is for.

    Parameters
    ----------
    uri
        The address as a report or a mail has it; any text.
    extra
        Rules of your own, which come first: a regular expression that is searched in the address, upper and lower
        case the same, and the kind, one of `KINDS` or any other word. The first that is found counts.

    Returns
    -------
    str
        One of `KINDS`, or of the kinds in `extra`; what no rule knows is content.

    Raises
    ------
    ValueError
        When a rule of `extra` is no regular expression; names it.
    """
    if extra:
        exact = link_key(uri, "exact")
        for pattern, kind in _compiled(tuple(extra.items())):
            if pattern.search(uri) or pattern.search(exact):
                return kind
    address = page(opened(uri))
    if not address.host or address.scheme in _SCHEMES:
        return _SCHEMES.get(address.scheme, "content")
    return _by_place(address) or _by_words(address) or _by_form(address)


@lru_cache(maxsize=64)
def _compiled(extra: tuple[tuple[str, str], ...]) -> tuple[tuple[re.Pattern[str], str], ...]:
    rules = []
    for pattern, kind in extra:
        try:
            rules.append((re.compile(pattern, re.IGNORECASE), kind))
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"the rule {pattern!r} is no regular expression: {error}") from error
    return tuple(rules)


@lru_cache(maxsize=4096)
def _places(host: str) -> tuple[tuple[re.Pattern[str], str | None, str], ...]:
    """Give the lines of the table that are about a host."""
    lines = [line for line in _PLACES if re.fullmatch(line[0], host)]
    return tuple((re.compile(path, re.IGNORECASE), parameter, kind) for _, path, parameter, kind in lines)


def _by_place(address: Address) -> str:
    for path, parameter, kind in _places(address.host):
        if path.fullmatch(address.path) and (
            parameter is None
            or parameter in address.query
            or (parameter.endswith("=") and any(token.startswith(parameter) for token in address.query))
        ):
            return kind
    return ""


def _by_words(address: Address) -> str:
    segments = [unquote(segment) for segment in address.path.split("/")[1:]]
    words = [_word(segment) for segment in segments]
    # What follows such a folder is a text about it.
    own = set(takewhile(lambda word: word not in _ARTICLES, words))
    if address.host.count(".") > 1:
        own.add(_word(address.host.partition(".")[0]))
    for name, _, value in (token.partition("=") for token in address.query):
        own |= {_word(unquote_plus(value))} if name.lower() in _ACTIONS else {_word(name)} & _WORDS["unsubscribe"]
    for kind, known in _WORDS.items():
        if own & known:
            return kind
    rest = words[sum(1 for _ in takewhile(_LANGUAGE.fullmatch, segments)) :]
    legal = rest and ((rest[0] == "legal" and len(rest) < 3) or (rest[-1] in _LEGAL and _FOLDERS.issuperset(rest[:-1])))
    return "legal" if legal else ""


def _by_form(address: Address) -> str:
    if _FILE.fullmatch(address.path):
        return "asset"
    bare = _INDEX.fullmatch(address.path) and not address.query and not address.route
    # The front page of a shop. or donate. is what a mail calls people to.
    return "home" if bare and registrable(address.host) == address.host else "content"


@lru_cache(maxsize=4096)
def _word(text: str) -> str:
    """Give a segment as the lists of words have it."""
    if len(text) > 100:  # no word, and maybe slow to normalise
        return ""
    text = unicodedata.normalize("NFKD", _PAGE_ENDING.sub("", text.lower()))
    return _NO_LETTERS.sub("", text)
