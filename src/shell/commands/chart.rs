//! `.chart`: draw the last answer.

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::{About, Command, Reach, misused, path_of, permit, split_words};
use crate::chart::{self, Picture, Screen, Spec};
use crate::error::{Error, Result};
use crate::render::OutputFile;
use crate::shell::complete::catalog::Takes;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Chart;

static ABOUT: About = About {
    name: ".chart",
    aliases: &[],
    usage: "[KIND [x=COLUMN y=COLUMN ...]] [-o FILE]",
    summary: "draw the last answer",
    details: "Kinds: bar, line, area, scatter, histogram, heatmap, spark. What is not said is chosen \
              by the types of the columns, the kind too; the file ends in .svg, .png or .html. y takes several columns, \
              y=likes,reposts; series=COLUMN is a line or a group of bars for each value of it; value=COLUMN is \
              the shade of a heatmap; stacked=true puts bars on each other; bins=20 is for a histogram; \
              title='...' stands above; width and height are pixels.\n\
              .chart bar x=tag y=posts\n.chart line x=month y=posts series=platform title='Posts a month'\n\
              .chart line y=likes -o likes.png",
    takes: Takes::Chart(KINDS),
    reach: Reach::Session,
};

/// The kinds of chart.
const KINDS: &[&str] = &["bar", "line", "area", "scatter", "histogram", "heatmap", "spark"];

/// Lines that a chart takes on the terminal.
const LINES: usize = 20;

#[async_trait(?Send)]
impl Command for Chart {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let Asked { settings, file } = read(arguments)?;
        shell.tell_if_older("this");
        let kept = shell.last_answer()?;
        let Some(batches) = kept.rows.in_memory() else {
            return Err(Error::usage("the last answer is too large to draw")
                .hint("ask for less of it: SELECT account_id, likes FROM _; then .chart"));
        };
        let spec = match settings.as_slice() {
            [] => Spec::chosen(&kept.schema, batches)?,
            settings => Spec::parse(settings)?,
        };
        let chart = chart::Chart::new(&spec, &kept.schema, batches)?;
        let (filled, left_out) = spec.filled_in(&kept.schema, batches)?;
        let chosen = match settings.is_empty() {
            true => Some(format!("this is .chart {}", spec.typed())),
            false => chosen(&filled, &left_out),
        };
        match file {
            Some(file) => {
                permit(shell, ".chart -o", Reach::Writes)?;
                let picture = match is_page(&file) {
                    true => chart.to_page().into_bytes(),
                    false => chart.to_picture(picture_of(&file)?)?,
                };
                OutputFile::create(&file)?.fill(&picture)?;
                shell.confirm(&format!("written to {}: {}", file.display(), chart.description()));
                if let Some(chosen) = chosen.filter(|_| !settings.is_empty()) {
                    shell.confirm(&chosen);
                }
            }
            None => {
                let shown = shell.shown();
                let screen = Screen {
                    width: shown.width.unwrap_or(80),
                    height: LINES,
                    color: shown.color,
                    ascii: shell.options.format.name == "ascii",
                    readable: shown.readable,
                };
                shell.say(chart.to_text(&screen).trim_end())?;
                if let Some(chosen) = chosen {
                    shell.confirm(&chosen);
                }
            }
        }
        Ok(Flow::Continue)
    }
}

/// What to say of a chart for which columns were chosen while others have numbers, too.
fn chosen(filled: &Spec, left_out: &[String]) -> Option<String> {
    let said = || format!("this is .chart {}; not drawn: {}", filled.typed(), left_out.join(", "));
    (!left_out.is_empty()).then(said)
}

/// Whether the name asks for an HTML page.
fn is_page(file: &Path) -> bool {
    let suffix = file.extension().map(|suffix| suffix.to_string_lossy().to_lowercase());
    matches!(suffix.as_deref(), Some("html" | "htm"))
}

fn picture_of(file: &Path) -> Result<Picture> {
    Picture::of(file)
        .map_err(|error| Error::usage(error.message()).hint("end it with .svg, .png or .html"))
}

/// What was typed behind `.chart`.
struct Asked {
    /// The kind and the other settings of the chart; none if it is to be chosen.
    settings: Vec<(String, String)>,
    /// The file of `-o`.
    file: Option<PathBuf>,
}

fn read(arguments: &str) -> Result<Asked> {
    let mut words = split_words(arguments.trim_end_matches(';'))?.into_iter();
    let mut settings: Vec<(String, String)> = Vec::new();
    let mut file = None;
    while let Some(word) = words.next() {
        if word == "-o" {
            file = Some(words.next().map(|word| path_of(&word)).ok_or_else(|| misused(&ABOUT))?);
            continue;
        }
        settings.push(match word.split_once('=') {
            Some((key, value)) => (key.to_owned(), value.to_owned()),
            None if settings.is_empty() => ("kind".to_owned(), word),
            None => return Err(misused(&ABOUT)),
        });
    }
    if settings.first().is_some_and(|(key, _)| key != "kind") {
        let error =
            Error::usage(".chart needs a kind of chart, or nothing at all to choose itself");
        return Err(error.hint(format!("the kinds are {}, as in .chart bar", KINDS.join(", "))));
    }
    Ok(Asked { settings, file })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};

    use super::*;

    #[test]
    fn columns_of_numbers_that_a_chart_of_a_kind_leaves_out_are_told() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        let columns = [("tag", texts), ("n", Arc::clone(&numbers)), ("b", numbers)];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let told = |arguments: &str| {
            let spec = Spec::parse(&read(arguments).unwrap().settings).unwrap();
            let (filled, left_out) =
                spec.filled_in(&batch.schema(), std::slice::from_ref(&batch)).unwrap();
            chosen(&filled, &left_out)
        };
        let said = "this is .chart bar x=tag y=n; not drawn: b";
        assert_eq!(told("bar").as_deref(), Some(said));
        assert_eq!(told("bar x=tag").as_deref(), Some(said));
        assert_eq!(told("line x=b").as_deref(), None);
        assert_eq!(told("bar y=n,b"), None);
        assert_eq!(told("histogram x=n"), None);
    }

    #[test]
    fn a_chart_is_a_page_or_a_picture_by_its_name() {
        assert!(is_page(Path::new("c.html")) && is_page(Path::new("C.HTM")));
        assert!(!is_page(Path::new("c.svg")) && !is_page(Path::new("html")));
        assert_eq!(picture_of(Path::new("c.png")).unwrap(), Picture::Png);
        let error = picture_of(Path::new("c.pdf")).unwrap_err();
        assert_eq!(error.advice(), Some("end it with .svg, .png or .html"));
    }
}
