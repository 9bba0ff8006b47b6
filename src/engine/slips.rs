//! Slips in SQL that the parser refuses: what was meant, and where it stands.
//!
//! The parser complains of the word at which it could not go on. That is often the one
//! behind the slip: behind `fro`, behind a bracket that is not closed, behind WHEN if END
//! is missing.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::script::{Statement, tokenize};
use crate::catalog::VIEWS;
use crate::error::{Error, nearest};
use crate::model::TABLES;

/// What must stand behind a keyword for a word to have been meant as it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    By,
    Text,
    Number,
    Table,
    Anything,
}

/// Words that statements are made of, for those who mistype one.
const KEYWORDS: &[(&str, Behind)] = &[
    ("SELECT", Behind::Anything),
    ("FROM", Behind::Table),
    ("WHERE", Behind::Anything),
    ("GROUP", Behind::By),
    ("ORDER", Behind::By),
    ("PARTITION", Behind::By),
    ("HAVING", Behind::Anything),
    ("QUALIFY", Behind::Anything),
    ("LIMIT", Behind::Number),
    ("OFFSET", Behind::Number),
    ("JOIN", Behind::Table),
    ("INNER", Behind::Anything),
    ("OUTER", Behind::Anything),
    ("UNION", Behind::Anything),
    ("DISTINCT", Behind::Anything),
    ("BETWEEN", Behind::Anything),
    ("AND", Behind::Anything),
    ("CASE", Behind::Anything),
    ("WHEN", Behind::Anything),
    ("THEN", Behind::Anything),
    ("ELSE", Behind::Anything),
    ("VALUES", Behind::Anything),
    ("LIKE", Behind::Text),
    ("ILIKE", Behind::Text),
];

/// Words that begin statements.
const STARTERS: [&str; 12] = [
    "SELECT",
    "FROM",
    "WITH",
    "EXPLAIN",
    "DESCRIBE",
    "SUMMARIZE",
    "CREATE",
    "DROP",
    "COPY",
    "SHOW",
    "VALUES",
    "ATTACH",
];

/// The clauses of a query, in the order in which they stand.
const ORDER: &[(Keyword, u8, &str)] = &[
    (Keyword::FROM, 0, "FROM"),
    (Keyword::JOIN, 1, "JOIN"),
    (Keyword::LEFT, 1, "JOIN"),
    (Keyword::INNER, 1, "JOIN"),
    (Keyword::CROSS, 1, "JOIN"),
    (Keyword::WHERE, 2, "WHERE"),
    (Keyword::GROUP, 3, "GROUP BY"),
    (Keyword::HAVING, 4, "HAVING"),
    (Keyword::QUALIFY, 5, "QUALIFY"),
    (Keyword::ORDER, 6, "ORDER BY"),
    (Keyword::LIMIT, 7, "LIMIT"),
    (Keyword::OFFSET, 7, "OFFSET"),
];

/// That order, for a hint.
const CLAUSES: &str = "the order is FROM, JOIN, WHERE, GROUP BY, HAVING, QUALIFY, ORDER BY, LIMIT";

/// What people write behind a number, and what it stands for.
const UNITS: &[(&str, f64)] = &[
    ("k", 1e3),
    ("m", 1e6),
    ("w", 1e4),
    ("千", 1e3),
    ("万", 1e4),
    ("百万", 1e6),
    ("千万", 1e7),
    ("亿", 1e8),
];

/// Functions whose arguments have a FROM among them.
const WITH_FROM: [&str; 6] = ["extract", "trim", "substring", "substr", "overlay", "position"];

/// Looks for one kind of slip.
type Cause = fn(&Text) -> Option<Slip>;

/// All kinds; the first that is found is told.
const CAUSES: &[Cause] = &[
    unit,
    thousands,
    share,
    sign,
    unended_case,
    bracket,
    nearest_join,
    half_join,
    comma_behind_table,
    misspelt,
    bare_table,
    bare_alias,
    without_by,
    out_of_order,
    bare_like,
    bare_is,
    comma,
    condition,
];

/// A slip: the first and last token of it, and what to say.
struct Slip {
    from: usize,
    to: usize,
    /// What is wrong, if the parser does not say it.
    message: Option<String>,
    hint: String,
}

