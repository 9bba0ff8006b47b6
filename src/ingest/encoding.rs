//! Bytes in whatever encoding to UTF-8, as a stream.

use std::io::{self, Read};
use std::sync::{Arc, OnceLock};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{DecoderResult, Encoding, GB18030, GBK, UTF_8, UTF_16BE, UTF_16LE};

/// Bytes that are read, and judged, at once.
const CHUNK: usize = 64 * 1024;

/// Stands before bytes that the encoding does not have, and their number. It
/// occurs in no UTF-8, so that the record is refused and not guessed at.
const ALIEN: u8 = 0xFF;

/// The longest sequence of bytes that an encoding can refuse.
const LONGEST: usize = 8;

/// Reads another reader's text as UTF-8, without a byte order mark.
///
/// The encoding is that of the byte order mark, else it is decided at the first
/// byte that is not ASCII. UTF-8 passes as it is, even where it is broken.
pub(crate) struct Decoded<R> {
    inner: R,
    encoding: Known,
    decoder: Option<encoding_rs::Decoder>,
    chunk: Vec<u8>,
    /// The end of what was decoded before, for naming what cannot be.
    before: Vec<u8>,
    out: Vec<u8>,
    taken: usize,
    at_start: bool,
    at_end: bool,
}

/// The encoding of a stream, once it is decided.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known(Arc<OnceLock<&'static Encoding>>);

impl Known {
    /// The encoding; UTF-8 as long as nothing speaks against it.
    pub(crate) fn get(&self) -> &'static Encoding {
        self.0.get().copied().unwrap_or(UTF_8)
    }

    /// The name of the encoding, if it is another than UTF-8.
    pub(crate) fn other(&self) -> Option<&'static str> {
        Some(self.get()).filter(|encoding| *encoding != UTF_8).map(Encoding::name)
    }

    fn is_decided(&self) -> bool {
        self.0.get().is_some()
    }
}

impl<R: Read> Decoded<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            encoding: Known::default(),
            decoder: None,
            chunk: Vec::new(),
            before: Vec::new(),
            out: Vec::new(),
            taken: 0,
            at_start: true,
            at_end: false,
        }
    }

    /// Passes bytes that are no text as they are.
    pub(crate) fn verbatim(inner: R) -> Self {
        let mut decoded = Self::new(inner);
        decoded.at_start = false;
        decoded.decide(UTF_8);
        decoded
    }

    /// A handle that tells the encoding.
    pub(crate) fn encoding(&self) -> Known {
        self.encoding.clone()
    }

    fn refill(&mut self) -> io::Result<()> {
        self.out.clear();
        self.taken = 0;
        while self.out.is_empty() && !self.at_end {
            self.read_chunk()?;
            if self.at_start {
                self.at_start = false;
                self.decide_by_mark();
            }
            if !self.encoding.is_decided() && !self.chunk.is_ascii() {
                self.decide(guess(&self.chunk));
            }
            match self.decoder.take() {
                Some(mut decoder) => {
                    self.decode(&mut decoder);
                    self.decoder = Some(decoder);
                }
                None => std::mem::swap(&mut self.out, &mut self.chunk),
            }
        }
        Ok(())
    }

    /// Fills the chunk, so that there is enough to judge an encoding by.
    fn read_chunk(&mut self) -> io::Result<()> {
        self.chunk.clear();
        let limit = u64::try_from(CHUNK).unwrap_or(u64::MAX);
        let read = self.inner.by_ref().take(limit).read_to_end(&mut self.chunk)?;
        self.at_end = read < CHUNK;
        Ok(())
    }

    fn decide(&mut self, encoding: &'static Encoding) {
        self.encoding.0.get_or_init(|| encoding);
        self.decoder = (encoding != UTF_8).then(|| encoding.new_decoder_without_bom_handling());
    }

    fn decide_by_mark(&mut self) {
        if let Some((encoding, length)) = Encoding::for_bom(&self.chunk) {
            self.chunk.drain(..length);
            self.decide(encoding);
        }
    }

    fn decode(&mut self, decoder: &mut encoding_rs::Decoder) {
        let mut source = std::mem::take(&mut self.before);
        let known = source.len();
        source.extend_from_slice(&self.chunk);
        let mut position = known;
        let mut buffer = vec![0; CHUNK];
        loop {
            let (result, read, written) = decoder.decode_to_utf8_without_replacement(
                &source[position..],
                &mut buffer,
                self.at_end,
            );
            position += read;
            self.out.extend_from_slice(&buffer[..written]);
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(length, extra) => {
                    let end = position.saturating_sub(usize::from(extra));
                    let start = end.saturating_sub(usize::from(length));
                    self.out.extend([ALIEN, length]);
                    self.out.extend_from_slice(&source[start..end]);
                }
            }
        }
        let keep = source.len().saturating_sub(LONGEST);
        self.before = source.split_off(keep);
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.out.len() {
            if self.encoding.is_decided() && self.decoder.is_none() {
                return self.inner.read(target);
            }
            self.refill()?;
        }
        let length = target.len().min(self.out.len() - self.taken);
        target[..length].copy_from_slice(&self.out[self.taken..self.taken + length]);
        self.taken += length;
        Ok(length)
    }
}

