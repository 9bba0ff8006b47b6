#!/usr/bin/env python3
"""Run the same queries on weiku and on its peers, over the same Parquet files, and print a table.

    python3 benches/compare/compare.py --scale m

The first run makes a virtual environment with the peers and a generated database in the cache
folder; later runs find them there. A peer that cannot be installed is named and left out, and so
is a query that a peer does not read. Every answer is checked against weiku's.

Each engine has its own process and two threads. They take turns, and every figure is a median,
so that what else runs on the machine hits all of them alike.

With --cpu the figures are seconds of processor time of all threads together: they say what the work
is, and hardly change with what else runs.

With --results FILE the figures of the queries are kept there, and the table has all that FILE
holds: so the queries can be run in several parts, with --only.
"""

import argparse
import datetime
import importlib
import json
import math
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TABLES = ["accounts", "account_snapshots", "posts"]

# The engines that read the same Parquet files, with what each needs imported; the last one is
# DuckDB over a file in its own format, made from the same rows, and is compared with apart.
PEERS = {
    "duckdb": ["duckdb", "pyarrow"],
    "polars": ["polars"],
    "datafusion": ["datafusion", "pyarrow"],
    "chdb": ["chdb.session", "pandas", "pyarrow"],
    "duckdb_native": ["duckdb", "pyarrow"],
}
NATIVE = "duckdb_native"
PARTS = ["queries", "memory", "start-up", "files", "import"]
PACKAGES = ["duckdb", "duckdb-cli", "polars", "datafusion", "chdb", "pyarrow", "pandas"]

