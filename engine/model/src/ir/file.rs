//! The IR file `target/index.exo_ir`: a short header and the IR in a compact binary encoding.
//!
//! Layout: magic (8 bytes), format version (u32, little endian), SHA-256 of the body (32 bytes), body.

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::Ir;

const MAGIC: &[u8; 8] = b"EXOSTIR\0";
const HEADER: usize = 8 + 4 + 32;

/// Version of the encoding; raised whenever the IR types change.
pub const IR_FORMAT_VERSION: u32 = 3;

/// Why an IR file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IrFileError {
    /// Not an IR file at all.
    #[error("read the model: this is not a compiled model (run the build again)")]
    NotAnIrFile,
    /// Written by a newer program.
    #[error(
        "read the model: it has format {found}, this program reads format {supported}; update the program"
    )]
    Newer {
        /// Version of the file.
        found: u32,
        /// Version this program reads.
        supported: u32,
    },
    /// Written by an older program.
    #[error(
        "read the model: it has the old format {found}, this program reads format {supported}; run the build again"
    )]
    Older {
        /// Version of the file.
        found: u32,
        /// Version this program reads.
        supported: u32,
    },
    /// Cut short or changed.
    #[error("read the model: the file is damaged (run the build again)")]
    Damaged,
}

impl Ir {
    /// The content of an IR file.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Encoding into memory cannot fail for these types; an empty body reads back as damaged.
        let body = postcard::to_allocvec(self).unwrap_or_default();
        let mut bytes = Vec::with_capacity(HEADER + body.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&IR_FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&Sha256::digest(&body));
        bytes.extend_from_slice(&body);
        bytes
    }

    /// Reads the content of an IR file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IrFileError> {
        let Some((magic, rest)) = bytes.split_first_chunk::<8>() else {
            return Err(IrFileError::NotAnIrFile);
        };
        if magic != MAGIC {
            return Err(IrFileError::NotAnIrFile);
        }
        let Some((version, rest)) = rest.split_first_chunk::<4>() else {
            return Err(IrFileError::Damaged);
        };
        let (found, supported) = (u32::from_le_bytes(*version), IR_FORMAT_VERSION);
        if found > supported {
            return Err(IrFileError::Newer { found, supported });
        }
        if found < supported {
            return Err(IrFileError::Older { found, supported });
        }
        let Some((digest, body)) = rest.split_first_chunk::<32>() else {
            return Err(IrFileError::Damaged);
        };
        if Sha256::digest(body)[..] != digest[..] {
            return Err(IrFileError::Damaged);
        }
        postcard::from_bytes(body).map_err(|_| IrFileError::Damaged)
    }
}
