//! Plain text out of HTML, as services deliver it.
//!
//! Nothing that a reader would see is lost: line breaks and paragraphs become
//! newlines, the text of links stays, and a picture leaves the words that stand
//! for it (Weibo delivers its faces as pictures).

use html_escape::decode_html_entities_to_string;
use memchr::{memchr, memmem};

/// The text that a browser would show for `html`.
///
/// What only looks like markup, such as `1 < 2` or an unknown entity, stays as
/// it is. Blanks are kept as they are: posts use them on purpose.
///
/// ```
/// use weiku::text::plain::from_html;
/// assert_eq!(from_html("<p>A &amp; B<br/>C</p><p><a href='x'>#tag</a></p>"), "A & B\nC\n\n#tag");
/// ```
#[must_use]
pub fn from_html(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(open) = memchr(b'<', rest.as_bytes()) {
        push_decoded(&mut text, &rest[..open]);
        rest = &rest[open..];
        let Some(tag) = tag(rest) else {
            text.push('<');
            rest = &rest[1..];
            continue;
        };
        rest = &rest[tag.len()..];
        match tag_name(tag).as_str() {
            "br" => text.push('\n'),
            "/p" => text.push_str("\n\n"),
            "/div" | "/li" | "/h1" | "/h2" | "/h3" | "/blockquote" | "/ul" | "/ol" | "/tr" => {
                start_line(&mut text);
            }
            "img" => push_decoded(&mut text, attribute(tag, "alt").unwrap_or_default()),
            "script" | "style" => rest = &rest[hidden_length(rest)..],
            _ => {}
        }
    }
    push_decoded(&mut text, rest);
    text.truncate(text.trim_end_matches('\n').len());
    text
}

/// Appends `html`, which holds no tags, with its entities decoded.
fn push_decoded(text: &mut String, html: &str) {
    if memchr(b'&', html.as_bytes()).is_none() {
        text.push_str(html);
    } else {
        decode_html_entities_to_string(html, text);
    }
}

/// Ends the line unless one has just ended.
fn start_line(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

/// The tag or comment that `html` begins with, from `<` to `>`; `None` if it is
/// no markup.
fn tag(html: &str) -> Option<&str> {
    if html.starts_with("<!--") {
        let end = memmem::find(html.as_bytes(), b"-->")?;
        return Some(&html[..end + "-->".len()]);
    }
    let first = *html.as_bytes().get(1)?;
    if !(first.is_ascii_alphabetic() || matches!(first, b'/' | b'!')) {
        return None;
    }
    tag_end(html.as_bytes()).map(|end| &html[..=end])
}

/// Where the `>` that ends the tag stands: not the one in a quoted attribute.
fn tag_end(html: &[u8]) -> Option<usize> {
    let mut quote = None;
    let mut before_value = false;
    for (at, byte) in html.iter().copied().enumerate() {
        match quote {
            Some(open) if byte == open => quote = None,
            Some(_) => {}
            None if byte == b'>' => return Some(at),
            None if before_value && matches!(byte, b'"' | b'\'') => quote = Some(byte),
            None => {}
        }
        before_value = byte == b'=' || (before_value && byte == b' ');
    }
    // A quote that never closes: settle for the first end there is.
    memchr(b'>', html)
}

/// The lowercase name of `tag`, with the slash if it is a closing one.
fn tag_name(tag: &str) -> String {
    let name = &tag[1..];
    let slash = usize::from(name.starts_with('/'));
    let length = name[slash..].bytes().take_while(u8::is_ascii_alphanumeric).count();
    name[..slash + length].to_ascii_lowercase()
}

/// The value of the attribute `name` of `tag`, quoted or not.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let start = memmem::find_iter(tag.as_bytes(), name.as_bytes()).find(|start| {
        tag[..*start].ends_with(|c: char| c.is_ascii_whitespace())
            && tag[start + name.len()..].trim_start().starts_with('=')
    })?;
    let value = tag[start + name.len()..].trim_start().strip_prefix('=')?.trim_start();
    for quote in ['"', '\''] {
        if let Some(quoted) = value.strip_prefix(quote) {
            return quoted.split(quote).next();
        }
    }
    value.split([' ', '\n', '\t', '>']).next()
}

/// How much of `rest` a script or style sheet hides: up to its closing tag, or
/// nothing if there is none.
fn hidden_length(rest: &str) -> usize {
    memmem::find(rest.as_bytes(), b"</").unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_goes_and_every_word_stays() {
        for (html, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("a<br>b<BR />c", "a\nb\nc"),
            ("<p>一</p><p>二</p>", "一\n\n二"),
            ("<span class=\"invisible\">https://</span><span>a.cn/b</span>", "https://a.cn/b"),
            ("<img alt=[哈哈] src='x'>好", "[哈哈]好"),
            ("<img src='x' alt=\"a>b\">!", "a>b!"),
            ("1 < 2 &lt;b&gt; &#x4e2d;&#25991;&nbsp;", "1 < 2 <b> 中文\u{a0}"),
            ("a<!-- no -->b", "ab"),
            ("<style>p { }</style>x", "x"),
            ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
        ] {
            assert_eq!(from_html(html), expected, "{html}");
        }
    }

    #[test]
    fn broken_markup_is_text() {
        for html in ["<", "a <b", "<3", "&nosuch; & &#xD83D;", "<a href=\"x"] {
            assert_eq!(from_html(html), html);
        }
    }
}
