//! The lists of words by which the tone and the kind of a post are judged.
//!
//! Each list is a text file with a word per line; a line that begins with `#`
//! and a blank is a remark. A word that ends with `$` counts only at the end of
//! a clause: `吧$` is the particle, and not the end of 酒吧开门.
//!
//! A database replaces a list by a file of its name in its folder
//! `dictionaries/`. Its file `words.txt` there replaces nothing: it adds words that
//! a text is not to be cut within, such as names.

use std::path::Path;
use std::sync::{Arc, LazyLock, OnceLock};

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::text::segmenter::Segmenter;
use crate::text::word_lists::WordLists;

/// All lists of words.
#[derive(Debug)]
pub struct Dictionaries {
    /// The lists that are looked for together: words and marks of official
    /// writing (`formal.txt`) and of lively speech (`lively.txt`) as one, then
    /// words of warnings and rescue (`emergency.txt`), then words that turn to the
    /// reader (`interaction.txt`).
    words: WordLists,
    /// For each word of each list whether it counts only at the end of a clause.
    closing: [Vec<bool>; 3],
    /// How many words of the first list, the first ones, are formal.
    formal: usize,
    /// The words that are added to those that texts are cut into, a line each.
    added: String,
    /// What cuts texts into words, once one has been cut.
    segmenter: OnceLock<Segmenter>,
    /// Of lists that were replaced or added, the SHA-256.
    own: Option<String>,
}

/// The places of the lists among those that are looked for together.
const TONE: usize = 0;
/// See [`TONE`].
const EMERGENCY: usize = 1;

/// What the words of a text say of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Judgement {
    /// How many words and marks of official writing there are. Of words of both
    /// tones that overlap the first counts, and of those that begin together the
    /// longest.
    pub formal: u32,
    /// How many of lively speech.
    pub lively: u32,
    /// Whether it warns, or tells of what is urgent.
    pub is_urgent: bool,
    /// Whether it turns to the reader.
    pub addresses_reader: bool,
}

/// The files of the lists, with what comes with weiku.
const LISTS: [(&str, &str); 4] = [
    ("formal.txt", include_str!("dictionaries/formal.txt")),
    ("lively.txt", include_str!("dictionaries/lively.txt")),
    ("emergency.txt", include_str!("dictionaries/emergency.txt")),
    ("interaction.txt", include_str!("dictionaries/interaction.txt")),
];

/// The file with words that are added to those that texts are cut into.
const ADDED: &str = "words.txt";

/// The folder in a database with lists of its own.
const FOLDER: &str = "dictionaries";

/// The lists that come with weiku, made ready once.
static BUILT_IN: LazyLock<Arc<Dictionaries>> = LazyLock::new(|| Arc::new(Dictionaries::built_in()));

impl Dictionaries {
    /// The lists of the database in the folder `root`, or those that come with
    /// weiku.
    ///
    /// # Errors
    /// When a list of the database cannot be read as UTF-8 text.
    pub fn of_database(root: Option<&Path>) -> Result<Arc<Self>> {
        match root.map(|root| root.join(FOLDER)).filter(|folder| folder.is_dir()) {
            Some(folder) => Self::with_folder(&folder).map(Arc::new),
            None => Ok(Arc::clone(&BUILT_IN)),
        }
    }

    /// What tells these lists from others, if they are not those that come with
    /// weiku.
    #[must_use]
    pub fn fingerprint(&self) -> Option<&str> {
        self.own.as_deref()
    }

    /// What cuts texts into words.
    #[must_use]
    pub fn segmenter(&self) -> &Segmenter {
        self.segmenter.get_or_init(|| {
            let mut added = lines(&self.added).peekable();
            match added.peek() {
                Some(_) => Segmenter::with_words(added),
                None => Segmenter::general(),
            }
        })
    }

    /// The lists that come with weiku.
    #[must_use]
    pub fn built_in() -> Self {
        Self::of(LISTS.map(|(_, words)| words))
    }

    /// The lists that come with weiku, each replaced by the file of its name in
    /// `folder` if there is one.
    ///
    /// # Errors
    /// When a file is there and cannot be read as UTF-8 text.
    pub fn with_folder(folder: &Path) -> Result<Self> {
        let mut lists = LISTS.map(|(_, words)| words.to_owned());
        let mut added = String::new();
        let mut own = Sha256::new();
        let mut any = false;
        let names = LISTS.iter().map(|(name, _)| *name).chain([ADDED]);
        for (name, list) in names.zip(lists.iter_mut().chain([&mut added])) {
            let path = folder.join(name);
            if path.exists() {
                *list = std::fs::read_to_string(&path)
                    .map_err(|error| Error::io("read the dictionary", &path, &error))?;
                own.update(format!("{name} {}\n{list}", list.len()));
                any = true;
            }
        }
        let own = any.then(|| hex::encode(own.finalize()));
        Ok(Self { added, own, ..Self::of([&lists[0], &lists[1], &lists[2], &lists[3]]) })
    }

