//! What posts say: the form that suits the account and the day, written by the
//! rules of its field, in at most 140 characters.

use super::account::{Account, MINISTRY_ACCOUNTS, Manner};
use super::calendar::{DAYS, Day};
use super::dice::{Dice, Seed, Stream};
use super::grammar::{DayPart, Fill, Filler, Grammar, Memory, RuleId, Scene, write_number};
use super::places::Places;
use super::schedule::{Bursts, author, posted};
use super::systems::SYSTEMS;
use crate::error::{Error, Result};

/// The most characters that a post had in 2012.
pub(super) const MOST_CHARACTERS: usize = 140;

/// Days for which a field keeps its topic.
const TOPIC_DAYS: u32 = 14;

/// The rules of all fields.
const SOURCES: [&str; 13] = [
    include_str!("grammar/common.txt"),
    include_str!("grammar/names.txt"),
    include_str!("grammar/general.txt"),
    include_str!("grammar/diplomacy.txt"),
    include_str!("grammar/public_security.txt"),
    include_str!("grammar/health.txt"),
    include_str!("grammar/meteorology.txt"),
    include_str!("grammar/earthquake.txt"),
    include_str!("grammar/emergency_services.txt"),
    include_str!("grammar/public_works.txt"),
    include_str!("grammar/economy.txt"),
    include_str!("grammar/society.txt"),
    include_str!("grammar/more.txt"),
];

/// What an original post is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Short news under a title.
    News,
    /// Advice.
    Tip,
    /// Information in an emergency.
    Alert,
    /// Talk, questions, invitations.
    Chat,
    /// An answer to somebody.
    Reply,
}

/// The rules by field and form, and what else texts are made of.
#[derive(Debug)]
pub(super) struct Wording {
    grammar: Grammar,
    places: Places,
    fields: Vec<FieldRules>,
    reply: RuleId,
    comment: RuleId,
    chain_comment: RuleId,
    person: RuleId,
    /// For each field and fortnight, what it talks about.
    topics: Vec<Vec<String>>,
}

/// The rules of one field.
#[derive(Debug)]
struct FieldRules {
    news: RuleId,
    tip: RuleId,
    alert: RuleId,
    chat: RuleId,
    more: RuleId,
}

/// The world as far as texts need it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) accounts: &'a [Account],
    pub(super) bursts: &'a Bursts,
}

impl Wording {
    /// Compiles the rules.
    pub(super) fn new(seed: &Seed, places: Places) -> Result<Self> {
        let grammar = Grammar::compile(&SOURCES)
            .map_err(|message| Error::internal(format!("a rule of the generator: {message}")))?;
        let rule = |name: &str| {
            grammar.rule(name).ok_or_else(|| Error::internal(format!("no generator rule {name}")))
        };
        let of_field = |code: &str, form: &str| match grammar.rule(&format!("{code}.{form}")) {
            Some(rule) => Ok(rule),
            None => rule(&format!("general.{form}")),
        };
        let mut fields = Vec::new();
        let mut topic_rules = Vec::new();
        for system in &SYSTEMS {
            fields.push(FieldRules {
                news: of_field(system.code, "news")?,
                tip: of_field(system.code, "tip")?,
                alert: of_field(system.code, "alert")?,
                chat: of_field(system.code, "chat")?,
                more: of_field(system.code, "more")?,
            });
            topic_rules.push(of_field(system.code, "topic")?);
        }
        let [reply, comment, chain_comment, person] =
            [rule("reply")?, rule("comment")?, rule("chain_comment")?, rule("person")?];
        let mut wording = Self {
            grammar,
            places,
            fields,
            reply,
            comment,
            chain_comment,
            person,
            topics: Vec::new(),
        };
        wording.topics = topic_rules.iter().map(|&rule| wording.topics_of(rule, seed)).collect();
        Ok(wording)
    }

    /// The topics of a field, one for each fortnight.
    fn topics_of(&self, rule: RuleId, seed: &Seed) -> Vec<String> {
        let topic = |fortnight: u32| {
            let day = Day((fortnight * TOPIC_DAYS).min(DAYS - 1));
            let number = u64::from(rule.number()) << 32 | u64::from(fortnight);
            let mut dice = seed.dice(Stream::Topic(number));
            let mut out = Vec::new();
            let mut scene = Plain(Scene { season: day.season(), part: DayPart::Day, mild: false });
            self.grammar.write(rule, &mut dice, &mut scene, &mut Memory::default(), &mut out);
            String::from_utf8_lossy(&out).into_owned()
        };
        (0..=DAYS / TOPIC_DAYS).map(topic).collect()
    }

