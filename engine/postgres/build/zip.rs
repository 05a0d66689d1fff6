//! Reads single files out of a wheel (a zip file whose hash was already checked). Knows stored and
//! deflated entries, which is all that wheels use.

use std::io::Read;

const END_OF_DIRECTORY: &[u8] = b"PK\x05\x06";
const DIRECTORY_ENTRY: &[u8] = b"PK\x01\x02";
const LOCAL_HEADER: &[u8] = b"PK\x03\x04";

/// Name and contents of every entry whose name `wanted` accepts.
pub(crate) fn extract(zip: &[u8], wanted: impl Fn(&str) -> bool) -> Result<Vec<(String, Vec<u8>)>, String> {
    let end = zip.windows(4).rposition(|it| it == END_OF_DIRECTORY).ok_or("not a zip file")?;
    let count = u16_at(zip, end + 10)?;
    let mut at = u32_at(zip, end + 16)? as usize;
    let mut found = Vec::new();
    for _ in 0..count {
        if slice(zip, at, 4)? != DIRECTORY_ENTRY {
            return Err("damaged zip directory".to_owned());
        }
        let method = u16_at(zip, at + 10)?;
        let packed = u32_at(zip, at + 20)? as usize;
        let name_length = usize::from(u16_at(zip, at + 28)?);
        let rest = usize::from(u16_at(zip, at + 30)?) + usize::from(u16_at(zip, at + 32)?);
        let local = u32_at(zip, at + 42)? as usize;
        let name = String::from_utf8_lossy(slice(zip, at + 46, name_length)?).into_owned();
        at += 46 + name_length + rest;
        if !wanted(&name) {
            continue;
        }
        if slice(zip, local, 4)? != LOCAL_HEADER {
            return Err(format!("damaged zip entry {name}"));
        }
        let skip = 30 + usize::from(u16_at(zip, local + 26)?) + usize::from(u16_at(zip, local + 28)?);
        let bytes = slice(zip, local + skip, packed)?;
        let contents = match method {
            0 => bytes.to_vec(),
            8 => {
                let mut contents = Vec::new();
                let read = flate2::read::DeflateDecoder::new(bytes).read_to_end(&mut contents);
                read.map_err(|e| format!("damaged zip entry {name}: {e}"))?;
                contents
            }
            other => return Err(format!("zip entry {name} uses the unknown method {other}")),
        };
        found.push((name, contents));
    }
    Ok(found)
}

fn slice(bytes: &[u8], at: usize, length: usize) -> Result<&[u8], String> {
    bytes.get(at..at + length).ok_or_else(|| "zip file ends too early".to_owned())
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, String> {
    let mut value = [0; 2];
    value.copy_from_slice(slice(bytes, at, 2)?);
    Ok(u16::from_le_bytes(value))
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, String> {
    let mut value = [0; 4];
    value.copy_from_slice(slice(bytes, at, 4)?);
    Ok(u32::from_le_bytes(value))
}
