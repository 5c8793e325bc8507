"""The campaigns of the demo account and their tracked links: names, subjects, times and addresses."""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from .clock import DAY, FIRST_MONDAY, HOUR, MINUTE, NOW_MS, Floats, Ints, local_instant
from .people import COMMITTEE, DONORS, GALA, MEMBERS, NEWSLETTER, PRESS, SHOP, VOLUNTEERS

REGULAR: Final = 26
"""Weekly campaigns that fit before `NOW`; further ones go out as second mailings of the same weeks."""

_THEMES: Final = (
    ("Harvest appeal", "A good harvest starts with you"),
    ("Autumn newsletter", "What we did this summer, in nine pictures"),
    ("Volunteer day 25 October", "Boots on: volunteer day, 25 October"),
    ("New in the shop: woollens", "Warm hands, warm hearts 🧤"),
    ("Hallowe'en at the yard", "Pumpkins, lanterns and hot soup"),
    ("Winter coat drive", "One coat, one neighbour"),
    ("Members' evening 20 November", "You are invited: members' evening"),
    ("November newsletter", "The new roof is on"),
    ("Gift guide", "Gifts that do some good"),
    ("Giving week", "This week your gift counts twice"),
    ("December newsletter", "A year in our garden"),
    ("Last posting dates", "Order by Thursday for Christmas"),
    ("Year-end appeal", "Before the year ends"),
    ("Happy New Year", "Thank you – and a small request"),
    ("January newsletter", "Three plans for the new year"),
    ("Winter sale", "Everything woolly at half price"),
    ("Book swap 7 February", "Bring a book, take a book"),
    ("Annual report", "Where every pound and dollar went"),
    ("Valentine's cards", "Cards made by our café volunteers"),
    ("February newsletter", "Snowdrops, a survey and a thank-you"),
    ("Repair café 28 February", "Bring us your broken things"),
    ("Supporter survey", "Two minutes of your time?"),
    ("March newsletter", "Seeds are here"),
    ("Volunteer day 12 April", "Save the date: volunteer day, 12 April"),
    ("Spring shop arrivals", "Fresh for spring: seeds, tools, linens"),
    ("Spring appeal", "Spring appeal: help us plant 1,000 trees"),
)
_EXTRA_THEMES: Final = ("Shop update", "Event reminder", "Thank-you note", "Donor briefing", "Field diary")
_PAGES: Final = (
    ("www.example.org", "stories/the-new-roof"),
    ("www.example.org", "stories/a-day-at-the-yard"),
    ("www.example.org", "about/annual-report-2025.pdf"),
    ("www.example.org", "news/planting-plan"),
    ("www.example.org", "news/thank-you"),
    ("events.example.org", "calendar"),
    ("events.example.org", "volunteer-day/sign-up"),
    ("events.example.org", "members-evening"),
    ("events.example.org", "repair-café/réservation"),
    ("shop.example.com", "woollens"),
    ("shop.example.com", "gifts/under-20"),
    ("shop.example.com", "seeds-and-tools"),
    ("shop.example.com", "cards/handmade"),
    ("shop.example.com", "sale"),
    ("donate.example.org", "monthly"),
    ("blog.example.org", "2026/snowdrops"),
    ("blog.example.org", "2025/nine-pictures"),
    ("survey.example.net", "s/supporters"),
    ("video.example.net", "watch/garden-tour"),
)
_FOOTER: Final = (
    ("https://www.example.org/preferences", 0.02),
    ("https://social.example.net/@thegoodyard", 0.03),
    ("https://www.example.org/unsubscribe", 0.0),  # clicked by those who leave
    ("https://www.example.org/legal/small-print", 0.0),  # followed by nobody, not even scanners
)
UNSUBSCRIBE_LINK, SMALL_PRINT = -2, -1
"""Places of these two among a campaign's links, from the end."""