    /// The lists with these lines.
    pub(super) fn of([formal, lively, emergency, interaction]: [&str; 4]) -> Self {
        let tone: Vec<&str> = lines(formal).chain(lines(lively)).collect();
        let lists = [tone, lines(emergency).collect(), lines(interaction).collect()];
        let words: [Vec<&str>; 3] =
            lists.each_ref().map(|list| list.iter().map(|line| bare(line)).collect());
        Self {
            words: WordLists::new(&words.each_ref().map(Vec::as_slice)),
            closing: lists.map(|list| list.iter().map(|line| line.ends_with('$')).collect()),
            formal: lines(formal).count(),
            added: String::new(),
            segmenter: OnceLock::new(),
            own: None,
        }
    }

    /// What the words of `text` say of it.
    #[must_use]
    pub fn judge(&self, text: &str) -> Judgement {
        let mut judgement = Judgement::default();
        self.words.each_found(text, |found| {
            if self.closing[found.list][found.word] && !ends_clause(&text[found.end..]) {
                return;
            }
            match found.list {
                TONE if found.word < self.formal => judgement.formal += 1,
                TONE => judgement.lively += 1,
                EMERGENCY => judgement.is_urgent = true,
                _ => judgement.addresses_reader = true,
            }
        });
        judgement
    }
}

/// The lines of a list that hold a word.
fn lines(list: &str) -> impl Iterator<Item = &str> {
    list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("# "))
}

/// The word that a line names.
fn bare(line: &str) -> &str {
    line.trim_end_matches('$')
}

/// Whether a clause ends where `rest` begins.
fn ends_clause(rest: &str) -> bool {
    !rest.starts_with(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closing_word_counts_only_at_the_end_of_a_clause() {
        let dictionaries = Dictionaries::of(["# particles\n您好\n", "吧$", "", ""]);
        let judgement = dictionaries.judge("酒吧开门，您好，走吧！吧");
        assert_eq!((judgement.formal, judgement.lively), (1, 2));
        assert_eq!(dictionaries.judge("酒吧开门"), Judgement::default());
    }

    #[test]
    fn a_text_may_be_urgent_and_turn_to_the_reader() {
        let dictionaries = Dictionaries::of(["", "", "预警", "大家\n预"]);
        let judge = |text| {
            let judgement = dictionaries.judge(text);
            (judgement.is_urgent, judgement.addresses_reader)
        };
        assert_eq!(judge("大家好，预警"), (true, true));
        assert_eq!(judge("预警"), (true, true));
        assert_eq!(judge("大家好"), (false, true));
        assert_eq!(judge("你好"), (false, false));
    }

    #[test]
    fn a_file_in_the_folder_replaces_the_list_of_its_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("formal.txt"), "兹\n").unwrap();
        let dictionaries = Dictionaries::with_folder(folder.path()).unwrap();
        let judgement = dictionaries.judge("兹通知，亲们，暴雨红色预警");
        assert_eq!((judgement.formal, judgement.lively, judgement.is_urgent), (1, 1, true));
        let one = dictionaries.fingerprint().unwrap().to_owned();
        std::fs::write(folder.path().join("formal.txt"), "特此\n").unwrap();
        let other = Dictionaries::with_folder(folder.path()).unwrap();
        assert_ne!(other.fingerprint(), Some(one.as_str()));
        assert_eq!(Dictionaries::of_database(None).unwrap().fingerprint(), None);
    }

    #[test]
    fn a_list_of_words_adds_to_those_that_texts_are_cut_into() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("words.txt"), "# names\n外交小灵通\n\n").unwrap();
        let dictionaries = Dictionaries::with_folder(folder.path()).unwrap();
        assert!(dictionaries.fingerprint().is_some());
        assert_eq!(dictionaries.segmenter().words("外交小灵通发布"), ["外交小灵通", "发布"]);
        assert!(!Dictionaries::built_in().segmenter().words("外交小灵通").contains(&"外交小灵通"));
        assert_eq!(dictionaries.judge("您好"), Dictionaries::built_in().judge("您好"));
    }
}
