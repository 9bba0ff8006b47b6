//! Rows in the making: values come column by column, and are made whole when
//! the record ends.

use std::borrow::Cow;

use super::column::{Column, Common, Field, Part, Subject};
use super::fields::time::{self, When};
use super::fields::{self, count, count::Count, flag, id, list};
use super::record::{Account, Instant, Post, Row, Text};
use crate::text::{entities, plain, weibo_id};

/// The rows of one record in the making.
pub(crate) struct Draft<'a> {
    common: &'a Common,
    record: Half<'a>,
    origin: Half<'a>,
}

/// A post in the making, with its account.
#[derive(Default)]
struct Half<'a> {
    post: Post<'a>,
    account: Account<'a>,
    when: Option<When>,
    registered: Option<When>,
    topics: Vec<Text<'a>>,
    at_users: Vec<Text<'a>>,
    links: Vec<Text<'a>>,
}

impl<'a> Draft<'a> {
    /// A draft with what is the same in all records.
    pub(crate) fn new(common: &'a Common) -> Self {
        let mut draft = Self { common, record: Half::default(), origin: Half::default() };
        for (field, text) in &common.constants {
            // The mapping was refused unless its constants make sense.
            let _ = draft.put(Part::Record, *field, text.as_str());
        }
        draft
    }

    /// Takes the text of one column.
    pub(crate) fn set(&mut self, column: &Column, text: impl Into<Text<'a>>) -> Result<(), String> {
        let text = text.into();
        if text.is_empty() || column.field == Field::Ignored {
            return Ok(());
        }
        self.put(column.part, column.field, text)
            .map_err(|reason| format!("{}: {reason}", column.name))
    }

    /// Takes all hashtags, mentions or addresses.
    pub(crate) fn put_list(
        &mut self,
        part: Part,
        field: Field,
        items: &[String],
    ) -> Result<(), String> {
        self.put(part, field, serde_json::Value::from(items).to_string())
    }

    /// Takes the text of one field.
    pub(crate) fn put(
        &mut self,
        part: Part,
        field: Field,
        text: impl Into<Text<'a>>,
    ) -> Result<(), String> {
        let half = match part {
            Part::Record => &mut self.record,
            Part::Origin => &mut self.origin,
        };
        half.put(self.common, field, text.into())
    }

    /// Says that the record passes on another post, even one without an id.
    pub(crate) fn set_repost(&mut self) {
        self.record.post.is_repost = Some(true);
    }

    /// The rows, or why the record cannot be taken.
    pub(crate) fn finish(mut self) -> Result<Vec<Row<'a>>, String> {
        self.record.settle(self.common);
        if self.record.post.account_id.is_none()
            && let Some(account_id) = &self.common.account_id
        {
            self.record.set_account(Some(account_id.into()));
        }
        let platform = self.platform()?;
        self.link_origin();
        let nested = std::mem::take(&mut self.origin).nested(self.common, platform.clone());
        let mut rows = self.record.rows(self.common.subject, platform)?;
        rows.extend(nested);
        Ok(rows)
    }

    fn platform(&self) -> Result<Text<'a>, String> {
        let named = &self.record.post.platform;
        if !named.is_empty() {
            return Ok(named.clone());
        }
        self.common.platform.as_deref().map(Cow::Borrowed).ok_or_else(|| "no platform".to_owned())
    }

    /// Lets the record name the original.
    fn link_origin(&mut self) {
        let (record, origin) = (&mut self.record.post, &mut self.origin.post);
        // Services point past chains of reposts, at the original itself.
        origin.is_repost.get_or_insert(false);
        if !origin.post_id.is_empty() {
            record.is_repost = Some(true);
            record.origin_post_id = Some(origin.post_id.clone());
        }
        if origin.account_id.is_some() {
            record.origin_account_id.clone_from(&origin.account_id);
        }
        if record.is_repost.is_none() {
            record.is_repost =
                if record.origin_post_id.is_some() { Some(true) } else { self.common.is_repost };
        }
    }
}

