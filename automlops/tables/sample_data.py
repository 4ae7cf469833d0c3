"""Generates a year of a web shop's transactions, the same for the same seed in every version of Python.

All random numbers come from `random.Random.random`, the only method whose numbers Python promises not to change.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

COLUMNS = (
    "InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country",
)  # fmt: skip
COUNTRIES = (
    "United Kingdom", "Germany", "France", "Spain", "Netherlands", "Belgium", "Switzerland", "Portugal", "Italy",
    "Japan",
)  # fmt: skip
START = datetime(2010, 12, 1, tzinfo=UTC)
DAYS = 373
FIRST_INVOICE, FIRST_CUSTOMER = 536365, 12346
# Number of customers of the first countries; the others have as many as the last of these.
CUSTOMERS = (450, 320, 260)
PRODUCTS = 150
SATURDAY = 5

_ADJECTIVES = (
    "WHITE",
    "RED",
    "VINTAGE",
    "WOODEN",
    "GLASS",
    "CERAMIC",
    "KNITTED",
    "SMALL",
    "LARGE",
    "HEART SHAPED",
)
_NOUNS = (
    "T-LIGHT HOLDER", "LANTERN", "COAT HANGER", "HOT WATER BOTTLE", "STORAGE JAR", "CAKE STAND", "LUNCH BAG",
    "ALARM CLOCK", "PHOTO FRAME", "DOORMAT", "MUG,BOXED", 'SIGN 7" METAL', "PAPER CHAIN KIT", "PARTY BUNTING",
    "RECIPE BOX",
)  # fmt: skip


@dataclass(frozen=True)
class _Product:
    code: str
    description: str
    price: float


@dataclass(frozen=True)
class _Line:
    product: _Product
    quantity: int


@dataclass(frozen=True)
class _Invoice:
    """One order or one return."""

    moment: datetime
    customer: int | None
    country: str
    lines: Sequence[_Line] = field(default_factory=tuple)

    @property
    def is_return(self) -> bool:
        return any(line.quantity < 0 for line in self.lines)


def country_names(count: int) -> list[str]:
    """Return `count` names of countries; the first are real ones."""
    return [COUNTRIES[n] if n < len(COUNTRIES) else f"Market {n + 1:03d}" for n in range(count)]


def write_transactions(path: Path, countries: Sequence[str], seed: int) -> int:
    """Write a CSV with the columns of Online Retail: orders, returns and purchases without a customer, for each country.

    Each customer has an interval of their own between orders, from a week to a season; it is shorter before Christmas
    and longer after a large order. So past orders predict the next purchase in part.

    Args:
        path: the file; replaced if it exists.
        countries: names of the countries; the first has the most customers.
        seed: the same seed gives the same file.

    Returns:
        The number of transactions.
    """
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        rows = 0
        for row in _rows(countries, seed):
            writer.writerow(row)
            rows += 1
    part.replace(path)
    return rows


def _rows(countries: Sequence[str], seed: int) -> Iterator[tuple[str | int | float, ...]]:
    rng = Random(seed)  # noqa: S311 - a sample, no secret
    products = _make_products(rng)
    invoices: list[_Invoice] = []
    customer = FIRST_CUSTOMER
    for position, country in enumerate(countries):
        by_customers: list[_Invoice] = []
        for _ in range(CUSTOMERS[min(position, len(CUSTOMERS) - 1)]):
            orders = _customer_orders(rng, products, customer, country)
            by_customers += [*orders, *_returns(rng, orders)]
            customer += 1
        invoices += [*by_customers, *_guest_orders(rng, products, country, len(by_customers) // 6)]
    invoices.sort(key=lambda invoice: (invoice.moment, invoice.country, invoice.customer or 0))
    for number, invoice in enumerate(invoices, FIRST_INVOICE):
        name = f"C{number}" if invoice.is_return else str(number)
        who = "" if invoice.customer is None else f"{invoice.customer}.0"
        moment = f"{invoice.moment:%Y-%m-%d %H:%M:%S}"
        for line in invoice.lines:
            product = line.product
            what = (product.code, product.description, line.quantity)
            yield (name, *what, moment, product.price, who, invoice.country)


def _make_products(rng: Random) -> list[_Product]:
    return [
        _Product(
            code=f"{20000 + 17 * number}{'ABC'[number % 3] if number % 4 == 0 else ''}",
            description=f"{_ADJECTIVES[number % len(_ADJECTIVES)]} {_NOUNS[number // len(_ADJECTIVES)]}",
            price=round(0.4 + 12 * rng.random() ** 2, 2),
        )
        for number in range(PRODUCTS)
    ]


def _customer_orders(rng: Random, products: Sequence[_Product], customer: int, country: str) -> list[_Invoice]:
    """Return all orders of one customer, the earliest first."""
    usual_gap = min(max(math.exp(3.1 + 0.7 * _normal(rng)), 5), 120)
    spread = 0.05 + 0.25 * rng.random()
    taste = int(rng.random() * len(products))
    day = rng.random() * min(1.5 * usual_gap + 20, 0.7 * DAYS)
    # A tenth order once, 15 percent stop on some day, the others stay.
    fate = rng.random()
    last_day = day + 1 if fate < 0.1 else day + rng.random() * DAYS if fate < 0.25 else DAYS
    orders = []
    while day < min(last_day, DAYS):
        large = rng.random() < 0.25
        moment = _opening_hour(rng, day)
        orders.append(_Invoice(moment, customer, country, _lines(rng, products, taste, large=large)))
        before_christmas = 0.7 if moment.month in {10, 11} else 1.0
        stocked_up = 1.5 if large else 0.9
        day += max(usual_gap * before_christmas * stocked_up * math.exp(spread * _normal(rng)), 1)
    return orders


def _returns(rng: Random, orders: Sequence[_Invoice]) -> Iterator[_Invoice]:
    for order in orders:
        if rng.random() < 0.03:
            line = order.lines[0]
            moment = order.moment + timedelta(days=1 + int(rng.random() * 14))
            quantity = -1 - int(rng.random() * line.quantity)
            yield _Invoice(moment, order.customer, order.country, [_Line(line.product, quantity)])


def _guest_orders(rng: Random, products: Sequence[_Product], country: str, count: int) -> Iterator[_Invoice]:
    for _ in range(count):
        taste = int(rng.random() * len(products))
        moment = _opening_hour(rng, rng.random() * DAYS)
        yield _Invoice(moment, None, country, _lines(rng, products, taste, large=False))


def _lines(rng: Random, products: Sequence[_Product], taste: int, *, large: bool) -> list[_Line]:
    """Return the lines of one order: products near the customer's taste."""
    count = 1 + int(rng.random() * (8 if large else 4))
    quantities = (6, 12, 24, 48) if large else (1, 2, 4, 6)
    return [
        _Line(
            product=products[(taste + int(30 * rng.random() ** 2)) % len(products)],
            quantity=quantities[int(rng.random() * len(quantities))],
        )
        for _ in range(count)
    ]


def _opening_hour(rng: Random, day: float) -> datetime:
    """Return a minute between 8:00 and 17:59 of the day; of the next day on Saturdays, when the shop is closed."""
    date = START + timedelta(days=int(day))
    if date.weekday() == SATURDAY:
        date += timedelta(days=1)
    return date + timedelta(minutes=8 * 60 + int(rng.random() * 600))


def _normal(rng: Random) -> float:
    """Return a number from the standard normal distribution (Box and Muller)."""
    return math.sqrt(-2 * math.log(1 - rng.random())) * math.cos(2 * math.pi * rng.random())
