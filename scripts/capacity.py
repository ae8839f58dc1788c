#!/usr/bin/env python3
"""Works out what a sale needs, from what was measured.

    scripts/capacity.py                                        the table of docs/operations/capacity.md
    scripts/capacity.py --fans 300000 --rate 2000 --requests 80     one's own sale
    scripts/capacity.py --sources                              each measured figure, and where it stands

Measure on your own machines (the commands stand beside the figures), put your figures in here, and compute again.
"""

import argparse
import math
from dataclasses import dataclass

BENCHMARKS, SIMULATION = "docs/benchmarks.md", "docs/simulation.md"
FLEET = "docs/guides/fleet.md"


@dataclass
class Measured:
    """A figure, and the text with which it stands in a document."""
    value: float
    file: str
    text: str


# What was measured: on two cores, shared with the load generator.
POLLS_HTTP1 = Measured(124_100, BENCHMARKS, "| polls over HTTP/1 | 124,100 |")
POLLS_HTTP2 = Measured(47_300, BENCHMARKS, "| over HTTP/2, one stream | 47,300 |")
NEW_TLS = Measured(4_460, BENCHMARKS, "| a new TLS connection for each poll | 4,460 |")
JOINS = Measured(20_639, BENCHMARKS, "| joins a CPU second | 20,639 |")
ADMITTED_S = Measured(53e-6, BENCHMARKS, "| an admitted request | 53 µs |")
EDGE_BYTES = Measured(155e6, BENCHMARKS, "155 MB with 12,858 sockets")
PLAIN_CONNECTION_BYTES = Measured(3.3e3, BENCHMARKS, "costs the edge about 3.3 KB")
HTTP2_CONNECTION_BYTES = Measured(31e3, BENCHMARKS, "An idle HTTP/2 connection over TLS costs the edge 31 KB")
REDIS_BYTES = Measured(39.4, BENCHMARKS, "a million within a minute | 39.4 bytes")
DISK_BYTES = Measured(72, FLEET, "72 bytes; 1 GB at 14 million")
FREEZE_S = Measured(4.8, BENCHMARKS, "freeze, copy and root of 14 million entries | 4.8 s")
# The busiest seconds of a sale on paper with 14 million fans, and what they weigh.
SIMULATED_FANS = 14e6
PAGES = Measured(9_334, SIMULATION, "| pages | 14.0 million | 9,334 |")
PAGE_BITS = Measured(0.9e9, SIMULATION, "| 594 | 0.9 Gbit/s |")
POLLS = Measured(1_425_920, SIMULATION, "| 1,425,920 |")
POLL_BITS = Measured(13.2e9, SIMULATION, "| 89,286 | 13.2 Gbit/s |")
JOINS_AT_ONCE = Measured(52_510, SIMULATION, "| joins | 14.0 million | 52,510 |")
# `room.poll.per_second` of that sale.
SIMULATED_PER_SECOND = 250_000

# What is assumed.
BUSY = 0.6  # of a core, at most
POLL_FLOOR_S, POLL_CEILING_S, PER_SECOND = 2, 180, 50_000  # [room.poll], as it is unless configured
KEEPALIVE_S = 60  # edge.keepalive_timeout
PROXY_CONNECTIONS = 10_000  # of load balancers that end TLS, to each edge


def main():
    """Reads the command line, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fans", type=int, nargs="+", default=[10_000, 100_000, 1_000_000, 14_000_000])
    parser.add_argument("--rate", type=int, default=1_000, help="fans admitted a minute")
    parser.add_argument("--requests", type=int, default=60, help="requests of a visit that need a pass")
    parser.add_argument("--per-second", type=int, default=PER_SECOND, help="room.poll.per_second")
    parser.add_argument("--sources", action="store_true", help="print each measured figure, and where it stands")
    options = parser.parse_args()
    if options.sources:
        for measured in (value for value in globals().values() if isinstance(value, Measured)):
            print(f"{measured.file}\t{measured.text}")
        return
    columns = [plan(fans, options) for fans in options.fans]
    print("| | " + " | ".join(f"{fans:,} fans" for fans in options.fans) + " |")
    print("|---|" + "---|" * len(columns))
    for row in columns[0]:
        print(f"| {row} | " + " | ".join(column[row] for column in columns) + " |")


def plan(fans, options):
    """What a sale with so many fans needs, by name."""
    share = fans / SIMULATED_FANS
    # Nobody asks sooner than four fifths of the floor. More fans raise the floor, but for the moment of the draw.
    bound = POLLS.value / SIMULATED_PER_SECOND * options.per_second
    polls = min(fans / (0.8 * POLL_FLOOR_S), bound)
    pages, joins = PAGES.value * share, JOINS_AT_ONCE.value * share
    inside = options.rate / 60 * options.requests
    # The page is sent as an admitted request is: more than it costs, since it is made beforehand.
    both = joins / JOINS.value + (pages + inside) * ADMITTED_S.value
    behind = (both + polls / POLLS_HTTP1.value) / BUSY
    waiting = fans / POLL_CEILING_S / NEW_TLS.value
    direct = max(both + polls / POLLS_HTTP2.value + pages / NEW_TLS.value, waiting) / BUSY
    base = EDGE_BYTES.value - 12_858 * PLAIN_CONNECTION_BYTES.value
    edges = math.ceil(behind / 2)
    bits = polls * POLL_BITS.value / POLLS.value + pages * PAGE_BITS.value / PAGES.value
    return {
        "polls in the busiest second": number(polls),
        "joins in the busiest second": number(joins),
        "requests of those inside, a second": number(inside),
        "bandwidth in the busiest second": f"{significant(bits / 1e9)} Gbit/s",
        "**cores, all edges, TLS ends in front**": number(behind),
        "edges of two cores, and one to spare": f"{edges + 1}",
        "memory of such an edge": size(base + PROXY_CONNECTIONS * PLAIN_CONNECTION_BYTES.value),
        "**cores, all edges, TLS ends at the edges**": number(direct),
        "memory for connections then, all edges, waiting": size(fans * KEEPALIVE_S / POLL_CEILING_S * HTTP2_CONNECTION_BYTES.value),
        "the same in the busiest second": size(fans * HTTP2_CONNECTION_BYTES.value),
        "descriptors then, all edges": number(fans),
        "Redis's memory": size(fans * REDIS_BYTES.value),
        "disk of each edge of a fleet": size(fans * DISK_BYTES.value),
        "freeze, copy and root": f"{significant(FREEZE_S.value * share)} s",
    }


def significant(value):
    """Two digits that count, and no more."""
    if value >= 10:
        return f"{value:,.0f}"
    return f"{value:.1g}" if value < 0.1 else f"{value:.1f}"


def number(value):
    """A number, rounded up where it is small."""
    digits = max(len(str(int(value))) - 2, 0)
    return f"{math.ceil(value / 10 ** digits) * 10 ** digits:,}"


def size(value):
    """Bytes."""
    for unit in ["bytes", "KB", "MB", "GB"]:
        if value < 1000 or unit == "GB":
            return f"{significant(value)} {unit}"
        value /= 1000
    raise AssertionError("every size has a unit")


if __name__ == "__main__":
    main()
