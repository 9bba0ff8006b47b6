//! Where in a statement the cursor stands, and what may follow there: a small machine
//! for the clauses, and one list of what each goes on with.

use super::{scope, words};
use crate::shell::scan::{Kind, Lexeme};

/// The part of a statement, or the bracket, that the cursor stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clause {
    /// Nothing is there yet.
    Start,
    Explain,
    /// Where a query begins, as in brackets or behind UNION.
    Query,
    /// The names of WITH.
    With,
    Select,
    From,
    /// Behind JOIN, until ON or USING.
    Join,
    On,
    Using,
    Where,
    Group,
    Having,
    Qualify,
    Window,
    Order,
    Limit,
    Offset,
    Values,
    Pivot,
    PivotOn,
    PivotUsing,
    Unpivot,
    UnpivotOn,
    UnpivotInto,
    /// SET of a setting.
    Set,
    /// SET of UPDATE.
    Assign,
    Show,
    /// The table that a statement is about.
    Relation,
    /// The arguments of a function.
    Call,
    /// ORDER BY among them.
    CallOrder,
    Cast,
    /// Behind CAST(x AS.
    Type,
    Filter,
    Over,
    Partition,
    WindowOrder,
    /// Behind ROWS or RANGE.
    Frame,
    /// The brackets of `* EXCLUDE (`.
    Excluded,
    /// Other brackets in an expression.
    Inner,
    Other,
}

/// The clauses of a query behind FROM, in the order in which they are written.
const CLAUSES: &[(Clause, &str)] = &[
    (Clause::Where, "WHERE"),
    (Clause::Group, "GROUP BY"),
    (Clause::Having, "HAVING"),
    (Clause::Qualify, "QUALIFY"),
    (Clause::Order, "ORDER BY"),
    (Clause::Limit, "LIMIT"),
    (Clause::Offset, "OFFSET"),
];

const SELECTED: &[&str] = &["FROM", "AS"];

const COMPARISONS: &[&str] =
    &["IN (", "NOT IN (", "LIKE", "NOT LIKE", "ILIKE", "BETWEEN", "IS NULL", "IS NOT NULL"];

const LOGIC: &[&str] = &["AND", "OR"];

const JOINS: &[&str] = &[
    "WHERE",
    "JOIN",
    "LEFT JOIN",
    "INNER JOIN",
    "RIGHT JOIN",
    "FULL JOIN",
    "CROSS JOIN",
    "LEFT SEMI JOIN",
    "LEFT ANTI JOIN",
    "ASOF JOIN",
];

const SORTED: &[&str] = &["DESC", "ASC", "NULLS LAST", "NULLS FIRST"];

const NULLS: &[&str] = &["NULLS FIRST", "NULLS LAST"];

const FRAMES: &[&str] = &["ROWS BETWEEN", "RANGE BETWEEN"];

const SET_OPERATIONS: &[&str] = &["UNION ALL", "UNION", "EXCEPT", "INTERSECT"];

/// Where the cursor stands, and what is written of the query there.
#[derive(Debug)]
pub(super) struct State {
    pub(super) clause: Clause,
    written: Vec<Clause>,
    /// Whether it is in DELETE or UPDATE, which have a condition and no more.
    changes_rows: bool,
}

