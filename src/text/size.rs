//! Sizes as people write them.

use crate::error::{Error, Result};

/// A size such as `2GB`, `512MB`, `1.5GiB` or plain bytes.
///
/// # Errors
/// When it is none of these.
pub fn bytes(text: &str) -> Result<usize> {
    let wrong =
        || Error::usage(format!("`{text}` is not a size")).hint("write it like 512MB or 2GB");
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..at].parse().map_err(|_| wrong())?;
    let unit = match text[at..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return Err(wrong()),
    };
    let bytes = number * unit;
    if !(1.0..=1e18).contains(&bytes) {
        return Err(wrong());
    }
    Ok(bytes as usize)
}
