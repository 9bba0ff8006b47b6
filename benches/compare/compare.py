#!/usr/bin/env python3
"""Run the same queries on weiku and on its peers, over the same Parquet files, and print a table.

    python3 benches/compare/compare.py --scale m

The first run makes a virtual environment with the peers and a generated database in the cache
folder; later runs find them there. A peer that cannot be installed is named and left out, and so
is a query that a peer does not read. Every answer is checked against weiku's.

Each engine has its own process and two threads. They take turns, and every figure is a median,
so that what else runs on the machine hits all of them alike.
"""

import argparse
import datetime
import json
import math
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TABLES = ["accounts", "account_snapshots", "posts"]
PEERS = ["duckdb", "polars", "datafusion", "chdb"]

# What an engine spells otherwise: (pattern, replacement).
DIALECT = {
    "duckdb": [(r"\bregexp_like\b", "regexp_matches"), (r"\bcharacter_length\b", "length")],
    "polars": [],
    "datafusion": [],
    # ClickHouse's median is an estimate; this is the exact one, between the two middle values.
    "chdb": [
        (r"\bregexp_like\b", "match"),
        (r"\bcharacter_length\b", "lengthUTF8"),
        (r"\bmedian\(", "quantileExactInclusive(0.5)("),
    ],
}


# --- The peers: each runs in a process of its own, see worker(). ---