/// The error for a statement that the parser refuses with `words` at the token that begins
/// at `at`, or without a place; none if there is no more to say than it does.
pub(super) fn told(words: &str, at: Option<(u64, u64)>, statement: &Statement) -> Option<Error> {
    let mut tokens = tokenize(&statement.sql).ok()?;
    tokens.retain(|one| !matches!(one.token, Token::Whitespace(_) | Token::SemiColon | Token::EOF));
    let at = match at {
        Some(at) => {
            tokens.iter().position(|one| (one.span.start.line, one.span.start.column) == at)?
        }
        None => tokens.len(),
    };
    let text = Text { tokens: &tokens, at, words };
    let slip = CAUSES.iter().find_map(|cause| cause(&text))?;
    let (first, last) = (tokens.get(slip.from)?.span, tokens.get(slip.to)?.span);
    let length = (first.start.line == last.end.line)
        .then(|| last.end.column.saturating_sub(first.start.column));
    let message = slip.message.unwrap_or_else(|| words.to_owned());
    let error = Error::query(format!("syntax error: {message}")).hint(slip.hint);
    Some(error.at(statement.place(first.start.line, first.start.column, length)))
}

/// The tokens of a statement without blanks, and which of them the parser did not take.
struct Text<'a> {
    tokens: &'a [TokenWithSpan],
    at: usize,
    words: &'a str,
}

impl<'a> Text<'a> {
    fn token(&self, index: usize) -> Option<&'a Token> {
        self.tokens.get(index).map(|one| &one.token)
    }

    fn word(&self, index: usize) -> Option<&'a Word> {
        match self.token(index)? {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }

    fn keyword(&self, index: usize) -> Option<Keyword> {
        let word = self.word(index)?;
        (word.quote_style.is_none() && word.keyword != Keyword::NoKeyword).then_some(word.keyword)
    }

    fn is(&self, index: usize, keyword: Keyword) -> bool {
        self.keyword(index) == Some(keyword)
    }

    /// The token as it was typed.
    fn typed(&self, index: usize) -> String {
        self.token(index).map(ToString::to_string).unwrap_or_default()
    }

    /// Whether nothing stands between a token and the next.
    fn touches(&self, index: usize) -> bool {
        match self.tokens.get(index..index + 2) {
            Some([one, next]) => one.span.end == next.span.start,
            _ => false,
        }
    }

    /// Whether a token may be the name of a column.
    fn is_name(&self, index: usize) -> bool {
        self.word(index).is_some_and(|word| {
            word.quote_style.is_some()
                || word.keyword == Keyword::NoKeyword
                || is_known(&word.value)
        })
    }

    /// Whether the word at `index` is the name of a function that is called.
    fn is_call(&self, index: usize) -> bool {
        self.token(index + 1) == Some(&Token::LParen) && self.touches(index)
    }

    /// The word of the clause that the token at `index` is in, brackets around it or not.
    fn clause(&self, index: usize) -> Option<Keyword> {
        let mut depth = 0_usize;
        (0..index).rev().find_map(|index| match self.token(index)? {
            Token::RParen => {
                depth += 1;
                None
            }
            Token::LParen => {
                depth = depth.saturating_sub(1);
                None
            }
            _ if depth > 0 => None,
            _ => self.keyword(index).filter(|keyword| {
                matches!(
                    keyword,
                    Keyword::SELECT
                        | Keyword::FROM
                        | Keyword::WHERE
                        | Keyword::GROUP
                        | Keyword::HAVING
                        | Keyword::QUALIFY
                        | Keyword::ORDER
                        | Keyword::LIMIT
                        | Keyword::ON
                        | Keyword::WHEN
                        | Keyword::VALUES
                )
            }),
        })
    }

    fn is_in_condition(&self, index: usize) -> bool {
        matches!(
            self.clause(index),
            Some(Keyword::WHERE | Keyword::HAVING | Keyword::QUALIFY | Keyword::ON | Keyword::WHEN)
        )
    }

    /// The keyword that the word at `index` was meant to be. A known name is none.
    fn meant(&self, index: usize) -> Option<&'static str> {
        let word = self.word(index)?;
        if word.quote_style.is_some()
            || word.keyword != Keyword::NoKeyword
            || word.value.chars().count() < 3
            || is_known(&word.value)
            || self.is_call(index)
        {
            return None;
        }
        let fits = |behind: Behind| match (behind, self.token(index + 1)) {
            (Behind::Anything, next) => next.is_some(),
            (Behind::By, _) => self.is(index + 1, Keyword::BY),
            (Behind::Text, next) => matches!(next, Some(Token::SingleQuotedString(_))),
            (Behind::Number, next) => matches!(next, Some(Token::Number(..))),
            (Behind::Table, next) => {
                matches!(next, Some(Token::Word(_) | Token::SingleQuotedString(_) | Token::LParen))
            }
        };
        let in_condition = self.is_in_condition(index);
        let near = KEYWORDS
            .iter()
            .filter(|(keyword, behind)| fits(*behind) && (*keyword != "AND" || in_condition));
        nearest(&word.value, near.map(|(keyword, _)| *keyword))
    }
}

