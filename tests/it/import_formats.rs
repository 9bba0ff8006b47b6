//! Every import format, on the smallest file that shows what is special in it.

use chrono::DateTime;
use weiku::ingest::{Account, Options, Post, Text};

use crate::last::Last;

/// What a file of `format`, recognised by its content alone, gives.
fn read(format: &str, name: &str, text: &str) -> Last {
    let (last, reading) = Last::text(name, text, &Options::default()).unwrap();
    assert_eq!(reading.format, format);
    last
}

/// The only post of a file without refused rows.
fn only_post(format: &str, name: &str, text: &str) -> Post<'static> {
    let last = read(format, name, text);
    assert_eq!(last.rejected, Vec::<String>::new());
    assert_eq!(last.posts.len(), 1);
    last.posts.into_values().next().unwrap()
}

fn only_account(format: &str, name: &str, text: &str) -> Account<'static> {
    let last = read(format, name, text);
    assert_eq!(last.rejected, Vec::<String>::new());
    assert_eq!(last.accounts.len(), 1);
    last.accounts.into_values().next().unwrap()
}

fn at(text: &str) -> Option<i64> {
    Some(DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros())
}

fn texts<'a>(list: Option<&'a Vec<Text<'_>>>) -> Vec<&'a str> {
    list.unwrap().iter().map(AsRef::as_ref).collect()
}

const CRAWLER: &str = "id,bid,正文,头条文章url,原始图片url,视频url,位置,日期,工具,点赞数,评论数,转发数,话题,@用户,完整日期,是否原创,源用户id,源用户昵称,源微博id,源微博bid,源微博正文,源微博日期,源微博点赞数,源微博完整日期\n";

#[test]
fn rows_of_weibo_crawler_may_end_before_the_header_does() {
    let row = "5106121943814622\t,P3abcDEFg,\"第一行 #话题#\n第二行@甲\",,http://a/1.jpg,,,2024-11-29T18:56:41,微博网页版,12,3,1万,话题,甲,2024-11-29 18:56:41,True\n";
    let post =
        only_post("weibo-crawler-csv", "weibo/某人/2803301701.csv", &format!("{CRAWLER}{row}"));
    assert_eq!(post.post_id, "5106121943814622");
    assert_eq!(post.account_id.as_deref(), Some("2803301701"));
    assert_eq!(post.text.as_deref(), Some("第一行 #话题#\n第二行@甲"));
    assert_eq!(post.posted_at, at("2024-11-29T18:56:41+08:00"));
    assert_eq!((post.counts.reposts, post.counts.precision), (Some(10_000), Some(10_000)));
    assert_eq!(
        (texts(post.hashtags.as_ref()), texts(post.mentions.as_ref())),
        (vec!["话题"], vec!["甲"])
    );
    assert_eq!((post.media_count, post.is_repost), (Some(1), Some(false)));
}

#[test]
fn a_reposted_original_in_the_same_row_becomes_a_post_with_its_account() {
    let row = "5106121943814622\t,,转,,,,,2024-11-29T18:56:41,,1,1,1,,,2024-11-29 18:56:41,False,1642634100\t,某台,5106000000000001\t,,原文,2024-11-29T10:00:00,7,2024-11-29 10:00:00\n";
    let last = read("weibo-crawler-csv", "2803301701.csv", &format!("{CRAWLER}{row}"));
    let (repost, original) = (&last.posts["5106121943814622"], &last.posts["5106000000000001"]);
    assert_eq!(repost.is_repost, Some(true));
    assert_eq!(repost.origin_post_id.as_deref(), Some("5106000000000001"));
    assert_eq!(repost.origin_account_id.as_deref(), Some("1642634100"));
    assert_eq!(original.text.as_deref(), Some("原文"));
    assert_eq!((original.counts.likes, original.is_repost), (Some(7), Some(false)));
    assert_eq!(last.accounts["1642634100"].screen_name.as_deref(), Some("某台"));
}

