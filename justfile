# The everyday commands; `just` lists them.

_default:
    @just --list

# All that a change has to pass.
check:
    .ci/run

# Build what the README's first command runs.
build:
    cargo build --release

# Build for shipping: slow to build, fastest to run.
dist:
    cargo build --profile dist

# Build guided by a profile of weiku at work; benches/README.md says what that gains.
pgo:
    benches/pgo.sh

# Write golden outputs anew; read the difference before you commit it.
accept:
    WEIKU_ACCEPT=1 cargo test --test it

# The report of the sample as an HTML page.
report:
    cargo run --release -- report weiku-demo ministry_report -o ministry_report.html
