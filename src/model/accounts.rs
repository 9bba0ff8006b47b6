//! Who posts, and how many followers they had when somebody looked.

use super::ColumnKind::{Boolean, Instant, Integer, Text};
use super::{Table, ascending, descending, optional, required};

/// One row per account.
pub const ACCOUNTS: Table = Table {
    name: "accounts",
    summary: "who posts: one row per account, with its latest known profile",
    columns: &[
        required("platform", Text, "the service the account is on, such as weibo or mastodon"),
        required("account_id", Text, "the service's own id of the account"),
        optional("screen_name", Text, "the name shown beside posts"),
        optional("description", Text, "what the account says of itself"),
        optional("verified", Boolean, "whether the service vouches for the owner's identity"),
        optional(
            "verified_type",
            Text,
            "the kind of verified owner: government, media, enterprise, celebrity, ...",
        ),
        optional("verified_reason", Text, "the service's words on who the verified owner is"),
        optional("location", Text, "the place the account names"),
        optional("registered_at", Instant, "when the account was opened"),
        optional("organization", Text, "the body that runs the account, from a directory file"),
        optional(
            "level",
            Text,
            "the body's rank, from a directory file: ministry, ministry_level, province, city, county",
        ),
        optional(
            "system",
            Text,
            "the body's field, from a directory file: diplomacy, public_security, health, ...",
        ),
        optional("region", Text, "the body's region, from a directory file"),
        optional("style", Text, "how the account is run, from a directory file"),
        required("observed_at", Instant, "when these values were first seen as they are"),
    ],
    key: &["platform", "account_id"],
    sort: &[ascending("platform"), ascending("account_id")],
};

/// One row per account and look at it.
pub const ACCOUNT_SNAPSHOTS: Table = Table {
    name: "account_snapshots",
    summary: "how large an account was each time somebody looked",
    columns: &[
        required("platform", Text, "the service the account is on"),
        required("account_id", Text, "the service's own id of the account"),
        required("observed_at", Instant, "when the counts were seen"),
        optional("followers", Integer, "accounts that follow it"),
        optional("following", Integer, "accounts it follows"),
        optional("posts", Integer, "posts it had published"),
        optional(
            "precision",
            Integer,
            "the unit to which the source rounded followers: 1 is exact, 10000 is whole 万",
        ),
    ],
    key: &["platform", "account_id", "observed_at"],
    sort: &[descending("observed_at"), ascending("platform"), ascending("account_id")],
};