    /// Writes the text of an original post to `out`, which is empty.
    pub(super) fn original(
        &self,
        post: u64,
        setting: Setting<'_>,
        dice: &mut Dice,
        out: &mut Vec<u8>,
    ) {
        let form = form(post, setting, dice);
        let mut context = Context::new(self, post, setting, dice);
        let rules = &self.fields[usize::from(context.account.system)];
        let rule = match form {
            Form::News => rules.news,
            Form::Tip => rules.tip,
            Form::Alert => rules.alert,
            Form::Chat => rules.chat,
            Form::Reply => self.reply,
        };
        if matches!(form, Form::News | Form::Tip | Form::Chat) && dice.chance(0.12) {
            context.fill(Fill::Topic, dice, out);
        }
        self.grammar.write(rule, dice, &mut context, &mut Memory::default(), out);
        if matches!(form, Form::News | Form::Tip | Form::Alert) {
            self.lengthen(rules.more, &mut context, dice, out);
        }
        shorten(out);
    }

    /// Whether the original post that the `dice` write answers somebody.
    pub(super) fn answers(post: u64, setting: Setting<'_>, dice: &mut Dice) -> bool {
        form(post, setting, dice) == Form::Reply
    }

    /// Adds sentences of the field until a text is as long as the account's desk
    /// would have it; most desks used the room that there was.
    fn lengthen(
        &self,
        more: RuleId,
        context: &mut Context<'_>,
        dice: &mut Dice,
        out: &mut Vec<u8>,
    ) {
        let wanted = dice.gauss(98.0, 28.0) as usize;
        for _ in 0..4 {
            let before = out.len();
            if count_characters(out) + 8 > wanted {
                break;
            }
            out.extend_from_slice(joint(out).as_bytes());
            let sentence = out.len();
            self.grammar.write(more, dice, context, &mut Memory::default(), out);
            let repeats = repeats(&out[..before], &out[sentence..]);
            if repeats || count_characters(out) > MOST_CHARACTERS {
                out.truncate(before);
            }
        }
    }

    /// Writes the text with which a post passes on another: a comment, and often
    /// those of the accounts through which it came.
    pub(super) fn repost(
        &self,
        post: u64,
        setting: Setting<'_>,
        dice: &mut Dice,
        out: &mut Vec<u8>,
    ) {
        let mut context = Context::new(self, post, setting, dice);
        self.grammar.write(self.comment, dice, &mut context, &mut Memory::default(), out);
        let links = dice.weighted(&[0.52, 0.30, 0.12, 0.06]);
        for _ in 0..links {
            out.extend_from_slice(b"//@");
            let name = if dice.chance(0.4) { Fill::Other } else { Fill::Person };
            context.fill(name, dice, out);
            out.push(b':');
            let memory = &mut Memory::default();
            self.grammar.write(self.chain_comment, dice, &mut context, memory, out);
        }
        shorten(out);
    }

    /// Some city, as the place of a post.
    pub(super) fn city(&self, dice: &mut Dice) -> &'static str {
        self.places.city(dice)
    }
}

/// The form of an original, by how the account is run and what happens on the
/// day: the first draw of the post's dice.
fn form(post: u64, setting: Setting<'_>, dice: &mut Dice) -> Form {
    const FORMS: [Form; 5] = [Form::News, Form::Tip, Form::Alert, Form::Chat, Form::Reply];
    let account = &setting.accounts[author(post)];
    let burst = setting.bursts.at(account.system, Day::at(posted(post)));
    let weights = match account.manner {
        Manner::Interaction => [0.20, 0.24, 0.01, 0.30, 0.25],
        Manner::News => [0.74, 0.15, 0.03, 0.06, 0.02],
        Manner::Emergency if burst => [0.08, 0.06, 0.82, 0.02, 0.02],
        Manner::Emergency => [0.42, 0.30, 0.18, 0.06, 0.04],
    };
    FORMS[dice.weighted(&weights)]
}

/// Only a scene: for rules that ask for nothing else.
struct Plain(Scene);

impl Filler for Plain {
    fn fill(&mut self, _: Fill, _: &mut Dice, _: &mut Vec<u8>) {}