impl<'a> Half<'a> {
    fn put(&mut self, common: &Common, field: Field, text: Text<'a>) -> Result<(), String> {
        match field {
            Field::Platform => {
                self.post.platform = word(text).unwrap_or_default();
            }
            Field::PostId => self.set_post_id(self.post_id(common, text)?),
            Field::Bid => {
                // A mid is at hand where a bid stands beside it.
                if self.post.post_id.is_empty() {
                    self.set_post_id(value_of(text, id::weibo_bid)?);
                }
            }
            Field::Mid => {
                // Before 2011 mid and id were different numbers, and only some
                // of the mids are those that addresses are made of.
                let mid = self.post_id(common, text)?;
                if self.post.post_id.is_empty()
                    || mid.as_deref().is_some_and(|mid| carried_time(mid).is_some())
                {
                    self.set_post_id(mid);
                }
            }
            Field::PostUrl => self.set_address(&text)?,
            Field::AccountId => self.set_account(value_of(text, id::any)?),
            Field::PostedAt => self.when = self.time(common, &text)?.or(self.when),
            Field::RoughPostedAt => {
                if self.when.is_none() {
                    self.when = self.time(common, &text)?;
                }
            }
            Field::TimeAndClient => self.set_time_and_client(common, &text)?,
            Field::Text => self.post.text = common.spoken(text),
            Field::ShortText => {
                if self.post.text.is_none() {
                    self.post.text = common.spoken(text);
                }
            }
            Field::Html => {
                if self.post.text.is_none() {
                    self.post.text = spoken_html(&text);
                }
            }
            Field::TextOrHtml => {
                let is_html = ["</", "<br", "<img"].iter().any(|mark| text.contains(mark));
                return self.put(
                    common,
                    if is_html { Field::Html } else { Field::ShortText },
                    text,
                );
            }
            Field::Client => self.post.client = label(text),
            Field::Place => self.post.place = place(text),
            Field::IsRepost => self.post.is_repost = flag::parse(&text)?,
            Field::IsOriginal => self.post.is_repost = flag::parse(&text)?.map(|is| !is),
            Field::OriginPostId => self.post.origin_post_id = self.post_id(common, text)?,
            Field::OriginAccountId => self.post.origin_account_id = value_of(text, id::any)?,
            Field::Reposts => self.post.counts.reposts = self.post_count(&text)?,
            Field::Comments => self.post.counts.comments = self.post_count(&text)?,
            Field::Likes => self.post.counts.likes = self.post_count(&text)?,
            Field::Hashtags => self.post.hashtags = list_of(text)?,
            Field::Topics => self.topics = names(text, '#')?,
            Field::Mentions => self.post.mentions = list_of(text)?,
            Field::AtUsers => self.at_users = names(text, '@')?,
            Field::Urls => self.post.urls = list_of(text)?,
            Field::Link => self.links.extend(word(text)),
            Field::MediaCount => {
                self.post.media_count = value(&text)?;
            }
            Field::Media => self.add_media(&text)?,
            Field::ObservedAt => {
                let observed =
                    self.time(common, &text)?.and_then(|when| when.settle(None, common.clock));
                self.post.observed_at = observed;
                self.account.observed_at = observed;
            }
            Field::Precision => {
                let precision = count::parse(&text)?.map(|count| count.value);
                self.post.counts.precision = precision;
                if common.subject == Subject::Account {
                    self.account.counts.get_or_insert_default().precision = precision;
                }
            }
            _ => return self.put_account(common, field, text),
        }
        Ok(())
    }

    fn put_account(&mut self, common: &Common, field: Field, text: Text<'a>) -> Result<(), String> {
        let account = &mut self.account;
        match field {
            Field::ScreenName => account.screen_name = word(text),
            Field::Description => account.description = common.spoken(text),
            Field::DescriptionHtml => {
                account.description = spoken_html(&text);
            }
            Field::Verified => account.verified = flag::parse(&text)?,
            Field::VerifiedType => set_verified_type(account, text),
            Field::Badge => set_badge(account, &text),
            Field::VerifiedReason => account.verified_reason = word(text),
            Field::Location => account.location = word(text),
            Field::RegisteredAt => self.registered = self.time(common, &text)?,
            Field::Organization => account.organization = word(text),
            Field::Level => account.level = word(text),
            Field::System => account.system = word(text),
            Field::Region => account.region = word(text),
            Field::Style => account.style = word(text),
            Field::Followers => set_followers(account, common.size(&text)?),
            Field::RoundedFollowers => set_followers(account, common.size(&text)?.map(rounded)),
            Field::Following => {
                let following = common.size(&text)?.map(|count| count.value);
                account.counts.get_or_insert_default().following = following;
            }
            Field::Posts => {
                let posts = common.size(&text)?.map(|count| count.value);
                account.counts.get_or_insert_default().posts = posts;
            }
            _ => {}
        }
        Ok(())
    }