#[test]
fn weibo_crawler_of_2020_has_originals_only() {
    let text = "id,bid,正文,头条文章url,原始图片url,视频url,位置,日期,工具,点赞数,评论数,转发数,话题,@用户\n4505000000000000,,你好,,,,,2020-05-17,iPhone,1,2,3,,\n";
    let post = only_post("weibo-crawler-csv", "1669879400.csv", text);
    assert_eq!(post.is_repost, Some(false));
    assert_eq!(post.client.as_deref(), Some("iPhone"));
}

#[test]
fn a_value_of_the_wrong_kind_refuses_its_row_only() {
    let rows = "1,,甲,,,,,2020-05-17,,x,2,3,,\n4505000000000000,,乙,,,,,2020-05-17,,1,2,3,,\n";
    let text = format!(
        "id,bid,正文,头条文章url,原始图片url,视频url,位置,日期,工具,点赞数,评论数,转发数,话题,@用户\n{rows}"
    );
    let last = read("weibo-crawler-csv", "1669879400.csv", &text);
    assert_eq!(last.posts.len(), 1);
    assert_eq!(last.rejected, ["2: 点赞数: `x` is not a count"]);
}

#[test]
fn large_follower_counts_are_rounded_since_2024_and_were_not_before() {
    let new = "用户id,昵称,性别,生日,所在地,IP属地,学习经历,公司,注册时间,阳光信用,微博数,粉丝数,关注数,简介,主页,头像,高清头像,微博等级,会员等级,是否认证,认证类型,认证信息,上次记录微博信息\n";
    let old = new.replace("IP属地,", "").replace(",上次记录微博信息", "");
    let row = |ip: &str| {
        format!("1669879400,某人,f,,上海,{ip},,2011-01-02,,100,116963000,200,你好,,,,,,True,0,演员")
    };
    let account = only_account(
        "weibo-crawler-users",
        "users.csv",
        &format!("{new}{},5106121943814622 2024-11-29\n", row("上海,")),
    );
    let counts = account.counts.unwrap();
    assert_eq!((counts.followers, counts.precision), (Some(116_963_000), Some(1)));
    assert_eq!(
        (account.verified, account.verified_type.as_deref()),
        (Some(true), Some("celebrity"))
    );
    assert_eq!(account.registered_at, at("2011-01-02T00:00:00+08:00"));
    let rounded = format!("{new}{}\n", row("上海,")).replace("116963000", "1163000");
    let account = only_account("weibo-crawler-users", "users.csv", &rounded);
    assert_eq!(account.counts.unwrap().precision, Some(1_000));
    let account = only_account(
        "weibo-crawler-users",
        "users.csv",
        &format!("{old}{}\n", row("")).replace(",,,,2011", ",,,2011"),
    );
    assert_eq!(account.counts.unwrap().precision, Some(1));
}

#[test]
fn weibo_crawler_json_is_an_account_and_its_posts() {
    let text = r#"{"user":{"id":"1669879400","screen_name":"某人","followers_count":12000,"ip_location":"上海","statuses_count":5},
      "weibo":[{"user_id":1669879400,"screen_name":"某人","id":5106121943814622,"bid":"P3abcDEFg","text":"转发","pics":"a,b",
        "created_at":"2024-11-29T18:56:41","full_created_at":"2024-11-29 18:56:41","attitudes_count":1,"comments_count":2,"reposts_count":3,
        "retweet":{"user_id":1,"screen_name":"源","id":5106000000000001,"text":"原文","full_created_at":"2024-11-29 10:00:00"}}]}"#;
    let last = read("weibo-crawler-json", "1669879400.json", text);
    assert_eq!((last.records, last.posts.len(), last.accounts.len()), (2, 2, 2));
    let post = &last.posts["5106121943814622"];
    assert_eq!((post.media_count, post.is_repost), (Some(2), Some(true)));
    assert_eq!(post.origin_account_id.as_deref(), Some("1"));
}

