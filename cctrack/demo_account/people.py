"""The contacts and lists of the demo account: who they are, and the hidden traits that drive what they do."""

import unicodedata
from dataclasses import dataclass
from typing import Final

import numpy as np

from .clock import DAY, FIRST_MONDAY, HOUR, NEVER, NOW_MS, ZONE_SHARES, Bools, Floats, Ints

CORPORATE_SHARE: Final = {"default": 0.20, "b2b": 0.80}


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_FIRST = _words(
    """
    Ada Amir Anneke Beatriz Ben Carla Chidi Clara Daniel Devika Elena Emeka Fatima Femi Grace Hannah
    Hugo Ibrahim Ines Ivy Jack Jana Joan Jonas Kai Keiko Lars Leila Liam Lucia Malik Marta Maya Miguel
    Mina Nadia Noah Olga Omar Owen Paula Priya Quentin Rosa Ruth Samir Sara Tariq Tess Tom Uma Vera
    Wanda Yusuf Zadie Zoë José Søren Łucja Éloïse Björn Núria Šárka Ağa Dvořák Thị
    """
)
_LAST = _words(
    """
    Abbott Adeyemi Ahmed Baker Banerjee Barnes Bianchi Brandt Brown Byrne Castillo Chen Clarke Cohen
    Costa Davies Diaz Dubois Evans Fischer Fofana Garcia Green Haddad Hall Hughes Ito Jansen Johnson
    Kaur Kelly Khan Kim Kowalski Larsen Lee Lopez Mbeki Meyer Moreau Morgan Nakamura Nguyen Novak Okafor
    Olsen Park Patel Pereira Petrov Quinn Reed Rossi Sato Schmidt Silva Singh Smith Taylor Turner Walker
    Weber Young Müller Østergård Peña Gonçalves Wójcik Çelik Jørgensen Škoda Ångström Ó'Brien
    """
)
# Names that no rule turns into Latin letters bring their own.
_WRITTEN: Final = (
    ("Ольга", "Смирнова", "olga.smirnova"),
    ("明", "李", "ming.li"),
    ("陽子", "山田", "yoko.yamada"),
    ("Ελένη", "Παππά", "eleni.pappa"),
    ("ليلى", "حداد", "layla.haddad"),
)
_FIRM = _words(
    """
    Acme Alder Anchor Aster Beacon Birch Bluebell Bramble Bridge Canal Castle Cedar Clover Copper Corner
    Crane Delta Ember Fern Foxglove Garnet Granite Harbour Hazel Heron Highfield Juniper Kestrel Lantern
    Larch Linden Maple Meadow Mill Northgate Oak Old-Town Orchard Otter Parkside Pebble Pine Quarry
    Raven River Rowan Saffron Silver Sparrow Station Stone Summit Thistle Tower Union Valley Wharf
    Willow Wren Yew
    """
)
_TRADE = _words(
    """
    Bakery Books Builders Cafe Capital Ceramics Cycles Dental Design Electric Energy Estates Foods
    Foundry Garden-Centre Health Insurance Joinery Kitchens Law Logistics Optics Press School Software
    Studio Textiles Theatre Travel Vets Works
    """
)
_FOREIGN_FIRMS: Final = (
    ("Müller & Söhne", "mueller-soehne"),
    ("Café Épée", "cafe-epee"),
    ("Łódź Print", "lodz-print"),
    ("São Bento Viagens", "sao-bento"),
    ("山田商店", "yamada-shoten"),
)
_JOBS: Final = (
    "Accountant",
    "Buyer",
    "Director",
    "Engineer",
    "Head of Fundraising",
    "Manager",
    "Teacher",
    "",
)
_HOSTS: Final = (
    "example.com",
    "example.org",
    "example.net",
    "mail.example.com",
    "post.example.net",
    "inbox.example.org",
    "home.example.net",
)
_PLAIN = str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "ğ": "g", "'": ""})

NEWSLETTER, VOLUNTEERS, DONORS, SHOP, MEMBERS, COMMITTEE, GALA, PRESS = range(8)
_LISTS: Final = (
    ("Newsletter", "ACTIVE", 0.97),
    ("Volunteers", "ACTIVE", 0.24),
    ("Donors", "ACTIVE", 0.52),
    ("Shop customers", "ACTIVE", 0.60),
    ("Members", "ACTIVE", 0.35),
    ("Committee proof", "HIDDEN", 0.0),  # one member, see `draw`
    ("Gala guests 2024", "ACTIVE", 0.0),  # nobody
    ("Press & partners (café)", "HIDDEN", 0.04),
)


