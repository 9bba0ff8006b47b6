//! The SVG of a chart as pixels.
//!
//! Only the files of one family of fonts are held in memory. A letter that it
//! lacks makes us read all fonts of the system once, and one that none of them
//! has is an error: a picture with empty boxes for names would be a lie.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::{Database, FaceInfo, Source, Style};
use resvg::usvg::{FallbackSelectionFn, FontResolver, Options, Tree};

use crate::error::{Error, Result};

/// Families that have Chinese characters, as the systems ship them, and then
/// such as have Latin ones.
const FAMILIES: [&str; 19] = [
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "SimHei",
    "SimSun",
    "Arial Unicode MS",
    "Noto Sans",
    "DejaVu Sans",
    "Liberation Sans",
    "Helvetica",
    "Arial",
    "Segoe UI",
];

/// Pixels for each pixel of the SVG, for sharp text on dense screens.
const SCALE: f32 = 2.0;

/// A larger picture is drawn at the scale of the SVG.
const MOST_PIXELS: f32 = 4e7;

/// What to try without a font.
const ADVICE: &str = "install one, such as Noto Sans CJK (fonts-noto-cjk), or write an .svg";

/// How many missing letters an error names.
const NAMED: usize = 8;

/// The PNG of `svg`.
pub(super) fn draw(svg: &str) -> Result<Vec<u8>> {
    let mut fonts = Database::new();
    fonts.load_system_fonts();
    draw_with(svg, &fonts)
}

fn draw_with(svg: &str, system: &Database) -> Result<Vec<u8>> {
    let missing = Arc::new(Mutex::new(BTreeSet::new()));
    let options = options(system, &missing);
    if options.fontdb.is_empty() && svg.contains("<text") {
        return Err(Error::usage("there are no fonts on this machine").hint(ADVICE));
    }
    let tree = Tree::from_str(svg, &options).map_err(|error| fault(&error.to_string()))?;
    let missing = missing.lock().unwrap_or_else(PoisonError::into_inner);
    if !missing.is_empty() {
        return Err(unwritable(&missing));
    }
    let size = tree.size();
    let scale =
        if size.width() * size.height() * SCALE * SCALE > MOST_PIXELS { 1.0 } else { SCALE };
    let (width, height) = ((size.width() * scale).ceil(), (size.height() * scale).ceil());
    #[expect(clippy::cast_sign_loss, reason = "sizes are positive")]
    let mut pixels = Pixmap::new(width as u32, height as u32)
        .ok_or_else(|| fault(&format!("{width} by {height} pixels are too many")))?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| fault(&error.to_string()))
}

fn fault(why: &str) -> Error {
    Error::internal(format!("the chart cannot be drawn as PNG: {why}"))
}

/// The error of letters that no font has.
fn unwritable(missing: &BTreeSet<char>) -> Error {
    let named: String = missing.iter().take(NAMED).collect();
    let more = if missing.len() > NAMED { " and others" } else { "" };
    Error::usage(format!("no font on this machine has {named}{more}")).hint(ADVICE)
}

/// How texts find their fonts among those of the `system`; letters that none of
/// them has go to `missing`.
fn options(system: &Database, missing: &Arc<Mutex<BTreeSet<char>>>) -> Options<'static> {
    let family = main_family(system);
    let (main, rest): (Vec<&FaceInfo>, Vec<&FaceInfo>) =
        system.faces().partition(|face| family.as_deref().is_some_and(|name| is_of(face, name)));
    let mut fonts = Database::new();
    load(&mut fonts, &files(main.iter().copied().filter(|face| is_plain(face))));
    if let Some(family) = &family {
        fonts.set_sans_serif_family(family);
        fonts.set_serif_family(family);
    }
    let rest = files(rest.into_iter().filter(|face| is_plain(face)));
    Options {
        fontdb: Arc::new(fonts),
        font_resolver: FontResolver {
            select_font: FontResolver::default_font_selector(),
            select_fallback: fallback(rest, Arc::clone(missing)),
        },
        ..Options::default()
    }
}

/// Finds a font for a letter among those that are loaded, and then among all
/// the other `files`. Emoji and the like are not looked for: their fonts are
/// large, and a chart can do without them.
fn fallback(
    files: BTreeSet<PathBuf>,
    missing: Arc<Mutex<BTreeSet<char>>>,
) -> FallbackSelectionFn<'static> {
    let among_loaded = FontResolver::default_fallback_selector();
    let files = Mutex::new(files);
    Box::new(move |letter, used, fonts| {
        let found = among_loaded(letter, used, fonts);
        if found.is_some() || !letter.is_alphanumeric() {
            return found;
        }
        let unread = std::mem::take(&mut *files.lock().unwrap_or_else(PoisonError::into_inner));
        if !unread.is_empty() {
            load(Arc::make_mut(fonts), &unread);
        }
        let found = among_loaded(letter, used, fonts);
        if found.is_none() {
            missing.lock().unwrap_or_else(PoisonError::into_inner).insert(letter);
        }
        found
    })
}

/// The first of [`FAMILIES`] that is there, else any.
fn main_family(fonts: &Database) -> Option<String> {
    let known = FAMILIES.iter().find(|name| fonts.faces().any(|face| is_of(face, name)));
    let any = || fonts.faces().find(|face| is_plain(face))?.families.first();
    known.map(|name| (*name).to_owned()).or_else(|| any().map(|(name, _)| name.clone()))
}

fn is_of(face: &FaceInfo, family: &str) -> bool {
    face.families.iter().any(|(name, _)| name == family)
}

/// Whether the face is for text or headings as charts have them.
fn is_plain(face: &FaceInfo) -> bool {
    face.style == Style::Normal && matches!(face.weight.0, 400..=700)
}

/// The files of the faces.
fn files<'a>(faces: impl Iterator<Item = &'a FaceInfo>) -> BTreeSet<PathBuf> {
    let path = |face: &FaceInfo| match &face.source {
        Source::File(path) => Some(path.clone()),
        Source::Binary(_) => None,
    };
    faces.filter_map(path).collect()
}

/// Takes the files into memory. One that cannot be read has no letters for us.
fn load(fonts: &mut Database, files: &BTreeSet<PathBuf>) {
    for bytes in files.iter().filter_map(|file| std::fs::read(file).ok()) {
        fonts.load_font_data(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABEL: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='60' height='20'>\
        <text x='2' y='15' font-family='sans-serif'>外交</text></svg>";

    #[test]
    fn a_picture_with_texts_is_refused_where_there_is_no_font() {
        let error = draw_with(LABEL, &Database::new()).unwrap_err();
        assert_eq!(error.message(), "there are no fonts on this machine");
        let bare = LABEL.replace("text", "desc");
        assert!(draw_with(&bare, &Database::new()).unwrap().starts_with(b"\x89PNG\r\n"));
    }

    #[test]
    fn letters_without_a_font_are_named() {
        let error = unwritable(&('a'..='z').collect());
        assert_eq!(error.message(), "no font on this machine has abcdefgh and others");
    }
}