#[test]
fn weibospider_json_gives_the_account_to_posts_that_do_not_name_it() {
    let text = r#"{"user":{"id":"1669879400","nickname":"某人","weibo_num":5,"following":2,"followers":"1.2万"},
      "weibo":[{"id":"KdqXvEvK7","content":"你好","original":true,"publish_time":"2021-05-01 12:20","up_num":735,"retweet_num":61,"comment_num":142}]}"#;
    let last = read("weibospider-json", "x.json", text);
    let post = last.posts.values().next().unwrap();
    assert_eq!(post.account_id.as_deref(), Some("1669879400"));
    assert_eq!((post.counts.likes, post.is_repost), (Some(735), Some(false)));
    assert_eq!(last.accounts["1669879400"].counts.as_ref().unwrap().precision, Some(1_000));
}

#[test]
fn weibospider_text_gives_its_account_and_refuses_posts_without_ids() {
    let text = "用户信息\n用户昵称：某人\n用户id: 1669879400\n微博数: 5\n关注数: 2\n粉丝数: 100\n\n原创微博内容: \n1:你好\n微博位置: 无\n发布时间: 2021-05-01 12:20\n点赞数: 1   转发数: 2   评论数: 3\n发布工具: 无\n\n";
    let last = read("weibospider-txt", "x.txt", text);
    assert_eq!(last.accounts["1669879400"].screen_name.as_deref(), Some("某人"));
    assert_eq!((last.records, last.rejected.len()), (1, 1));
}

#[test]
fn weibo_search_links_reposts_and_tells_the_account() {
    let text = "id,bid,user_id,用户昵称,微博正文,头条文章url,发布位置,艾特用户,话题,转发数,评论数,点赞数,发布时间,发布工具,微博图片url,微博视频url,retweet_id,ip,user_authentication,会员类型,会员等级\n5106121943814622,P3abcDEFg,1669879400,某人,转发微博,,,,,1,2,3,2024-11-29 18:56,微博网页版,,,5106000000000001,上海,蓝V,,\n";
    let last = read("weibo-search", "结果.csv", text);
    let post = &last.posts["5106121943814622"];
    assert_eq!(
        (post.is_repost, post.origin_post_id.as_deref()),
        (Some(true), Some("5106000000000001"))
    );
    assert_eq!(last.accounts["1669879400"].verified, Some(true));
}

#[test]
fn mediacrawler_is_read_in_all_its_forms() {
    let old = r#"{"note_id":"5106121943814622","content":"你好","create_time":1732877801,"create_date_time":"2024-11-29 18:56:41+08:00","liked_count":"12","comments_count":"3","shared_count":"转发","last_modify_ts":1732900000000,"note_url":"x","ip_location":"发布于 北京","user_id":"1669879400","nickname":"某人"}"#;
    let new = r#"{"note_id":"5106121943814622","content":"你好","create_time":1732877801,"liked_count":"12","comments_count":"3","shared_count":"0","last_modify_ts":1732900000000,"creator_hash":"0123456789abcdef","nickname":"某***人"}"#;
    let post =
        only_post("mediacrawler", "search_contents_2024-11-29.jsonl", &format!("{old}\n{old}\n"));
    assert_eq!(post.posted_at, at("2024-11-29T18:56:41+08:00"));
    assert_eq!(post.observed_at, Some(1_732_900_000_000_000));
    assert_eq!((post.counts.reposts, post.is_repost), (None, None));
    assert_eq!(post.place.as_deref(), Some("北京"));
    let post =
        only_post("mediacrawler", "search_contents_2026-07-02.json", &format!("[\n    {new}\n]"));
    assert_eq!(post.account_id.as_deref(), Some("0123456789abcdef"));
    let csv = "note_id,content,create_time,liked_count,comments_count,shared_count,user_id,nickname\n5106121943814622,你好,1732877801,12,3,0,1669879400,某人\n";
    assert_eq!(only_post("mediacrawler", "a.csv", csv).counts.likes, Some(12));
    let creators = "user_id,nickname,gender,avatar,desc,ip_location,follows,fans,tag_list,last_modify_ts\n1669879400,某人,,,你好,,1,1.2万,,1732900000000\n";
    assert_eq!(
        only_account("mediacrawler", "a.csv", creators).counts.unwrap().followers,
        Some(12_000)
    );
}

