//! HTML that is being written: what is ours goes in as it is, what is anybody's
//! through one function that escapes it.

use std::io::Write;

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::cells::Cell;
use crate::render::push_escaped;
use crate::text::width::display_width;

/// Columns of a terminal up to which a cell stays on one line.
const ONE_LINE: usize = 32;

/// HTML that is being written.
#[derive(Default)]
pub(super) struct Page(pub(super) String);

impl Page {
    /// Appends markup of ours.
    pub(super) fn raw(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    /// Appends a text of anybody's.
    pub(super) fn text(&mut self, text: &str) {
        push_escaped(&mut self.0, text);
    }

    /// Appends the name of a column, which may be broken behind each `_`.
    pub(super) fn name(&mut self, name: &str) {
        for (index, part) in name.split_inclusive('_').enumerate() {
            self.raw(if index == 0 { "" } else { "<wbr>" });
            self.text(part);
        }
    }

    pub(super) fn paragraph(&mut self, text: &str) {
        self.raw("<p>");
        self.text(text);
        self.raw("</p>\n");
    }

    /// Appends a row. Closing tags are left out, as HTML allows.
    pub(super) fn row(&mut self, cells: Vec<Option<Cell>>) {
        // A line end behind a cell without a closing tag would be part of its
        // text.
        self.raw("<tr>\n");
        cells.into_iter().for_each(|cell| self.cell(cell));
    }

    /// Appends a cell.
    pub(super) fn cell(&mut self, cell: Option<Cell>) {
        let Some(cell) = cell else { return self.raw("<td class=u>NULL") };
        if let Some(exact) = &cell.exact {
            self.raw("<td data-v=\"");
            self.text(exact);
            self.raw("\">");
        } else if cell.text.contains('\n') || display_width(&cell.text) > ONE_LINE {
            self.raw("<td class=w>");
        } else {
            self.raw("<td>");
        }
        self.text(&cell.text);
    }
}

/// The hash of an inline style or script for the Content-Security-Policy.
pub(super) fn hash(text: &str) -> String {
    BASE64.encode(Sha256::digest(text.as_bytes()))
}

/// `markup` compressed, in letters.
pub(super) fn packed(markup: &str) -> String {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let done = gzip.write_all(markup.as_bytes()).and_then(|()| gzip.finish());
    BASE64.encode(done.expect("memory can be written"))
}
