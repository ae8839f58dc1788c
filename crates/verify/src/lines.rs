//! Reading what has lines of a fixed length, many at a time.

use std::io::{self, Read};

use super::source::SourceError;

const BUFFER_BYTES: usize = 1 << 16;

/// Reads whole lines of `N` bytes; answers how many bytes stand after the last one.
pub(super) fn for_each_line<const N: usize>(
    mut source: impl Read,
    mut visit: impl FnMut(&[u8; N]),
) -> Result<u64, SourceError> {
    let mut buffer = vec![0; BUFFER_BYTES / N * N];
    loop {
        let bytes = fill(&mut source, &mut buffer).map_err(SourceError::List)?;
        let (lines, stray) = buffer[..bytes].as_chunks::<N>();
        lines.iter().for_each(&mut visit);
        if bytes < buffer.len() {
            return Ok(stray.len() as u64);
        }
    }
}

/// Reads until the buffer is full or the source ends, so that no line is split.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Lines of `N` bytes, so many at a time.
pub(super) struct Blocks<R, const N: usize> {
    source: R,
    lines: usize,
    stray_bytes: u64,
}

impl<R: Read, const N: usize> Blocks<R, N> {
    pub(super) fn new(source: R, lines: usize) -> Self {
        Self { source, lines, stray_bytes: 0 }
    }

    /// The next lines: fewer than asked for, and in the end none, where the source ends.
    pub(super) fn next_block(&mut self) -> Result<Vec<[u8; N]>, SourceError> {
        let mut block = vec![[0; N]; self.lines];
        let bytes = fill(&mut self.source, block.as_flattened_mut()).map_err(SourceError::List)?;
        block.truncate(bytes / N);
        self.stray_bytes += (bytes % N) as u64;
        Ok(block)
    }

    /// How many bytes stand after the last line.
    pub(super) fn stray_bytes(&self) -> u64 {
        self.stray_bytes
    }
}
