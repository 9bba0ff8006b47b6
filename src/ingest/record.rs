//! What formats give: accounts, posts and counts, with NULL for the unknown.

/// An instant in UTC, in microseconds since 1970.
pub type Instant = i64;

/// One thing that a record of a file told of.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// An account, and how large it was.
    Account(Account),
    /// A post, and how it was received.
    Post(Post),
}

/// An account as a file describes it. Text that is only blank is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Account {
    /// The service, such as `weibo`.
    pub platform: String,
    /// The service's own id.
    pub account_id: String,
    /// The name shown beside posts.
    pub screen_name: Option<String>,
    /// What the account says of itself.
    pub description: Option<String>,
    /// Whether the service vouches for the owner.
    pub verified: Option<bool>,
    /// The kind of verified owner.
    pub verified_type: Option<String>,
    /// The service's words on the verified owner.
    pub verified_reason: Option<String>,
    /// The place the account names.
    pub location: Option<String>,
    /// When the account was opened.
    pub registered_at: Option<Instant>,
    /// The body that runs it, from a directory file.
    pub organization: Option<String>,
    /// The body's rank.
    pub level: Option<String>,
    /// The body's field.
    pub system: Option<String>,
    /// The body's region.
    pub region: Option<String>,
    /// How the account is run.
    pub style: Option<String>,
    /// How large it was, when the file says so.
    pub counts: Option<AccountCounts>,
    /// When this was seen, when the record itself says so.
    pub observed_at: Option<Instant>,
}

/// How large an account was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountCounts {
    /// Accounts that follow it.
    pub followers: Option<i64>,
    /// Accounts it follows.
    pub following: Option<i64>,
    /// Posts it had published.
    pub posts: Option<i64>,
    /// The unit to which followers were rounded; 1 is exact.
    pub precision: Option<i64>,
}

/// A post as a file describes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Post {
    /// The service, such as `weibo`.
    pub platform: String,
    /// The service's own id; for weibo the numeric mid.
    pub post_id: String,
    /// The account that posted it.
    pub account_id: Option<String>,
    /// When it was posted.
    pub posted_at: Option<Instant>,
    /// The whole text, without markup.
    pub text: Option<String>,
    /// The program or device it was posted from.
    pub client: Option<String>,
    /// The place it names.
    pub place: Option<String>,
    /// Whether it passes on another post.
    pub is_repost: Option<bool>,
    /// The post it passes on.
    pub origin_post_id: Option<String>,
    /// The account of the post it passes on.
    pub origin_account_id: Option<String>,
    /// How it was received.
    pub counts: PostCounts,
    /// Hashtags without their marks; `None` when the text is unknown.
    pub hashtags: Option<Vec<String>>,
    /// Mentioned names without the @.
    pub mentions: Option<Vec<String>>,
    /// Addresses it links to.
    pub urls: Option<Vec<String>>,
    /// Pictures and videos attached.
    pub media_count: Option<i64>,
    /// When this was seen, when the record itself says so.
    pub observed_at: Option<Instant>,
}

/// How a post was received.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostCounts {
    /// Times it was passed on.
    pub reposts: Option<i64>,
    /// Comments under it.
    pub comments: Option<i64>,
    /// Likes it received.
    pub likes: Option<i64>,
    /// The coarsest unit to which a count was rounded; 1 is exact.
    pub precision: Option<i64>,
}