#[test]
fn cards_of_the_mobile_site_hold_posts_in_html() {
    let text = r#"{"ok":1,"data":{"cardlistInfo":{"total":9},"cards":[{"card_type":9,"mblog":{"created_at":"Fri Nov 29 18:56:41 +0800 2024","id":"5106121943814622","mid":"5106121943814622","bid":"P3abcDEFg",
      "text":"<a href='/n/x'>@甲</a> 你好<br />A &amp; B <span class=\"url-icon\"><img alt=[微笑] src=\"x\"></span>","source":"<a href=\"x\">微博网页版</a>","reposts_count":1,"comments_count":2,"attitudes_count":"100万+","pic_ids":["a","b"],"region_name":"发布于 北京",
      "user":{"id":1669879400,"screen_name":"某人","followers_count":"3063万","follow_count":3,"verified_type":1,"verified":true}}},{"card_type":11,"show_type":1}]}}"#;
    let last = read("weibo-api", "page.json", text);
    assert_eq!((last.records, last.skipped), (1, 1));
    let post = &last.posts["5106121943814622"];
    assert_eq!(post.text.as_deref(), Some("@甲 你好\nA & B [微笑]"));
    assert_eq!((post.counts.likes, post.counts.precision), (Some(1_000_000), Some(1_000_000)));
    assert_eq!((post.client.as_deref(), post.place.as_deref()), (Some("微博网页版"), Some("北京")));
    let account = &last.accounts["1669879400"];
    assert_eq!(account.verified_type.as_deref(), Some("government"));
    assert_eq!(account.counts.as_ref().unwrap().followers, Some(30_630_000));
}

#[test]
fn an_error_answer_of_weibo_is_named_as_one() {
    let text = r#"{"request":"/x.json","error_code":"20502","error":"Need you follow uid."}"#;
    let error = Last::text("error.json", text, &Options::default()).err().unwrap();
    assert!(error.message().contains("error answer"), "{error}");
}

#[test]
fn mastodon_statuses_are_made_plain_and_what_is_private_is_left_out() {
    let status = |id: u32, visibility: &str| {
        format!(
            r##"{{"id":"{id}","created_at":"2017-04-06T16:55:02.132Z","visibility":"{visibility}","content":"<p>Hi <a href=\"x\">#<span>Rust</span></a></p>","replies_count":1,"reblogs_count":2,"favourites_count":3,
      "tags":[{{"name":"rust"}}],"mentions":[],"media_attachments":[],"application":{{"name":"Web"}},"account":{{"id":"7","acct":"me","display_name":"","note":"<p>I</p>","followers_count":5,"following_count":6,"statuses_count":8}}}}"##
        )
    };
    let text = format!("[{},{}]", status(1, "public"), status(2, "direct"));
    let last = read("mastodon", "t.json", &text);
    assert_eq!((last.records, last.skipped, last.posts.len()), (1, 1, 1));
    let post = &last.posts["1"];
    assert_eq!(post.text.as_deref().map(str::trim_end), Some("Hi #Rust"));
    assert_eq!(texts(post.hashtags.as_ref()), ["rust"]);
    assert_eq!(post.posted_at, at("2017-04-06T16:55:02.132Z"));
    assert_eq!(
        (post.is_repost, post.media_count, post.client.as_deref()),
        (Some(false), Some(0), Some("Web"))
    );
    assert_eq!(last.accounts["7"].screen_name.as_deref(), Some("me"));
    let options = Options { private: true, ..Options::default() };
    assert_eq!(Last::text("t.json", text, &options).unwrap().0.posts.len(), 2);
}