/// Whether `name` is that of a column or table of a database.
fn is_known(name: &str) -> bool {
    let is_it = |known: &str| known.eq_ignore_ascii_case(name);
    TABLES
        .iter()
        .any(|table| is_it(table.name) || table.columns.iter().any(|column| is_it(column.name)))
        || VIEWS
            .iter()
            .any(|view| is_it(view.name) || view.columns.iter().any(|(column, _)| is_it(column)))
}

/// Whether `name` is that of a table or view of a database.
fn is_table(name: &str) -> bool {
    TABLES.iter().any(|table| table.name.eq_ignore_ascii_case(name))
        || VIEWS.iter().any(|view| view.name.eq_ignore_ascii_case(name))
}

/// `10k` and `1万`.
fn unit(text: &Text) -> Option<Slip> {
    let from = text.at.checked_sub(1)?;
    let (Token::Number(digits, _), Token::Word(word)) = (text.token(from)?, text.token(text.at)?)
    else {
        return None;
    };
    let (_, factor) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(&word.value))?;
    if !text.touches(from) {
        return None;
    }
    let number = digits.parse::<f64>().ok()? * factor;
    let whole = number.round();
    let number = if (number - whole).abs() < 1e-6 { whole } else { number };
    Some(Slip {
        from,
        to: text.at,
        message: Some(format!("{digits}{word} is no number")),
        hint: format!("write it out: {number}"),
    })
}

/// `1,000`.
fn thousands(text: &Text) -> Option<Slip> {
    let from = text.at.checked_sub(1)?;
    let whole = |index: usize| match text.token(index) {
        Some(Token::Number(digits, _)) if digits.bytes().all(|one| one.is_ascii_digit()) => {
            Some(digits.as_str())
        }
        _ => None,
    };
    let (mut number, mut to) = (whole(from)?.to_owned(), from);
    while text.token(to + 1) == Some(&Token::Comma)
        && text.touches(to)
        && text.touches(to + 1)
        && let Some(group) = whole(to + 2).filter(|group| group.len() == 3)
    {
        number.push_str(group);
        to += 2;
    }
    (to > from).then(|| Slip {
        from,
        to,
        message: Some("a number has no commas in it".to_owned()),
        hint: format!("write it as {number}"),
    })
}

/// `LIMIT 50%`.
fn share(text: &Text) -> Option<Slip> {
    let at = (2..text.tokens.len()).find(|&at| {
        text.token(at) == Some(&Token::Mod)
            && matches!(text.token(at - 1), Some(Token::Number(..)))
            && text.is(at - 2, Keyword::LIMIT)
            && text.touches(at - 1)
            && !matches!(text.token(at + 1), Some(Token::Number(..) | Token::LParen))
    })?;
    let number = text.typed(at - 1);
    Some(Slip {
        from: at - 1,
        to: at,
        message: Some("LIMIT takes a number of rows, and no share of them".to_owned()),
        hint: format!(
            "number the hundredths: FROM (SELECT *, ntile(100) OVER (ORDER BY likes DESC) AS part \
             FROM posts) WHERE part <= {number}"
        ),
    })
}

