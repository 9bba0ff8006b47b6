//! The elements of an SVG, escaped and with short numbers.

use std::fmt::Write;

use crate::render::{push_escaped, truncate};
use crate::text::width::display_width;

const FONTS: &str = "system-ui, -apple-system, &quot;Segoe UI&quot;, &quot;PingFang SC&quot;, \
    &quot;Microsoft YaHei&quot;, &quot;Noto Sans CJK SC&quot;, &quot;Noto Sans SC&quot;, sans-serif";

/// The light colours, for programs that know no CSS variables.
const LIGHT: [&str; 8] =
    ["#2f6fde", "#d9702b", "#2a9d62", "#c23b5e", "#8257c9", "#0e93a6", "#b28704", "#6b7280"];

/// The size of all text but titles.
pub(super) const FONT: f64 = 12.0;

/// Which point of a text stands at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// The width of `text` in pixels, about: a terminal cell is half as wide as the
/// font is high, and a little more for wide Latin letters.
pub(super) fn text_width(text: &str, font: f64) -> f64 {
    display_width(text) as f64 * font * 0.55
}

/// `text` cut to fit `width` pixels.
pub(super) fn fitted(text: &str, width: f64, font: f64) -> String {
    let cells = (width / (font * 0.55)).floor().max(1.0) as usize;
    truncate(text, cells, "…").into_owned()
}

#[derive(Debug, Default)]
pub(super) struct Canvas {
    out: String,
}

impl Canvas {
    pub(super) fn start_svg(&mut self, width: f64, height: f64, title: &str, description: &str) {
        let (width, height) = (short(width), short(height));
        let _ = write!(
            self.out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"weiku-chart\" role=\"img\" \
             width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             font-family=\"{FONTS}\" font-size=\"{FONT}\" aria-label=\""
        );
        push_line(&mut self.out, title);
        self.out.push_str("\">\n<title>");
        push_line(&mut self.out, title);
        self.out.push_str("</title>\n<desc>");
        push_line(&mut self.out, description);
        self.out.push_str("</desc>\n");
    }

    pub(super) fn end_svg(mut self) -> String {
        self.out.push_str("</svg>\n");
        self.out
    }

    pub(super) fn append(&mut self, other: &Self) {
        self.out.push_str(&other.out);
    }

    pub(super) fn style(&mut self, css: &str) {
        let _ = writeln!(self.out, "<style>\n{css}</style>");
    }

    /// A rectangle given by left, top, width and height.
    pub(super) fn rect(
        &mut self,
        [x, y, width, height]: [f64; 4],
        class: &str,
        title: Option<&str>,
    ) {
        let (x, y, width, height) = (short(x), short(y), short(width), short(height));
        let paint = paint(class);
        let _ = write!(
            self.out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" class=\"{class}\"{paint}"
        );
        self.end_element("rect", title);
    }

    /// A rectangle of the first colour in a shade from 0 to 1.
    pub(super) fn shade(&mut self, [x, y, width, height]: [f64; 4], shade: f64, title: &str) {
        let (x, y, width, height) = (short(x), short(y), short(width), short(height));
        let (shade, paint) = ((shade * 100.0).round() / 100.0, paint("f0"));
        let _ = write!(
            self.out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" class=\"f0\"{paint} \
             fill-opacity=\"{shade}\""
        );
        self.end_element("rect", Some(title));
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let (x1, y1, x2, y2) = (short(from.0), short(from.1), short(to.0), short(to.1));
        let paint = paint(class);
        let _ = writeln!(
            self.out,
            "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" class=\"{class}\"{paint}/>"
        );
    }

    pub(super) fn circle(&mut self, at: (f64, f64), radius: f64, class: &str, title: Option<&str>) {
        let (x, y, radius) = (short(at.0), short(at.1), short(radius));
        let paint = paint(class);
        let _ = write!(
            self.out,
            "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" class=\"{class}\"{paint}"
        );
        self.end_element("circle", title);
    }

    /// A path; `more` are further attributes.
    pub(super) fn path(&mut self, data: &str, class: &str, more: &str) {
        let paint = paint(class);
        let _ = writeln!(self.out, "<path d=\"{data}\" class=\"{class}\"{paint} {more}/>");
    }

    /// Opens a group with the attributes.
    pub(super) fn start_group(&mut self, attributes: &str) {
        let _ = writeln!(self.out, "<g {attributes}>");
    }

    pub(super) fn end_group(&mut self) {
        self.out.push_str("</g>\n");
    }

    /// A text whose baseline is at `y`; the class `title` makes it large.
    pub(super) fn text(&mut self, x: f64, y: f64, anchor: Anchor, class: &str, text: &str) {
        self.text_of(x, y, anchor, class, text, None);
    }

    /// As [`Canvas::text`], for a `text` that was cut from `whole`.
    pub(super) fn cut_text(&mut self, at: (f64, f64), anchor: Anchor, text: &str, whole: &str) {
        let title = (text != whole).then_some(whole);
        self.text_of(at.0, at.1, anchor, "ink", text, title);
    }

    fn text_of(
        &mut self,
        x: f64,
        y: f64,
        anchor: Anchor,
        class: &str,
        text: &str,
        title: Option<&str>,
    ) {
        let (x, y) = (short(x), short(y));
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let large =
            if class.contains("title") { " font-size=\"16\" font-weight=\"600\"" } else { "" };
        let paint = paint(class);
        let _ =
            write!(self.out, "<text x=\"{x}\" y=\"{y}\" class=\"{class}\"{paint}{anchor}{large}>");
        if let Some(title) = title {
            self.push_title(title);
        }
        push_line(&mut self.out, text);
        self.out.push_str("</text>\n");
    }

    fn end_element(&mut self, name: &str, title: Option<&str>) {
        let Some(title) = title else { return self.out.push_str("/>\n") };
        self.out.push('>');
        self.push_title(title);
        let _ = writeln!(self.out, "</{name}>");
    }

    fn push_title(&mut self, title: &str) {
        self.out.push_str("<title>");
        push_line(&mut self.out, title);
        self.out.push_str("</title>");
    }
}

fn push_line(out: &mut String, text: &str) {
    push_escaped(out, &crate::render::visible(text));
}

/// The attributes that colour an element of the class without CSS.
fn paint(class: &str) -> String {
    let class = class.split(' ').next().unwrap_or_default();
    let series = |digits: &str| digits.parse().ok().and_then(|n: usize| LIGHT.get(n));
    match class {
        "ink" => " fill=\"#1f2328\"".to_owned(),
        "dim" => " fill=\"#59636e\"".to_owned(),
        "paper" | "on" => " fill=\"#ffffff\"".to_owned(),
        "grid" => " stroke=\"#e1e5ea\"".to_owned(),
        "axis" => " stroke=\"#59636e\"".to_owned(),
        "empty" => " fill=\"none\" stroke=\"#e1e5ea\"".to_owned(),
        _ => match (class.split_at_checked(1), class) {
            (Some(("f", digits)), _) => {
                series(digits).map_or_else(String::new, |color| format!(" fill=\"{color}\""))
            }
            (Some(("l", digits)), _) => series(digits)
                .map_or_else(String::new, |color| format!(" fill=\"none\" stroke=\"{color}\"")),
            _ => String::new(),
        },
    }
}

/// A number with at most one decimal.
pub(super) fn short(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}
