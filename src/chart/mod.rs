//! Results as pictures: in the terminal, and as SVG.
//!
//! A [`Spec`] says what to draw, a [`Chart`] is made of it and the batches of a
//! result, and is then drawn as text or as SVG. There is no PNG: any browser and
//! `rsvg-convert` make one of the SVG, and a rasteriser with fonts would weigh
//! more than the rest of the drawing.

mod figure;
mod scale;
mod spec;
mod svg;
mod terminal;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

pub use spec::{KINDS, Kind, Spec};
pub use svg::STYLE;
pub use terminal::Screen;

use crate::error::Result;
use figure::Figure;

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
        svg::draw(self, svg::Use::File)
    }

    /// The chart as an SVG element for a page that has [`STYLE`] among its own
    /// styles.
    #[must_use]
    pub fn to_svg_element(&self) -> String {
        svg::draw(self, svg::Use::Element)
    }

    /// What the chart shows, in a sentence, for those who cannot see it.
    #[must_use]
    pub fn description(&self) -> String {
        self.figure.description()
    }
}

#[cfg(test)]
mod tests;