/// The encoding of bytes that are not all ASCII. What is not UTF-8 nearly all
/// over is taken for Chinese, when it can be that nearly all over.
fn guess(chunk: &[u8]) -> &'static Encoding {
    let valid = !matches!(std::str::from_utf8(chunk), Err(error) if error.error_len().is_some());
    let broken = strange(UTF_8, chunk);
    if valid || broken * 10 < chunk.iter().filter(|byte| !byte.is_ascii()).count() {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(chunk, false);
    let guessed = detector.guess(Some(b"cn"), Utf8Detection::Deny);
    let guessed = if guessed == GBK { GB18030 } else { guessed };
    let fits = |encoding: &&'static Encoding| strange(encoding, chunk) * 10 < broken;
    [guessed, GB18030].into_iter().find(fits).unwrap_or(UTF_8)
}

/// How often the encoding does not have what stands in the chunk.
fn strange(encoding: &'static Encoding, chunk: &[u8]) -> usize {
    encoding.decode_without_bom_handling(chunk).0.matches('\u{FFFD}').count()
}

/// The bytes that decoding made `text` of.
pub(crate) fn raw(encoding: &'static Encoding, text: &[u8]) -> Vec<u8> {
    if encoding == UTF_8 || encoding == UTF_16LE || encoding == UTF_16BE {
        return text.to_vec();
    }
    let mut raw = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(alien) = memchr::memchr(ALIEN, rest) {
        encode(encoding, &rest[..alien], &mut raw);
        let (length, after) = rest[alien + 1..]
            .split_first()
            .map_or((0, &[][..]), |(n, after)| (usize::from(*n), after));
        let (bytes, after) = after.split_at(length.min(after.len()));
        raw.extend_from_slice(bytes);
        rest = after;
    }
    encode(encoding, rest, &mut raw);
    raw
}

/// Whether decoded `text` ends with the first bytes of a character, and is text
/// up to them.
pub(crate) fn ends_within_character(text: &[u8]) -> bool {
    let Err(error) = std::str::from_utf8(text) else { return false };
    match &text[error.valid_up_to()..] {
        [ALIEN, length, bytes @ ..] => usize::from(*length) == bytes.len(),
        _ => error.error_len().is_none(),
    }
}

fn encode(encoding: &'static Encoding, text: &[u8], raw: &mut Vec<u8>) {
    raw.extend_from_slice(&encoding.encode(&String::from_utf8_lossy(text)).0);
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use encoding_rs::{GB18030, UTF_8, UTF_16LE};

    use super::{CHUNK, Decoded, raw};

    fn decoded(bytes: &[u8]) -> (Vec<u8>, &'static encoding_rs::Encoding) {
        let mut decoded = Decoded::new(bytes);
        let mut out = Vec::new();
        decoded.read_to_end(&mut out).unwrap();
        (out, decoded.encoding().get())
    }

    #[test]
    fn a_byte_order_mark_is_not_text() {
        assert_eq!(decoded("\u{FEFF}微博id".as_bytes()), ("微博id".into(), UTF_8));
        let utf16: Vec<u8> = "\u{FEFF}微博".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decoded(&utf16), ("微博".into(), UTF_16LE));
    }

    #[test]
    fn gb18030_is_detected_even_after_much_ascii() {
        let text = format!(
            "{}{}",
            "a,b\r\n".repeat(CHUNK),
            "外交部发言人在例行记者会上表示👍".repeat(CHUNK)
        );
        let (bytes, _, _) = GB18030.encode(&text);
        let (out, encoding) = decoded(&bytes);
        assert_eq!(encoding, GB18030);
        assert!(out == text.as_bytes());
    }

    #[test]
    fn broken_utf8_stays_as_it_is_for_the_row_to_be_refused() {
        let mut bytes = "外交部发言人在例行记者会上表示，".repeat(100).into_bytes();
        bytes.extend(b"\xFF\xFE broken");
        assert_eq!(decoded(&bytes), (bytes.clone(), UTF_8));
    }

    #[test]
    fn what_gb18030_does_not_have_survives_as_the_bytes_it_was() {
        let (good, _, _) = GB18030.encode("外交部发言人在例行记者会上表示，中国的微博");
        let bytes = [&good.repeat(200)[..], b"\x81\xFF", &good].concat();
        let (out, encoding) = decoded(&bytes);
        assert_eq!(encoding, GB18030);
        assert!(std::str::from_utf8(&out).is_err());
        assert!(raw(encoding, &out) == bytes);
    }
}
