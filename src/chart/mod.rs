//! Results as pictures: in the terminal, as SVG and as PNG.
//!
//! A [`Spec`] says what to draw, a [`Chart`] is made of it and the batches of a
//! result, and is then drawn as text or as SVG; a PNG is drawn from the SVG.

mod choose;
mod figure;
mod gaps;
mod png;
mod scale;
mod spec;
mod svg;
mod terminal;

use std::path::Path;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

pub use spec::{KINDS, Kind, Spec};
pub use svg::STYLE;
pub use terminal::Screen;

use crate::error::{Error, Result};
use crate::render::{push_escaped, visible};
use figure::Figure;

/// The width of a chart for a narrow screen, in pixels.
const NARROW: u32 = 380;

/// A chart, ready to be drawn.
#[derive(Debug)]
pub struct Chart {
    title: Option<String>,
    figure: Figure,
    /// What a reader must know: rows left out, and why.
    notes: Vec<String>,
    width: u32,
    height: u32,
}

/// The kinds of picture files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picture {
    /// Lines and letters, sharp at any size.
    Svg,
    /// Pixels.
    Png,
}

impl Picture {
    /// The kind called `name`, which is also its suffix.
    ///
    /// # Errors
    /// When there is none.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "svg" => Ok(Self::Svg),
            "png" => Ok(Self::Png),
            _ => {
                let message = format!("no kind of picture is called `{}`", visible(name));
                Err(Error::usage(message).hint("the kinds are svg and png"))
            }
        }
    }

    /// The kind that the suffix of `path` stands for.
    ///
    /// # Errors
    /// When it stands for none.
    pub fn of(path: &Path) -> Result<Self> {
        let suffix = path.extension().map(|suffix| suffix.to_string_lossy().to_lowercase());
        suffix.and_then(|suffix| Self::named(&suffix).ok()).ok_or_else(|| {
            let message = format!("no kind of picture for the name {}", path.display());
            Error::usage(message).hint("end it with .svg or .png")
        })
    }

    /// What its files end in, without the dot.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
        }
    }
}

impl Chart {
    /// Reads from `batches`, which have the `schema`, what `spec` asks for.
    ///
    /// # Errors
    /// When a column is not there (the error names the nearest) or does not
    /// suit, or when two rows claim the same place.
    pub fn new(spec: &Spec, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Self> {
        let (figure, notes) = figure::read(spec, schema, batches)?;
        let [width, height] = spec.size();
        Ok(Self { title: spec.title.clone(), figure, notes, width, height })
    }

    /// The chart as lines of text that fit the screen.
    #[must_use]
    pub fn to_text(&self, screen: &Screen) -> String {
        terminal::draw(self, screen)
    }

    /// The chart as an SVG file, light or dark as its reader likes.
    #[must_use]
    pub fn to_svg(&self) -> String {
        svg::draw(self, svg::Use::File, self.width)
    }

    /// The chart as an SVG element for a page that has [`STYLE`] among its own
    /// styles.
    #[must_use]
    pub fn to_svg_element(&self) -> String {
        svg::draw(self, svg::Use::Element, self.width)
    }

    /// As [`Chart::to_svg_element`] for a screen so narrow that the usual one
    /// could not be read on it; `None` if the usual one is no wider.
    #[must_use]
    pub fn to_narrow_svg_element(&self) -> Option<String> {
        (self.width > NARROW).then(|| svg::draw(self, svg::Use::Element, NARROW))
    }

    /// The chart as an HTML page of its own.
    #[must_use]
    pub fn to_page(&self) -> String {
        let mut page = String::from(
            "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>",
        );
        let title = self.title.clone().unwrap_or_else(|| self.description());
        push_escaped(&mut page, &visible(&title));
        page.push_str("</title>\n</head>\n<body>\n");
        page.push_str(&self.to_svg());
        page.push_str("</body>\n</html>\n");
        page
    }

    /// The chart as a PNG file, light, at twice its size.
    ///
    /// # Errors
    /// When no font of the system has a letter of the chart.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        png::draw(&svg::draw(self, svg::Use::Pixels, self.width))
    }

    /// The bytes of a picture file.
    ///
    /// # Errors
    /// As for [`Chart::to_png`].
    pub fn to_picture(&self, picture: Picture) -> Result<Vec<u8>> {
        match picture {
            Picture::Svg => Ok(self.to_svg().into_bytes()),
            Picture::Png => self.to_png(),
        }
    }

    /// Whether there is nothing to see on it: no row, or NULL in all of them.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.figure.is_blank()
    }

    /// What the chart shows, in a sentence, for those who cannot see it.
    #[must_use]
    pub fn description(&self) -> String {
        self.figure.description()
    }
}

#[cfg(test)]
mod tests;
