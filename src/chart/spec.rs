//! What to draw: the kind of a chart and the columns it takes.

use crate::error::{Error, Result, nearest};
use crate::render::visible;

/// The kinds of charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Bars for labels, columns for numbers and dates.
    Bar,
    /// A line through the points in the order of x.
    Line,
    /// A line with the area below it filled.
    Area,
    /// A dot for each row.
    Scatter,
    /// How many rows fall into each interval of x.
    Histogram,
    /// The value for each pair of x and y, by shade.
    Heat,
    /// A small line without axes.
    Spark,
}

/// All kinds with their names and what they take.
pub const KINDS: &[(&str, Kind, &str)] = &[
    ("bar", Kind::Bar, "x, and a bar for each y"),
    ("line", Kind::Line, "x, and a line for each y"),
    ("area", Kind::Area, "as line, filled down to zero"),
    ("scatter", Kind::Scatter, "a dot at x and y for each row"),
    ("histogram", Kind::Histogram, "how many rows fall into each interval of x"),
    ("heatmap", Kind::Heat, "x, y and a shade for value"),
    ("spark", Kind::Spark, "y as a line of one row"),
];

/// The settings that a chart takes.
const KEYS: &[&str] =
    &["kind", "x", "y", "series", "stacked", "value", "title", "width", "height", "bins"];

/// What other programs call `series`.
const TELLING_APART: &[&str] = &["by", "group", "color", "colour", "hue"];

/// What to draw. Columns that are not named are chosen: x is the first column,
/// y the first one with numbers after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The kind of the chart.
    pub kind: Kind,
    /// The column along the chart.
    pub x: Option<String>,
    /// The columns with the numbers; for a heat map the one column of its rows.
    pub y: Vec<String>,
    /// The column whose values tell one line, or group of bars, from another.
    pub series: Option<String>,
    /// Whether the bars of one place stand on each other; a terminal draws them
    /// side by side in any case.
    pub stacked: bool,
    /// The column with the numbers of a heat map.
    pub value: Option<String>,
    /// What stands above the chart.
    pub title: Option<String>,
    /// The width of the SVG in pixels.
    pub width: Option<u32>,
    /// The height of the SVG in pixels.
    pub height: Option<u32>,
    /// How many intervals a histogram has.
    pub bins: Option<usize>,
}

impl Spec {
    /// A chart of `kind` whose columns are all chosen.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        let (x, series, value, title) = (None, None, None, None);
        let (width, height, bins) = (None, None, None);
        let stacked = false;
        Self { kind, x, y: Vec::new(), series, stacked, value, title, width, height, bins }
    }

    /// Reads settings such as `kind` = `bar`, `x` = `tag`, `y` = `posts,likes`,
    /// as they are typed or stand in front matter.
    ///
    /// # Errors
    /// When a key or a value is not known, or `kind` is missing.
    pub fn parse(settings: &[(String, String)]) -> Result<Self> {
        let kind = settings.iter().find(|(key, _)| key == "kind");
        let (_, kind) = kind.ok_or_else(|| {
            Error::usage("the chart has no kind").hint(format!("one of {}", kind_names()))
        })?;
        let mut spec = Self::new(parse_kind(kind)?);
        for (key, value) in settings {
            spec.set(key, value)?;
        }
        if spec.stacked && spec.kind != Kind::Bar {
            return Err(Error::usage("only bars can be stacked"));
        }
        Ok(spec)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        match key {
            "kind" => {}
            "x" => self.x = Some(value.to_owned()),
            "y" => self.y = value.split(',').map(|name| name.trim().to_owned()).collect(),
            "series" => self.series = Some(value.to_owned()),
            "stacked" => self.stacked = parse_truth(key, value)?,
            "value" => self.value = Some(value.to_owned()),
            "title" => self.title = Some(value.to_owned()),
            "width" => self.width = Some(parse_number(key, value, 100, 10_000)?),
            "height" => self.height = Some(parse_number(key, value, 50, 10_000)?),
            "bins" => self.bins = Some(parse_number(key, value, 1, 1000)? as usize),
            _ => {
                let error = Error::usage(format!("a chart has no setting `{}`", visible(key)));
                if TELLING_APART.contains(&key) {
                    return Err(error.hint("series=COLUMN tells lines or bars apart by a column"));
                }
                return Err(match nearest(key, KEYS.iter().copied()) {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None => error.hint(format!("it has {}", KEYS.join(", "))),
                });
            }
        }
        Ok(())
    }

    /// The width and height of the SVG in pixels.
    pub(super) fn size(&self) -> [u32; 2] {
        let [width, height] = if self.kind == Kind::Spark { [160, 32] } else { [760, 380] };
        [self.width.unwrap_or(width), self.height.unwrap_or(height)]
    }
}

fn kind_names() -> String {
    KINDS.iter().map(|(name, _, _)| *name).collect::<Vec<_>>().join(", ")
}

fn parse_kind(text: &str) -> Result<Kind> {
    let short = match text {
        "hist" => "histogram",
        "heat" => "heatmap",
        other => other,
    };
    let known = KINDS.iter().find(|(name, _, _)| *name == short);
    known.map(|(_, kind, _)| *kind).ok_or_else(|| {
        let error = Error::usage(format!("no chart is called `{}`", visible(text)));
        match nearest(text, KINDS.iter().map(|(name, _, _)| *name)) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("the kinds are {}", kind_names())),
        }
    })
}

fn parse_truth(key: &str, text: &str) -> Result<bool> {
    text.parse().map_err(|_| {
        Error::usage(format!("{key} is true or false for a chart, not `{}`", visible(text)))
    })
}

fn parse_number(key: &str, text: &str, least: u32, most: u32) -> Result<u32> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| {
        Error::usage(format!(
            "the {key} of a chart is a whole number from {least} to {most}, not `{}`",
            visible(text)
        ))
    })
}
