//! What a column of a foreign file means.

use super::fields;
use super::fields::count::{self, Count};
use super::record::Text;

/// Where the value of a column goes.
///
/// The names are those of weiku's tables; the others say how a foreign column
/// differs from the one it ends up in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The service.
    Platform,
    /// The post's id; for weibo as mid, bid or address.
    PostId,
    /// The post's id as a Weibo bid, even if it is all digits.
    Bid,
    /// The post's Weibo mid, which is preferred to a short id of old.
    Mid,
    /// The post's address, which names account and post.
    PostUrl,
    /// The account's id.
    AccountId,
    /// When it was posted.
    PostedAt,
    /// When it was posted, if no exacter column says it.
    RoughPostedAt,
    /// Times and programs as a Weibo page shows them, those of a reposted
    /// original after a comma.
    TimeAndClient,
    /// The text.
    Text,
    /// The text, if no other column holds the whole of it.
    ShortText,
    /// The text with HTML markup.
    Html,
    /// The text, of which only some sources make HTML.
    TextOrHtml,
    /// The program it was posted from, perhaps as an HTML link.
    Client,
    /// The place.
    Place,
    /// Whether it is a repost.
    IsRepost,
    /// Whether it is not a repost.
    IsOriginal,
    /// The id of the post it passes on.
    OriginPostId,
    /// The account of the post it passes on.
    OriginAccountId,
    /// Times passed on.
    Reposts,
    /// Comments.
    Comments,
    /// Likes.
    Likes,
    /// The unit of rounding of the counts.
    Precision,
    /// All hashtags.
    Hashtags,
    /// Hashtags beside those in the text.
    Topics,
    /// All mentioned names.
    Mentions,
    /// Mentioned names beside those in the text.
    AtUsers,
    /// All addresses it links to.
    Urls,
    /// One address beside those in the text.
    Link,
    /// How many pictures and videos are attached.
    MediaCount,
    /// Addresses of attached pictures or videos, to be counted.
    Media,
    /// When the source looked.
    ObservedAt,
    /// The account's name.
    ScreenName,
    /// The account's own words.
    Description,
    /// The account's own words with HTML markup.
    DescriptionHtml,
    /// Whether the account is verified.
    Verified,
    /// The kind of verified account, as a word or as Weibo's number.
    VerifiedType,
    /// Weibo's words for kinds of verified accounts: `蓝V`, `黄V`.
    Badge,
    /// The words on the verified owner.
    VerifiedReason,
    /// The account's place.
    Location,
    /// When the account was opened.
    RegisteredAt,
    /// The body that runs the account.
    Organization,
    /// The body's rank.
    Level,
    /// The body's field.
    System,
    /// The body's region.
    Region,
    /// How the account is run.
    Style,
    /// Followers.
    Followers,
    /// Followers from a crawler that wrote rounded counts out in full.
    RoundedFollowers,
    /// Accounts followed.
    Following,
    /// Posts published.
    Posts,
    /// A column that weiku knows and has no place for.
    Ignored,
}

/// Fields by the names under which mapping files and weiku's own files give
/// them.
pub(crate) const FIELDS: [(&str, Field); 51] = [
    ("platform", Field::Platform),
    ("post_id", Field::PostId),
    ("bid", Field::Bid),
    ("mid", Field::Mid),
    ("post_url", Field::PostUrl),
    ("account_id", Field::AccountId),
    ("posted_at", Field::PostedAt),
    ("posted_at (rough)", Field::RoughPostedAt),
    ("posted_at and client", Field::TimeAndClient),
    ("text", Field::Text),
    ("text (short)", Field::ShortText),
    ("html", Field::Html),
    ("text or html", Field::TextOrHtml),
    ("client", Field::Client),
    ("place", Field::Place),
    ("is_repost", Field::IsRepost),
    ("is_original", Field::IsOriginal),
    ("origin_post_id", Field::OriginPostId),
    ("origin_account_id", Field::OriginAccountId),
    ("reposts", Field::Reposts),
    ("comments", Field::Comments),
    ("likes", Field::Likes),
    ("precision", Field::Precision),
    ("hashtags", Field::Hashtags),
    ("topics", Field::Topics),
    ("mentions", Field::Mentions),
    ("at_users", Field::AtUsers),
    ("urls", Field::Urls),
    ("link", Field::Link),
    ("media_count", Field::MediaCount),
    ("media", Field::Media),
    ("observed_at", Field::ObservedAt),
    ("screen_name", Field::ScreenName),
    ("description", Field::Description),
    ("description_html", Field::DescriptionHtml),
    ("verified", Field::Verified),
    ("verified_type", Field::VerifiedType),
    ("badge", Field::Badge),
    ("verified_reason", Field::VerifiedReason),
    ("location", Field::Location),
    ("registered_at", Field::RegisteredAt),
    ("organization", Field::Organization),
    ("level", Field::Level),
    ("system", Field::System),
    ("region", Field::Region),
    ("style", Field::Style),
    ("followers", Field::Followers),
    ("followers (rounded)", Field::RoundedFollowers),
    ("following", Field::Following),
    ("posts", Field::Posts),
    ("ignored", Field::Ignored),
];

