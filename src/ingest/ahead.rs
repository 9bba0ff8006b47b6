//! Reads ahead on a thread of its own, so that reading from the disk, unpacking and
//! adding up the checksum go on while records are made of what was read.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Bytes that are handed over at once.
const BLOCK: usize = 256 * 1024;

/// Blocks that may wait to be taken.
const QUEUE: usize = 4;

/// A reader of what another thread reads.
pub(super) struct Ahead {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    taken: usize,
    is_ended: bool,
}

impl Ahead {
    /// Begins to read `content` to its end, or until nobody takes any more of it.
    pub(super) fn new(content: impl Read + Send + 'static) -> io::Result<Self> {
        let (sender, blocks) = sync_channel(QUEUE);
        std::thread::Builder::new()
            .name("read".to_owned())
            .spawn(move || hand_over(content, &sender))?;
        Ok(Self { blocks, block: Vec::new(), taken: 0, is_ended: false })
    }
}

/// Hands all of `content` over, block by block, and an empty one at its end.
fn hand_over(mut content: impl Read, blocks: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut block = Vec::with_capacity(BLOCK);
        let read = content.by_ref().take(BLOCK as u64).read_to_end(&mut block);
        let is_taken = match read {
            Ok(0) => {
                // Nobody may take any more of it.
                let _ = blocks.send(Ok(block));
                return;
            }
            Ok(_) => blocks.send(Ok(block)).is_ok(),
            Err(error) => {
                // What came before the error is handed over first.
                let _ = block.is_empty() || blocks.send(Ok(block)).is_ok();
                let _ = blocks.send(Err(error));
                return;
            }
        };
        if !is_taken {
            return;
        }
    }
}

impl Read for Ahead {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.block.len() && !self.is_ended {
            self.taken = 0;
            // A thread that failed must not be taken for the end of the content.
            let stopped = |_| io::Error::other("reading ahead stopped");
            self.block = self.blocks.recv().map_err(stopped)??;
            self.is_ended = self.block.is_empty();
        }
        let length = target.len().min(self.block.len() - self.taken);
        target[..length].copy_from_slice(&self.block[self.taken..self.taken + length]);
        self.taken += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_come_in_their_order_and_then_the_end() {
        let content: Vec<u8> = (0..3 * BLOCK as u32 + 7).flat_map(u32::to_le_bytes).collect();
        let mut ahead = Ahead::new(io::Cursor::new(content.clone())).unwrap();
        let mut read = Vec::new();
        ahead.read_to_end(&mut read).unwrap();
        assert!(read == content);
        assert_eq!(ahead.read(&mut [0; 8]).unwrap(), 0);
        assert_eq!(Ahead::new(io::empty()).unwrap().read(&mut [0; 8]).unwrap(), 0);
    }

    #[test]
    fn what_lies_before_an_error_is_read_and_then_the_error() {
        struct Torn(bool);
        impl Read for Torn {
            fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return Err(io::Error::other("torn"));
                }
                target[..5].copy_from_slice(b"whole");
                Ok(5)
            }
        }
        let mut read = Vec::new();
        let error = Ahead::new(Torn(false)).unwrap().read_to_end(&mut read).unwrap_err();
        assert_eq!((read.as_slice(), error.to_string().as_str()), (&b"whole"[..], "torn"));
    }

    #[test]
    fn a_thread_that_fails_is_no_end() {
        struct Panics;
        impl Read for Panics {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                panic!("on purpose");
            }
        }
        let mut ahead = Ahead::new(Panics).unwrap();
        assert!(ahead.read(&mut [0; 8]).is_err());
    }
}
