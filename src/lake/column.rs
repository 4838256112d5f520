//! What a column is: its name, its type, what it means, where it comes from, how it is packed.
//!
//! All that is said of a column anywhere (the Arrow schema, Parquet's own metadata, the comments in
//! `analytics.sql`, the data dictionary, `datapackage.json`) is made from a [`Column`]. Nothing
//! here knows which tables there are.

/// One column of a table of the lake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name in Parquet, in `snake_case`, without the prefix of [`Column::before`].
    base: &'static str,
    /// The meaning, without the words of [`Column::before`].
    base_meaning: &'static str,
    /// Whether this is what the column of that name held before a change.
    before: bool,
    /// The type.
    pub kind: Kind,
    /// Whether every row has a value. Only twsync's own keys do: the API may leave anything out.
    pub required: bool,
    /// Where the value comes from, with the API's name where it is the API's.
    pub source: Source,
    /// The unit that the value counts or measures in.
    pub unit: Unit,
    /// How the values are laid out in the file.
    pub packing: Packing,
}

/// The types that the lake uses. All of them open everywhere, but for [`Kind::Id`] in its native
/// form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A UUID: text, or Parquet's UUID type where the settings ask for it. Only for columns of
    /// which every value is known to be a UUID.
    Id,
    /// Text in UTF-8.
    Text,
    /// A signed integer of 64 bits.
    Integer,
    /// True or false.
    Flag,
    /// An instant in microseconds, UTC.
    Instant,
    /// A calendar day in UTC.
    Day,
}

/// Where a column's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// In the list and in the details, under this name.
    Listed(&'static str),
    /// In the details alone, under this name: it can change without a trace in the list.
    Details(&'static str),
    /// twsync's own.
    Own,
}

/// What a value counts or measures in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// It has none: a name, a key, a word.
    None,
    /// It counts these.
    Count(&'static str),
    /// A point in time, UTC.
    Microseconds,
    /// A calendar day, UTC.
    Days,
}

/// How the values of a column are laid out in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Few distinct values: a dictionary.
    Dictionary,
    /// Many distinct texts: lengths first, then the bytes.
    Lengths,
    /// UUIDs: as [`Self::Lengths`], and nothing in them that is worth a search for repetitions.
    Random,
    /// Integers near one another: the differences.
    Deltas,
    /// Nothing to gain.
    Plain,
}

impl Column {
    /// A column of the API that every reader finds in the list.
    pub(super) const fn listed(name: &'static str, api: &'static str, kind: Kind) -> Self {
        Self::new(name, Source::Listed(api), kind)
    }

    /// A column of the API that only the details have.
    pub(super) const fn details(name: &'static str, api: &'static str, kind: Kind) -> Self {
        Self::new(name, Source::Details(api), kind)
    }

    /// A column that twsync adds.
    pub(super) const fn own(name: &'static str, kind: Kind) -> Self {
        Self::new(name, Source::Own, kind)
    }

    const fn new(name: &'static str, source: Source, kind: Kind) -> Self {
        let (unit, packing) = match kind {
            Kind::Id => (Unit::None, Packing::Random),
            Kind::Text => (Unit::None, Packing::Dictionary),
            Kind::Integer => (Unit::None, Packing::Deltas),
            Kind::Flag => (Unit::None, Packing::Plain),
            Kind::Instant => (Unit::Microseconds, Packing::Deltas),
            Kind::Day => (Unit::Days, Packing::Deltas),
        };
        Self {
            base: name,
            base_meaning: "",
            before: false,
            kind,
            required: false,
            source,
            unit,
            packing,
        }
    }

    /// The same column, with its meaning.
    pub(super) const fn means(mut self, meaning: &'static str) -> Self {
        self.base_meaning = meaning;
        self
    }

    /// The same column, counting `things`.
    pub(super) const fn counts(mut self, things: &'static str) -> Self {
        self.unit = Unit::Count(things);
        self
    }

    /// The same column, packed otherwise than its type suggests.
    pub(super) const fn packed(mut self, packing: Packing) -> Self {
        self.packing = packing;
        self
    }

    /// The same column, with a value in every row.
    pub(super) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The column that holds what this one held before a change.
    pub(super) const fn before(mut self) -> Self {
        self.before = true;
        self.required = false;
        self
    }

    /// The name in Parquet, in `snake_case`.
    pub fn name(&self) -> String {
        let prefix = if self.before { "old_" } else { "" };
        format!("{prefix}{}", self.base)
    }

    /// What it means, in a sentence for an analyst.
    pub fn meaning(&self) -> String {
        let prefix = if self.before {
            "Before the change: "
        } else {
            ""
        };
        format!("{prefix}{}", self.base_meaning)
    }

    /// The API's name for it, if it has one.
    pub fn api_name(&self) -> Option<&'static str> {
        match self.source {
            Source::Listed(name) | Source::Details(name) => Some(name),
            Source::Own => None,
        }
    }

    /// Meaning, origin and unit in one line: what stands in every description of the column.
    pub fn description(&self) -> String {
        let origin = match self.source {
            Source::Listed(name) => format!("API: {name}."),
            Source::Details(name) => format!("API: {name} (details only)."),
            Source::Own => "Not of the API.".to_owned(),
        };
        format!("{} {origin} Unit: {}.", self.meaning(), self.unit.words())
    }
}

impl Unit {
    /// The unit in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Count(things) => things,
            Self::Microseconds => "instant in UTC, to the microsecond",
            Self::Days => "calendar day in UTC",
        }
    }
}

impl Kind {
    /// The type's name in SQL, as `DuckDB` shows the column of a lake with text ids.
    pub const fn sql(self) -> &'static str {
        match self {
            Self::Id | Self::Text => "VARCHAR",
            Self::Integer => "BIGINT",
            Self::Flag => "BOOLEAN",
            Self::Instant => "TIMESTAMP WITH TIME ZONE",
            Self::Day => "DATE",
        }
    }
}
