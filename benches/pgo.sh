#!/bin/sh
# Builds weiku guided by a profile: once so that its own code counts how often each branch is taken, then it works
# on generated posts, and once more with what was counted. The libraries are built once, without a profile, so that
# this takes two builds of one crate. Needs `llvm-profdata` of LLVM 19 or newer, as LLVM_PROFDATA or on the path.
#
#     benches/pgo.sh            leaves target/pgo/weiku
#
# Cargo calls the script again for weiku's own crate, by one of two names: it tells builds apart by the name.
set -eu

case "$(basename "$0")" in
counting) flag="-Cprofile-generate=$WEIKU_PROFILE" ;;
guided) flag="-Cprofile-use=$WEIKU_PROFILE/weiku.profdata" ;;
*) flag= ;;
esac
if [ -n "$flag" ]; then
    case " $* " in
    *" build_script_build "*) exec "$@" ;;
    *) exec "$@" "$flag" ;;
    esac
fi

cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
profdata="${LLVM_PROFDATA:-llvm-profdata}"
if ! command -v "$profdata" >/dev/null; then
    echo "no $profdata: install LLVM 19 or newer, or set LLVM_PROFDATA" >&2
    exit 2
fi
work="$CARGO_TARGET_DIR/pgo"
export WEIKU_PROFILE="$work/profile"
rm -rf "$work"
mkdir -p "$WEIKU_PROFILE"
for name in counting guided; do ln -s "$PWD/benches/pgo.sh" "$work/$name"; done

build() {
    # The wrapper's flag is not among what cargo looks at: only a newer source has it build again.
    touch src/lib.rs src/main.rs
    RUSTC_WORKSPACE_WRAPPER="$work/$1" cargo build --release --locked
}

build counting
weiku="$CARGO_TARGET_DIR/release/weiku"
export XDG_STATE_HOME="$work/state" XDG_CONFIG_HOME="$work/config" XDG_CACHE_HOME="$work/cache"
export WEIKU_RESULT_CACHE=off
"$weiku" generate "$work/posts" --scale s --seed 7
for format in weibo-crawler-csv mastodon-json; do
    "$weiku" generate "$work/export" --scale s --seed 7 --as "$format"
    "$weiku" import "$work/imported" "$work/export" --quiet
    rm -rf "$work/export"
done
"$weiku" optimize "$work/posts"
"$weiku" run "$work/posts" queries -o "$work/out" || true
for turn in 1 2 3 4; do
    "$weiku" "$work/posts" -f benches/compare/queries.sql --keep-going --format csv \
        -p account=1 -p others=2 -p post=1 -p rare=地震 >/dev/null || true
done
"$profdata" merge -o "$WEIKU_PROFILE/weiku.profdata" "$WEIKU_PROFILE"/*.profraw
build guided
cp "$weiku" "$work/weiku"
echo "$work/weiku"
