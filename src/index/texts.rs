//! The index of the texts of a data file: for each term the blocks in which it
//! comes.
//!
//! Terms lie in order on shelves of some kilobytes, each a section of the
//! [`Sidecar`]; a question reads the shelves of its terms only. Of terms that
//! are nearly everywhere it is only kept that they are common.

use datafusion::arrow::array::StringViewArray;

use super::blocks::{Blocks, pack, unpack};
use super::postings::Postings;
use super::search::Search;
use super::sidecar::{Kind, Section, Sidecar, u64_at};
use super::terms::Term;
use crate::error::Result;

/// Rows of a block. Smaller ones tell words better apart and take more space.
const BLOCK_ROWS: usize = 256;

/// A term that is in more than one of so many blocks is common.
const COMMON: usize = 4;

/// Bytes of a shelf, about.
const SHELF_BYTES: usize = 8 << 10;

/// Makes the index of one data file, row by row.
#[derive(Debug, Default)]
pub(super) struct TextsBuilder {
    rows: usize,
    postings: Postings,
}

impl TextsBuilder {
    /// Takes the texts of the next rows in.
    pub(super) fn observe(&mut self, texts: &StringViewArray) {
        for text in texts {
            let block = (self.rows / BLOCK_ROWS) as u32;
            self.rows += 1;
            if let Some(text) = text {
                self.postings.add(block, text);
            }
        }
    }

    /// The sections that hold the index.
    pub(super) fn finish(self) -> Vec<Section> {
        let count = self.rows.div_ceil(BLOCK_ROWS) as u32;
        let mut head = (BLOCK_ROWS as u64).to_le_bytes().to_vec();
        head.extend_from_slice(&(self.rows as u64).to_le_bytes());
        let mut shelves = Vec::new();
        let mut shelf = Vec::new();
        let mut before = 0;
        for (term, blocks) in self.postings.finish().iter() {
            if shelf.is_empty() {
                head.extend_from_slice(&term.to_le_bytes());
                before = term;
            }
            put_number(&mut shelf, term - before);
            before = term;
            if blocks.len() * COMMON > count as usize + COMMON {
                put_number(&mut shelf, 0);
            } else {
                put_number(&mut shelf, blocks.len() as u64);
                pack(blocks, count, &mut shelf);
            }
            if shelf.len() >= SHELF_BYTES {
                shelves.push(std::mem::take(&mut shelf));
            }
        }
        shelves.extend((!shelf.is_empty()).then_some(shelf));
        let shelves = shelves.into_iter().map(|bytes| Section { kind: Kind::TextShelf, bytes });
        std::iter::once(Section { kind: Kind::TextHead, bytes: head }).chain(shelves).collect()
    }
}

/// The index of the texts of one data file.
#[derive(Debug)]
pub(super) struct Texts<'a> {
    sidecar: &'a Sidecar,
    block_rows: usize,
    rows: usize,
    /// The first term of each shelf.
    firsts: Vec<Term>,
    /// The sections of the shelves.
    shelves: Vec<usize>,
}

impl<'a> Texts<'a> {
    /// The index in `sidecar`, if it holds one.
    pub(super) fn open(sidecar: &'a Sidecar) -> Result<Option<Self>> {
        let [head] = sidecar.sections(Kind::TextHead)[..] else { return Ok(None) };
        let shelves = sidecar.sections(Kind::TextShelf);
        let head = sidecar.read(head)?;
        let numbers: Option<Vec<u64>> =
            (0..head.len() / 8).map(|number| u64_at(&head, number * 8)).collect();
        match numbers.as_deref() {
            Some([block_rows, rows, firsts @ ..])
                if *block_rows > 0 && firsts.len() == shelves.len() =>
            {
                let number = |number: &u64| usize::try_from(*number).map_err(|_| sidecar.damaged());
                let (block_rows, rows) = (number(block_rows)?, number(rows)?);
                Ok(Some(Self { sidecar, block_rows, rows, firsts: firsts.to_vec(), shelves }))
            }
            _ => Err(sidecar.damaged()),
        }
    }

    /// The blocks that may hold what is looked for; none when they cannot be
    /// told from the others.
    pub(super) fn find(&self, search: &Search) -> Result<Option<Blocks>> {
        match search {
            Search::Anything => Ok(None),
            Search::Term(term) => self.find_term(*term),
            Search::All(parts) => {
                let mut found: Option<Blocks> = None;
                for part in parts {
                    found = match (found, self.find(part)?) {
                        (Some(found), Some(blocks)) => Some(found.and(&blocks)),
                        (found, blocks) => found.or(blocks),
                    };
                }
                Ok(found)
            }
            Search::Any(parts) => {
                let mut found = self.blocks(Vec::new());
                for part in parts {
                    let Some(blocks) = self.find(part)? else { return Ok(None) };
                    found = found.or(&blocks);
                }
                Ok(Some(found))
            }
        }
    }

    /// The blocks of one term; none when it is common.
    fn find_term(&self, term: Term) -> Result<Option<Blocks>> {
        let after = self.firsts.partition_point(|first| *first <= term);
        let Some(shelf) = after.checked_sub(1) else { return Ok(Some(self.blocks(Vec::new()))) };
        let bytes = self.sidecar.read(self.shelves[shelf])?;
        let found = self.find_on_shelf(&bytes, self.firsts[shelf], term);
        match found.ok_or_else(|| self.sidecar.damaged())? {
            Found::Common => Ok(None),
            Found::Blocks(numbers) => Ok(Some(self.blocks(numbers))),
        }
    }

    /// What the shelf says of `term`; none if it is no shelf.
    fn find_on_shelf(&self, mut shelf: &[u8], first: Term, term: Term) -> Option<Found> {
        let count = u32::try_from(self.rows.div_ceil(self.block_rows)).ok()?;
        let mut there = first;
        while !shelf.is_empty() {
            there = there.checked_add(take_number(&mut shelf)?)?;
            if there > term {
                break;
            }
            let length = usize::try_from(take_number(&mut shelf)?).ok()?;
            let numbers = unpack(&mut shelf, length, count)?;
            if there == term {
                return Some(if length == 0 { Found::Common } else { Found::Blocks(numbers) });
            }
        }
        Some(Found::Blocks(Vec::new()))
    }

    fn blocks(&self, numbers: Vec<u32>) -> Blocks {
        Blocks::new(numbers, self.block_rows, self.rows)
    }
}

/// What a shelf says of a term.
enum Found {
    /// It is nearly everywhere.
    Common,
    /// It is in these blocks only.
    Blocks(Vec<u32>),
}

/// Writes a number, seven bits a byte, the low ones first.
fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number > 0x7F {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes a number from the front of `bytes`.
fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