#[test]
fn an_outbox_holds_posts_and_reposts_of_others() {
    let text = r##"{"@context":"x","type":"OrderedCollection","orderedItems":[
      {"id":"https://e.org/users/me/statuses/11/activity","type":"Create","actor":"https://e.org/users/me","published":"2022-01-01T00:00:00Z","to":["https://www.w3.org/ns/activitystreams#Public"],"cc":[],
       "object":{"id":"https://e.org/users/me/statuses/11","type":"Note","published":"2022-01-01T00:00:00Z","content":"<p>a &lt; b</p>","attachment":[{}],"tag":[{"type":"Hashtag","name":"#sql"},{"type":"Mention","name":"@you@e.org"}]}},
      {"id":"https://e.org/users/me/statuses/12/activity","type":"Announce","actor":"https://e.org/users/me","published":"2022-01-02T00:00:00Z","to":"as:Public","object":"https://f.org/users/you/statuses/9"},
      {"id":"https://e.org/users/me/statuses/13/activity","type":"Create","actor":"https://e.org/users/me","to":["https://e.org/users/you"],"object":{"id":"https://e.org/users/me/statuses/13"}}]}"##;
    let last = read("mastodon-outbox", "outbox.json", text);
    assert_eq!((last.records, last.skipped), (2, 1));
    let post = &last.posts["11"];
    assert_eq!(post.text.as_deref().map(str::trim_end), Some("a < b"));
    assert_eq!(post.account_id.as_deref(), Some("me@e.org"));
    assert_eq!(
        (texts(post.hashtags.as_ref()), texts(post.mentions.as_ref())),
        (vec!["sql"], vec!["you@e.org"])
    );
    let repost = &last.posts["12"];
    assert_eq!((repost.is_repost, repost.text.as_deref()), (Some(true), None));
    assert_eq!(repost.origin_post_id.as_deref(), Some("https://f.org/users/you/statuses/9"));
    assert_eq!(post.counts.likes, None);
}

const TWEETS: &str = r#"window.YTD.tweets.part0 = [ {
  "tweet" : { "id_str" : "1050118621198921728", "created_at" : "Wed Oct 10 20:19:24 +0000 2018", "full_text" : "a &amp; b #rust https://t.co/x", "source" : "<a href=\"http://x\" rel=\"nofollow\">Twitter Web App</a>",
    "favorite_count" : "3", "retweet_count" : "4", "entities" : { "hashtags" : [ { "text" : "rust" } ], "user_mentions" : [ ], "urls" : [ { "expanded_url" : "https://example.org" } ] } } },
  { "tweet" : { "id_str" : "1050118621198921729", "created_at" : "Wed Oct 10 20:20:24 +0000 2018", "full_text" : "RT @you: hi" } } ]"#;

#[test]
fn an_x_archive_takes_its_account_from_the_file_beside() {
    let folder = tempfile::tempdir().unwrap();
    let account = r#"window.YTD.account.part0 = [ { "account" : { "email" : "a@b", "username" : "me", "accountId" : "42", "createdAt" : "2009-01-02T03:04:05.000Z" } } ]"#;
    std::fs::write(folder.path().join("account.js"), account).unwrap();
    std::fs::write(folder.path().join("tweets.js"), TWEETS).unwrap();
    let last = Last::file(&folder.path().join("tweets.js"));
    let post = &last.posts["1050118621198921728"];
    assert_eq!((post.account_id.as_deref(), post.platform.as_ref()), (Some("42"), "x"));
    assert_eq!(post.text.as_deref(), Some("a & b #rust https://t.co/x"));
    assert_eq!((post.client.as_deref(), post.counts.comments), (Some("Twitter Web App"), None));
    assert_eq!(texts(post.urls.as_ref()), ["https://example.org"]);
    assert_eq!(last.posts["1050118621198921729"].is_repost, Some(true));
    assert_eq!(
        Last::file(&folder.path().join("account.js")).accounts["42"].screen_name.as_deref(),
        Some("me")
    );
    let error = Last::text("tweets.js", TWEETS, &Options::default()).err().unwrap();
    assert!(error.advice().unwrap().contains("account.js"));
}