/// `=>` and `=<`, and `!` for NOT.
fn sign(text: &Text) -> Option<Slip> {
    let before = text.at.checked_sub(1);
    let (from, meant) = match (before.and_then(|index| text.token(index)), text.token(text.at)?) {
        (_, Token::RArrow) => (text.at, ">="),
        (_, Token::ExclamationMark) if text.words.contains("expected an expression") => {
            (text.at, "NOT")
        }
        (Some(Token::Eq), Token::Lt) => (before?, "<="),
        (Some(Token::Lt), Token::Eq) => (before?, "<="),
        (Some(Token::Gt), Token::Eq) => (before?, ">="),
        (Some(Token::Lt), Token::Gt) => (before?, "<>"),
        _ => return None,
    };
    Some(Slip { from, to: text.at, message: None, hint: format!("write it as {meant}") })
}

/// CASE without END.
fn unended_case(text: &Text) -> Option<Slip> {
    let mut open = Vec::new();
    for index in 0..text.tokens.len() {
        match text.keyword(index) {
            Some(Keyword::CASE) => open.push(index),
            Some(Keyword::END) => {
                open.pop();
            }
            _ => {}
        }
    }
    let at = open.pop()?;
    // Elsewhere the word is a name.
    let has = |keyword| (at..text.tokens.len()).any(|index| text.is(index, keyword));
    (has(Keyword::WHEN) && has(Keyword::THEN)).then(|| Slip {
        from: at,
        to: at,
        message: Some("CASE has no END".to_owned()),
        hint: "CASE WHEN likes > 3 THEN 'many' ELSE 'few' END AS kind".to_owned(),
    })
}

/// A bracket that is not closed, or closes none.
fn bracket(text: &Text) -> Option<Slip> {
    let mut open: Vec<usize> = Vec::new();
    // The bracket in which a clause stands that belongs behind it.
    let mut cut = None;
    for (index, one) in text.tokens.iter().enumerate() {
        if closing(&one.token).is_some() {
            open.push(index);
        } else if matches!(one.token, Token::RParen | Token::RBracket | Token::RBrace) {
            match open.pop() {
                Some(opened) if closing(text.token(opened)?).as_ref() == Some(&one.token) => {}
                Some(opened) => return unclosed(text, opened, Some(index)),
                None => return Some(unopened(text, index)),
            }
        } else if let Some(opened) = open.last()
            && cut.is_none()
            && is_behind(text, *opened, index)
        {
            cut = Some((*opened, index));
        }
    }
    match (cut, open.last()) {
        // The brackets may be as many, and one of them in the wrong place.
        (Some((opened, index)), last) if last.is_some() || index == text.at => {
            unclosed(text, opened, Some(index))
        }
        (_, Some(opened)) => unclosed(text, *opened, None),
        _ => None,
    }
}

fn closing(token: &Token) -> Option<Token> {
    match token {
        Token::LParen => Some(Token::RParen),
        Token::LBracket => Some(Token::RBracket),
        Token::LBrace => Some(Token::RBrace),
        _ => None,
    }
}

/// Whether the word at `index` begins a clause that does not belong into the bracket.
fn is_behind(text: &Text, opened: usize, index: usize) -> bool {
    let is_query = matches!(
        text.keyword(opened + 1),
        Some(Keyword::SELECT | Keyword::WITH | Keyword::FROM | Keyword::VALUES | Keyword::TABLE)
    );
    if is_query || index == opened + 1 || text.token(opened + 1) == Some(&Token::LParen) {
        return false;
    }
    match text.keyword(index) {
        Some(Keyword::FROM) => {
            let function = opened.checked_sub(1).and_then(|before| text.word(before));
            !text.is(index - 1, Keyword::DISTINCT)
                && !function.is_some_and(|word| {
                    WITH_FROM.iter().any(|known| known.eq_ignore_ascii_case(&word.value))
                })
        }
        Some(Keyword::WHERE | Keyword::HAVING) => true,
        Some(Keyword::GROUP) => text.is(index + 1, Keyword::BY),
        _ => false,
    }
}

fn unclosed(text: &Text, opened: usize, before: Option<usize>) -> Option<Slip> {
    let (sign, closing) = (text.typed(opened), closing(text.token(opened)?)?);
    Some(Slip {
        from: opened,
        to: opened,
        message: Some(format!("the bracket {sign} is not closed")),
        hint: match before {
            Some(before) => format!("add a closing {closing} before {}", text.typed(before)),
            None => format!("add a closing {closing}"),
        },
    })
}