_AUDIENCES: Final = (
    (NEWSLETTER,),
    (NEWSLETTER, PRESS),
    (DONORS, SHOP),
    (NEWSLETTER, MEMBERS),
    (VOLUNTEERS, DONORS),
)
# Beside the regular ones: name, subject, status, days before `NOW`, lists.
_OTHERS: Final = (
    ("Proof for the committee", "[TEST] Harvest appeal", "SENT", 184.0, (COMMITTEE,)),
    ("Gala 2024: last places", "A few chairs are left", "SENT", 110.0, (GALA,)),
    ("Summer fair (idea)", "Save the date: summer fair", "DRAFT", 2.0, ()),
    ("Legacy giving leaflet", "", "DRAFT", 33.0, ()),
    ("Welcome series 1", "Welcome to the yard", "DRAFT", 71.0, ()),
    ("April newsletter", "Bluebells and a bake sale", "SCHEDULED", -1.1, (NEWSLETTER,)),
    ("Volunteer day reminder", "See you on Sunday", "SCHEDULED", -9.2, (VOLUNTEERS,)),
    ("Harvest appeal (wrong date)", "A good harvest starts with you", "DELETED", 181.0, (NEWSLETTER,)),
    ("Old template test", "Test", "DELETED", 140.0, (PRESS,)),
)
_OTHERS_PLACE = 50_000


@dataclass(frozen=True, eq=False, repr=False)
class Campaigns:
    """The campaign table, regular ones first; times are epoch milliseconds, 0 where there is none."""

    ids: tuple[str, ...]
    name: tuple[str, ...]
    subject: tuple[str, ...]
    status: tuple[str, ...]
    created: Ints
    modified: Ints
    sent: Ints
    next_run: Ints
    lists: tuple[tuple[int, ...], ...]
    """Positions in the list table."""
    first_link: Ints
    """Where each campaign's links begin in the link table; one entry more than campaigns."""
    spam_count: Ints

    def __len__(self) -> int:
        return len(self.ids)

    def links(self, campaign: int) -> range:
        """Give the positions of a campaign's links."""
        return range(int(self.first_link[campaign]), int(self.first_link[campaign + 1]))


@dataclass(frozen=True, eq=False, repr=False)
class Links:
    """The link table: one entry a tracked link of one campaign."""

    ids: tuple[str, ...]
    url: tuple[str, ...]
    campaign: Ints
    weight: Floats
    """How readily people click on it (hidden from the service)."""

    def __len__(self) -> int:
        return len(self.ids)