    fn post_id(&self, common: &Common, text: Text<'a>) -> Result<Option<Text<'a>>, String> {
        let named = &self.post.platform;
        let platform =
            if named.is_empty() { common.platform.as_deref() } else { Some(named.as_ref()) };
        if platform == Some("weibo") {
            value_of(text, id::weibo_post)
        } else {
            value_of(text, id::any)
        }
    }

    fn set_post_id(&mut self, post_id: Option<Text<'a>>) {
        if let Some(post_id) = post_id {
            self.post.post_id = post_id;
        }
    }

    fn set_account(&mut self, account_id: Option<Text<'a>>) {
        self.account.account_id = account_id.clone().unwrap_or_default();
        self.post.account_id = account_id;
    }

    fn set_address(&mut self, text: &str) -> Result<(), String> {
        let owned = |text: Text<'_>| Cow::Owned(text.into_owned());
        if let Some(address) = id::weibo_address(text)? {
            self.post.post_id = owned(address.post_id);
            if address.account_id.is_some() {
                self.set_account(address.account_id.map(owned));
            }
        }
        Ok(())
    }

    fn time(&self, common: &Common, text: &str) -> Result<Option<When>, String> {
        match &common.time_format {
            Some(pattern) => time::parse_as(text, pattern, common.clock),
            None => time::parse(text, common.clock),
        }
    }

    /// `5月31日 23:54 来自 微博云剪   已编辑,5月27日 12:31\n 来自 微博 weibo.com`:
    /// the second time is that of the original that the post passes on. A poll
    /// puts its choices there instead.
    fn set_time_and_client(&mut self, common: &Common, text: &str) -> Result<(), String> {
        let mut shown = text.split(',');
        let first = shown.next().unwrap_or_default();
        let (time, client) = first.split_once("来自").unwrap_or((first, ""));
        let edited = |text: &str| fields::bare(text).trim_end_matches("已编辑").to_owned();
        self.when = self.time(common, &edited(time))?;
        self.post.client = word(edited(client).into());
        let is_time = |text: &str| {
            let (time, _) = text.split_once("来自").unwrap_or((text, ""));
            matches!(self.time(common, &edited(time)), Ok(Some(_)))
        };
        self.post.is_repost = Some(shown.next().is_some_and(is_time));
        Ok(())
    }

    fn post_count(&mut self, text: &str) -> Result<Option<i64>, String> {
        let count = count::parse(text)?;
        if let Some(count) = count {
            let coarsest = self.post.counts.precision.unwrap_or(1).max(count.precision);
            self.post.counts.precision = Some(coarsest);
        }
        Ok(count.map(|count| count.value))
    }

    fn add_media(&mut self, text: &str) -> Result<(), String> {
        let items = list::parse(text)?.unwrap_or_default().len();
        *self.post.media_count.get_or_insert(0) += i64::try_from(items).unwrap_or(i64::MAX);
        Ok(())
    }

    /// Completes what follows from what is known.
    fn settle(&mut self, common: &Common) {
        let on_weibo = match self.post.platform.as_ref() {
            "" => common.platform.as_deref() == Some("weibo"),
            platform => platform == "weibo",
        };
        let carried = if on_weibo { carried_time(&self.post.post_id) } else { None };
        self.post.posted_at = match self.when {
            Some(when) => when.settle(carried, common.clock),
            None => carried,
        };
        self.account.registered_at =
            self.registered.and_then(|when| when.settle(None, common.clock));
        self.read_entities();
    }

    /// Reads hashtags, mentions and addresses off the text, unless a column
    /// gave all of them, and adds those that stand beside it.
    fn read_entities(&mut self) {
        let text = &self.post.text;
        let read = |find: fn(&str) -> Vec<&str>| text.as_ref().map(|text| found_in(text, find));
        let hashtags = self.post.hashtags.take().or_else(|| read(entities::hashtags));
        let mentions = self.post.mentions.take().or_else(|| read(entities::mentions));
        let urls = self.post.urls.take().or_else(|| read(entities::urls));
        self.post.hashtags = joined(hashtags, std::mem::take(&mut self.topics));
        self.post.mentions = joined(mentions, std::mem::take(&mut self.at_users));
        self.post.urls = joined(urls, std::mem::take(&mut self.links));
    }

    /// The rows of a reposted original, if it has an id.
    fn nested(mut self, common: &Common, platform: Text<'a>) -> Vec<Row<'a>> {
        if self.post.post_id.is_empty() {
            return Vec::new();
        }
        self.settle(common);
        self.rows(Subject::Post, platform).unwrap_or_default()
    }

    /// The record's own row first, then its account if anything is known of it.
    fn rows(mut self, subject: Subject, platform: Text<'a>) -> Result<Vec<Row<'a>>, String> {
        let says = self.account.says_anything();
        self.account.platform.clone_from(&platform);
        let has_account = !self.account.account_id.is_empty();
        match subject {
            Subject::Account if has_account => Ok(vec![Row::Account(self.account)]),
            Subject::Account => Err("no account id".to_owned()),
            Subject::Post if self.post.post_id.is_empty() => Err("no post id".to_owned()),
            Subject::Post => {
                self.post.platform = platform;
                let mut rows = Vec::with_capacity(2);
                rows.push(Row::Post(self.post));
                if has_account && says {
                    rows.push(Row::Account(self.account));
                }
                Ok(rows)
            }
        }
    }
}

/// The time that a Weibo id carries.
fn carried_time(post_id: &str) -> Option<Instant> {
    weibo_id::instant_from_mid(post_id.parse().ok()?)
}

/// `found` with those of `beside` that it has not, whole or as one of several
/// that a comma in a name made of it.
fn joined<'a>(found: Option<Vec<Text<'a>>>, beside: Vec<Text<'a>>) -> Option<Vec<Text<'a>>> {
    if beside.is_empty() {
        return found;
    }
    let mut all = found.unwrap_or_default();
    for name in beside {
        let has = |known: &Text<'_>| *known == name || list::split(known).any(|part| part == name);
        if !all.iter().any(has) {
            all.push(name);
        }
    }
    Some(all)
}

/// What `find` finds in a text.
fn found_in<'a>(text: &Text<'a>, find: fn(&str) -> Vec<&str>) -> Vec<Text<'a>> {
    match text {
        Cow::Borrowed(text) => find(text).into_iter().map(Cow::Borrowed).collect(),
        Cow::Owned(text) => find(text).into_iter().map(|part| part.to_owned().into()).collect(),
    }
}

/// What `parse` makes of a text.
fn value_of<'a>(
    text: Text<'a>,
    parse: fn(&str) -> Result<Option<Text<'_>>, String>,
) -> Result<Option<Text<'a>>, String> {
    match text {
        Cow::Borrowed(text) => parse(text),
        Cow::Owned(text) => Ok(parse(&text)?.map(|value| value.into_owned().into())),
    }
}

