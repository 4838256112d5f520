//! The envelope around a page, in either dialect: what the server says of the whole list.
//!
//! Its counts steer the walk and carry its proof, so nothing here is lenient: a count that is
//! negative, too large or at odds with another means that this is not the API.

use crate::config::Dialect;
use crate::customer::Field;

use super::super::answer::Total;
use super::members::{Members, truth};

/// What stands around the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) struct Envelope {
    /// The dialect it is written in; never [`Dialect::Auto`].
    pub(in crate::api) dialect: Dialect,
    /// The page that this claims to be, where the dialect says it.
    pub(in crate::api) page: Option<u32>,
    /// The page size in force, where the dialect says it.
    pub(in crate::api) page_size: Option<u32>,
    pub(in crate::api) total: Total,
    pub(in crate::api) pages: u32,
    pub(in crate::api) has_next: Option<bool>,
}

impl Envelope {
    /// Finds the envelope among the members of a page. The error is for a person.
    pub(super) fn of(page: &Members<'_>) -> Result<Self, String> {
        match page.get("pagination") {
            Some(raw) if raw != "null" => {
                let pagination =
                    Members::of(raw).map_err(|why| format!("its `pagination` {why}"))?;
                Self::paginated(&pagination)
            }
            _ => Self::limited(page),
        }
    }

    /// The envelope of the `page-size` dialect.
    fn paginated(pagination: &Members<'_>) -> Result<Self, String> {
        let total = required(pagination, "totalCount")?;
        let pages = small(pagination, "totalPages")?.ok_or("its `totalPages` is missing")?;
        let page_size = small(pagination, "pageSize")?;
        Ok(Self {
            dialect: Dialect::PageSize,
            page: small(pagination, "page")?,
            page_size,
            total: weighed(total, pages, page_size)?,
            pages,
            has_next: has_next(pagination)?,
        })
    }

    /// The envelope of the `limit` dialect.
    fn limited(page: &Members<'_>) -> Result<Self, String> {
        if page.get("items").is_none() && page.get("pages").is_none() {
            return Err("the page has neither `pagination` nor `items` and `pages`".to_owned());
        }
        Ok(Self {
            dialect: Dialect::Limit,
            page: None,
            page_size: None,
            total: Total::Items(required(page, "items")?),
            pages: small(page, "pages")?.ok_or("its `pages` is missing")?,
            has_next: None,
        })
    }
}

fn has_next(pagination: &Members<'_>) -> Result<Option<bool>, String> {
    let raw = pagination.get("hasNext").unwrap_or("null");
    match truth(raw) {
        Ok(Field::Value(value)) => Ok(Some(value)),
        Ok(_) => Ok(None),
        Err(why) => Err(format!("its `hasNext` {why}")),
    }
}

/// Holds the total against the pages. Where the pages can't hold it, nothing here can be
/// believed. Where there are more pages than it fills, it may be capped or an estimate: the walk can
/// go on, but such a total proves nothing.
fn weighed(total: u64, pages: u32, page_size: Option<u32>) -> Result<Total, String> {
    let needed = match page_size {
        Some(0) => return Err("its `pageSize` is 0".to_owned()),
        Some(size) => total.div_ceil(u64::from(size)),
        None => total.min(1),
    };
    let said = u64::from(pages);
    if said < needed || (total == 0 && said > 1) {
        return Err(format!(
            "its counts contradict each other: totalCount {total}, totalPages {pages}"
        ));
    }
    // Of an empty list some servers say 0 pages, some 1.
    if page_size.is_some() && said > needed.max(1) {
        return Ok(Total::Items(total));
    }
    Ok(Total::Exact(total))
}

fn required(members: &Members<'_>, key: &str) -> Result<u64, String> {
    count(members, key)?.ok_or_else(|| format!("its `{key}` is missing"))
}

fn small(members: &Members<'_>, key: &str) -> Result<Option<u32>, String> {
    count(members, key)?
        .map(|count| u32::try_from(count).map_err(|_| format!("its `{key}` is too large")))
        .transpose()
}

fn count(members: &Members<'_>, key: &str) -> Result<Option<u64>, String> {
    match members.get(key) {
        None | Some("null") => Ok(None),
        Some(raw) => raw
            .parse()
            .map(Some)
            .map_err(|_| format!("its `{key}` is not a count")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(page: &str) -> Result<Envelope, String> {
        Envelope::of(&Members::of(page).expect("an object"))
    }

    fn pagination(inside: &str) -> Result<Envelope, String> {
        read(&format!(r#"{{"pagination":{{{inside}}}}}"#))
    }

    #[test]
    fn the_documented_envelope_is_read() {
        let envelope = pagination(
            r#""page":1,"pageSize":20,"totalCount":342,"totalPages":18,"hasNext":true,"hasPrev":false"#,
        );
        let expected = Envelope {
            dialect: Dialect::PageSize,
            page: Some(1),
            page_size: Some(20),
            total: Total::Exact(342),
            pages: 18,
            has_next: Some(true),
        };
        assert_eq!(envelope, Ok(expected));
    }

    #[test]
    fn the_limit_dialect_is_read() {
        let expected = Envelope {
            dialect: Dialect::Limit,
            page: None,
            page_size: None,
            total: Total::Items(1),
            pages: 1,
            has_next: None,
        };
        assert_eq!(read(r#"{"items":1,"pages":1}"#), Ok(expected));
        assert_eq!(
            read(r#"{"pagination":null,"items":1,"pages":1}"#),
            Ok(expected)
        );
    }

    #[test]
    fn an_empty_list_has_no_page_or_one() {
        for pages in [0, 1] {
            let envelope = pagination(&format!(r#""totalCount":0,"totalPages":{pages}"#));
            assert_eq!(envelope.map(|it| it.total), Ok(Total::Exact(0)));
        }
    }

    #[test]
    fn a_total_that_leaves_pages_empty_proves_nothing() {
        for (pages, total) in [(18, Total::Exact(342)), (19, Total::Items(342))] {
            let envelope = pagination(&format!(
                r#""totalCount":342,"totalPages":{pages},"pageSize":20"#
            ));
            assert_eq!(envelope.map(|it| it.total), Ok(total));
        }
    }

    #[test]
    fn counts_that_cannot_be_are_refused() {
        for inside in [
            r#""totalCount":-1,"totalPages":1"#,
            r#""totalCount":18446744073709551616,"totalPages":1"#,
            r#""totalCount":1,"totalPages":4294967296"#,
            r#""totalCount":1.5,"totalPages":1"#,
            r#""totalCount":"1","totalPages":1"#,
            r#""totalCount":1"#,
            r#""totalPages":1"#,
            r#""totalCount":342,"totalPages":17,"pageSize":20"#,
            r#""totalCount":342,"totalPages":0"#,
            r#""totalCount":0,"totalPages":2"#,
            r#""totalCount":1,"totalPages":1,"pageSize":0"#,
            r#""totalCount":1,"totalPages":1,"page":-1"#,
            r#""totalCount":1,"totalPages":1,"hasNext":"no""#,
            r#""totalCount":1,"totalCount":1,"totalPages":1"#,
        ] {
            assert!(pagination(inside).is_err(), "taken: {inside}");
        }
    }

    #[test]
    fn without_an_envelope_it_is_no_page() {
        for page in [
            "{}",
            r#"{"items":1}"#,
            r#"{"pages":1}"#,
            r#"{"pagination":[]}"#,
        ] {
            assert!(read(page).is_err(), "taken: {page}");
        }
    }
}