impl Field {
    /// The field's name, as `FIELDS` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        FIELDS.iter().find(|(_, field)| *field == self).map_or("", |(name, _)| name)
    }

    /// The field called `name`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        FIELDS.iter().find(|(known, _)| *known == name).map(|(_, field)| *field)
    }
}

/// Short names that crawlers' files do not have and people type.
const SHORT: [(&str, Field); 14] = [
    ("赞", Field::Likes),
    ("点赞", Field::Likes),
    ("转发", Field::Reposts),
    ("评论", Field::Comments),
    ("内容", Field::Text),
    ("微博内容", Field::Text),
    ("文本", Field::Text),
    ("时间", Field::PostedAt),
    ("用户名", Field::ScreenName),
    ("账号", Field::ScreenName),
    ("粉丝", Field::Followers),
    ("关注", Field::Following),
    ("来源", Field::Client),
    ("标签", Field::Hashtags),
];

/// The column of weiku's tables that is called `name` by crawlers or in Chinese.
pub(crate) fn own_name(name: &str) -> Option<&'static str> {
    let short = SHORT.iter().find(|(known, _)| *known == name).map(|(_, field)| *field);
    let columns = super::FORMATS.iter().flat_map(|format| {
        format.columns.iter().chain(format.more.iter().flat_map(|(_, columns)| columns.iter()))
    });
    let mut columns = columns.filter(|column| column.part == Part::Record);
    let of_format = || columns.find(|column| column.name == name).map(|column| column.field);
    let field = match short.or_else(of_format)? {
        Field::Bid | Field::Mid | Field::PostUrl => Field::PostId,
        Field::RoughPostedAt => Field::PostedAt,
        Field::ShortText | Field::Html | Field::TextOrHtml => Field::Text,
        Field::IsOriginal => Field::IsRepost,
        Field::Topics => Field::Hashtags,
        Field::AtUsers => Field::Mentions,
        Field::Link => Field::Urls,
        Field::Media => Field::MediaCount,
        Field::DescriptionHtml => Field::Description,
        Field::Badge => Field::VerifiedType,
        Field::RoundedFollowers => Field::Followers,
        Field::TimeAndClient | Field::Ignored => return None,
        field => field,
    };
    Some(field.name())
}

/// Whom a column tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The record itself and its account.
    Record,
    /// The original that the record passes on, and its account.
    Origin,
}

/// One column of a foreign file (for JSON, a path of keys) and where it goes.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// The name in the file's header, or the keys between dots.
    pub name: &'a str,
    /// Where the value goes.
    pub field: Field,
    /// Whom it tells of.
    pub part: Part,
    /// Whether the format is recognised by it.
    pub required: bool,
}

/// A column of the record by which the format is recognised.
pub(crate) const fn key(name: &'static str, field: Field) -> Column<'static> {
    Column { name, field, part: Part::Record, required: true }
}

/// A column of the record.
pub(crate) const fn col(name: &'static str, field: Field) -> Column<'static> {
    Column { name, field, part: Part::Record, required: false }
}

/// A column of the reposted original.
pub(crate) const fn origin(name: &'static str, field: Field) -> Column<'static> {
    Column { name, field, part: Part::Origin, required: false }
}

/// What all records of a file have in common.
#[derive(Debug, Clone)]
pub(crate) struct Common {
    /// The service, unless a record names it.
    pub(crate) platform: Option<String>,
    /// The account, unless a record names it.
    pub(crate) account_id: Option<String>,
    /// The zone of times without one, and the time of the look.
    pub(crate) clock: fields::time::Clock,
    /// A pattern for the times of a mapped file.
    pub(crate) time_format: Option<String>,
    /// Whether posts that do not say so are reposts.
    pub(crate) is_repost: Option<bool>,
    /// What a record is.
    pub(crate) subject: Subject,
    /// What a mapping says of every record.
    pub(crate) constants: Vec<(Field, String)>,
    /// Whether a negative size of an account is one that the service hides.
    pub(crate) hides_sizes: bool,
    /// Whether a table has no header, and columns are known by number.
    pub(crate) headless: bool,
    /// Whether a CR LF in a text is the LF of a tool on Windows.
    pub(crate) plain_line_ends: bool,
}

impl Common {
    /// The followers, followed accounts or posts of an account.
    pub(crate) fn size(&self, text: &str) -> Result<Option<Count>, String> {
        if self.hides_sizes { count::parse_told(text) } else { count::parse(text) }
    }

    /// A text as it was written, unless it is blank.
    pub(crate) fn spoken<'a>(&self, text: Text<'a>) -> Option<Text<'a>> {
        let text = fields::part(text, fields::spoken)?;
        if self.plain_line_ends && memchr::memchr(b'\r', text.as_bytes()).is_some() {
            return Some(text.replace("\r\n", "\n").into());
        }
        Some(text)
    }
}

/// What a record of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A post, perhaps with its account.
    Post,
    /// An account.
    Account,
}