    fn scene(&self) -> Scene {
        self.0
    }
}

/// Fills what a rule asks of a post.
struct Context<'a> {
    wording: &'a Wording,
    setting: Setting<'a>,
    account: &'a Account,
    day: Day,
    /// Seconds since midnight.
    second: i64,
    scene: Scene,
    /// The place of which the text speaks.
    place: &'a str,
}

impl<'a> Context<'a> {
    fn new(wording: &'a Wording, post: u64, setting: Setting<'a>, dice: &mut Dice) -> Self {
        let seconds = posted(post);
        let day = Day::at(seconds);
        let account = &setting.accounts[author(post)];
        let (place, region) = match account.place.as_str() {
            "" => {
                let city = wording.places.city(dice);
                (city, city)
            }
            place => (place, account.region),
        };
        Self {
            wording,
            setting,
            account,
            place,
            day,
            second: seconds - day.start(),
            scene: Scene {
                season: day.season(),
                part: day_part(seconds - day.start()),
                mild: wording.places.is_mild(region),
            },
        }
    }

    /// Appends a date as 8月27日.
    fn date(&self, day: Day, out: &mut Vec<u8>) {
        let (_, month, of_month) = day.date();
        write_number(u64::from(month), 0, out);
        out.extend_from_slice("月".as_bytes());
        write_number(u64::from(of_month), 0, out);
        out.extend_from_slice("日".as_bytes());
    }

    /// Appends a time that is past.
    fn when(&self, dice: &mut Dice, out: &mut Vec<u8>) {
        let today = match self.second / 3600 {
            0..11 => "昨天下午",
            11..15 => "今天上午",
            15..18 => "今天",
            _ => "今天下午",
        };
        let word = match dice.below(10) {
            0 => return self.date(self.day, out),
            1 => return self.date(Day(self.day.0.saturating_sub(1)), out),
            2..5 => "近日",
            5 => "日前",
            6 => "本周",
            _ => today,
        };
        out.extend_from_slice(word.as_bytes());
    }

    fn greeting(&self) -> &'static str {
        match self.second / 3600 {
            5..9 => "早上好",
            9..11 => "上午好",
            11..13 => "中午好",
            13..18 => "下午好",
            18..23 => "晚上好",
            _ => "夜深了",
        }
    }
}

impl Filler for Context<'_> {
    fn fill(&mut self, fill: Fill, dice: &mut Dice, out: &mut Vec<u8>) {
        const WEEKDAYS: [&str; 7] = ["周一", "周二", "周三", "周四", "周五", "周六", "周日"];
        let places = &self.wording.places;
        let word: &str = match fill {
            Fill::Date => return self.date(self.day, out),
            Fill::Yesterday => return self.date(Day(self.day.0.saturating_sub(1)), out),
            Fill::Tomorrow => return self.date(Day(self.day.0 + 1), out),
            Fill::Time => {
                write_number((self.second / 3600) as u64, 0, out);
                out.extend_from_slice("时".as_bytes());
                write_number((self.second / 60 % 60) as u64, 0, out);
                "分"
            }
            Fill::Hour => return write_number((self.second / 3600) as u64, 0, out),
            Fill::When => return self.when(dice, out),
            Fill::Term => solar_term(self.day),
            Fill::Year => return write_number(u64::from(self.day.date().0), 0, out),
            Fill::Weekday => WEEKDAYS[self.day.weekday() as usize],
            Fill::Greeting => self.greeting(),
            Fill::Place => self.place,
            Fill::City => places.city(dice),
            Fill::Province => places.province(dice).short,
            Fill::Body => &self.account.organization,
            Fill::Own => &self.account.name,
            Fill::Other => &self.setting.accounts[dice.below(MINISTRY_ACCOUNTS)].name,
            Fill::Person => {
                let memory = &mut Memory::default();
                return self.wording.grammar.write(self.wording.person, dice, self, memory, out);
            }
            Fill::Link => return write_link(dice, out),
            Fill::Topic => {
                let topics = &self.wording.topics[usize::from(self.account.system)];
                out.push(b'#');
                out.extend_from_slice(topics[(self.day.0 / TOPIC_DAYS) as usize].as_bytes());
                "#"
            }
        };
        out.extend_from_slice(word.as_bytes());
    }

    fn scene(&self) -> Scene {
        self.scene
    }
}

