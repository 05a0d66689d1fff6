//! The hash of a model's meaning: comments that document nothing, formatting and places do not count.

use std::fmt;

use serde::Serialize;
use serde::ser::{self, Serializer};
use sha2::{Digest, Sha256};

use super::Ir;

/// A hash of the meaning of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IrHash(pub [u8; 32]);

impl fmt::Display for IrHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl Ir {
    /// The hash of the meaning: equal for models that differ only in layout, comments or file names.
    pub fn hash(&self) -> IrHash {
        let mut meaning = Meaning { buffer: Vec::with_capacity(BLOCK * 2), digest: Sha256::new() };
        // Writing into memory cannot fail; an early end would only make the hash less precise.
        let _infallible = self.serialize(&mut meaning);
        meaning.digest.update(&meaning.buffer);
        IrHash(meaning.digest.finalize().into())
    }
}

/// The buffer is hashed in blocks of this many bytes.
const BLOCK: usize = 32 * 1024;

/// A serializer that feeds the digest and leaves out where things were written and how.
struct Meaning {
    buffer: Vec<u8>,
    digest: Sha256,
}

impl Meaning {
    fn bytes(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BLOCK {
            self.digest.update(&self.buffer);
            self.buffer.clear();
        }
    }

    /// Lengths and variants; small ones take one byte.
    fn number(&mut self, number: u64) {
        if number < 0xff {
            self.bytes(&[number as u8]);
        } else {
            self.bytes(&[0xff]);
            self.bytes(&number.to_le_bytes());
        }
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes(text.as_bytes());
    }
}

/// Hashing never fails; serde wants a type for it.
#[derive(Debug)]
struct Never;

impl fmt::Display for Never {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hash the model")
    }
}

impl std::error::Error for Never {}

impl ser::Error for Never {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// The content of a sequence, map or structure.
struct Content<'m> {
    meaning: &'m mut Meaning,
    /// Content of unknown length counts its items and writes the number at the end.
    counted: Option<u64>,
}

impl Content<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Never> {
        if let Some(count) = &mut self.counted {
            *count += 1;
        }
        value.serialize(&mut *self.meaning)
    }

    fn finish(self) -> Result<(), Never> {
        if let Some(count) = self.counted {
            self.meaning.number(count);
        }
        Ok(())
    }
}

impl<'m> Serializer for &'m mut Meaning {
    type Ok = ();
    type Error = Never;
    type SerializeSeq = Content<'m>;
    type SerializeTuple = Content<'m>;
    type SerializeTupleStruct = Content<'m>;
    type SerializeTupleVariant = Content<'m>;
    type SerializeMap = Content<'m>;
    type SerializeStruct = Content<'m>;
    type SerializeStructVariant = Content<'m>;