/// The state at the end of `before`, in the query that begins at `start`.
pub(super) fn find(before: &[Lexeme<'_>], start: usize) -> State {
    let start = start.min(before.len());
    let is_part = before[..start]
        .last()
        .is_some_and(|token| token.is_symbol("(") || scope::is_set_operation(token));
    let first = before.first();
    let mut now = State::at(if is_part { Clause::Query } else { Clause::Start });
    now.changes_rows =
        !is_part && first.is_some_and(|first| first.is("delete") || first.is("update"));
    let mut around = Vec::new();
    for (index, token) in before.iter().enumerate().skip(start) {
        let so_far = &before[..index];
        if token.is_symbol("(") {
            let inner = State::at(now.bracket(so_far));
            around.push(std::mem::replace(&mut now, inner));
        } else if token.is_symbol(")") {
            if let Some(outer) = around.pop() {
                now = outer;
                now.close();
            }
        } else if token.is_symbol(",") && matches!(now.clause, Clause::Join | Clause::On) {
            now.enter(Clause::From);
        } else if token.kind == Kind::Word {
            if let Some(next) = now.begun_by(token, so_far.last(), first) {
                now.enter(next);
            }
        } else if now.clause == Clause::Start {
            now.enter(Clause::Other);
        }
    }
    now
}

impl State {
    fn at(clause: Clause) -> Self {
        Self { clause, written: Vec::new(), changes_rows: false }
    }

    fn enter(&mut self, clause: Clause) {
        self.clause = clause;
        self.written.push(clause);
    }

    /// What a bracket holds that is opened behind `before`.
    fn bracket(&self, before: &[Lexeme<'_>]) -> Clause {
        let Some(last) = before.last() else {
            return Clause::Query;
        };
        let is = |word: &str| last.is(word);
        let begins_relation = || {
            ["from", "join", "lateral"].iter().any(|word| is(word))
                || last.is_symbol(",")
                || last.is_symbol("(")
        };
        match self.clause {
            Clause::From | Clause::Join if begins_relation() => Clause::From,
            Clause::Pivot if is("pivot") => Clause::From,
            Clause::Unpivot if is("unpivot") => Clause::From,
            Clause::Start | Clause::Query | Clause::Relation | Clause::Explain => Clause::Query,
            Clause::With if is("as") || is("materialized") => Clause::Query,
            Clause::Using if is("using") => Clause::Using,
            Clause::Window if is("as") => Clause::Over,
            _ if is("exists") => Clause::Query,
            _ if is("over") => Clause::Over,
            _ if is("filter") => Clause::Filter,
            _ if is("cast") || is("try_cast") => Clause::Cast,
            _ if ends_with_star_and(before, &["exclude", "except"]) => Clause::Excluded,
            _ if last.name().is_some() && !is_operator_word(last) => Clause::Call,
            _ => Clause::Inner,
        }
    }

    /// A bracket of this clause is closed.
    fn close(&mut self) {
        match self.clause {
            Clause::Using => self.enter(Clause::From),
            Clause::Start | Clause::Query => self.enter(Clause::Other),
            _ => {}
        }
    }

    /// The clause that `token` begins.
    fn begun_by(
        &self,
        token: &Lexeme<'_>,
        previous: Option<&Lexeme<'_>>,
        first: Option<&Lexeme<'_>>,
    ) -> Option<Clause> {
        let after = |word: &str| previous.is_some_and(|previous| previous.is(word));
        let begun = |word: &str| first.is_some_and(|first| first.is(word));
        let word = token.text.to_ascii_lowercase();
        match self.clause {
            Clause::Call | Clause::CallOrder => {
                return (word == "by" && after("order")).then_some(Clause::CallOrder);
            }
            Clause::Cast => return (word == "as").then_some(Clause::Type),
            Clause::Filter => return (word == "where").then_some(Clause::Inner),
            Clause::Over | Clause::Partition | Clause::WindowOrder => {
                return match word.as_str() {
                    "by" if after("partition") => Some(Clause::Partition),
                    "by" if after("order") => Some(Clause::WindowOrder),
                    "rows" | "range" | "groups" => Some(Clause::Frame),
                    _ => None,
                };
            }
            Clause::Frame | Clause::Type | Clause::Excluded | Clause::Inner => return None,
            _ => {}
        }
        let begins = matches!(self.clause, Clause::Start | Clause::Query | Clause::Explain);
        Some(match word.as_str() {
            "select" | "returning" => Clause::Select,
            "from" if !after("distinct") => Clause::From,
            "join" if after("cross") || after("natural") => Clause::From,
            "join" => Clause::Join,
            "into" if self.clause == Clause::UnpivotOn => Clause::UnpivotInto,
            "into" if begun("insert") => Clause::From,
            "update" if begins => Clause::From,
            "on" if self.clause == Clause::Join => Clause::On,
            "on" if self.clause == Clause::Pivot => Clause::PivotOn,
            "on" if self.clause == Clause::Unpivot => Clause::UnpivotOn,
            "using" if matches!(self.clause, Clause::Pivot | Clause::PivotOn) => Clause::PivotUsing,
            "using" => Clause::Using,
            "where" => Clause::Where,
            "having" => Clause::Having,
            "qualify" => Clause::Qualify,
            "window" if self.written.contains(&Clause::From) => Clause::Window,
            "by" if after("group") => Clause::Group,
            "by" if after("order") => Clause::Order,
            "limit" | "fetch" => Clause::Limit,
            "offset" => Clause::Offset,
            "set" if begun("update") => Clause::Assign,
            "set" if begins => Clause::Set,
            "show" if begins => Clause::Show,
            "with" if begins => Clause::With,
            "pivot" if begins || self.clause == Clause::With => Clause::Pivot,
            "unpivot" if begins || self.clause == Clause::With => Clause::Unpivot,
            "describe" | "desc" | "summarize" | "copy" if begins => Clause::Relation,
            "values" => Clause::Values,
            "explain" | "analyze" | "verbose" if begins => Clause::Explain,
            "as" if self.clause == Clause::Other && begun("create") => Clause::Query,
            _ if matches!(self.clause, Clause::Start | Clause::Explain) => Clause::Other,
            _ => return None,
        })
    }

    /// The words that alone make sense behind `before`, where they are few.
    pub(super) fn words(&self, before: &[Lexeme<'_>]) -> Option<&'static [&'static str]> {
        let (last, rest) = before.split_last()?;
        let is = |word: &str| last.is(word);
        let second = |word: &str| rest.last().is_some_and(|second| second.is(word));
        let few: &'static [&'static str] = match self.clause {
            _ if last.is_symbol("::") => words::TYPES,
            _ if is("is") => {
                &["NULL", "NOT NULL", "TRUE", "FALSE", "DISTINCT FROM", "NOT DISTINCT FROM"]
            }
            _ if is("not") && second("is") => &["NULL", "TRUE", "FALSE", "DISTINCT FROM"],
            _ if is("not") && ends_operand(rest) => {
                &["IN (", "LIKE", "ILIKE", "BETWEEN", "SIMILAR TO"]
            }
            _ if is("distinct") && (second("is") || second("not")) => &["FROM"],
            Clause::Type if is("as") => words::TYPES,
            Clause::Type => &[],
            Clause::Filter => &["WHERE"],
            Clause::Over if is("partition") || is("order") => &["BY"],
            Clause::Over => &["PARTITION BY", "ORDER BY", "ROWS BETWEEN", "RANGE BETWEEN"],
            Clause::Frame => bound(last, rest),
            Clause::Explain if is("explain") => {
                &["ANALYZE", "VERBOSE", "SELECT", "FROM", "WITH", "VALUES"]
            }
            Clause::Explain => &["SELECT", "FROM", "WITH", "VALUES"],
            Clause::Query if is("union") => &["ALL", "SELECT", "FROM", "BY NAME", "VALUES"],
            Clause::Query => &["SELECT", "WITH", "FROM", "VALUES"],
            Clause::With => named(last, before),
            Clause::Limit | Clause::Offset if is("limit") || is("offset") => &[],
            // A new name, which nobody can guess.
            Clause::Select | Clause::From | Clause::Join | Clause::PivotUsing if is("as") => &[],
            Clause::Order | Clause::WindowOrder | Clause::CallOrder if is("nulls") => {
                &["FIRST", "LAST"]
            }
            Clause::Partition | Clause::Call if is("order") => &["BY"],
            Clause::UnpivotInto if is("into") => &["NAME"],
            Clause::UnpivotInto if second("name") => &["VALUE"],
            Clause::UnpivotInto => &[],
            Clause::From | Clause::On | Clause::Using if is("left") => {
                &["JOIN", "SEMI JOIN", "ANTI JOIN", "OUTER JOIN"]
            }
            Clause::From | Clause::On | Clause::Using if is("asof") => &["JOIN", "LEFT JOIN"],
            Clause::From | Clause::On | Clause::Using if begins_join(last) => &["JOIN"],
            _ if (is("order") || is("group")) && self.has_clauses() && ends_operand(rest) => {
                &["BY"]
            }
            _ => return None,
        };
        Some(few)
    }

    fn has_clauses(&self) -> bool {
        self.own().is_some() || self.clause == Clause::Select
    }

    /// The place of the first clause that may come next among [`CLAUSES`].
    fn own(&self) -> Option<usize> {
        Some(match self.clause {
            Clause::From | Clause::On | Clause::Using => 0,
            Clause::Where | Clause::PivotOn | Clause::PivotUsing => 1,
            Clause::Group => 2,
            Clause::Having => 3,
            Clause::Qualify | Clause::Window => 4,
            Clause::Order | Clause::Limit | Clause::Offset => 5,
            _ => return None,
        })
    }

    /// What may follow the operand, or the relation, at the end of `before`.
    pub(super) fn after_operand(&self, before: &[Lexeme<'_>]) -> Vec<&'static str> {
        let second = before.len().checked_sub(2).map(|at| &before[at]);
        if second.is_some_and(|second| second.is("between")) {
            return vec!["AND"];
        }
        let operators: &'static [&'static str] =
            if is_compared(before) { &[] } else { COMPARISONS };
        let mut found: Vec<&'static str> = Vec::new();
        let mut add = |lists: &[&[&'static str]]| {
            for word in lists.iter().copied().flatten().copied() {
                if !found.contains(&word) {
                    found.push(word);
                }
            }
        };
        if let Some(lists) = in_case(before, operators) {
            add(&lists);
            return found;
        }
        let is_named = second.is_some_and(|second| second.is("as"));
        match self.clause {
            Clause::Select if is_star(before) => {
                add(&[&["FROM", "EXCLUDE (", "EXCEPT (", "REPLACE ("]]);
            }
            Clause::Select if is_named || after_exclusion(before) => add(&[&["FROM"]]),
            Clause::Select => {
                let has_from = self.written.contains(&Clause::From);
                let own = if has_from { &SELECTED[1..] } else { SELECTED };
                add(&[own, call(before), operators, LOGIC, &["AT TIME ZONE", "UNION ALL"]]);
            }
            Clause::From if self.changes_rows && before.first().is_some_and(|f| f.is("update")) => {
                add(&[&["SET"]]);
            }
            Clause::From | Clause::Assign if self.changes_rows => add(&[&["WHERE"]]),
            Clause::From => {
                let is_first = self.written.as_slice() == [Clause::From];
                let select: &'static [&'static str] = if is_first { &["SELECT"] } else { &[] };
                add(&[JOINS, select]);
            }
            Clause::Join => add(&[&["ON", "USING (", "AS"]]),
            Clause::On => add(&[operators, LOGIC, JOINS]),
            Clause::Where | Clause::Having | Clause::Qualify => add(&[operators, LOGIC]),
            Clause::Order | Clause::CallOrder | Clause::WindowOrder => add(&[sorted(before)]),
            Clause::Pivot | Clause::Unpivot => add(&[&["ON"]]),
            Clause::PivotOn => add(&[&["USING", "IN ("]]),
            Clause::PivotUsing => add(&[&["AS", "FILTER (WHERE"]]),
            Clause::UnpivotOn => add(&[&["INTO NAME"]]),
            Clause::Cast => add(&[&["AS"]]),
            Clause::Call => add(&[operators, LOGIC, &["ORDER BY"]]),
            Clause::Inner => add(&[operators, LOGIC]),
            Clause::Partition => add(&[&["ORDER BY"]]),
            _ => {}
        }
        if matches!(self.clause, Clause::Partition | Clause::WindowOrder) {
            add(&[FRAMES]);
        }
        if !self.changes_rows {
            add(&[self.clauses().as_slice()]);
        }
        if self.clause == Clause::From && !self.changes_rows {
            add(&[&["AS", "FOR VERSION AS OF", "PIVOT (", "UNPIVOT ("]]);
        }
        found
    }

    /// The clauses that may come next, and are not there yet.
    fn clauses(&self) -> Vec<&'static str> {
        let Some(from) = self.own() else {
            return Vec::new();
        };
        let is_pivot = [Clause::PivotOn, Clause::PivotUsing].contains(&self.clause);
        let fits = |clause: &Clause| match clause {
            Clause::Having => self.written.contains(&Clause::Group),
            Clause::Qualify => !is_pivot,
            other => !self.written.contains(other),
        };
        let clauses = CLAUSES[from..].iter().filter(|(clause, _)| fits(clause));
        let mut words: Vec<&'static str> = clauses.map(|(_, word)| *word).collect();
        if from < 5 && !is_pivot {
            words.extend(SET_OPERATIONS);
        }
        words
    }
}

/// What may follow in the names of WITH.
fn named(last: &Lexeme<'_>, before: &[Lexeme<'_>]) -> &'static [&'static str] {
    if last.is("with") {
        return &["RECURSIVE"];
    }
    if last.is("as") || last.is("materialized") {
        return &["("];
    }
    let is_query = last.is_symbol(")")
        && opener(before).is_some_and(|open| open.is("as") || open.is("materialized"));
    match last {
        _ if is_query => &["SELECT", "FROM"],
        last if last.is_symbol(",") || last.is("recursive") => &[],
        _ => &["AS ("],
    }
}

/// What may follow in ROWS BETWEEN and its like.
fn bound(last: &Lexeme<'_>, rest: &[Lexeme<'_>]) -> &'static [&'static str] {
    let is_range = rest.iter().rev().find(|token| !is_bound(token));
    match last.text.to_ascii_lowercase().as_str() {
        "rows" | "range" | "groups" => &["BETWEEN", "UNBOUNDED PRECEDING", "CURRENT ROW"],
        "between" => &["UNBOUNDED PRECEDING", "CURRENT ROW"],
        "and" => &["CURRENT ROW", "UNBOUNDED FOLLOWING"],
        "current" => &["ROW"],
        "preceding" | "following" | "row" => match is_range {
            Some(token) if token.is("between") => &["AND"],
            _ => &[],
        },
        _ => &["PRECEDING", "FOLLOWING"],
    }
}

