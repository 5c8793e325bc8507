"""Texts that try to run as HTML or script, and an account in which every text is one of them."""

import json
import zlib
from typing import Any

from playwright.sync_api import Locator
from service import Answer, Handler, Request, Service

# Each calls `ran` with its own name if any part of what shows it takes it for more than text. The marks before it end
# an attribute in either quotes, a tag, a comment, and the elements that hold plain text.
TEXTS = {
    "image": """ "'><img src=x onerror=ran('image')> """,
    "script": """ </script><script>ran('script')</script> """,
    "attribute": """ " autofocus tabindex=0 onfocus=ran('attribute') onmouseover=ran('attribute') x=" """,
    "single": """ ' autofocus tabindex=0 onfocus=ran("single") onmouseover=ran("single") x=' """,
    "vector": """ --></style></title></textarea><svg onload=ran('vector')> """,
    "entity": """ &lt;img src=x onerror=ran('entity')&gt; &#60;img src=x onerror=ran('entity')&#62; """,
    "markdown": """ [m](javascript:ran('markdown')) ![m](x"onerror="ran()) `<img src=x onerror=ran('markdown')>` """,
    "formula": r""" $\href{javascript:ran('formula')}{f}$ \(\style{width:9em}{f}\) $$\class{"onclick="ran()}{f}$$ """,
    "frame": """ "><iframe srcdoc="<script>parent.ran('frame')</script>"></iframe> """,
    "style": """ "><style>@import 'http://outside.example/a'</style><link rel=stylesheet href=//outside.example/b> """,
}
ADDRESSES = {
    "script": "javascript:ran('javascript-address')",
    "data": "data:text/html,<script>ran('data-address')</script>",
    "quote": """https://shop.example.org/"onmouseover="ran('quoted-address')"x=" """,
    "image": "https://shop.example.org/'><img src=x onerror=ran('image-address')>",
    "closing": "https://shop.example.org/?q=</script></a><script>ran('closing-address')</script>",
    "upper": " JaVaScRiPt:ran('upper-address')",
}
# Elements and attributes that only one of these texts can have made; what pictures and our own pages need is not here.
_DANGEROUS = r"""roots => {
    const found = [];
    for (const root of roots) for (const one of root.querySelectorAll('*')) {
        if (/^(script|iframe|object|embed|base|link|meta|form)$/i.test(one.localName)) found.push(one.localName);
        // JupyterLab makes links of all addresses in plain text; those with data: no browser follows.
        if (one.closest('.jp-RenderedText') && one.href?.startsWith('data:')) continue;
        for (const { name, value } of one.attributes) {
            const address = /^(href|xlink:href|src|srcset|action|formaction|data|poster)$/.test(name);
            const runs = /^on/.test(name) || name === 'srcdoc' || name === 'autofocus';
            const bad = /^\s*(javascript|vbscript|data:(?!image\/(png|svg\+xml)[;,]))/i.test(value) || value === 'x';
            if (runs || (address && bad)) found.push(`<${one.localName} ${name}=${value.slice(0, 60)}>`);
        }
    }
    return found;
}"""


def dangerous(shown: Locator) -> list[str]:
    """Give what would run, in what is shown, if it were loaded, clicked or pointed at."""
    found: list[str] = shown.evaluate_all(_DANGEROUS)
    return found


class HostileService(Service):
    """A service whose every free text is hostile; ids and codes by which it is asked stay."""

    def on(self, path: str, handler: Handler) -> None:
        """Let a callable answer, and change the texts in what it answers."""
        super().on(path, lambda request: self._soured(handler, request))

    def _soured(self, handler: Handler, request: Request) -> Answer:
        answer = handler(request)
        return Answer.json(soured(json.loads(answer.body)), answer.status) if answer.body else answer


_FREE = (
    *("name", "subject", "first_name", "last_name", "company_name", "bounce_code", "bounce_description"),
    *("bounce_message", "unsubscribe_source", "unsubscribe_reason", "error_key", "error_message"),
)
_LINKS = ("url", "link_uri")


def soured(given: Any, name: str = "") -> Any:
    """Put hostile texts in the place of all free ones; the same for the same."""
    if isinstance(given, dict):
        return {key: soured(value, key) for key, value in given.items()}
    if isinstance(given, list):
        return [soured(value, name) for value in given]
    if not isinstance(given, str) or not given:
        return given
    if name in _FREE:
        return f"{_chosen(TEXTS, given)}{given}"
    if name in _LINKS:
        return f"{_chosen(ADDRESSES, given)}{zlib.crc32(given.encode())}"
    return f"{_chosen(TEXTS, given)}{given}" if name == "email_address" else given


def _chosen(texts: dict[str, str], given: str) -> str:
    return list(texts.values())[zlib.crc32(given.encode()) % len(texts)]