/// The texts of a list.
fn list_of(text: Text<'_>) -> Result<Option<Vec<Text<'_>>>, String> {
    match text {
        Cow::Borrowed(text) => list::parse(text),
        Cow::Owned(text) => {
            let items = list::parse(&text)?;
            Ok(items.map(|items| items.into_iter().map(|item| item.into_owned().into()).collect()))
        }
    }
}

/// Names between commas without the marks around them.
fn names(text: Text<'_>, mark: char) -> Result<Vec<Text<'_>>, String> {
    let bare = |name| fields::part(name, |name| Some(name.trim_matches(mark)));
    Ok(list_of(text)?.unwrap_or_default().into_iter().filter_map(bare).collect())
}

fn word(text: Text<'_>) -> Option<Text<'_>> {
    fields::part(text, fields::known)
}

/// The text that HTML says, unless it is blank.
fn spoken_html<'a>(text: &str) -> Option<Text<'a>> {
    fields::part(plain::from_html(text).into(), fields::spoken)
}

fn value(text: &str) -> Result<Option<i64>, String> {
    Ok(count::parse(text)?.map(|count| count.value))
}

/// A program's name, taken out of the HTML link that the API puts around it.
fn label(text: Text<'_>) -> Option<Text<'_>> {
    if text.contains('<') { word(plain::from_html(&text).into()) } else { word(text) }
}

/// A place, without the words that a page puts before it.
fn place(text: Text<'_>) -> Option<Text<'_>> {
    fields::part(text, |text| {
        let text = fields::known(text)?;
        fields::known(text.strip_prefix("发布于").unwrap_or(text))
    })
}

/// Weibo's kinds of verified accounts; other words stay as they are.
fn set_verified_type<'a>(account: &mut Account<'a>, text: Text<'a>) {
    let Some(text) = word(text) else { return };
    let kind = match text.as_ref() {
        "-1" => {
            account.verified.get_or_insert(false);
            return;
        }
        "0" => "celebrity",
        "1" => "government",
        "2" => "enterprise",
        "3" => "media",
        "4" => "campus",
        "5" => "website",
        "6" => "application",
        "7" => "organization",
        "200" | "220" => "talent",
        _ => {
            account.verified_type = Some(text);
            return;
        }
    };
    account.verified_type = Some(kind.into());
}

/// The colour of the V beside a name; blue is any body, so its kind is unknown.
fn set_badge(account: &mut Account<'_>, text: &str) {
    match fields::known(text) {
        Some("蓝V") => account.verified = Some(true),
        Some("黄V" | "红V" | "金V") => {
            account.verified = Some(true);
            account.verified_type = Some("celebrity".into());
        }
        Some("普通用户") => account.verified = Some(false),
        _ => {}
    }
}

fn set_followers(account: &mut Account<'_>, count: Option<Count>) {
    if let Some(count) = count {
        let counts = account.counts.get_or_insert_default();
        counts.followers = Some(count.value);
        counts.precision = counts.precision.or(Some(count.precision));
    }
}

/// Weibo shows no more than `1.1万` and `1.36亿`; crawlers write that out in full.
fn rounded(count: Count) -> Count {
    let unit = match count.value {
        100_000_000.. => 1_000_000,
        10_000.. => 1_000,
        _ => 1,
    };
    let is_round = count.value % unit == 0;
    Count { precision: if is_round { count.precision.max(unit) } else { count.precision }, ..count }
}