fn unopened(text: &Text, at: usize) -> Slip {
    let sign = text.typed(at);
    Slip {
        from: at,
        to: at,
        message: Some(format!("the bracket {sign} closes none")),
        hint: "take it out, or open one before it".to_owned(),
    }
}

/// `ASOF JOIN` without a condition, and `ASOF RIGHT JOIN`.
fn nearest_join(text: &Text) -> Option<Slip> {
    let asof = (0..text.at.min(text.tokens.len())).rev().find(|at| text.is(*at, Keyword::ASOF))?;
    let is_next = asof + 1 == text.at;
    let hint = match text.keyword(text.at) {
        Some(Keyword::RIGHT | Keyword::FULL) if is_next => {
            "ASOF LEFT JOIN keeps the rows of the first table; that whose rows are to be kept \
             stands first"
        }
        Some(Keyword::SEMI | Keyword::ANTI) if is_next => {
            "SEMI JOIN and ANTI JOIN ask whether there is such a row, be it the nearest or not: \
             leave ASOF out"
        }
        Some(Keyword::CROSS | Keyword::NATURAL) if is_next => {
            "name the columns: a ASOF JOIN b USING (account_id, at), of which the last one is the \
             time"
        }
        word if text.words.contains("MATCH_CONDITION")
            || is_next && matches!(word, Some(Keyword::LEFT | Keyword::INNER)) =>
        {
            let message = "behind ASOF JOIN stands a condition".to_owned();
            let hint = "say what is equal and what is the nearest: a ASOF JOIN b ON a.account_id \
                        = b.account_id AND a.at >= b.at"
                .to_owned();
            return Some(Slip { from: asof, to: asof, message: Some(message), hint });
        }
        _ => return None,
    };
    let message = format!("ASOF {} JOIN is not known", text.typed(text.at).to_uppercase());
    Some(Slip { from: asof, to: text.at, message: Some(message), hint: hint.to_owned() })
}

/// `FROM posts, WHERE`: the parser takes WHERE for a table.
fn comma_behind_table(text: &Text) -> Option<Slip> {
    let begins = |index: usize| {
        matches!(
            text.keyword(index),
            Some(
                Keyword::WHERE
                    | Keyword::GROUP
                    | Keyword::HAVING
                    | Keyword::QUALIFY
                    | Keyword::ORDER
                    | Keyword::LIMIT
            )
        )
    };
    let is_it = |at: &usize| {
        text.token(*at) == Some(&Token::Comma)
            && begins(at + 1)
            && text.clause(*at) == Some(Keyword::FROM)
    };
    let at = (1..text.tokens.len()).rev().find(is_it)?;
    Some(Slip {
        from: at,
        to: at,
        message: Some(format!("behind the comma stands no table but {}", text.typed(at + 1))),
        hint: "take the comma out, or name a table behind it".to_owned(),
    })
}

/// `SELECT 1 view`: words of SQL are names behind AS only.
fn bare_alias(text: &Text) -> Option<Slip> {
    let before = text.at.checked_sub(1)?;
    let ends_value = text.is_name(before)
        || matches!(
            text.token(before)?,
            Token::Number(..) | Token::SingleQuotedString(_) | Token::RParen | Token::RBracket
        );
    let ends_item = matches!(text.token(text.at + 1), None | Some(Token::Comma))
        || text.is(text.at + 1, Keyword::FROM);
    text.keyword(text.at)?;
    (ends_value && ends_item && text.clause(text.at) == Some(Keyword::SELECT)).then(|| Slip {
        from: text.at,
        to: text.at,
        message: None,
        hint: format!("a word of SQL is a name behind AS: AS {}", text.typed(text.at)),
    })
}

/// `LEFT JION`, of which the parser does not tell the place.
fn half_join(text: &Text) -> Option<Slip> {
    let begins = |index: usize| {
        matches!(
            text.keyword(index),
            Some(
                Keyword::LEFT
                    | Keyword::RIGHT
                    | Keyword::FULL
                    | Keyword::INNER
                    | Keyword::OUTER
                    | Keyword::CROSS
            )
        )
    };
    let is_it = |index: &usize| begins(index - 1) && text.meant(*index) == Some("JOIN");
    let at = (1..text.tokens.len()).find(is_it)?;
    Some(spelt(text, at, "JOIN"))
}

