//! Decompression that cannot be made to cost more than it is allowed (RFC 1952).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::WireError;

/// No deflate stream grows to more than this many times its size.
const MAX_RATIO: usize = 1032;
const HEADER: usize = 10;
const TRAILER: usize = 8;
const HAS_CRC: u8 = 2;
const HAS_EXTRA: u8 = 4;
const HAS_NAME: u8 = 8;
const HAS_COMMENT: u8 = 16;

/// Decompresses one gzip member that is all of `data`, into at most `limit` bytes.
///
/// The trailer says how long the result is. JavaScript believes it and allocates as much, so it
/// has to be true. It is looked at first: a result that would be too long costs nothing.
pub(super) fn inflate(data: &[u8], limit: usize) -> Result<Vec<u8>, WireError> {
    let (deflated, crc, size) = parts(data)?;
    if size > limit {
        return Err(WireError::TooLargeInflated { size, limit });
    }
    if size > deflated.len().saturating_mul(MAX_RATIO) {
        return Err(WireError::Gzip("it cannot be as long as it says"));
    }
    let mut inflated = Vec::with_capacity(size);
    let mut stream = Decompress::new(false);
    let status = stream
        .decompress_vec(deflated, &mut inflated, FlushDecompress::Finish)
        .map_err(|_| WireError::Gzip("its stream is damaged"))?;
    let consumed = usize::try_from(stream.total_in()).unwrap_or(usize::MAX);
    if status != Status::StreamEnd || consumed != deflated.len() || inflated.len() != size {
        return Err(WireError::Gzip("it is not as long as it says"));
    }
    let mut sum = Crc::new();
    sum.update(&inflated);
    if sum.sum() != crc {
        return Err(WireError::Gzip("its checksum is wrong"));
    }
    Ok(inflated)
}

/// The deflate stream, the checksum and the length of its result.
fn parts(data: &[u8]) -> Result<(&[u8], u32, usize), WireError> {
    const SHORT: WireError = WireError::Gzip("it is too short");
    let (body, trailer) = data.split_last_chunk::<TRAILER>().ok_or(SHORT)?;
    let (header, mut body) = body.split_first_chunk::<HEADER>().ok_or(SHORT)?;
    let [0x1f, 0x8b, 8, flags, ..] = *header else {
        return Err(WireError::Gzip("it has a wrong header"));
    };
    if flags & HAS_EXTRA != 0 {
        let (len, rest) = body.split_first_chunk().ok_or(SHORT)?;
        body = rest
            .get(usize::from(u16::from_le_bytes(*len))..)
            .ok_or(SHORT)?;
    }
    for _ in 0..[HAS_NAME, HAS_COMMENT]
        .iter()
        .filter(|flag| flags & **flag != 0)
        .count()
    {
        let end = body.iter().position(|byte| *byte == 0).ok_or(SHORT)?;
        body = body.get(end.saturating_add(1)..).ok_or(SHORT)?;
    }
    if flags & HAS_CRC != 0 {
        body = body.get(2..).ok_or(SHORT)?;
    }
    let (crc, size) = trailer.split_first_chunk().ok_or(SHORT)?;
    let size = size.first_chunk().ok_or(SHORT)?;
    let size = usize::try_from(u32::from_le_bytes(*size)).map_err(|_| SHORT)?;
    Ok((body, u32::from_le_bytes(*crc), size))
}