fn is_bound(token: &Lexeme<'_>) -> bool {
    token.kind == Kind::Number
        || ["unbounded", "current", "preceding", "following"].iter().any(|word| token.is(word))
}

/// What may follow an expression of ORDER BY.
fn sorted(before: &[Lexeme<'_>]) -> &'static [&'static str] {
    let Some((last, rest)) = before.split_last() else {
        return &[];
    };
    let of_nulls = rest.last().is_some_and(|second| second.is("nulls"));
    match last {
        last if last.is("desc") || last.is("asc") => NULLS,
        _ if of_nulls => &[],
        _ => SORTED,
    }
}

/// What may follow the call of a function, if `before` ends with one.
fn call(before: &[Lexeme<'_>]) -> &'static [&'static str] {
    match opener(before) {
        Some(name) if name.is("over") => &[],
        Some(name) if name.is("filter") => &["OVER ("],
        Some(name) if name.name().is_some() && !is_operator_word(name) => {
            &["OVER (", "FILTER (WHERE"]
        }
        _ => &[],
    }
}

/// What may follow an operand within CASE, if `before` ends in one.
fn in_case(
    before: &[Lexeme<'_>],
    operators: &'static [&'static str],
) -> Option<[&'static [&'static str]; 3]> {
    let (mut depth, mut ended) = (0_usize, 0_usize);
    let mut branch = None;
    for token in before.iter().rev() {
        if token.is_symbol(")") {
            depth += 1;
        } else if token.is_symbol("(") {
            depth = depth.checked_sub(1)?;
        } else if depth > 0 {
            continue;
        } else if token.is("end") {
            ended += 1;
        } else if token.is("case") {
            if ended == 0 {
                let words: [&'static [&'static str]; 3] = match branch {
                    None => [&["WHEN"], &[], &[]],
                    Some("when") => [operators, &["THEN"], LOGIC],
                    Some("then") => [&["WHEN", "ELSE", "END"], &[], &[]],
                    _ => [&["END"], &[], &[]],
                };
                return Some(words);
            }
            ended -= 1;
        } else if ended == 0 && branch.is_none() {
            branch = ["when", "then", "else"].into_iter().find(|word| token.is(word));
        }
    }
    None
}

/// Whether the operand at the end of `before` is compared with another one already.
fn is_compared(before: &[Lexeme<'_>]) -> bool {
    const SIGNS: [&str; 12] = ["=", "<>", "!=", "<", ">", "<=", ">=", "~", "~*", "!~", "!~*", "=="];
    const WORDS: [&str; 6] = ["like", "ilike", "in", "is", "between", "similar"];
    const BEGIN: [&str; 12] = [
        "where", "on", "having", "qualify", "and", "or", "when", "then", "else", "case", "select",
        "by",
    ];
    let mut depth = 0_usize;
    for (index, token) in before.iter().enumerate().rev() {
        let is_one_of = |words: &[&str]| words.iter().any(|word| token.is(word));
        if token.is_symbol(")") {
            depth += 1;
        } else if token.is_symbol("(") {
            match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return false,
            }
        } else if depth > 0 {
            continue;
        } else if SIGNS.iter().any(|sign| token.is_symbol(sign)) || is_one_of(&WORDS) {
            return true;
        } else if is_one_of(&BEGIN) || token.is_symbol(",") {
            // That of BETWEEN stands in the middle of a comparison.
            let between = index.checked_sub(2).map(|at| &before[at]);
            return token.is("and") && between.is_some_and(|token| token.is("between"));
        }
    }
    false
}

/// What stands before the bracket that is closed at the end of `before`.
fn before_bracket<'t, 'a>(before: &'t [Lexeme<'a>]) -> Option<&'t [Lexeme<'a>]> {
    let (last, rest) = before.split_last()?;
    let open = last.is_symbol(")").then(|| open_bracket(rest)).flatten()?;
    Some(&before[..open])
}