/// `fro posts`: the word at which the parser stopped, or the one before it.
fn misspelt(text: &Text) -> Option<Slip> {
    if text.at == 0 {
        let word = text.word(0)?;
        let meant = nearest(&word.value, STARTERS).filter(|_| word.value.chars().count() > 2);
        return match meant {
            Some(meant) => Some(spelt(text, 0, meant)),
            None => no_statement(text, &word.value),
        };
    }
    [text.at, text.at - 1].into_iter().find_map(|at| Some(spelt(text, at, text.meant(at)?)))
}

/// A statement that begins with a word that begins none: a table, or a command that lacks
/// its dot.
fn no_statement(text: &Text, word: &str) -> Option<Slip> {
    if !text.words.contains("expected an SQL statement") {
        return None;
    }
    let hint = if word.starts_with('#') {
        "-- begins a comment".to_owned()
    } else if is_table(word) && text.tokens.len() == 1 {
        format!("FROM {word} asks for its rows")
    } else {
        "a statement begins with SELECT, FROM or WITH, a command of the shell with a dot; .help \
         lists them"
            .to_owned()
    };
    Some(Slip { from: 0, to: 0, message: None, hint })
}

/// A table behind `*`, without FROM.
fn bare_table(text: &Text) -> Option<Slip> {
    let star = text.at.checked_sub(1)?;
    let select = star.checked_sub(1)?;
    let is_list = text.token(star) == Some(&Token::Mul) && text.is(select, Keyword::SELECT);
    let table = text.word(text.at).filter(|table| is_list && is_table(&table.value))?;
    let hint = format!("FROM stands before a table: SELECT * FROM {table}");
    Some(Slip { from: text.at, to: text.at, message: None, hint })
}

fn spelt(text: &Text, at: usize, meant: &str) -> Slip {
    let message = text.words.rsplit_once("found ");
    let message = message.map(|(before, _)| format!("{before}found {}", text.typed(at)));
    Slip { from: at, to: at, message, hint: format!("did you mean {meant}?") }
}

/// ORDER, GROUP or PARTITION without BY.
fn without_by(text: &Text) -> Option<Slip> {
    let is_it = |index: &usize| {
        matches!(text.keyword(*index), Some(Keyword::ORDER | Keyword::GROUP | Keyword::PARTITION))
            && !text.is(index + 1, Keyword::BY)
    };
    let from = [Some(text.at), text.at.checked_sub(1)].into_iter().flatten().find(is_it)?;
    let clause = text.typed(from).to_uppercase();
    let next = text.word(from + 1)?;
    let is_by = next.value.len() > 1 && nearest(&next.value, ["BY"]).is_some();
    let to = from + usize::from(is_by && text.word(from + 2).is_some());
    let what = text.typed(to + 1);
    Some(Slip { from, to, message: None, hint: format!("write it as {clause} BY {what}") })
}

/// WHERE behind LIMIT.
fn out_of_order(text: &Text) -> Option<Slip> {
    let rank = |index: usize| {
        let keyword = text.keyword(index)?;
        ORDER.iter().find(|(known, ..)| *known == keyword)
    };
    let (_, found, name) = rank(text.at)?;
    let mut depth = 0_usize;
    for index in (0..text.at).rev() {
        match text.token(index)? {
            Token::RParen => depth += 1,
            Token::LParen if depth == 0 => return None,
            Token::LParen => depth -= 1,
            _ if depth > 0 => {}
            _ if matches!(
                text.keyword(index),
                Some(Keyword::SELECT | Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT)
            ) =>
            {
                return None;
            }
            _ => {
                if let Some((_, _, later)) = rank(index).filter(|(_, rank, _)| rank > found) {
                    return Some(Slip {
                        from: text.at,
                        to: text.at,
                        message: Some(format!("{name} stands before {later}")),
                        hint: CLAUSES.to_owned(),
                    });
                }
            }
        }
    }
    None
}