def draw(seed: int, regular: int) -> tuple[Campaigns, Links, tuple[int, ...]]:
    """Write the campaigns of an account and their links; also give each campaign's place in the ids."""
    plans = [_regular(seed, number) for number in range(regular)]
    plans += [_other(seed, number) for number in range(len(_OTHERS))]
    links = [link for plan in plans for link in plan.links]
    sizes = [len(plan.links) for plan in plans]
    campaigns = Campaigns(
        ids=tuple(str(1_126_000_000_007 + 1000 * plan.place) for plan in plans),
        name=tuple(plan.name for plan in plans),
        subject=tuple(plan.subject for plan in plans),
        status=tuple(plan.status for plan in plans),
        created=_seconds([min(plan.due, NOW_MS) - plan.lead for plan in plans]),
        modified=_seconds([min(plan.due - HOUR, NOW_MS - plan.lead // 9) for plan in plans]),
        sent=_seconds([plan.due if plan.status in ("SENT", "DELETED") else 0 for plan in plans]),
        next_run=_seconds([plan.due if plan.status == "SCHEDULED" else 0 for plan in plans]),
        lists=tuple(plan.lists for plan in plans),
        first_link=np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]),
        spam_count=np.zeros(len(plans), dtype=np.int64),
    )
    table = Links(
        ids=tuple(str(1_127_000_000_100 + 1000 * p.place + k) for p in plans for k in range(len(p.links))),
        url=tuple(url for url, _ in links),
        campaign=np.repeat(np.arange(len(plans), dtype=np.int64), sizes),
        weight=np.array([weight for _, weight in links]),
    )
    return campaigns, table, tuple(plan.place for plan in plans)


@dataclass(frozen=True)
class _Plan:
    place: int
    name: str
    subject: str
    status: str
    due: int
    lead: int
    lists: tuple[int, ...]
    links: list[tuple[str, float]]


def _regular(seed: int, number: int) -> _Plan:
    """Plan one weekly campaign; it depends on the seed and its number alone."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2, number)))
    turn, week = divmod(number, REGULAR)
    day, hour = int(rng.integers(1, 4)), 10.0  # Tuesday to Thursday
    if rng.random() < 0.1:
        day, hour = int(rng.choice([0, 4, 5])), float(rng.choice([8.0, 15.0, 18.0]))
    if turn:
        day, hour = (4, 0, 5, 6)[(turn - 1) % 4], 15.0
    elif week == 0:
        day, hour = 1, 10.0  # just past 180 days, so that retention has something to hide
    elif week == REGULAR - 1:
        day, hour = 7, 10.0  # the eve of NOW, so that one campaign is still young
    due = local_instant(FIRST_MONDAY + (7 * week + day) * DAY, hour) + int(rng.integers(-20, 21)) * MINUTE
    if turn:
        name = f"{_EXTRA_THEMES[number % len(_EXTRA_THEMES)]} no. {number + 1}"
        subject = f"{name}: a short word from the yard"
    else:
        name, subject = _THEMES[week]
    lists = _AUDIENCES[int(rng.choice(len(_AUDIENCES), p=[0.52, 0.15, 0.1, 0.2, 0.03]))]
    lead = int(rng.integers(2 * DAY, 9 * DAY))
    return _Plan(number, name, subject, "SENT", due, lead, lists, _links(rng, number, name, due))


def _other(seed: int, number: int) -> _Plan:
    name, subject, status, days, lists = _OTHERS[number]
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2, _OTHERS_PLACE + number)))
    due = NOW_MS - int(days * DAY)
    lead = int(rng.integers(2 * DAY, 9 * DAY))
    links = [] if status == "DRAFT" else _links(rng, number, name, due)
    return _Plan(_OTHERS_PLACE + number, name, subject, status, due, lead, lists, links)


def _links(rng: np.random.Generator, number: int, name: str, due: int) -> list[tuple[str, float]]:
    """Addresses and weights of a mail's links, in the order in which they stand in it."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    day = str(np.datetime64(due, "ms").astype("datetime64[D]"))
    tags = f"utm_source={slug}-{day}&utm_medium=email&utm_campaign={slug}"
    count = 3 + min(int(rng.poisson(6)), len(_PAGES))
    urls = [f"https://donate.example.org/{slug}?{tags}"]
    # Picture and button of one destination: every other mail has two link ids for one address.
    second = urls[0] if number % 2 == 0 else f"https://donate.example.org/{slug}/why?{tags}"
    urls.append(second)
    for page in rng.permutation(len(_PAGES)).tolist()[: count - 2]:
        host, path = _PAGES[page]
        urls.append(f"https://{host}/{path}?{tags}&utm_content=block-{len(urls) + 1}")
    if number % 13 == 4:
        urls[2] = _long_url(rng, tags)
    ranks = np.maximum(np.arange(len(urls)), 1.0)  # the first two links draw alike
    weights = ranks**-1.0 * rng.lognormal(0.0, 0.5, len(urls))
    weights[1] = weights[0]
    return [*zip(urls, (weights / weights.sum()).tolist(), strict=True), *_FOOTER]


def _long_url(rng: np.random.Generator, tags: str) -> str:
    """Write an address of 1,900 characters, such as shops' search pages have."""
    url = f"https://shop.example.com/search?{tags}&filter="
    letters = rng.integers(0, 16, 1900 - len(url)).tolist()
    return url + "".join("0123456789abcdef"[k] for k in letters)


def _seconds(times: list[int]) -> Ints:
    """Whole seconds, in milliseconds: as the service keeps the dates of its tables."""
    return np.array(times, dtype=np.int64) // 1000 * 1000
