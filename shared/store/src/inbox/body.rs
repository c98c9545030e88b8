//! A raw body, compressed where it is stored.

use std::fmt;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use serde::de::{self, Visitor};
use serde::ser::{self, Serializer};
use serde::{Deserialize, Deserializer, Serialize};

/// Largest body that is kept: more than any queue message can carry.
pub const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// What bodies are compressed against: typical events as Stripe writes them, the most frequent last. zlib puts the
/// checksum of its dictionary before the data, so a stored body says which one it needs. A dictionary is never changed
/// or removed; a better one is added at the end.
const DICTIONARIES: [&[u8]; 1] = [include_bytes!("dictionary_1.txt")];

/// How much room is made at a time for what comes out.
const STEP: usize = 4096;

/// The body of a webhook, to the byte.
#[derive(Clone, PartialEq, Eq)]
pub struct Body(Vec<u8>);

impl Body {
    /// Takes the bytes of a body.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`] above [`MAX_BODY_BYTES`].
    pub fn try_new(bytes: impl Into<Vec<u8>>) -> Result<Self, BodyError> {
        let bytes = bytes.into();
        if bytes.len() > MAX_BODY_BYTES { Err(BodyError::TooLarge { bytes: bytes.len() }) } else { Ok(Self(bytes)) }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Says only how long it is: a body holds personal data and must not get into a log.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.0.len())
    }
}

/// Why bytes are no body.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// They are too many.
    #[error("a body has at most {MAX_BODY_BYTES} bytes, this one has at least {bytes}")]
    TooLarge {
        /// How many there are.
        bytes: usize,
    },
    /// They could not be compressed.
    #[error("the body could not be compressed")]
    Compress(#[source] flate2::CompressError),
    /// What was stored is not what was written.
    #[error("the stored body is damaged")]
    Damaged(#[source] Option<flate2::DecompressError>),
    /// It was compressed against a dictionary that this version does not have.
    #[error("the stored body needs dictionary {checksum:08x}, which this version does not have")]
    UnknownDictionary {
        /// The dictionary's checksum.
        checksum: u32,
    },
}

fn compress(bytes: &[u8]) -> Result<Vec<u8>, BodyError> {
    let mut zlib = Compress::new(Compression::best(), true);
    if let Some(dictionary) = DICTIONARIES.last() {
        zlib.set_dictionary(dictionary).map_err(BodyError::Compress)?;
    }
    let mut out = Vec::new();
    loop {
        out.reserve(STEP);
        let rest = bytes.get(position(zlib.total_in())..).unwrap_or_default();
        if zlib.compress_vec(rest, &mut out, FlushCompress::Finish).map_err(BodyError::Compress)? == Status::StreamEnd {
            return Ok(out);
        }
    }
}

fn decompress(bytes: &[u8]) -> Result<Vec<u8>, BodyError> {
    let mut zlib = Decompress::new(true);
    let mut out = Vec::new();
    loop {
        out.reserve(STEP);
        let before = (zlib.total_in(), out.len());
        let rest = bytes.get(position(zlib.total_in())..).unwrap_or_default();
        let status = zlib.decompress_vec(rest, &mut out, FlushDecompress::Finish);
        if out.len() > MAX_BODY_BYTES {
            return Err(BodyError::TooLarge { bytes: out.len() });
        }
        match status {
            Ok(Status::StreamEnd) => return Ok(out),
            // Neither read nor written: the end is missing.
            Ok(Status::Ok | Status::BufError) if before == (zlib.total_in(), out.len()) => {
                return Err(BodyError::Damaged(None));
            }
            Ok(Status::Ok | Status::BufError) => {}
            Err(error) => {
                let Some(checksum) = error.needs_dictionary() else { return Err(BodyError::Damaged(Some(error))) };
                supply(&mut zlib, checksum)?;
            }
        }
    }
}

/// Gives the stream the dictionary with this checksum; zlib refuses any other.
fn supply(zlib: &mut Decompress, checksum: u32) -> Result<(), BodyError> {
    let mut known = DICTIONARIES.iter().rev();
    let found = known.any(|dictionary| zlib.set_dictionary(dictionary).is_ok());
    if found { Ok(()) } else { Err(BodyError::UnknownDictionary { checksum }) }
}

fn position(total: u64) -> usize {
    usize::try_from(total).unwrap_or(usize::MAX)
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&compress(&self.0).map_err(ser::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(Compressed)
    }
}

struct Compressed;

impl Visitor<'_> for Compressed {
    type Value = Body;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a compressed body")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Body, E> {
        decompress(bytes).map(Body).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_body_survives() {
        let noise: Vec<u8> = (0_u32..300_000).map(|n| (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect();
        let bodies: [&[u8]; 5] = [b"", b"{}", "名前 Zoë".as_bytes(), &[0xff, 0xfe, 0x00], &noise];
        for body in bodies {
            assert_eq!(decompress(&compress(body).unwrap()).unwrap(), body);
        }
    }

    #[test]
    fn the_dictionary_is_the_one_that_stored_bodies_need() {
        let stored = compress(b"{}").unwrap();
        assert_eq!(stored[2..6], DICTIONARY_1_CHECKSUM.to_be_bytes(), "a dictionary is never changed");
    }

    /// As every body that was ever stored with it begins.
    const DICTIONARY_1_CHECKSUM: u32 = 0x587a_761d;

    #[test]
    fn damage_is_reported_and_not_returned() {
        let stored = compress(&b"saldo ".repeat(1000)).unwrap();
        assert!(matches!(decompress(&stored[..stored.len() - 1]), Err(BodyError::Damaged(_))));
        assert!(matches!(decompress(b""), Err(BodyError::Damaged(_))));
        let mut flipped = stored.clone();
        flipped[12] ^= 0x10;
        assert!(matches!(decompress(&flipped), Err(BodyError::Damaged(_))));
        let mut other = stored;
        other[3] ^= 1;
        assert!(matches!(decompress(&other), Err(BodyError::UnknownDictionary { .. })));
    }

    #[test]
    fn a_body_that_swells_beyond_the_limit_is_refused() {
        let stored = compress(&vec![0; MAX_BODY_BYTES + STEP]).unwrap();
        assert!(stored.len() < 16_384);
        assert!(matches!(decompress(&stored), Err(BodyError::TooLarge { .. })));
        assert!(matches!(Body::try_new(vec![0; MAX_BODY_BYTES + 1]), Err(BodyError::TooLarge { .. })));
    }
}
