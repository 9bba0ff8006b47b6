//! A profile as one HTML page that asks the network for nothing.

use super::{Node, Profile};
use crate::render::{push_escaped, visible_lines};

/// How the page looks, on light and dark screens.
const STYLE: &str = "\
:root { color-scheme: light dark; font-family: system-ui, sans-serif }
body { margin: 2rem auto; max-width: 110rem; padding: 0 1rem }
pre { padding: 1rem; border-left: 3px solid #8888; overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th { text-align: left } th.number, td.number { text-align: right; white-space: nowrap }
td, th { padding: .3rem .8rem; border-bottom: 1px solid #8884; vertical-align: top }
td.operator { overflow-wrap: anywhere; font-family: ui-monospace, monospace; font-size: .9em }
meter { width: 6rem } .note { color: #c60; font-family: system-ui, sans-serif }";

impl Profile {
    /// The page, with the statement that has run.
    pub(crate) fn to_html(&self, sql: &str) -> String {
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <title>Where the time went</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n\
             <h1>Where the time went</h1>\n<pre>"
        );
        push_escaped(&mut page, &visible_lines(sql));
        page.push_str("</pre>\n<p>");
        push_escaped(&mut page, &self.summary());
        page.push_str(
            "</p>\n<table>\n<tr><th>time</th><th></th><th class=\"number\">rows</th>\
             <th>operator</th></tr>\n",
        );
        for node in &self.nodes {
            self.push_row(&mut page, node);
        }
        page.push_str("</table>\n</body>\n</html>\n");
        page
    }

    fn push_row(&self, page: &mut String, node: &Node) {
        let share = self.share(node);
        page.push_str(&format!(
            "<tr><td><meter max=\"100\" value=\"{share}\"></meter></td>\
             <td class=\"number\">{share} %</td><td class=\"number\">{}</td>\
             <td class=\"operator\" style=\"padding-left: {}em\">",
            node.shown_rows(),
            node.depth * 2 + 1,
        ));
        push_escaped(page, &node.what);
        for note in &node.notes {
            page.push_str("<br><span class=\"note\">");
            push_escaped(page, note);
            page.push_str("</span>");
        }
        page.push_str("</td></tr>\n");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Node, Profile};

    #[test]
    fn foreign_text_is_escaped_and_nothing_is_fetched() {
        let node = Node {
            depth: 1,
            branches: String::new(),
            what: "FilterExec: text = '<script>'".to_owned(),
            notes: vec!["read 1 MB".to_owned()],
            rows: Some(1_234),
            nanos: 5,
            is_link: false,
        };
        let profile = Profile { nodes: vec![node], rows: 1, took: Duration::from_secs(1) };
        let page = profile.to_html("select '<b>\u{202e}'");
        assert!(page.contains("&lt;script&gt;") && page.contains("&lt;b&gt;⟨202E⟩"), "{page}");
        assert!(page.contains("100 %") && page.contains("1,234"), "{page}");
        assert!(!page.contains("http") && !page.contains("<script"), "{page}");
    }
}