@dataclass(frozen=True, eq=False, repr=False)
class Contacts:
    """The contact table; times are epoch milliseconds, `opted_out` 0 where the contact never did."""

    ids: tuple[str, ...]
    email: tuple[str, ...]
    former_email: tuple[str, ...]
    email_changed: Ints
    first_name: tuple[str, ...]
    last_name: tuple[str, ...]
    company_name: tuple[str, ...]
    job_title: tuple[str, ...]
    status: tuple[str, ...]
    created: Ints
    modified: Ints
    opted_out: Ints
    on_list: Bools
    """By list, then by contact."""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, eq=False, repr=False)
class Lists:
    """The list table."""

    ids: tuple[str, ...]
    name: tuple[str, ...]
    status: tuple[str, ...]
    created: Ints
    modified: Ints

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, eq=False, repr=False)
class Traits:
    """What nobody outside can see of a contact: causes of its behaviour, one entry a contact."""

    zone: Ints
    domain: Ints
    corporate: Bools
    open_propensity: Floats
    click_propensity: Floats
    sends_until_drop_out: Floats
    images_blocked: Bools
    proxied: Bools
    scanned: Bools
    bad_address: Bools
    mailable: Bools
    loyal: Bools


def draw(rng: np.random.Generator, count: int, preset: str) -> tuple[Contacts, Lists, Traits]:
    """Draw the people of an account, oldest first, and their lists."""
    created = _created(rng, count)
    domain, hosts, firms, corporate = _domains(rng, count, CORPORATE_SHARE[preset])
    first, last, email = _names(rng, hosts)
    featured = min(35, count - 1)
    loyal = np.zeros(count, dtype=bool)
    loyal[[0, featured]] = True
    corporate_hosts = corporate & ~loyal

    open_p, click_q = rng.beta(0.9, 2.4, count), rng.beta(1.1, 10.0, count)
    open_p[featured], click_q[featured] = 0.85, 0.75
    theta = np.maximum(rng.beta(0.5, 18.0, count), 1e-9)
    drop = np.ceil(np.log(1 - rng.random(count)) / np.log1p(-theta))
    kind = rng.choice(4, count, p=[0.98, 0.01, 0.005, 0.005])  # active, unconfirmed, removed, on no list
    kind[loyal] = 0
    traits = Traits(
        zone=rng.choice(len(ZONE_SHARES), count, p=ZONE_SHARES),
        domain=domain,
        corporate=corporate,
        open_propensity=open_p,
        click_propensity=click_q,
        sends_until_drop_out=np.where(loyal, np.inf, drop),
        images_blocked=(rng.random(count) < np.where(corporate, 0.15, 0.04)) & ~loyal,
        proxied=(rng.random(count) < np.where(corporate, 0.25, 0.45)) & ~loyal,
        scanned=_scanned(rng, domain, corporate) & corporate_hosts,
        bad_address=(rng.random(count) < 0.015) & ~loyal,
        mailable=kind == 0,
        loyal=loyal,
    )
    on_list = rng.random((len(_LISTS), count)) < np.array([[share] for *_, share in _LISTS])
    on_list[:5, featured] = True
    on_list[NEWSLETTER] |= ~on_list.any(axis=0)
    on_list[:, kind >= 2] = False
    on_list[COMMITTEE, 0] = True
    moved = (rng.random(count) < 0.01) & ~loyal
    contacts = Contacts(
        ids=tuple(str(i + 1) for i in range(count)),
        email=email,
        former_email=tuple(f"old.{e}" if m else e for e, m in zip(email, moved.tolist(), strict=True)),
        email_changed=np.where(moved, rng.integers(FIRST_MONDAY, NOW_MS, count), 0),
        first_name=first,
        last_name=last,
        company_name=tuple(firms),
        job_title=tuple(
            _JOBS[job] if firm else "" for job, firm in zip(rng.integers(0, len(_JOBS), count), firms, strict=True)
        ),
        status=tuple(("ACTIVE", "UNCONFIRMED", "REMOVED", "ACTIVE")[k] for k in kind.tolist()),
        created=created,
        modified=np.minimum(created + rng.integers(0, 400 * DAY, count), NOW_MS) // 1000 * 1000,
        opted_out=np.zeros(count, dtype=np.int64),
        on_list=on_list,
    )
    return contacts, _lists(), traits