/// The lexeme before the bracket that is closed at the end of `before`.
fn opener<'t, 'a>(before: &'t [Lexeme<'a>]) -> Option<&'t Lexeme<'a>> {
    before_bracket(before)?.last()
}

/// The place of the innermost bracket that is open at the end of `before`.
pub(super) fn open_bracket(before: &[Lexeme<'_>]) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, token) in before.iter().enumerate().rev() {
        if token.is_symbol(")") {
            depth += 1;
        } else if token.is_symbol("(") {
            match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return Some(index),
            }
        }
    }
    None
}

/// Whether `before` ends with `*` and one of `words`.
fn ends_with_star_and(before: &[Lexeme<'_>], words: &[&str]) -> bool {
    let Some((last, rest)) = before.split_last() else {
        return false;
    };
    words.iter().any(|word| last.is(word)) && is_star(rest)
}

/// Whether `before` ends with the brackets of `* EXCLUDE (...)` or its like.
fn after_exclusion(before: &[Lexeme<'_>]) -> bool {
    let words = ["exclude", "except", "replace"];
    before_bracket(before).is_some_and(|before| ends_with_star_and(before, &words))
}

fn begins_join(token: &Lexeme<'_>) -> bool {
    ["right", "full", "inner", "cross", "natural", "outer", "semi", "anti"]
        .iter()
        .any(|word| token.is(word))
}

/// Whether `before` ends with an operand, so that an operator or another clause comes
/// next.
pub(super) fn ends_operand(before: &[Lexeme<'_>]) -> bool {
    let Some((previous, rest)) = before.split_last() else {
        return false;
    };
    match previous.kind {
        Kind::Symbol => previous.is_symbol(")") || previous.is_symbol("]") || is_star(before),
        // GROUP BY ALL.
        Kind::Word if previous.is("all") => rest.last().is_some_and(|by| by.is("by")),
        Kind::Word => !is_operator_word(previous),
        _ => true,
    }
}

/// Whether `before` ends with a `*` that means all columns, not a product.
fn is_star(before: &[Lexeme<'_>]) -> bool {
    let mut tokens = before.iter().rev();
    tokens.next().is_some_and(|star| star.is_symbol("*"))
        && tokens.next().is_some_and(|before| {
            before.is("select")
                || before.is("distinct")
                || before.is_symbol(",")
                || before.is_symbol(".")
        })
}

/// Whether `token` is a word behind which an operand comes.
fn is_operator_word(token: &Lexeme<'_>) -> bool {
    [
        "select", "distinct", "all", "where", "on", "and", "or", "not", "by", "having", "case",
        "when", "then", "else", "in", "like", "ilike", "between", "as", "limit", "offset", "over",
        "is", "any", "some", "from", "interval", "set", "values", "using", "qualify", "to",
    ]
    .iter()
    .any(|word| token.is(word))
}
