//! The views that every database has: the joins and sums with which most
//! questions begin.

/// A view: a question with a name.
#[derive(Debug)]
pub struct View {
    /// The name in SQL.
    pub name: &'static str,
    /// What one row of it is, in a sentence.
    pub summary: &'static str,
    /// The columns in order: the name, and what it holds in a sentence.
    pub columns: &'static [(&'static str, &'static str)],
    /// The question.
    pub sql: &'static str,
}

/// Every view, in alphabetical order.
pub static VIEWS: [&View; 5] =
    [&ACCOUNT_DAILY, &ACCOUNT_LATEST, &HASHTAG_DAILY, &POSTS_WITH_ACCOUNTS, &REPOST_EDGES];

/// The view called `name`, if there is one.
#[must_use]
pub fn view(name: &str) -> Option<&'static View> {
    VIEWS.into_iter().find(|view| view.name == name)
}

static ACCOUNT_DAILY: View = View {
    name: "account_daily",
    summary: "what an account posted on a day, and how that was received until now",
    columns: &[
        ("platform", "the service the account is on"),
        ("account_id", "the service's own id of the account"),
        ("day", "the day, in the session's time zone; days without a post have no row"),
        ("posts", "posts of the day"),
        ("originals", "posts of the day that are known to pass on no other"),
        ("reposts", "times these posts were passed on; NULL if unknown for all"),
        ("comments", "comments under these posts; NULL if unknown for all"),
        ("likes", "likes of these posts; NULL if unknown for all"),
    ],
    sql: "
        SELECT platform, account_id, CAST(date_trunc('day', posted_at) AS DATE) AS day,
            count(*) AS posts, count(*) FILTER (WHERE NOT is_repost) AS originals,
            sum(reposts) AS reposts, sum(comments) AS comments, sum(likes) AS likes
        FROM posts
        WHERE posted_at IS NOT NULL
        GROUP BY platform, account_id, CAST(date_trunc('day', posted_at) AS DATE)",
};

static ACCOUNT_LATEST: View = View {
    name: "account_latest",
    summary: "an account with its size when somebody looked last",
    columns: &[
        ("platform", "the service the account is on"),
        ("account_id", "the service's own id of the account"),
        ("screen_name", "the name shown beside posts"),
        ("description", "what the account says of itself"),
        ("verified", "whether the service vouches for the owner's identity"),
        ("verified_type", "the kind of verified owner"),
        ("verified_reason", "the service's words on who the verified owner is"),
        ("location", "the place the account names"),
        ("registered_at", "when the account was opened"),
        ("organization", "the body that runs the account, from a directory file"),
        ("level", "the body's rank, from a directory file"),
        ("system", "the body's field, from a directory file"),
        ("region", "the body's region, from a directory file"),
        ("style", "how the account is run, from a directory file"),
        ("followers", "accounts that follow it, at the latest look"),
        ("following", "accounts it follows, at the latest look"),
        ("posts", "posts it had published, by the service's own count, at the latest look"),
        ("precision", "the unit to which the source rounded followers"),
        ("counted_at", "when somebody looked last; NULL if nobody did"),
    ],
    sql: "
        SELECT a.platform, a.account_id, a.screen_name, a.description, a.verified,
            a.verified_type, a.verified_reason, a.location, a.registered_at, a.organization,
            a.level, a.system, a.region, a.style, s.followers, s.following, s.posts,
            s.precision, s.observed_at AS counted_at
        FROM accounts AS a
        LEFT JOIN (
            SELECT s.*
            FROM account_snapshots AS s
            JOIN (
                SELECT platform, account_id, max(observed_at) AS observed_at
                FROM account_snapshots
                GROUP BY platform, account_id
            ) AS latest
            ON s.platform = latest.platform AND s.account_id = latest.account_id
                AND s.observed_at = latest.observed_at
        ) AS s
        ON a.platform = s.platform AND a.account_id = s.account_id",
};

static HASHTAG_DAILY: View = View {
    name: "hashtag_daily",
    summary: "how a hashtag was used on a day",
    columns: &[
        ("platform", "the service"),
        ("hashtag", "the hashtag, without the marks"),
        ("day", "the day, in the session's time zone"),
        ("posts", "posts of the day with the hashtag"),
        ("accounts", "accounts that made them"),
        ("reposts", "times these posts were passed on; NULL if unknown for all"),
        ("comments", "comments under these posts; NULL if unknown for all"),
        ("likes", "likes of these posts; NULL if unknown for all"),
    ],
    sql: "
        SELECT platform, hashtag, day, count(*) AS posts, count(DISTINCT account_id) AS accounts,
            sum(reposts) AS reposts, sum(comments) AS comments, sum(likes) AS likes
        FROM (
            SELECT platform, account_id, CAST(date_trunc('day', posted_at) AS DATE) AS day,
                unnest(hashtags) AS hashtag, reposts, comments, likes
            FROM posts
            WHERE posted_at IS NOT NULL
        ) AS tagged
        GROUP BY platform, hashtag, day",
};

static POSTS_WITH_ACCOUNTS: View = View {
    name: "posts_with_accounts",
    summary: "a post with what is known of the account that made it",
    columns: &[
        ("platform", "the service the post is on"),
        ("post_id", "the service's own id of the post"),
        ("account_id", "the account that posted it"),
        ("screen_name", "the account's name"),
        ("verified_type", "the kind of verified owner of the account"),
        ("organization", "the body that runs the account"),
        ("level", "the body's rank"),
        ("system", "the body's field"),
        ("region", "the body's region"),
        ("style", "how the account is run, from a directory file"),
        ("posted_at", "when it was posted"),
        ("text", "the whole text, without markup"),
        ("client", "the program or device it was posted from"),
        ("place", "the place it names"),
        ("is_repost", "whether it passes on another post"),
        ("origin_post_id", "the post it passes on"),
        ("origin_account_id", "the account of the post it passes on"),
        ("reposts", "times it was passed on, latest seen"),
        ("comments", "comments under it, latest seen"),
        ("likes", "likes it received, latest seen"),
        ("hashtags", "its hashtags, without the marks"),
        ("mentions", "the names it mentions, without the @"),
        ("urls", "the addresses it links to"),
        ("media_count", "pictures and videos attached"),
    ],
    sql: "
        SELECT p.platform, p.post_id, p.account_id, a.screen_name, a.verified_type,
            a.organization, a.level, a.system, a.region, a.style, p.posted_at, p.text, p.client,
            p.place, p.is_repost, p.origin_post_id, p.origin_account_id, p.reposts, p.comments,
            p.likes, p.hashtags, p.mentions, p.urls, p.media_count
        FROM posts AS p
        LEFT JOIN accounts AS a
        ON p.platform = a.platform AND p.account_id = a.account_id",
};

static REPOST_EDGES: View = View {
    name: "repost_edges",
    summary: "how often one account passed on posts of another",
    columns: &[
        ("platform", "the service"),
        ("account_id", "the account that passes on"),
        ("origin_account_id", "the account whose posts it passes on"),
        ("times", "posts of the one that pass on a post of the other"),
        ("first_at", "when it did so first"),
        ("last_at", "when it did so last"),
    ],
    sql: "
        SELECT platform, account_id, origin_account_id, count(*) AS times,
            min(posted_at) AS first_at, max(posted_at) AS last_at
        FROM posts
        WHERE is_repost AND origin_account_id IS NOT NULL
        GROUP BY platform, account_id, origin_account_id",
};