/// LIKE without what is looked at.
fn bare_like(text: &Text) -> Option<Slip> {
    let pattern = text.token(text.at)?;
    let at = text.at.checked_sub(1)?;
    let before = text.keyword(at.checked_sub(1)?)?;
    let begins = matches!(
        before,
        Keyword::WHERE
            | Keyword::AND
            | Keyword::OR
            | Keyword::NOT
            | Keyword::ON
            | Keyword::HAVING
            | Keyword::WHEN
    );
    let is_like = matches!(text.keyword(at)?, Keyword::LIKE | Keyword::ILIKE);
    if !begins || !is_like || !matches!(pattern, Token::SingleQuotedString(_)) {
        return None;
    }
    let like = text.typed(at).to_uppercase();
    Some(Slip {
        from: at,
        to: at,
        message: Some(format!("{like} stands behind what it looks at")),
        hint: format!("write it as text {like} {pattern}"),
    })
}

/// IS before a value.
fn bare_is(text: &Text) -> Option<Slip> {
    if !text.words.contains("NORMALIZED FROM after IS") {
        return None;
    }
    let before = text.at.checked_sub(1)?;
    let (at, sign) = match text.is(before, Keyword::NOT) {
        true => (before.checked_sub(1)?, "<>"),
        false => (before, "="),
    };
    let (column, value) = (text.typed(at.checked_sub(1)?), text.typed(text.at));
    Some(Slip {
        from: at,
        to: at,
        message: Some("IS stands before NULL, TRUE, FALSE and DISTINCT FROM".to_owned()),
        hint: format!("values are compared by {column} {sign} {value}"),
    })
}

/// Columns without a comma between them.
fn comma(text: &Text) -> Option<Slip> {
    if text.clause(text.at) != Some(Keyword::SELECT) {
        return None;
    }
    let (at, call) = match text.token(text.at)? {
        Token::LParen => (text.at.checked_sub(1)?, "(...)"),
        _ => (text.at, ""),
    };
    let before = at.checked_sub(1)?;
    if !(text.is_name(at) || text.is_call(at)) || !text.is_name(before) {
        return None;
    }
    let first = before.checked_sub(1).filter(|first| call.is_empty() && text.is_name(*first));
    let mut columns: Vec<String> = first.into_iter().map(|first| text.typed(first)).collect();
    columns.extend([text.typed(before), format!("{}{call}", text.typed(at))]);
    let hint = format!("a comma stands between columns: {}", columns.join(", "));
    Some(Slip { from: at, to: at, message: None, hint })
}

/// Conditions without AND between them.
fn condition(text: &Text) -> Option<Slip> {
    let before = text.at.checked_sub(1)?;
    let ends_value = text.is_name(before)
        || matches!(
            text.token(before)?,
            Token::Number(..) | Token::SingleQuotedString(_) | Token::RParen
        );
    (ends_value && text.is_name(text.at) && text.is_in_condition(text.at)).then(|| Slip {
        from: text.at,
        to: text.at,
        message: None,
        hint: format!("AND or OR stands between conditions: ... AND {} ...", text.typed(text.at)),
    })
}

