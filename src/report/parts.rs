//! The parts of a report: sections whose queries come from one folder, under
//! what is written about it.

use std::collections::BTreeMap;

use super::Section;

/// Sections of one folder.
#[derive(Debug)]
pub(super) struct Part {
    /// What stands above them, in a report of several folders.
    pub(super) title: Option<String>,
    /// The opening paragraphs.
    pub(super) opening: Vec<String>,
    /// The number of its first section in the report.
    pub(super) first: usize,
    /// One per query.
    pub(super) sections: Vec<Section>,
}

/// `sections` by their folders, about which `texts` say more. Sections of one
/// folder, and those that have each a folder of their own, are a single part
/// without a heading.
pub(super) fn of(sections: Vec<Section>, texts: &BTreeMap<String, String>) -> Vec<Part> {
    let same = |one: &Section, next: &Section| folder(one) == folder(next);
    let count = sections.chunk_by(same).count();
    if count <= 1 || count == sections.len() {
        return vec![Part { title: None, opening: Vec::new(), first: 1, sections }];
    }
    let mut parts: Vec<Part> = Vec::new();
    for (number, section) in (1..).zip(sections) {
        match parts.last_mut() {
            Some(part) if part.sections.last().is_some_and(|last| same(last, &section)) => {
                part.sections.push(section);
            }
            _ => parts.push(Part::begin(number, section, texts)),
        }
    }
    parts
}

impl Part {
    /// The part that begins with `section`. The first needs no heading but that
    /// of the report, if its queries have no folder in their names.
    fn begin(number: usize, section: Section, texts: &BTreeMap<String, String>) -> Self {
        let folder = folder(&section);
        let text = texts.get(folder);
        let (heading, opening) = text.map(|text| read_about(text)).unwrap_or_default();
        let named = folder_of(&section.record.name);
        let named = if named.is_empty() && number > 1 { last_of(folder) } else { named };
        let title = heading.or_else(|| Some(named.to_owned()).filter(|named| !named.is_empty()));
        Self { title, opening, first: number, sections: vec![section] }
    }
}

/// The folder that a section's query lies in.
fn folder(section: &Section) -> &str {
    folder_of(&section.record.file)
}

/// The folder of the query whose file or name is `path`.
pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The last folder of a path of folders.
fn last_of(folders: &str) -> &str {
    folders.rsplit_once('/').map_or(folders, |(_, last)| last)
}

/// The title and the opening paragraphs of a Markdown text.
pub(super) fn read_about(text: &str) -> (Option<String>, Vec<String>) {
    let mut title = None;
    let mut paragraphs = Vec::new();
    for block in paragraphs_of(text) {
        match block.strip_prefix("# ") {
            Some(heading) if title.is_none() && paragraphs.is_empty() => {
                title = Some(heading.trim().to_owned());
            }
            _ if block.starts_with('#') || block.starts_with("```") => break,
            _ => paragraphs.push(block),
        }
    }
    (title, paragraphs)
}

/// The paragraphs of a text: blank lines part them, line ends within are blanks.
/// A Markdown heading is a paragraph of its own.
pub(super) fn paragraphs_of(text: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in text.lines().map(str::trim) {
        let last = paragraphs.len() - 1;
        if line.is_empty() || line.starts_with('#') {
            paragraphs.push(line.to_owned());
            if line.starts_with('#') {
                paragraphs.push(String::new());
            }
        } else if paragraphs[last].is_empty() {
            paragraphs[last] = line.to_owned();
        } else {
            paragraphs[last].push(' ');
            paragraphs[last].push_str(line);
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_readme_gives_a_title_and_its_opening_paragraphs() {
        let (title, paragraphs) =
            read_about("# Ministries\nTwo lines\nin one.\n\nSecond.\n\n## How\nto run\n");
        assert_eq!(title.as_deref(), Some("Ministries"));
        assert_eq!(paragraphs, ["Two lines in one.", "Second."]);
    }
}