def duckdb_engine(folder, threads):
    import duckdb

    db = duckdb.connect()
    db.execute(f"SET threads = {threads}; SET TimeZone = 'UTC'")
    for table in TABLES:
        db.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{folder}/{table}/*.parquet')")
    return lambda sql: db.execute(sql).to_arrow_table()


def polars_engine(folder, threads):
    os.environ["POLARS_MAX_THREADS"] = str(threads)
    import polars

    # Polars compares no instant that has a zone with a literal that has none.
    naive = polars.selectors.datetime(time_zone="*").dt.replace_time_zone(None)
    frames = {t: polars.scan_parquet(f"{folder}/{t}/*.parquet").with_columns(naive) for t in TABLES}
    context = polars.SQLContext(frames)
    return lambda sql: context.execute(sql).collect().to_arrow()


def datafusion_engine(folder, threads):
    import datafusion
    import pyarrow

    config = datafusion.SessionConfig({"datafusion.execution.time_zone": "UTC"})
    context = datafusion.SessionContext(config.with_target_partitions(threads))
    for table in TABLES:
        context.register_parquet(table, f"{folder}/{table}/")

    def run(sql):
        frame = context.sql(sql)
        return pyarrow.Table.from_batches(frame.collect(), frame.schema())

    return run


def chdb_engine(folder, threads):
    from chdb.session import Session

    session = Session()
    session.query(f"SET max_threads = {threads}, session_timezone = 'UTC'")
    session.query("CREATE DATABASE weiku ENGINE = Atomic")
    session.query("USE weiku")
    for table in TABLES:
        source = f"file('{folder}/{table}/*.parquet', Parquet)"
        session.query(f"CREATE VIEW {table} AS SELECT * FROM {source}")
    return lambda sql: session.query(sql, "ArrowTable")


def worker(engine, folder, threads):
    """Answer one JSON line per query line: the seconds and, when asked, the rows."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    run = globals()[f"{engine}_engine"](folder, threads)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            begun = time.perf_counter()
            table = run(request["sql"])
            answer = {"seconds": time.perf_counter() - begun}
            if request["rows"]:
                answer["rows"] = [[plain(v) for v in row.values()] for row in table.to_pylist()]
        except BaseException as error:  # a Rust panic is no Exception
            answer = {"error": " ".join(str(error).split())[:300]}
        print(json.dumps(answer), file=answers, flush=True)


def plain(value):
    """A value as weiku writes it in JSON."""
    if isinstance(value, datetime.datetime):
        if value.tzinfo:
            value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        return value.isoformat() + "Z"
    if isinstance(value, datetime.date):
        return value.isoformat() + "T00:00:00Z"
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return [plain(v) for v in value]
    if value is None or isinstance(value, (str, int, float)):
        return value
    return float(value)


class Peer:
    """A peer in its process, seen from here."""

    def __init__(self, name, python, folder, threads):
        self.name = name
        command = [python, __file__, "--worker", name, str(folder), str(threads)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def ask(self, sql, rows=False):
        for pattern, replacement in DIALECT[self.name]:
            sql = re.sub(pattern, replacement, sql)
        try:
            self.process.stdin.write(json.dumps({"sql": sql, "rows": rows}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        return json.loads(line) if line else {"error": "its process ended"}

    def close(self):
        self.process.stdin.close()
        self.process.wait()


# --- weiku ---


class Weiku:
    def __init__(self, binary, database, threads):
        self.command = [binary, str(database), "--no-init", "--timezone", "UTC", "-j", str(threads)]
        self.command += ["--jsonl", "--quiet"]
        self.file = database.parent / "query.sql"

    def cold(self, sql):
        """One process for one query: the seconds from its start to its end, and the lines."""
        self.file.write_text(sql + ";\n")
        begun = time.perf_counter()
        done = subprocess.run(self.command + ["-f", str(self.file)], capture_output=True, check=True)
        return time.perf_counter() - begun, done.stdout.splitlines()

    def ask(self, sql):
        return [json.loads(line) for line in self.cold(sql)[1]]

    def warm(self, sql, runs, lines):
        """The same query in one process again and again: the seconds from answer to answer.

        An answer is written out as soon as it is there, so the time between the last line of one
        and the last line of the next is what the statement took, from parsing to printing.
        """
        command = self.command + ["-c", sql] * (runs + 1)
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            ends = []
            for _ in range(runs + 1):
                for _ in range(lines):
                    process.stdout.readline()
                ends.append(time.perf_counter())
        return [after - before for before, after in zip(ends, ends[1:])]


# --- Preparing ---


def environment(cache):
    """The Python of a virtual environment with the peers that can be had, and their versions."""
    python = cache / "venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(cache / "venv")], check=True)
        for package in PEERS + ["pyarrow", "pandas"]:  # chdb hands out Arrow with these two
            subprocess.run([python, "-m", "pip", "install", "--quiet", package])
    listing = subprocess.run(
        [python, "-m", "pip", "list", "--format", "json"], capture_output=True, check=True
    ).stdout
    versions = {p["name"]: p["version"] for p in json.loads(listing)}
    for peer in PEERS:
        if peer not in versions:
            print(f"{peer} cannot be installed here and is left out")
    return str(python), {peer: versions[peer] for peer in PEERS if peer in versions}


def current_files(table):
    """The data files of a table's newest version, from its Delta log."""
    files = set()
    for commit in sorted((table / "_delta_log").glob("*.json")):
        for action in map(json.loads, commit.read_text().splitlines()):
            if "add" in action:
                files.add(action["add"]["path"])
            elif "remove" in action:
                files.discard(action["remove"]["path"])
    return [table / name for name in sorted(files)]


def share(database, folder):
    """Link the current files to where the peers look for them."""
    shutil.rmtree(folder, ignore_errors=True)
    sizes = {}
    for table in TABLES:
        (folder / table).mkdir(parents=True)
        files = current_files(database / table)
        for number, file in enumerate(files):
            os.link(file, folder / table / f"{number}.parquet")
        sizes[table] = (len(files), sum(file.stat().st_size for file in files))
    return sizes


def read_queries(weiku):
    """The queries by name, with ids that exist: a busy account's, and one of its posts'."""
    busy = "SELECT account_id AS id FROM posts GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1 OFFSET 9"
    account = weiku.ask(busy)[0]["id"]
    one = f"SELECT post_id AS id FROM posts WHERE account_id = '{account}' ORDER BY 1 LIMIT 1 OFFSET 9"
    post = weiku.ask(one)[0]["id"]
    queries = {}
    for name, title, sql in re.findall(r"^-- (Q\d+) (.*)\n([^;]+);", (HERE / "queries.sql").read_text(), re.M):
        sql = sql.replace("$account", f"'{account}'").replace("$post", f"'{post}'")
        queries[name] = (title, sql)
    return queries


# --- Comparing ---


def same(sql, ours, theirs):
    """Whether two answers are equal: numbers to 1e-9, and the order as far as ORDER BY rules it."""
    rows = [list(row.values()) for row in ours]
    if len(rows) != len(theirs):
        return False
    order = re.search(r"ORDER BY ([^()]*?)(?: LIMIT \d+)?$", sql)
    if order:
        names = list(ours[0])
        terms = [term.split()[0].split(".")[-1] for term in order[1].split(", ")]
        keys = [int(t) - 1 if t.isdigit() else names.index(t) for t in terms]
        if not all(close(a[k], b[k]) for a, b in zip(rows, theirs) for k in keys):
            return False
    # Rows that ORDER BY does not tell apart may come in any order.
    return all(map(close, sorted(rows, key=coarse), sorted(theirs, key=coarse)))


def coarse(row):
    """A key that sorts rows the same whatever the last digits of their numbers are."""
    return [f"{v:.6e}" if isinstance(v, (int, float)) else str(v) for v in row]


def close(a, b):
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
    return a == b


def run_query(weiku, peers, sql, rounds, runs):
    """The medians of one query: cold and warm on weiku, warm on each peer; and what went wrong."""
    answer = weiku.ask(sql)
    cold, times, notes = [], {"weiku": []}, []
    taking_part = []
    for peer in peers:
        theirs = peer.ask(sql, rows=True)
        if "error" in theirs:
            notes.append(f"{peer.name} cannot run it: {theirs['error']}")
        elif not same(sql, answer, theirs["rows"]):
            notes.append(f"{peer.name} ANSWERS OTHERWISE: {different(answer, theirs['rows'])}")
        else:
            taking_part.append(peer)
            times[peer.name] = []
    for _ in range(rounds):
        cold.append(weiku.cold(sql)[0])
        times["weiku"] += weiku.warm(sql, runs, len(answer))
        for peer in taking_part:
            times[peer.name] += [peer.ask(sql)["seconds"] for _ in range(runs)]
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    return statistics.median(cold), medians, notes


def different(ours, theirs):
    rows = [list(row.values()) for row in ours]
    for a, b in zip(rows, theirs):
        if not close(a, b):
            return f"weiku {a}, it {b}"[:400]
    return f"weiku {len(rows)} rows, it {len(theirs)}"


def geometric_mean(values):
    return math.exp(statistics.fmean(map(math.log, values)))


def compare(args, weiku, peers):
    names = [peer.name for peer in peers]
    print("| query | weiku cold | weiku warm | " + " | ".join(names) + " | warm ÷ best peer |")
    print("|---" + "|--:" * (len(names) + 3) + "|")
    ratios, per_peer, notes = [], {name: [] for name in names}, []
    for name, (title, sql) in read_queries(weiku).items():
        if args.only and name not in args.only:
            continue
        cold, medians, remarks = run_query(weiku, peers, sql, args.rounds, args.runs)
        notes += [f"- {name}: {remark}" for remark in remarks]
        cells = [f"{cold * 1e3:.1f}", f"{medians['weiku'] * 1e3:.1f}"]
        cells += [f"{medians[n] * 1e3:.1f}" if n in medians else "–" for n in names]
        for peer in set(names) & set(medians):
            per_peer[peer].append(medians["weiku"] / medians[peer])
        best = min((t for n, t in medians.items() if n != "weiku"), default=None)
        if best:
            ratios.append(medians["weiku"] / best)
        cells.append(f"{ratios[-1]:.2f}" if best else "–")
        print(f"| {name} {title} | " + " | ".join(cells) + " |", flush=True)
    means = [f"{geometric_mean(r):.2f}" if r else "–" for r in per_peer.values()]
    overall = f"**{geometric_mean(ratios):.2f}**" if ratios else "–"
    print("| geometric mean of weiku warm ÷ this | | | " + " | ".join(means) + f" | {overall} |")
    print("\nMilliseconds, medians; below 1 weiku is faster.")
    print("\n".join(notes))


# --- Start-up and import ---


def start_up(weiku):
    seconds = statistics.median(weiku.cold("SELECT 1")[0] for _ in range(15))
    print(f"\nStart-up: `SELECT 1` in an open database, whole process, {seconds * 1e3:.0f} ms (median of 15)")


def watched(command):
    """Run a command: its seconds and its peak memory in MB."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {' '.join(map(str, command))[:200]}")
    return time.perf_counter() - begun, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def size_of(path):
    files = [path] if path.is_file() else path.rglob("*.parquet")
    return sum(file.stat().st_size for file in files) / 1e6


# The posts in the layout of weibo-crawler for originals, with the account in the row.
EXPORT = """SELECT post_id || chr(9) AS id, '' AS bid, account_id AS 用户id, text AS 正文,
 '' AS 头条文章url, '' AS 原始图片url, '' AS 视频url, place AS 位置,
 to_char(posted_at, '%Y-%m-%dT%H:%M:%S') AS 日期, client AS 工具, coalesce(likes, 0) AS 点赞数,
 comments AS 评论数, reposts AS 转发数, '' AS 话题, '' AS "@用户" FROM posts"""


def imports(args, weiku, python, versions, folder):
    csv = folder / "posts.csv"
    if not csv.exists():
        command = [args.weiku, str(folder / "db"), "--no-init", "--quiet", "-o", str(csv), "-c", EXPORT]
        subprocess.run(command, check=True)
    results = {"weiku": [], "duckdb": []}
    parquet = folder / "imported.parquet"
    copy = f"COPY (SELECT * FROM read_csv('{csv}')) TO '{parquet}' (FORMAT parquet, COMPRESSION zstd)"
    duck = f'import duckdb; duckdb.connect(config={{"threads": {args.threads}}}).execute("{copy}")'
    for _ in range(args.rounds):
        shutil.rmtree(folder / "imported", ignore_errors=True)
        command = [args.weiku, "import", "--quiet", str(folder / "imported"), str(csv)]
        results["weiku"].append(watched(command) + (size_of(folder / "imported"),))
        if "duckdb" in versions:
            results["duckdb"].append(watched([python, "-c", duck]) + (size_of(parquet),))
    count = subprocess.run(
        [args.weiku, str(folder / "imported"), "--csv", "-c", "SELECT count(*) AS n FROM posts"],
        capture_output=True, text=True, check=True,
    ).stdout.split()[-1]
    print(f"\nImport of a weibo-crawler CSV, {size_of(csv):.0f} MB, {int(count):,} posts taken in:\n")
    print("| | seconds | seconds of CPU | peak memory, MB | files made, MB |\n|---|--:|--:|--:|--:|")
    for name, runs in results.items():
        if runs:
            wall, memory, cpu, size = (statistics.median(column) for column in zip(*runs))
            print(f"| {name} | {wall:.1f} | {cpu:.1f} | {memory:.0f} | {size:.1f} |")


# --- The command ---


def main():
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "weiku-compare"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weiku", default=str(HERE.parents[1] / "target/release/weiku"), help="the binary")
    parser.add_argument("--scale", default="m", choices=["s", "m", "l"], help="how many posts")
    parser.add_argument("--cache", type=Path, default=cache, help="where environment and data are kept")
    parser.add_argument("--threads", type=int, default=2, help="for every engine")
    parser.add_argument("--rounds", type=int, default=3, help="how often the engines take turns")
    parser.add_argument("--runs", type=int, default=3, help="warm runs of each engine in a turn")
    parser.add_argument("--only", nargs="*", help="only these queries, such as Q05 Q14")
    parser.add_argument("--no-import", action="store_true", help="leave the import out")
    args = parser.parse_args()

    python, versions = environment(args.cache)
    folder = args.cache / args.scale
    database = folder / "db"
    if not database.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [args.weiku, "generate", str(database), "--scale", args.scale, "--seed", "1"]
        subprocess.run(command, check=True)
    sizes = share(database, folder / "shared")
    weiku = Weiku(args.weiku, database, args.threads)

    version = subprocess.run([args.weiku, "--version"], capture_output=True, text=True).stdout.strip()
    posts = weiku.ask("SELECT count(*) AS n FROM posts")[0]["n"]
    print(f"{datetime.date.today()}, {os.cpu_count()} cores ({platform.machine()}), {args.threads} threads each")
    print(", ".join([version] + [f"{name} {number}" for name, number in versions.items()]))
    held = ", ".join(f"{t} {n} files {size / 1e6:.1f} MB" for t, (n, size) in sizes.items())
    print(f"{posts:,} posts: {held}\n")

    peers = [Peer(name, python, folder / "shared", args.threads) for name in versions]
    compare(args, weiku, peers)
    for peer in peers:
        peer.close()
    start_up(weiku)
    if not args.no_import:
        imports(args, weiku, python, versions, folder)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