/// The part of the day, so many seconds after midnight.
fn day_part(second: i64) -> DayPart {
    match second / 3600 {
        5..11 => DayPart::Morning,
        11..18 => DayPart::Day,
        _ => DayPart::Night,
    }
}

/// The last solar term before the end of a day. Their days move by one from year
/// to year, which is left out here.
fn solar_term(day: Day) -> &'static str {
    const TERMS: [(u32, u32, &str); 24] = [
        (1, 6, "小寒"),
        (1, 20, "大寒"),
        (2, 4, "立春"),
        (2, 19, "雨水"),
        (3, 6, "惊蛰"),
        (3, 21, "春分"),
        (4, 5, "清明"),
        (4, 20, "谷雨"),
        (5, 6, "立夏"),
        (5, 21, "小满"),
        (6, 6, "芒种"),
        (6, 21, "夏至"),
        (7, 7, "小暑"),
        (7, 23, "大暑"),
        (8, 8, "立秋"),
        (8, 23, "处暑"),
        (9, 8, "白露"),
        (9, 23, "秋分"),
        (10, 8, "寒露"),
        (10, 23, "霜降"),
        (11, 8, "立冬"),
        (11, 22, "小雪"),
        (12, 7, "大雪"),
        (12, 22, "冬至"),
    ];
    let (_, month, of_month) = day.date();
    let past = TERMS.iter().rev().find(|term| (term.0, term.1) <= (month, of_month));
    past.map_or("冬至", |term| term.2)
}

/// Whether a sentence begins as one of the text does, or quotes somebody where
/// the text does so already.
fn repeats(text: &[u8], sentence: &[u8]) -> bool {
    const BEGINNING: usize = "四个汉字".len();
    let holds = |text: &[u8], part: &[u8]| memchr::memmem::find(text, part).is_some();
    let quote = "”说：".as_bytes();
    holds(text, &sentence[..sentence.len().min(BEGINNING)])
        || holds(text, quote) && holds(sentence, quote)
}

/// What stands between a text and the sentence that follows.
fn joint(text: &[u8]) -> &'static str {
    let ends_with = |marks: &[&str]| marks.iter().any(|mark| text.ends_with(mark.as_bytes()));
    match text.last() {
        None | Some(b']' | b'~' | b' ') => "",
        Some(last) if last.is_ascii_alphanumeric() => " ",
        Some(_) if ends_with(&["。", "！", "？", "”", "…"]) => "",
        // An emoji has four bytes, of which the first begins so.
        Some(_) if text.len() > 3 && text[text.len() - 4] >= 0xf0 => "",
        Some(_) => "。",
    }
}

/// How many characters a text has: its bytes that do not continue one.
fn count_characters(text: &[u8]) -> usize {
    text.iter().filter(|byte| (**byte as i8) >= -0x40).count()
}

/// Appends a short link of the service.
fn write_link(dice: &mut Dice, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    out.extend_from_slice(b"http://t.cn/z");
    for _ in 0..6 {
        out.push(*dice.pick(DIGITS));
    }
    // A link ends where a character outside ASCII begins, or at a blank.
}

/// Cuts blanks at the end, and a text that is too long behind the last sentence
/// that fits.
fn shorten(text: &mut Vec<u8>) {
    // Bytes that do not continue a character begin one.
    let blank_end = text.iter().rev().take_while(|byte| **byte == b' ').count();
    text.truncate(text.len() - blank_end);
    let mut starts = text.iter().enumerate().filter(|(_, byte)| (**byte as i8) >= -0x40);
    let Some((limit, _)) = starts.nth(MOST_CHARACTERS) else { return };
    text.truncate(limit);
    let sentence_end = ["。", "！", "？", "；"]
        .iter()
        .filter_map(|mark| memchr::memmem::rfind(text, mark.as_bytes()))
        .max();
    if let Some(end) = sentence_end {
        text.truncate(end + "。".len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_ends_behind_a_sentence() {
        let mut text = format!("{}。{}", "长".repeat(100), "尾".repeat(60)).into_bytes();
        shorten(&mut text);
        assert_eq!(String::from_utf8(text).unwrap(), format!("{}。", "长".repeat(100)));
    }

    #[test]
    fn a_short_text_stays() {
        let mut text = "字".repeat(MOST_CHARACTERS).into_bytes();
        shorten(&mut text);
        assert_eq!(text.len(), 3 * MOST_CHARACTERS);
    }
}
