//! One value of one row, on its way from the mirror to a column; and its form in a sorter's file.
//!
//! The form is known to this program only, and lives no longer than one publishing.

/// One value of one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell<'row> {
    /// No value.
    Null,
    /// Text.
    Text(&'row str),
    /// The sixteen bytes of a UUID.
    Id([u8; 16]),
    /// An integer.
    Integer(i64),
    /// True or false.
    Flag(bool),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Instant(i64),
    /// Days since 1970-01-01.
    Day(i32),
}

const NULL: u8 = 0;
const TEXT: u8 = 1;
const ID: u8 = 2;
const INTEGER: u8 = 3;
const FALSE: u8 = 4;
const TRUE: u8 = 5;
const INSTANT: u8 = 6;
const DAY: u8 = 7;

impl<'row> Cell<'row> {
    /// The text, or nothing.
    pub(super) fn text(value: Option<&'row str>) -> Self {
        value.map_or(Self::Null, Self::Text)
    }

    /// The instant, or nothing.
    pub(super) fn instant(value: Option<i64>) -> Self {
        value.map_or(Self::Null, Self::Instant)
    }

    /// Appends the cell to a row's bytes.
    pub(super) fn write(self, bytes: &mut Vec<u8>) {
        match self {
            Self::Null => bytes.push(NULL),
            Self::Text(text) => {
                bytes.push(TEXT);
                bytes.extend((text.len() as u64).to_le_bytes());
                bytes.extend(text.as_bytes());
            }
            Self::Id(id) => {
                bytes.push(ID);
                bytes.extend(id);
            }
            Self::Integer(value) => {
                bytes.push(INTEGER);
                bytes.extend(value.to_le_bytes());
            }
            Self::Flag(value) => bytes.push(if value { TRUE } else { FALSE }),
            Self::Instant(value) => {
                bytes.push(INSTANT);
                bytes.extend(value.to_le_bytes());
            }
            Self::Day(value) => {
                bytes.push(DAY);
                bytes.extend(value.to_le_bytes());
            }
        }
    }
}

/// The cells that [`Cell::write`] made these bytes of.
pub(super) struct Cells<'row>(pub(super) &'row [u8]);

impl<'row> Cells<'row> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (head, tail) = self
            .0
            .split_first_chunk()
            .expect("a row's bytes are read as they were written");
        self.0 = tail;
        *head
    }

    fn take_text(&mut self) -> &'row str {
        let length = usize::try_from(u64::from_le_bytes(self.take()))
            .expect("a text in memory has a length that fits");
        let (text, tail) = self.0.split_at(length);
        self.0 = tail;
        std::str::from_utf8(text).expect("a text was written from a text")
    }
}

impl<'row> Iterator for Cells<'row> {
    type Item = Cell<'row>;

    fn next(&mut self) -> Option<Cell<'row>> {
        let (tag, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(match *tag {
            NULL => Cell::Null,
            TEXT => Cell::Text(self.take_text()),
            ID => Cell::Id(self.take()),
            INTEGER => Cell::Integer(i64::from_le_bytes(self.take())),
            FALSE => Cell::Flag(false),
            TRUE => Cell::Flag(true),
            INSTANT => Cell::Instant(i64::from_le_bytes(self.take())),
            DAY => Cell::Day(i32::from_le_bytes(self.take())),
            other => unreachable!("no cell was written with the tag {other}"),
        })
    }
}
