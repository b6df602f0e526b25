//! Writing MessagePack.

/// Appends MessagePack of the profile to a buffer.
///
/// The caller sees to it that an array or map gets as many members as were announced.
#[derive(Debug)]
pub struct Writer<'a>(&'a mut Vec<u8>);

impl<'a> Writer<'a> {
    /// A writer that appends to `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self(out)
    }

    /// Writes `null`.
    pub fn nil(&mut self) {
        self.0.push(0xc0);
    }

    /// Writes `undefined`.
    pub fn undefined(&mut self) {
        self.0.extend([0xd4, 0, 0]);
    }

    /// Writes a truth value.
    pub fn bool(&mut self, truth: bool) {
        self.0.push(if truth { 0xc3 } else { 0xc2 });
    }

    /// Writes an integer that is not negative, in its shortest form.
    pub fn uint(&mut self, number: u64) {
        if let Ok(small) = u8::try_from(number) {
            if small < 0x80 {
                self.0.push(small);
            } else {
                self.0.extend([0xcc, small]);
            }
        } else if let Ok(small) = u16::try_from(number) {
            self.prefixed(0xcd, small.to_be_bytes());
        } else if let Ok(small) = u32::try_from(number) {
            self.prefixed(0xce, small.to_be_bytes());
        } else {
            self.prefixed(0xcf, number.to_be_bytes());
        }
    }

    /// Writes an integer in its shortest form.
    pub fn int(&mut self, number: i64) {
        if let Ok(natural) = u64::try_from(number) {
            self.uint(natural);
        } else if let Ok(small) = i8::try_from(number) {
            if small < -32 {
                self.0.push(0xd0);
            }
            self.0.push(small.cast_unsigned());
        } else if let Ok(small) = i16::try_from(number) {
            self.prefixed(0xd1, small.to_be_bytes());
        } else if let Ok(small) = i32::try_from(number) {
            self.prefixed(0xd2, small.to_be_bytes());
        } else {
            self.prefixed(0xd3, number.to_be_bytes());
        }
    }

    /// Writes a number: as an integer if it has no fraction and fits 64 bits, else as float64.
    pub fn number(&mut self, number: f64) {
        const TWO_63: f64 = 9_223_372_036_854_775_808.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within the range of the integer, and without a fraction"
        )]
        if number.fract() == 0.0 && (0.0..2.0 * TWO_63).contains(&number) {
            self.uint(number as u64);
        } else if number.fract() == 0.0 && (-TWO_63..0.0).contains(&number) {
            self.int(number as i64);
        } else {
            self.prefixed(0xcb, number.to_be_bytes());
        }
    }

    /// Writes a string.
    pub fn str(&mut self, text: &str) {
        match u8::try_from(text.len()) {
            Ok(len) if len < 32 => self.0.push(0xa0 | len),
            Ok(len) => self.0.extend([0xd9, len]),
            Err(_) => self.length(text.len(), 0xda, 0xdb),
        }
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Writes bytes.
    pub fn bin(&mut self, bytes: &[u8]) {
        match u8::try_from(bytes.len()) {
            Ok(len) => self.0.extend([0xc4, len]),
            Err(_) => self.length(bytes.len(), 0xc5, 0xc6),
        }
        self.0.extend_from_slice(bytes);
    }

    /// Begins an array of `len` values.
    pub fn array(&mut self, len: usize) {
        match u8::try_from(len) {
            Ok(len) if len < 16 => self.0.push(0x90 | len),
            _ => self.length(len, 0xdc, 0xdd),
        }
    }

    /// Begins a map of `len` keys and values.
    pub fn map(&mut self, len: usize) {
        match u8::try_from(len) {
            Ok(len) if len < 16 => self.0.push(0x80 | len),
            _ => self.length(len, 0xde, 0xdf),
        }
    }

    fn length(&mut self, len: usize, short: u8, long: u8) {
        if let Ok(len) = u16::try_from(len) {
            self.prefixed(short, len.to_be_bytes());
        } else {
            // What MessagePack cannot express (4 GiB) does not fit a message either.
            let len = u32::try_from(len).unwrap_or(u32::MAX);
            self.prefixed(long, len.to_be_bytes());
        }
    }

    fn prefixed<const N: usize>(&mut self, first: u8, bytes: [u8; N]) {
        self.0.push(first);
        self.0.extend_from_slice(&bytes);
    }
}
