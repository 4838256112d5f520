//! *List customers*: the query as documented, and a page in either dialect.

use std::io::Write;

use super::World;
use super::options::{Dialect, Items, Options, Oversize};
use super::refusal::Refusal;
use super::row::{Pen, Row};
use super::state::State;

/// Bytes that a row rarely exceeds; a page's buffer is made for it.
const ROW_BYTES: usize = 300;

/// The query of a request, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    page: u64,
    page_size: u32,
    tier_name: Option<String>,
    status: Option<String>,
}

impl Query {
    /// Reads the query. A parameter that the dialect does not know is ignored, unless the server
    /// is strict; of one that comes twice the first counts.
    pub(super) fn parse(text: &str, options: &Options) -> Result<Self, Refusal> {
        let (mut page, mut size, mut tier_name, mut status) = (None, None, None, None);
        for (key, value) in url::form_urlencoded::parse(text.as_bytes()) {
            match key.as_ref() {
                "page" => keep(&mut page, number(&key, &value)?),
                "tierName" => keep(&mut tier_name, value.into_owned()),
                "status" => keep(&mut status, value.into_owned()),
                key if key == options.dialect.size_parameter() => {
                    keep(&mut size, number(key, &value)?);
                }
                key if options.strict => {
                    return Err(Refusal::bad_request(format!("unknown parameter {key:?}")));
                }
                _ => {}
            }
        }
        Ok(Self {
            page: page.unwrap_or(1),
            page_size: page_size(size, options)?,
            tier_name,
            status,
        })
    }

    fn start(&self) -> usize {
        let before = (self.page - 1).saturating_mul(u64::from(self.page_size));
        usize::try_from(before).unwrap_or(usize::MAX)
    }

    fn filters(&self) -> bool {
        self.tier_name.is_some() || self.status.is_some()
    }

    fn admits(&self, row: &Row, state: &State) -> bool {
        use super::customer::Field;
        let is = |wanted: &Option<String>, word| match (wanted, state.words.field(word)) {
            (None, _) => true,
            (Some(wanted), Field::Value(text)) => wanted == text,
            (Some(_), Field::Null | Field::Absent) => false,
        };
        is(&self.tier_name, row.tier) && is(&self.status, row.status)
    }
}

/// A page as JSON. All of it is of one instant; `draw` stands for the request, see
/// [`State::list`]. `rows_of` puts another page's rows under the envelope of the one asked for.
pub(super) fn page(
    world: &World,
    query: &Query,
    options: &Options,
    draw: u64,
    rows_of: Option<u64>,
) -> Vec<u8> {
    let shown = Query {
        page: rows_of.unwrap_or(query.page).max(1),
        ..query.clone()
    };
    let count = query.page_size as usize;
    let mut out = Vec::with_capacity(count * ROW_BYTES);
    out.extend_from_slice(b"{\"customers\":[");
    let state = world.read();
    let (total, on_page) = if query.filters() {
        let matching = state.list(draw).filter(|row| query.admits(row, &state));
        let rows = matching.clone().skip(shown.start()).take(count);
        (
            matching.count(),
            write_rows(&mut out, &state, rows, options),
        )
    } else {
        let rows = state.window(shown.start(), count, draw);
        (state.listed(), write_rows(&mut out, &state, rows, options))
    };
    drop(state);
    out.extend_from_slice(b"],");
    envelope(&mut out, query, options, total as u64, on_page);
    out
}

/// Writes the rows; how many they were.
fn write_rows<'a>(
    out: &mut Vec<u8>,
    state: &State,
    rows: impl Iterator<Item = &'a Row>,
    options: &Options,
) -> u64 {
    let owner = (options.dialect == Dialect::Limit).then_some(options.casing);
    let mut pen = Pen::default();
    let mut written = 0;
    for row in rows {
        if written > 0 {
            out.push(b',');
        }
        pen.summary(row, &state.words, owner, out);
        written += 1;
    }
    written
}

fn envelope(out: &mut Vec<u8>, query: &Query, options: &Options, total: u64, on_page: u64) {
    let Query {
        page, page_size, ..
    } = query;
    let pages = total.div_ceil(u64::from(*page_size));
    let written = match options.dialect {
        Dialect::PageSize => write!(
            out,
            "\"pagination\":{{\"page\":{page},\"pageSize\":{page_size},\"totalCount\":{total},\
             \"totalPages\":{pages},\"hasNext\":{},\"hasPrev\":{}}}}}",
            *page < pages,
            *page > 1,
        ),
        Dialect::Limit => {
            let items = match options.items {
                Items::Total => total,
                Items::OnPage => on_page,
            };
            write!(out, "\"items\":{items},\"pages\":{pages}}}")
        }
    };
    written.expect("a buffer takes all");
}

/// The first of two equal parameters counts.
fn keep<T>(slot: &mut Option<T>, value: T) {
    slot.get_or_insert(value);
}

fn number(key: &str, value: &str) -> Result<u64, Refusal> {
    match value.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(Refusal::bad_request(format!(
            "{key} must be a positive number"
        ))),
    }
}

fn page_size(asked: Option<u64>, options: &Options) -> Result<u32, Refusal> {
    let max = options.page_size_max.max(1);
    let Some(asked) = asked else {
        let default = options.page_size_default;
        let default = default.unwrap_or_else(|| options.dialect.page_size_default());
        return Ok(default.clamp(1, max));
    };
    match u32::try_from(asked) {
        Ok(asked) if asked <= max => Ok(asked),
        _ if options.oversize == Oversize::Clamped => Ok(max),
        _ => {
            let parameter = options.dialect.size_parameter();
            Err(Refusal::bad_request(format!(
                "{parameter} must not exceed {max}"
            )))
        }
    }
}
