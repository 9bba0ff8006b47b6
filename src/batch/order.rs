//! Which queries have to wait for which.

use std::collections::BTreeMap;

use crate::error::{Error, Result, nearest};
use crate::queries::Library;

/// A query, and those that have to run well before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'a> {
    pub(super) name: &'a str,
    pub(super) file: &'a str,
    pub(super) depends_on: &'a [String],
}

/// For each of `nodes` the positions of those it waits for, or what is wrong:
/// what it names does not exist, or waits for it in turn. A dependency that is
/// in the library and not among the nodes is not waited for.
///
/// # Errors
/// When the library cannot be read.
pub(super) fn order(nodes: &[Node<'_>], library: &Library) -> Result<Vec<Result<Vec<usize>>>> {
    let positions: BTreeMap<&str, usize> =
        nodes.iter().enumerate().map(|(at, node)| (node.name, at)).collect();
    let is_among = |name: &String| positions.contains_key(name.as_str());
    let mut others = Vec::new();
    if !nodes.iter().flat_map(|node| node.depends_on).all(is_among) {
        others = library.entries()?.into_iter().map(|entry| entry.name).collect();
    }
    let known: Vec<&str> =
        others.iter().map(String::as_str).chain(positions.keys().copied()).collect();
    let links = nodes.iter().map(|node| {
        match node.depends_on.iter().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(unknown(node, name, &known)),
            None => {
                let names = node.depends_on.iter();
                Ok(names.filter_map(|name| positions.get(name.as_str()).copied()).collect())
            }
        }
    });
    let mut links: Vec<Result<Vec<usize>>> = links.collect();
    while let Some(cycle) = find_cycle(&links) {
        let first = cycle.first().copied();
        let names: Vec<&str> =
            cycle.iter().copied().chain(first).map(|at| nodes[at].name).collect();
        let message = format!("depends_on goes in a circle: {}", names.join(" -> "));
        for at in cycle {
            links[at] = Err(Error::usage(&message).in_file(nodes[at].file));
        }
    }
    Ok(links)
}

fn unknown(node: &Node<'_>, name: &str, known: &[&str]) -> Error {
    let error = Error::usage(format!("depends_on: no saved query `{name}`")).in_file(node.file);
    match nearest(name, known.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    }
}

/// The positions of queries each of which waits for the next, and the last for
/// the first.
fn find_cycle(links: &[Result<Vec<usize>>]) -> Option<Vec<usize>> {
    let after = |at: usize| links[at].as_deref().unwrap_or_default();
    let mut done = vec![false; links.len()];
    loop {
        let free = |at: &usize| !done[*at] && after(*at).iter().all(|before| done[*before]);
        match (0..links.len()).find(free) {
            Some(at) => done[at] = true,
            None => break,
        }
    }
    // Every query that is left waits for one that is left: walk until one comes
    // again.
    let mut path = vec![done.iter().position(|done| !done)?];
    loop {
        let at = path[path.len() - 1];
        let next = after(at).iter().copied().find(|before| !done[*before])?;
        if let Some(from) = path.iter().position(|seen| *seen == next) {
            return Some(path.split_off(from));
        }
        path.push(next);
    }
}