# What an engine spells otherwise: (pattern, replacement).
DUCKDB = [(r"\bregexp_like\b", "regexp_matches"), (r"\bcharacter_length\b", "length")]
DIALECT = {
    "duckdb": DUCKDB,
    "duckdb_native": DUCKDB,
    "polars": [],
    "datafusion": [],
    # ClickHouse's median is an estimate; this is the exact one, between the two middle values.
    "chdb": [
        (r"\bregexp_like\b", "match"),
        (r"\bcharacter_length\b", "lengthUTF8"),
        (r"\bmedian\(", "quantileExactInclusive(0.5)("),
        (r"\bunnest\(", "arrayJoin("),
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


def duckdb_native_engine(folder, threads):
    import duckdb

    db = duckdb.connect(str(Path(folder).parent / "native.duckdb"), read_only=True)
    db.execute(f"SET threads = {threads}; SET TimeZone = 'UTC'")
    return lambda sql: db.execute(sql).to_arrow_table()


def polars_engine(folder, threads):
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


def worker(engine, folder, threads, clock):
    """Answer one JSON line per query line: the seconds, those of the engine's start and the first
    query in `cold`, and, when asked, the rows."""
    now = {"time": time.perf_counter, "cpu": time.process_time}[clock]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    os.environ["POLARS_MAX_THREADS"] = str(threads)
    for module in PEERS[engine]:
        importlib.import_module(module)  # Python's part of the start is not the engine's
    started = now()
    run = globals()[f"{engine}_engine"](folder, threads)
    started = now() - started
    for line in sys.stdin:
        request = json.loads(line)
        try:
            begun = now()
            table = run(request["sql"])
            seconds = now() - begun
            answer = {"seconds": seconds, "cold": started + seconds}
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

    def __init__(self, name, python, folder, threads, clock):
        self.name = name
        self.command = [python, str(HERE / "compare.py"), "--worker", name, str(folder), str(threads), clock]
        self.process = self.start()

    def start(self):
        return subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def ask(self, sql, rows=False, process=None):
        process = process or self.process
        for pattern, replacement in DIALECT[self.name]:
            sql = re.sub(pattern, replacement, sql)
        try:
            process.stdin.write(json.dumps({"sql": sql, "rows": rows}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        return json.loads(line) if line else {"error": "its process ended"}

    def cold(self, sql):
        """The seconds of a fresh engine and its first query."""
        process = self.start()
        seconds = self.ask(sql, process=process)["cold"]
        self.end(process)
        return seconds

    def peak_memory(self):
        """The most memory of the process so far, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024

    def close(self):
        self.end(self.process)

    @staticmethod
    def end(process):
        process.stdin.close()
        process.stdout.close()
        process.wait()


# --- weiku ---


class Weiku:
    def __init__(self, binary, database, threads, clock="time"):
        self.clock = clock
        self.command = [binary, str(database), "--no-init", "--timezone", "UTC", "-j", str(threads)]
        self.command += ["--jsonl", "--quiet"]
        self.file = database.parent / "query.sql"

    def cold(self, sql):
        """One process for one query: the seconds from its start to its end, and the lines."""
        self.file.write_text(sql + ";\n")
        begun, used = time.perf_counter(), cpu_of_ended()
        done = subprocess.run(self.command + ["-f", str(self.file)], capture_output=True, check=True)
        wall, cpu = time.perf_counter() - begun, cpu_of_ended() - used
        return cpu if self.clock == "cpu" else wall, done.stdout.splitlines()

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
                ends.append(cpu_of(process.pid) if self.clock == "cpu" else time.perf_counter())
        return [after - before for before, after in zip(ends, ends[1:])]


    def peak_memory(self, queries, runs):
        """The most memory of one process that runs all the queries, each as often, in MB."""
        command = self.command + [part for sql in queries for part in ["-c", sql] * runs]
        return watched(command)[1]


def cpu_of(pid):
    """The seconds that the threads of a process have run, those that ended too."""
    # Linux counts clocks of processes from their number: clock_getcpuclockid(3).
    return time.clock_gettime(~pid << 3 | 2)


def cpu_of_ended():
    """The seconds that processes of ours have run that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def watched(command):
    """Run a command: its seconds, its peak memory in MB, and its seconds of CPU."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {' '.join(map(str, command))[:200]}")
    return time.perf_counter() - begun, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


# --- Preparing ---


def environment(cache):
    """The Python of a virtual environment with the peers that can be had, and their versions."""
    python = cache / "venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(cache / "venv")], check=True)
        for package in PACKAGES:
            subprocess.run([python, "-m", "pip", "install", "--quiet", package])
    listing = subprocess.run(
        [python, "-m", "pip", "list", "--format", "json"], capture_output=True, check=True
    ).stdout
    versions = {p["name"]: p["version"] for p in json.loads(listing)}
    versions[NATIVE] = versions.get("duckdb")
    for peer in PEERS:
        if not versions.get(peer):
            print(f"{peer} cannot be installed here and is left out")
    return str(python), {peer: versions[peer] for peer in PEERS if versions.get(peer)}


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


def make_native(python, folder):
    """Put the rows of the shared files into a file of DuckDB's own, unless there is one of them."""
    file = folder / "native.duckdb"
    shared = [path for path in (folder / "shared").rglob("*.parquet")]
    if file.exists() and file.stat().st_mtime > max(path.stat().st_mtime for path in shared):
        return
    file.unlink(missing_ok=True)
    subprocess.run(duckdb_command(python, shared_as_tables(folder), file), check=True)


def shared_as_tables(folder):
    """The statements that take the rows of the shared files into tables."""
    table = "CREATE TABLE {0} AS SELECT * FROM read_parquet('{1}/shared/{0}/*.parquet');"
    return " ".join(table.format(name, folder) for name in TABLES)


def duckdb_command(python, sql, file=":memory:", **config):
    """The command that has DuckDB run some statements."""
    sql = f"SET enable_progress_bar = false; {sql}"
    code = f"import duckdb; duckdb.connect({str(file)!r}, config={config!r}).execute({sql!r})"
    return [python, "-c", code]


def read_queries(weiku):
    """The queries by name, with accounts, a post and characters that exist."""
    busy = "SELECT account_id AS id FROM posts GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 3 OFFSET 9"
    account, *others = [row["id"] for row in weiku.ask(busy)]
    of_account = f"FROM posts WHERE account_id = '{account}' ORDER BY post_id LIMIT 40 OFFSET 9"
    post = weiku.ask(f"SELECT post_id AS id {of_account}")[0]["id"]
    some = [row["word"] for row in weiku.ask(f"SELECT substr(text, 9, 4) AS word {of_account}")]
    values = {
        "$account": f"'{account}'",
        "$others": ", ".join(f"'{other}'" for other in others),
        "$post": f"'{post}'",
        "$rare": f"'%{rare(weiku, some)}%'",
    }
    queries = {}
    for name, title, sql in re.findall(r"^-- (Q\d+) (.*)\n([^;]+);", (HERE / "queries.sql").read_text(), re.M):
        for placeholder, value in values.items():
            sql = sql.replace(placeholder, value)
        queries[name] = (title, sql)
    return queries


def rare(weiku, words):
    """The word that the fewest posts have."""
    plain = [word for word in set(words) if len(word) == 4 and not set(word) & set("%_'\\")]
    counts = [f"count(*) FILTER (WHERE text LIKE '%{word}%') AS \"{word}\"" for word in sorted(plain)]
    [found] = weiku.ask(f"SELECT {', '.join(counts)} FROM posts")
    return min(found, key=found.get)


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
    """The medians of one query in seconds, warm and cold, by engine; and what went wrong."""
    answer = weiku.ask(sql)
    warm, cold, notes = {"weiku": []}, {"weiku": []}, []
    taking_part = []
    for peer in peers:
        theirs = peer.ask(sql, rows=True)
        if "error" in theirs:
            notes.append(f"{peer.name} cannot run it: {theirs['error']}")
        elif not same(sql, answer, theirs["rows"]):
            notes.append(f"{peer.name} ANSWERS OTHERWISE: {different(answer, theirs['rows'])}")
        else:
            taking_part.append(peer)
            warm[peer.name], cold[peer.name] = [], []
    for _ in range(rounds):
        cold["weiku"].append(weiku.cold(sql)[0])
        warm["weiku"] += weiku.warm(sql, runs, len(answer))
        for peer in taking_part:
            cold[peer.name].append(peer.cold(sql))
            warm[peer.name] += [peer.ask(sql)["seconds"] for _ in range(runs)]
    medians = [{name: statistics.median(seconds) for name, seconds in times.items()} for times in (warm, cold)]
    return {"warm": medians[0], "cold": medians[1], "notes": notes}


def different(ours, theirs):
    rows = [list(row.values()) for row in ours]
    for a, b in zip(rows, theirs):
        if not close(a, b):
            return f"weiku {a}, it {b}"[:400]
    return f"weiku {len(rows)} rows, it {len(theirs)}"


def geometric_mean(values):
    return math.exp(statistics.fmean(map(math.log, values)))


def compare(args, weiku, peers):
    """Run the queries, and print the tables of these and of all that the file of results holds."""
    queries = {n: q for n, q in read_queries(weiku).items() if not args.only or n in args.only}
    results = {}
    if args.results and args.results.exists():
        results = json.loads(args.results.read_text())
    for name, (title, sql) in queries.items():
        found = run_query(weiku, peers, sql, args.rounds, args.runs)
        results[name] = {"title": title, **found}
        print(f"{name} {title}: {found['warm']['weiku'] * 1e3:.1f} ms", file=sys.stderr, flush=True)
        if args.results:
            args.results.write_text(json.dumps(results, indent=1, ensure_ascii=False))
    results = dict(sorted(results.items()))
    names = [peer.name for peer in peers]
    of_what = " of processor time" if args.cpu else ""
    print_table(f"Warm, in one process; milliseconds{of_what}", "warm", results, names)
    cold = "Cold: a fresh process, or a fresh engine, for one query"
    print_table(f"{cold}; milliseconds{of_what}", "cold", results, names)
    print()
    print("\n".join(f"- {name}: {note}" for name, result in results.items() for note in result["notes"]))
    for peer in peers:
        peer.close()


def print_table(title, kind, results, names):
    """Milliseconds by query and engine, and how many times the best peer's time weiku takes."""
    print(f"\n{title}, medians; below 1 weiku is faster.\n")
    peers = [name for name in names if name != NATIVE]
    print("| query | weiku | " + " | ".join(peers) + f" | ÷ best | {NATIVE} | ÷ native |")
    print("|---" + "|--:" * (len(peers) + 4) + "|")
    ratios = {name: [] for name in [*names, "best"]}
    for name, result in results.items():
        times = result[kind]
        own = times["weiku"]
        best = min((times[peer] for peer in peers if peer in times), default=None)
        for peer, time in [*times.items(), ("best", best)]:
            if peer in ratios and time:
                ratios[peer].append(own / time)
        cells = [milliseconds(own), *[milliseconds(times.get(peer)) for peer in peers]]
        cells += [f"{own / best:.2f}" if best else "–", milliseconds(times.get(NATIVE))]
        cells.append(f"{own / times[NATIVE]:.2f}" if NATIVE in times else "–")
        print(f"| {name} {result['title']} | " + " | ".join(cells) + " |")
    means = {name: f"{geometric_mean(values):.2f}" if values else "–" for name, values in ratios.items()}
    cells = ["", *[means[peer] for peer in peers], f"**{means['best']}**", "", means.get(NATIVE, "–")]
    print("| geometric mean of weiku ÷ this | " + " | ".join(cells) + " |")


def milliseconds(seconds):
    return f"{seconds * 1e3:.1f}" if seconds else "–"


# --- Start-up and import ---


def start_up(args, weiku, python, folder):
    """The first answer of a process, on databases of more and more commits, and on DuckDB's file."""
    print("\nStart-up: a whole process with one statement, milliseconds (median of 15).\n")
    print("| | `SELECT 1` | `SELECT count(*) FROM posts` |\n|---|--:|--:|")
    statements = ["SELECT 1", "SELECT count(*) FROM posts"]
    for commits in [1, 100, 1000]:
        many = Weiku(args.weiku, database_of(args, folder, commits), args.threads)
        times = [statistics.median(many.cold(sql)[0] for _ in range(15)) for sql in statements]
        print(f"| weiku, {commits:,} commits | " + " | ".join(map(milliseconds, times)) + " |")
    shell = Path(python).parent / "duckdb"
    if shell.exists():
        # The shell's package may be of another version than the library's, which made the other file.
        file = folder / "shell.duckdb"
        file.unlink(missing_ok=True)
        subprocess.run([shell, file, "-c", shared_as_tables(folder)], check=True)
        command = [shell, "-readonly", "-csv", file, "-c"]
        times = [statistics.median(watched([*command, sql])[0] for _ in range(15)) for sql in statements]
        print("| duckdb's shell, its own file | " + " | ".join(map(milliseconds, times)) + " |")


# The columns of weibo-crawler for originals, with the account in the row.
COLUMNS = "id,bid,用户id,正文,头条文章url,原始图片url,视频url,位置,日期,工具,点赞数,评论数,转发数,话题,@用户"


def database_of(args, folder, commits):
    """A database into which as many files of one post were imported one after the other."""
    database = folder.parent / f"commits-{commits}"
    if database.exists():
        return database
    making = folder.parent / "commits"
    shutil.rmtree(making, ignore_errors=True)
    export = folder.parent / "post.csv"
    for number in range(commits):
        time = f"2012-03-01T{number % 24:02}:00:00"
        export.write_text(f"{COLUMNS}\n{10**9 + number},,1,第{number}条,,,,,{time},,0,0,0,,\n")
        command = [args.weiku, "import", "--quiet", str(making / "db"), str(export)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (making / "db").rename(database)
    return database


def memory(args, weiku, peers):
    """The most memory of each engine's process with all the queries."""
    queries = [sql for _, sql in read_queries(weiku).values()]
    runs = args.runs + 1
    for peer in peers:
        for sql in queries * runs:
            peer.ask(sql)
    print(f"\nPeak memory of one process that ran all queries {runs} times, MB.\n")
    print("| weiku | " + " | ".join(peer.name for peer in peers) + " |\n|" + "--:|" * (len(peers) + 1))
    cells = [weiku.peak_memory(queries, runs), *[peer.peak_memory() for peer in peers]]
    print("| " + " | ".join(f"{cell:.0f}" for cell in cells) + " |")


def file_sizes(python, database, folder):
    """What the same posts take on disk, by whom they were written."""
    written = folder / "duckdb.parquet"
    if not written.exists():
        rows = f"SELECT * FROM '{folder}/shared/posts/*.parquet'"
        copy = f"COPY ({rows}) TO '{written}' (FORMAT parquet, COMPRESSION zstd)"
        subprocess.run(duckdb_command(python, copy), check=True)
    current = current_files(database / "posts")
    sizes = {
        "weiku, data files": sum(file.stat().st_size for file in current),
        "weiku, indexes beside them": sum(file.with_suffix(".index").stat().st_size for file in current),
        "duckdb, ZSTD Parquet": written.stat().st_size,
        "duckdb, its own file, all tables": (folder / "native.duckdb").stat().st_size,
    }
    print("\nFiles of the posts, MB.\n\n| " + " | ".join(sizes) + " |\n|" + "--:|" * len(sizes))
    print("| " + " | ".join(f"{size / 1e6:.1f}" for size in sizes.values()) + " |")


def size_of(path):
    files = [path] if path.is_file() else path.rglob("*.parquet")
    return sum(file.stat().st_size for file in files) / 1e6


def imports(args, python, versions, folder):
    csv = folder / "export" / "posts.csv"
    if not csv.exists():
        command = [args.weiku, "generate", str(csv.parent), "--scale", args.scale, "--seed", "1"]
        subprocess.run([*command, "--as", "weibo-crawler-csv"], check=True)
    results = {"weiku": [], "duckdb": []}
    parquet = folder / "imported.parquet"
    # Rows of originals end before the columns of the reposted post. DuckDB reads such rows with one
    # thread only where texts have line breaks.
    rows = f"SELECT * FROM read_csv('{csv}', null_padding = true, parallel = false)"
    copy = f"COPY ({rows}) TO '{parquet}' (FORMAT parquet, COMPRESSION zstd)"
    duck = duckdb_command(python, copy, threads=args.threads)
    for _ in range(args.rounds):
        shutil.rmtree(folder / "imported", ignore_errors=True)
        command = [args.weiku, "import", "--quiet", str(folder / "imported"), str(csv)]
        results["weiku"].append(watched(command) + (size_of(folder / "imported"),))
        if "duckdb" in versions:
            results["duckdb"].append(watched(duck) + (size_of(parquet),))
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
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS, help="what is measured")
    parser.add_argument("--cpu", action="store_true", help="processor time of the queries, for a busy machine")
    parser.add_argument("--only", nargs="*", help="only these queries, such as Q05 Q14")
    parser.add_argument("--results", type=Path, help="a file in which the figures of queries are kept")
    args = parser.parse_args()
    os.environ["WEIKU_RESULT_CACHE"] = "off"  # an answer that is kept is no measurement

    python, versions = environment(args.cache)
    folder = args.cache / args.scale
    database = folder / "db"
    if not database.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [args.weiku, "generate", str(database), "--scale", args.scale, "--seed", "1"]
        subprocess.run(command, check=True)
        # As whoever fills a database and then asks it for years would do.
        subprocess.run([args.weiku, "optimize", str(database)], check=True)
    sizes = share(database, folder / "shared")
    clock = "cpu" if args.cpu else "time"
    weiku = Weiku(args.weiku, database, args.threads, clock)

    version = subprocess.run([args.weiku, "--version"], capture_output=True, text=True).stdout.strip()
    posts = weiku.ask("SELECT count(*) AS n FROM posts")[0]["n"]
    print(f"{datetime.date.today()}, {os.cpu_count()} cores ({platform.machine()}), {args.threads} threads each")
    print(", ".join([version] + [f"{name} {number}" for name, number in versions.items()]))
    held = ", ".join(f"{t} {n} files {size / 1e6:.1f} MB" for t, (n, size) in sizes.items())
    print(f"{posts:,} posts: {held}\n")

    if NATIVE in versions:
        make_native(python, folder)
    names = list(versions)
    start = lambda: [Peer(name, python, folder / "shared", args.threads, clock) for name in names]
    parts = {
        "queries": lambda: compare(args, weiku, start()),
        "memory": lambda: memory(args, weiku, start()),
        "start-up": lambda: start_up(args, weiku, python, folder),
        "files": lambda: file_sizes(python, database, folder),
        "import": lambda: imports(args, python, versions, folder),
    }
    for part in args.parts:
        parts[part]()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
    else:
        main()
