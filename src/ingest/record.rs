//! What formats give: accounts, posts and counts, with NULL for the unknown.

use std::borrow::Cow;

/// A text of a record: a part of what was read, or one that was made of it.
pub type Text<'a> = Cow<'a, str>;

/// An instant in UTC, in microseconds since 1970.
pub type Instant = i64;

/// One thing that a record of a file told of.
#[derive(Debug, Clone, PartialEq)]
pub enum Row<'a> {
    /// An account, and how large it was.
    Account(Account<'a>),
    /// A post, and how it was received.
    Post(Post<'a>),
}

/// An account as a file describes it. Text that is only blank is `None`.
#[derive(Debug, Clone, Default, PartialEq, Hash)]
pub struct Account<'a> {
    /// The service, such as `weibo`.
    pub platform: Text<'a>,
    /// The service's own id.
    pub account_id: Text<'a>,
    /// The name shown beside posts.
    pub screen_name: Option<Text<'a>>,
    /// What the account says of itself.
    pub description: Option<Text<'a>>,
    /// Whether the service vouches for the owner.
    pub verified: Option<bool>,
    /// The kind of verified owner.
    pub verified_type: Option<Text<'a>>,
    /// The service's words on the verified owner.
    pub verified_reason: Option<Text<'a>>,
    /// The place the account names.
    pub location: Option<Text<'a>>,
    /// When the account was opened.
    pub registered_at: Option<Instant>,
    /// The body that runs it, from a directory file.
    pub organization: Option<Text<'a>>,
    /// The body's rank.
    pub level: Option<Text<'a>>,
    /// The body's field.
    pub system: Option<Text<'a>>,
    /// The body's region.
    pub region: Option<Text<'a>>,
    /// How the account is run.
    pub style: Option<Text<'a>>,
    /// How large it was, when the file says so.
    pub counts: Option<AccountCounts>,
    /// When this was seen, when the record itself says so.
    pub observed_at: Option<Instant>,
}

/// How large an account was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
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
pub struct Post<'a> {
    /// The service, such as `weibo`.
    pub platform: Text<'a>,
    /// The service's own id; for weibo the numeric mid.
    pub post_id: Text<'a>,
    /// The account that posted it.
    pub account_id: Option<Text<'a>>,
    /// When it was posted.
    pub posted_at: Option<Instant>,
    /// The whole text, without markup.
    pub text: Option<Text<'a>>,
    /// The program or device it was posted from.
    pub client: Option<Text<'a>>,
    /// The place it names.
    pub place: Option<Text<'a>>,
    /// Whether it passes on another post.
    pub is_repost: Option<bool>,
    /// The post it passes on.
    pub origin_post_id: Option<Text<'a>>,
    /// The account of the post it passes on.
    pub origin_account_id: Option<Text<'a>>,
    /// How it was received.
    pub counts: PostCounts,
    /// Hashtags without their marks; `None` when the text is unknown.
    pub hashtags: Option<Vec<Text<'a>>>,
    /// Mentioned names without the @.
    pub mentions: Option<Vec<Text<'a>>>,
    /// Addresses it links to.
    pub urls: Option<Vec<Text<'a>>>,
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

impl Account<'_> {
    /// Whether more than the id of the account is known.
    #[must_use]
    pub fn says_anything(&self) -> bool {
        // All fields are named, so that a new one is not forgotten here.
        let Self {
            platform,
            account_id: _,
            screen_name,
            description,
            verified,
            verified_type,
            verified_reason,
            location,
            registered_at,
            organization,
            level,
            system,
            region,
            style,
            counts,
            observed_at: _,
        } = self;
        let texts = [
            screen_name,
            description,
            verified_type,
            verified_reason,
            location,
            organization,
            level,
            system,
            region,
            style,
        ];
        !platform.is_empty()
            || texts.into_iter().any(Option::is_some)
            || verified.is_some()
            || registered_at.is_some()
            || counts.is_some()
    }

    /// The account apart from what was read.
    #[must_use]
    pub fn into_owned(self) -> Account<'static> {
        Account {
            platform: owned(self.platform),
            account_id: owned(self.account_id),
            screen_name: self.screen_name.map(owned),
            description: self.description.map(owned),
            verified: self.verified,
            verified_type: self.verified_type.map(owned),
            verified_reason: self.verified_reason.map(owned),
            location: self.location.map(owned),
            registered_at: self.registered_at,
            organization: self.organization.map(owned),
            level: self.level.map(owned),
            system: self.system.map(owned),
            region: self.region.map(owned),
            style: self.style.map(owned),
            counts: self.counts,
            observed_at: self.observed_at,
        }
    }
}

impl Post<'_> {
    /// The post apart from what was read.
    #[must_use]
    pub fn into_owned(self) -> Post<'static> {
        let list = |texts: Option<Vec<Text<'_>>>| {
            texts.map(|texts| texts.into_iter().map(owned).collect::<Vec<_>>())
        };
        Post {
            platform: owned(self.platform),
            post_id: owned(self.post_id),
            account_id: self.account_id.map(owned),
            posted_at: self.posted_at,
            text: self.text.map(owned),
            client: self.client.map(owned),
            place: self.place.map(owned),
            is_repost: self.is_repost,
            origin_post_id: self.origin_post_id.map(owned),
            origin_account_id: self.origin_account_id.map(owned),
            counts: self.counts,
            hashtags: list(self.hashtags),
            mentions: list(self.mentions),
            urls: list(self.urls),
            media_count: self.media_count,
            observed_at: self.observed_at,
        }
    }
}

fn owned(text: Text<'_>) -> Text<'static> {
    Cow::Owned(text.into_owned())
}
