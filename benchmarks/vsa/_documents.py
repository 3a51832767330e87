"""Synthetic orders as JSON text: about 460 bytes and 25 leaves each, some of them repeated values."""

import random

import orjson

WORDS = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "north",
    "south",
    "river",
    "stone",
    "quick",
    "brown",
    "lazy",
    "market",
    "order",
    "urgent",
    "gift",
    "paper",
    "metal",
    "glass",
    "amber",
    "violet",
]


def order(rng: random.Random) -> dict:
    def word() -> str:
        return rng.choice(WORDS)

    return {
        "id": f"ORD-{rng.randrange(10**6):06d}",
        "created": f"2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}T{rng.randint(0, 23):02d}:17:00Z",
        "status": rng.choice(["open", "paid", "shipped", "cancelled"]),
        "priority": rng.randint(1, 5),
        "express": rng.random() < 0.3,
        "customer": {
            "name": f"{word().title()} {word().title()}",
            "email": f"{word()}{rng.randrange(1000)}@example.com",
            "address": {
                "street": f"{rng.randrange(300)} {word()} street",
                "city": word(),
                "zip": f"{rng.randrange(10**5):05d}",
                "country": rng.choice(["DE", "FR", "US", "GB"]),
            },
        },
        "items": [
            {
                "sku": f"{word()[:3].upper()}-{rng.randrange(1000)}",
                "qty": rng.randint(1, 9),
                "price": round(rng.random() * 200, 2),
                "title": f"{word()} {word()}",
            }
            for _ in range(2)
        ],
        "total": round(rng.random() * 900, 2),
        "currency": "EUR",
        "note": None if rng.random() < 0.5 else " ".join(word() for _ in range(4)),
        "tags": [word(), word()],
    }


def orders(count: int) -> list[bytes]:
    rng = random.Random(0)
    return [orjson.dumps(order(rng)) for _ in range(count)]
