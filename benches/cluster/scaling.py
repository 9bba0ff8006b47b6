#!/usr/bin/env python3
"""What it costs to hand queries to workers, and what more machines would make of it.

One machine stands for all: 1, 2 and 4 workers share a fixed number of threads, so a figure above that of one
process is overhead. The bytes that each stage moves come from EXPLAIN ANALYZE; a model makes of them what 4 and 16
machines with a network of their own would take.
"""

import argparse
import contextlib
import re
import statistics
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
THREADS = 4
# What only one process can do is left out of both sides.
SWITCHES = ["column_cache", "first_of_group", "result_cache", "rollups", "text_index"]
BANDWIDTH = 1.25e9  # bytes a second from machine to machine: ten gigabits
ROUND_TRIP = 0.0005  # seconds


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("database", type=Path)
    arguments.add_argument("--weiku", default="target/release/weiku")
    arguments.add_argument("--runs", type=int, default=5)
    options = arguments.parse_args()
    options.database = options.database.resolve()
    queries = list(read_queries(options))
    with contextlib.ExitStack() as running:
        setups = {"one process": ["-j", str(THREADS)]}
        for count in [1, 2, 4]:
            workers = running.enter_context(Workers(options, count))
            # A worker that is alone gets two parts of each query.
            threads = str(THREADS // max(count, 2))
            name = f"{count} worker" + "s" * (count > 1)
            setups[name] = ["-j", threads, "--workers", workers, "--bytes-per-worker", "1"]
        measured = {name: {} for name in setups}
        # They take turns, so that other work on the machine falls on all alike.
        for query, sql in queries:
            taken = {name: [] for name in setups}
            for _ in range(options.runs):
                for name, flags in setups.items():
                    seconds, answer = time_of(options, sql, flags)
                    taken[name].append(seconds)
                    measured[name][query] = (statistics.median(taken[name]), answer)
        stages = {query: moved(options, sql, setups["2 workers"]) for query, sql in queries}
    print_times(queries, measured)
    print_model(queries, measured, stages)


def read_queries(options):
    """The queries of the comparison, with accounts, a post and characters that are there."""
    def value(of):
        return "'" + run(options, ["-c", f"SELECT {of} FROM posts ORDER BY post_id LIMIT 1"]).split("\n")[1] + "'"
    values = {
        "$account": value("account_id"),
        "$others": value("(SELECT max(account_id) FROM posts)"),
        "$post": value("post_id"),
        "$rare": value("'%' || substr(text, 9, 4) || '%'"),
    }
    text = (HERE.parent / "compare" / "queries.sql").read_text()
    for part in re.split(r"(?m)^-- (?=Q\d)", text)[1:]:
        name, sql = part.split("\n", 1)
        for placeholder, of in values.items():
            sql = sql.replace(placeholder, of)
        yield name, sql.strip().rstrip(";")


def command(options, flags):
    settings = [part for name in SWITCHES for part in ("-c", f"SET weiku.{name} = false")]
    return [options.weiku, str(options.database), "--csv", *settings, *flags]


def run(options, flags):
    return subprocess.run(command(options, flags), capture_output=True, text=True, check=True).stdout


class Workers:
    """Workers with all threads between them."""

    def __init__(self, options, count):
        threads = str(max(1, THREADS // count))
        root = str(options.database)
        worker = [options.weiku, "worker", "--listen", "127.0.0.1:0", "-j", threads, "--root", root]
        self.workers = [subprocess.Popen(worker, stderr=subprocess.PIPE, text=True) for _ in range(count)]

    def __enter__(self):
        lines = [worker.stderr.readline() for worker in self.workers]
        return ",".join(line.split("listening on ")[1].split(",")[0] for line in lines)

    def __exit__(self, *_):
        for worker in self.workers:
            worker.kill()
            worker.wait()


def time_of(options, sql, flags):
    """The seconds of the second run of a query in one process, and its answer."""
    mark = ["-c", "SELECT 'mark' AS m"]
    script = [*flags, "-c", sql, *mark, "-c", sql, *mark]
    started = subprocess.Popen(command(options, script), stdout=subprocess.PIPE, text=True)
    answer, marks = [], []
    for line in started.stdout:
        if line == "mark\n":
            marks.append(time.monotonic())
        elif len(marks) == 1:
            answer.append(line)
    assert started.wait() == 0
    return marks[1] - marks[0], "".join(answer)


def moved(options, sql, flags):
    """The bytes that each boundary between stages moved, by its kind."""
    plan = run(options, [*flags, "-c", f"EXPLAIN ANALYZE {sql}"])
    found = []
    for kind, metrics in re.findall(r"=> Network(\w+)Exec.*?metrics=\[(.*)", plan):
        amount = re.search(r"bytes_transferred=([\d.]+) (\w+)", metrics)
        if amount:
            unit = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}[amount[2]]
            found.append((kind, float(amount[1]) * unit))
    return found


def print_times(queries, measured):
    names = list(measured)
    print("| query | " + " | ".join(names) + " |\n|---|" + "--:|" * len(names))
    for query, _ in queries:
        base, answer = measured["one process"][query]
        cells = [f"{base * 1000:.0f}"]
        for name in names[1:]:
            seconds, other = measured[name][query]
            cells.append(f"{seconds / base:.2f}" + ("" if other == answer else " differs"))
        print(f"| {query} | " + " | ".join(cells) + " |")
    means = []
    for name in names[1:]:
        ratios = [measured[name][query][0] / measured["one process"][query][0] for query, _ in queries]
        means.append(f"**{statistics.geometric_mean(ratios):.2f}**")
    print("| geometric mean | | " + " | ".join(means) + " |")


def predicted(seconds, stages, machines):
    """The time on `machines` like this one: computing is shared; a shuffle leaves every machine at once, and its
    partial sums come from each; what is collected or broadcast comes in at one."""
    network = 0
    for kind, size in stages:
        if kind == "Shuffle":
            network += size * (machines / 2) * (machines - 1) / machines / machines / BANDWIDTH
        elif kind == "Broadcast":
            network += size * (machines / 2) / machines / BANDWIDTH
        else:
            network += size * (machines / 2) / BANDWIDTH
        network += 2 * ROUND_TRIP
    return seconds / machines + network


def print_model(queries, measured, stages):
    print("\n| query | kB shuffled | kB broadcast | kB collected | 4 machines | 16 machines |\n|---|" + "--:|" * 5)
    for query, _ in queries:
        if not stages[query]:
            continue
        seconds = measured["one process"][query][0]
        size = lambda wanted: sum(size for kind, size in stages[query] if kind == wanted) / 1000
        sizes = " | ".join(f"{size(kind):.0f}" for kind in ["Shuffle", "Broadcast", "Coalesce"])
        gains = " | ".join(f"{seconds / predicted(seconds, stages[query], n):.1f}" for n in [4, 16])
        print(f"| {query} | {sizes} | {gains} |")


if __name__ == "__main__":
    main()