    fn serialize_bool(self, value: bool) -> Result<(), Never> {
        self.bytes(&[u8::from(value)]);
        Ok(())
    }
    fn serialize_i8(self, value: i8) -> Result<(), Never> {
        self.bytes(&value.to_le_bytes());
        Ok(())
    }
    fn serialize_i16(self, value: i16) -> Result<(), Never> {
        self.bytes(&value.to_le_bytes());
        Ok(())
    }
    fn serialize_i32(self, value: i32) -> Result<(), Never> {
        self.bytes(&value.to_le_bytes());
        Ok(())
    }
    fn serialize_i64(self, value: i64) -> Result<(), Never> {
        self.bytes(&value.to_le_bytes());
        Ok(())
    }
    fn serialize_u8(self, value: u8) -> Result<(), Never> {
        self.bytes(&value.to_le_bytes());
        Ok(())
    }
    fn serialize_u16(self, value: u16) -> Result<(), Never> {
        self.bytes(&value.to_le_bytes());
        Ok(())
    }
    fn serialize_u32(self, value: u32) -> Result<(), Never> {
        self.bytes(&value.to_le_bytes());
        Ok(())
    }
    fn serialize_u64(self, value: u64) -> Result<(), Never> {
        self.bytes(&value.to_le_bytes());
        Ok(())
    }
    fn serialize_f32(self, value: f32) -> Result<(), Never> {
        self.bytes(&value.to_le_bytes());
        Ok(())
    }
    fn serialize_f64(self, value: f64) -> Result<(), Never> {
        self.bytes(&value.to_le_bytes());
        Ok(())
    }
    fn serialize_char(self, value: char) -> Result<(), Never> {
        self.number(u64::from(value));
        Ok(())
    }
    fn serialize_str(self, value: &str) -> Result<(), Never> {
        self.text(value);
        Ok(())
    }
    fn serialize_bytes(self, value: &[u8]) -> Result<(), Never> {
        self.number(value.len() as u64);
        self.bytes(value);
        Ok(())
    }
    fn serialize_none(self) -> Result<(), Never> {
        self.bytes(&[0]);
        Ok(())
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Never> {
        self.bytes(&[1]);
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), Never> {
        Ok(())
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Never> {
        Ok(())
    }
    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Result<(), Never> {
        self.number(u64::from(index));
        Ok(())
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Never> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Never> {
        self.number(u64::from(index));
        value.serialize(self)
    }
    fn serialize_seq(self, length: Option<usize>) -> Result<Content<'m>, Never> {
        Ok(sized(self, length))
    }
    fn serialize_tuple(self, length: usize) -> Result<Content<'m>, Never> {
        Ok(sized(self, Some(length)))
    }
    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Content<'m>, Never> {
        Ok(sized(self, Some(length)))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Content<'m>, Never> {
        self.number(u64::from(index));
        Ok(Content { meaning: self, counted: None })
    }
    fn serialize_map(self, length: Option<usize>) -> Result<Content<'m>, Never> {
        Ok(sized(self, length))
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Content<'m>, Never> {
        Ok(Content { meaning: self, counted: None })
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Content<'m>, Never> {
        self.number(u64::from(index));
        Ok(Content { meaning: self, counted: None })
    }
}

fn sized(meaning: &mut Meaning, length: Option<usize>) -> Content<'_> {
    if let Some(length) = length {
        meaning.number(length as u64);
    }
    Content { counted: if length.is_none() { Some(0) } else { None }, meaning }
}

impl ser::SerializeSeq for Content<'_> {
    type Ok = ();
    type Error = Never;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Never> {
        self.item(value)
    }
    fn end(self) -> Result<(), Never> {
        self.finish()
    }
}

impl ser::SerializeTuple for Content<'_> {
    type Ok = ();
    type Error = Never;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Never> {
        self.item(value)
    }
    fn end(self) -> Result<(), Never> {
        self.finish()
    }
}

impl ser::SerializeTupleStruct for Content<'_> {
    type Ok = ();
    type Error = Never;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Never> {
        self.item(value)
    }
    fn end(self) -> Result<(), Never> {
        self.finish()
    }
}

impl ser::SerializeTupleVariant for Content<'_> {
    type Ok = ();
    type Error = Never;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Never> {
        self.item(value)
    }
    fn end(self) -> Result<(), Never> {
        self.finish()
    }
}

impl ser::SerializeMap for Content<'_> {
    type Ok = ();
    type Error = Never;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Never> {
        self.item(key)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Never> {
        value.serialize(&mut *self.meaning)
    }
    fn end(self) -> Result<(), Never> {
        self.finish()
    }
}

impl ser::SerializeStruct for Content<'_> {
    type Ok = ();
    type Error = Never;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Never> {
        // Every `Origin` and the source text of a rule: `AccessRule` has no other text.
        if matches!(key, "origin" | "text") { Ok(()) } else { value.serialize(&mut *self.meaning) }
    }
    fn end(self) -> Result<(), Never> {
        Ok(())
    }
}

impl ser::SerializeStructVariant for Content<'_> {
    type Ok = ();
    type Error = Never;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Result<(), Never> {
        value.serialize(&mut *self.meaning)
    }
    fn end(self) -> Result<(), Never> {
        Ok(())
    }
}