#[cfg(test)]
mod tests {
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn the_slip_is_told_and_not_the_word_behind_it() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (sql, at, said, hint) in [
            ("select max(likes from posts", "(", "the bracket ( is not", "closing ) before from"),
            ("select text from (select max(likes from posts)", "(likes", "( is not", "before from"),
            ("select text from posts where (likes > 3", "(", "( is not closed", "a closing )"),
            ("select max(likes from posts)", "(", "( is not closed", "before from"),
            ("select text from posts where likes > 3)", ")", ") closes none", "take it out"),
            ("select [1, 2 from posts", "[", "the bracket [ is not", "a closing ]"),
            ("select case when likes > 3 then 'a' from posts", "case", "no END", "END AS"),
            ("select text fro posts", "fro", "found fro", "did you mean FROM?"),
            ("select count(*) form posts", "form", "found form", "did you mean FROM?"),
            ("select text from posts were likes > 3", "were", "found were", "WHERE?"),
            ("select likes, count(*) from posts grup by 1", "grup", "found grup", "GROUP?"),
            ("select text from posts oder by likes", "oder", "found oder", "ORDER?"),
            ("select text from posts limt 5", "limt", "found limt", "LIMIT?"),
            ("select text from posts p left jion accounts a on true", "jion", "", "JOIN?"),
            ("select 1 from posts where likes > 3 adn reposts > 2", "adn", "", "did you mean AND?"),
            ("selct 1", "selct", "found selct", "SELECT?"),
            ("tables", "tables", "found tables", ".help"),
            ("ls -l", "ls", "found ls", ".help"),
            ("#all posts", "#all", "found #all", "-- begins"),
            ("posts", "posts", "found posts", "FROM posts asks"),
            ("select * posts", "posts", "found posts", "SELECT * FROM posts"),
            ("select likes from posts order likes", "order", "", "ORDER BY likes"),
            ("select likes from posts group likes", "group", "", "GROUP BY likes"),
            ("select 1 b from posts order b desc", "order", "", "ORDER BY b"),
            ("select likes from posts order bu likes", "order bu", "", "ORDER BY likes"),
            (
                "select 1 from posts limit 5 where likes > 3",
                "where",
                "before LIMIT",
                "WHERE, GROUP",
            ),
            ("select 1 from posts order by 1 group by 1", "group", "before ORDER BY", "the order"),
            (
                "select 1 where likes > 3 from posts",
                "from",
                "FROM stands before WHERE",
                "FROM, JOIN",
            ),
            ("select text likes reposts from posts", "reposts", "", "text, likes, reposts"),
            ("select client count(*) from posts", "count", "", "client, count(...)"),
            ("select text from posts where likes => 10", "=>", "", ">="),
            ("select text from posts where likes =< 10", "=<", "", "<="),
            ("select text from posts where !is_repost", "!", "found !", "write it as NOT"),
            ("select text from posts where likes > 10k", "10k", "is no number", "10000"),
            ("select text from posts where likes > 1.5万", "1.5万", "is no number", "15000"),
            ("select 1 from posts where likes > 1,000,000", "1,", "no commas", "1000000"),
            ("select text from posts where like '%a%'", "like", "LIKE stands behind", "text LIKE"),
            ("select text from posts where client is 'a'", "is", "IS stands", "client = 'a'"),
            ("select text from posts where client is not 'a'", "is", "IS", "client <> 'a'"),
            ("select 1 from posts where likes > 3 reposts > 2", "reposts", "", "AND reposts"),
            ("select 1 from posts limit 5% union select 3", "5%", "no share", "part <= 5"),
            ("select * from a asof join b where a.t > 1", "asof", "a condition", "a.at >= b.at"),
            ("select * from a asof left join b", "asof", "a condition", "a.at >= b.at"),
            ("select 1 from a asof right join b on a.t > b.t", "asof", "RIGHT JOIN", "first"),
            ("select 1 from a asof full outer join b using (t)", "asof", "FULL JOIN", "first"),
            ("select 1 from a asof semi join b on a.t > b.t", "asof", "SEMI JOIN", "leave ASOF"),
            ("select 1 from a asof natural join b", "asof", "NATURAL JOIN", "USING"),
            ("select 1 from posts, where likes > 3", ", where", "but where", "the comma out"),
            ("select 1 from posts, group by client", ", group", "but group", "the comma out"),
            ("select 1 from (select 1 from posts, limit 5)", ", limit", "but limit", "the comma"),
            ("select 1 view", "view", "found view", "AS view"),
            ("select likes top, reposts from posts", "top", "found top", "AS top"),
            ("select max(likes) sort from posts", "sort", "found sort", "AS sort"),
            ("select 1 values", "values", "found values", "AS values"),
        ] {
            let error = session.collect(sql).await.unwrap_err();
            assert!(error.message().starts_with("syntax error"), "{sql}: {error}");
            assert!(error.message().contains(said), "{sql}: {error}");
            assert!(error.advice().is_some_and(|told| told.contains(hint)), "{sql}: {error}");
            let at = sql[..sql.find(at).unwrap()].chars().count() as u64 + 1;
            assert_eq!(error.place().column, Some(at), "{sql}: {error}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_name_of_a_column_is_never_taken_for_a_keyword() {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in [
            "select max(likes from posts",
            "select text likes reposts from posts",
            "select text from posts where likes => 10",
            "select text from posts where likes 10",
        ] {
            let error = session.collect(sql).await.unwrap_err();
            assert!(!error.advice().unwrap_or_default().contains("did you mean"), "{sql}: {error}");
        }
    }
}