#[test]
fn jetstream_gives_posts_reposts_and_handles_and_makes_no_counts() {
    let event = |kind: &str| format!(r#"{{"did":"did:plc:a","time_us":1725911162329308,{kind}}}"#);
    let post = event(
        r#""kind":"commit","commit":{"operation":"create","collection":"app.bsky.feed.post","rkey":"3l","record":{"text":"hi #a","createdAt":"2024-09-09T19:46:02.102Z","facets":[{"features":[{"tag":"a"},{"uri":"https://e.org"}]}],"embed":{"images":[{},{}]}}}"#,
    );
    let repost = event(
        r#""kind":"commit","commit":{"operation":"create","collection":"app.bsky.feed.repost","rkey":"3m","record":{"subject":{"uri":"at://did:plc:b/app.bsky.feed.post/1"},"createdAt":"2024-09-09T19:46:02Z"}}"#,
    );
    let like = event(
        r#""kind":"commit","commit":{"operation":"create","collection":"app.bsky.feed.like","rkey":"3n","record":{"subject":{"uri":"x"}}}"#,
    );
    let identity =
        event(r#""kind":"identity","identity":{"did":"did:plc:a","handle":"me.bsky.social"}"#);
    let last = read("jetstream", "jetstream.jsonl", &[post, repost, like, identity].join("\n"));
    assert_eq!((last.records, last.skipped), (3, 1));
    let post = &last.posts["at://did:plc:a/app.bsky.feed.post/3l"];
    assert_eq!((post.media_count, post.counts.likes), (Some(2), None));
    assert_eq!(
        (texts(post.hashtags.as_ref()), texts(post.urls.as_ref())),
        (vec!["a"], vec!["https://e.org"])
    );
    let repost = &last.posts["at://did:plc:a/app.bsky.feed.repost/3m"];
    assert_eq!(repost.origin_account_id.as_deref(), Some("did:plc:b"));
    assert_eq!(last.accounts["did:plc:a"].screen_name.as_deref(), Some("me.bsky.social"));
}

#[test]
fn a_mapping_reads_any_table() {
    let folder = tempfile::tempdir().unwrap();
    let mapping = folder.path().join("m.toml");
    std::fs::write(&mapping, "platform = \"blog\"\ntime_format = \"%d.%m.%Y %H:%M\"\ntimezone = \"Europe/Berlin\"\n[columns]\n\"Nr\" = \"post_id\"\n\"Wann\" = \"posted_at\"\n\"von.id\" = \"account_id\"\n[constants]\nclient = \"archive\"\n").unwrap();
    let options = Options { format: Some(mapping.display().to_string()), ..Options::default() };
    let (last, reading) = Last::text(
        "a.csv",
        "Nr;Wann;von.id;x\n1;27.08.2012 10:00;me;y\n2;gestern;me;y\n",
        &options,
    )
    .unwrap();
    assert_eq!(reading.format, "mapping");
    let post = &last.posts["1"];
    assert_eq!((post.platform.as_ref(), post.client.as_deref()), ("blog", Some("archive")));
    assert_eq!(post.posted_at, at("2012-08-27T10:00:00+02:00"));
    assert_eq!(last.rejected, ["3: Wann: `gestern` is not a time of the form `%d.%m.%Y %H:%M`"]);
    let json = "{\"Nr\":1,\"Wann\":\"27.08.2012 10:00\",\"von\":{\"id\":\"me\"}}\n";
    let (last, _) = Last::text("a.jsonl", json, &options).unwrap();
    assert_eq!(last.posts["1"].account_id.as_deref(), Some("me"));
    let error = Last::text("a.csv", "Nr,Wan,von.id\n", &options).err().unwrap();
    assert_eq!(error.advice(), Some("is it the column `Wan`?"));
}
