//! A grid of dots, eight to a cell in Braille, or one to a cell in ASCII.

/// How dots become signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dots {
    /// Two by four dots in each cell.
    Braille,
    /// A sign of the series for each cell that has a dot.
    Signs,
}

/// The signs of the series where there are no Braille dots or colours.
pub(super) const SIGNS: [char; 8] = ['*', '+', 'o', 'x', '#', '@', '%', '&'];

#[derive(Debug)]
pub(super) struct Canvas {
    dots: Dots,
    columns: usize,
    rows: usize,
    /// The dots of each cell, and the series that drew there last.
    cells: Vec<(u8, usize)>,
}

impl Canvas {
    pub(super) fn new(dots: Dots, columns: usize, rows: usize) -> Self {
        Self { dots, columns, rows, cells: vec![(0, 0); columns * rows] }
    }

    /// How many dots there are across and down.
    pub(super) fn size(&self) -> (usize, usize) {
        match self.dots {
            Dots::Braille => (self.columns * 2, self.rows * 4),
            Dots::Signs => (self.columns, self.rows),
        }
    }

    /// Sets the dot at `x` from the left and `y` from the top.
    pub(super) fn dot(&mut self, x: i64, y: i64, series: usize) {
        let (width, height) = self.size();
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
        if x >= width || y >= height {
            return;
        }
        let (cell, bit) = match self.dots {
            Dots::Braille => (y / 4 * self.columns + x / 2, braille_bit(x % 2, y % 4)),
            Dots::Signs => (y * self.columns + x, 1),
        };
        self.cells[cell] = (self.cells[cell].0 | bit, series);
    }

    /// Draws a straight line between two dots.
    pub(super) fn line(&mut self, from: (i64, i64), to: (i64, i64), series: usize) {
        let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).max(1);
        for step in 0..=steps {
            let between = |from: i64, to: i64| {
                from + ((to - from) as f64 * step as f64 / steps as f64).round() as i64
            };
            self.dot(between(from.0, to.0), between(from.1, to.1), series);
        }
    }

    /// The cells of a row as runs of one series.
    pub(super) fn runs(&self, row: usize) -> Vec<(String, usize)> {
        let mut runs: Vec<(String, usize)> = Vec::new();
        for &(bits, series) in &self.cells[row * self.columns..(row + 1) * self.columns] {
            let sign = match (bits, self.dots) {
                (0, _) => ' ',
                (_, Dots::Signs) => SIGNS[series % SIGNS.len()],
                (bits, Dots::Braille) => char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' '),
            };
            match runs.last_mut() {
                Some((text, last)) if *last == series || sign == ' ' => text.push(sign),
                _ => runs.push((sign.to_string(), series)),
            }
        }
        runs
    }
}

/// The bit of a Braille character for a dot of its cell.
fn braille_bit(x: usize, y: usize) -> u8 {
    const BITS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
    BITS[x][y]
}