def settle(contacts: Contacts, left_at: Ints) -> dict[str, object]:
    """Columns of the contact table as they stand after unsubscribes at `left_at` (`NEVER` for none)."""
    gone = left_at < NEVER
    status = tuple("OPTOUT" if g else s for g, s in zip(gone.tolist(), contacts.status, strict=True))
    opted_out = np.where(gone, left_at // 1000 * 1000, 0)
    return {
        "status": status,
        "opted_out": opted_out,
        "modified": np.maximum(contacts.modified, opted_out),
        "on_list": contacts.on_list & ~gone,
    }


def _created(rng: np.random.Generator, count: int) -> Ints:
    """Sign-up instants in order: most before the first campaign, some 2 % of the list each month since."""
    months = (NOW_MS - FIRST_MONDAY) / (30.44 * DAY)
    new = min(int(rng.poisson(0.02 * months * count)), count // 2)
    old = FIRST_MONDAY - HOUR - rng.integers(0, 6 * 365 * DAY, count - new)
    return np.sort(np.concatenate([old, rng.integers(FIRST_MONDAY, NOW_MS, new)])) // 1000 * 1000


def _domains(rng: np.random.Generator, count: int, share: float) -> tuple[Ints, list[str], list[str], Bools]:
    """Mail domain, host and firm of each contact; firms' sizes follow a cut Zipf law."""
    corporate = rng.random(count) < share
    corporate[[0, min(35, count - 1)]] = False
    staff = int(corporate.sum())
    sizes = np.minimum(rng.zipf(1.6, staff + 1), max(5, staff // 20))
    firm_of = np.repeat(np.arange(len(sizes)), sizes)[:staff]
    names, slugs = _firms(rng, len(sizes))
    private = rng.choice(len(_HOSTS), count, p=[0.3, 0.15, 0.15, 0.15, 0.1, 0.1, 0.05])
    domain = private.copy()
    domain[corporate] = len(_HOSTS) + rng.permutation(firm_of)
    hosts = [_HOSTS[d] if d < len(_HOSTS) else slugs[d - len(_HOSTS)] for d in domain.tolist()]
    firms = ["" if d < len(_HOSTS) else names[d - len(_HOSTS)] for d in domain.tolist()]
    return domain, hosts, firms, corporate


def _firms(rng: np.random.Generator, count: int) -> tuple[list[str], list[str]]:
    """Company names and their mail hosts, all different."""
    names = [name for name, _ in _FOREIGN_FIRMS]
    slugs = [slug for _, slug in _FOREIGN_FIRMS]
    for number, pick in enumerate(rng.permutation(len(_FIRM) * len(_TRADE)).tolist() * (1 + count // 1500)):
        if len(names) >= count:
            break
        again = number // (len(_FIRM) * len(_TRADE))
        name = f"{_FIRM[pick // len(_TRADE)]} {_TRADE[pick % len(_TRADE)]}".replace("-", " ")
        names.append(f"{name} {again + 1}" if again else name)
        slugs.append(names[-1].lower().replace(" ", "-"))
    return names, [f"{slug}.example.{('com', 'org', 'net')[i % 3]}" for i, slug in enumerate(slugs)]


def _names(rng: np.random.Generator, hosts: list[str]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """First names, last names and addresses, no address twice."""
    count = len(hosts)
    firsts, lasts = rng.integers(0, len(_FIRST), count).tolist(), rng.integers(0, len(_LAST), count).tolist()
    plain_first, plain_last = [_plain(n) for n in _FIRST], [_plain(n) for n in _LAST]
    styles = rng.random(count).tolist()
    first, last, email = [], [], []
    seen: set[str] = set()
    for i, host in enumerate(hosts):
        a, b, style = firsts[i], lasts[i], styles[i]
        name, surname = _FIRST[a], _LAST[b]
        if style > 0.99:
            name, surname, local = _WRITTEN[i % len(_WRITTEN)]
        elif style > 0.98:
            local = f"{plain_first[a]}.{plain_last[b]}+news"
        elif style > 0.7:
            local = plain_first[a][0] + plain_last[b]
        else:
            local = f"{plain_first[a]}.{plain_last[b]}"
        address = f"{local}@{host}"
        if address in seen:
            address = f"{local}{i + 1}@{host}"
        seen.add(address)
        first.append(name)
        last.append(surname)
        email.append(address)
    return tuple(first), tuple(last), tuple(email)


def _plain(name: str) -> str:
    folded = unicodedata.normalize("NFKD", name.translate(_PLAIN))
    return folded.encode("ascii", "ignore").decode().lower()


def _scanned(rng: np.random.Generator, domain: Ints, corporate: Bools) -> Bools:
    """Contacts behind a mail scanner: whole firms, until a fifth of the corporate contacts is reached."""
    firms, sizes = np.unique(domain[corporate], return_counts=True)
    order = rng.permutation(len(firms))
    reached = np.cumsum(sizes[order])
    wanted = 0.2 * corporate.sum()
    chosen = firms[order][reached - sizes[order] / 2 <= wanted]
    return np.isin(domain, chosen) & corporate


def _lists() -> Lists:
    count = len(_LISTS)
    created = FIRST_MONDAY - DAY * 700 + DAY * 31 * np.arange(count, dtype=np.int64) + 9 * HOUR
    return Lists(
        ids=tuple(str(i + 1) for i in range(count)),
        name=tuple(name for name, *_ in _LISTS),
        status=tuple(status for _, status, _ in _LISTS),
        created=created,
        modified=created + 210 * DAY,
    )
