//! Secrets taken out of what a server says.
//!
//! Pure. A text is searched for a secret as it is; JSON also for one that is written with escapes
//! (RFC 8259, section 7), `s3cret` as `\u00733cret` say, which is the same string to whoever reads it.

use std::ops::Range;

use memchr::{memchr, memchr2, memmem};

/// What stands where a secret stood.
const MASK: &str = "[secret]";

/// The text without these secrets.
pub(super) fn text<'s>(text: &str, secrets: impl IntoIterator<Item = &'s str>) -> String {
    let mask = |text: String, secret: &str| text.replace(secret, MASK);
    secrets.into_iter().fold(text.to_owned(), mask)
}

/// The JSON without these secrets; `None` where it holds none of them.
pub(super) fn json<'s>(json: &str, secrets: impl IntoIterator<Item = &'s str>) -> Option<String> {
    let mut masked = None;
    for secret in secrets {
        let json = masked.as_deref().unwrap_or(json);
        let found = spelled(json, secret);
        if !found.is_empty() {
            masked = Some(without(json, &found));
        }
    }
    masked
}

fn without(json: &str, found: &[Range<usize>]) -> String {
    let mut rest = String::with_capacity(json.len());
    let mut end = 0;
    for place in found {
        rest.push_str(&json[end..place.start]);
        rest.push_str(MASK);
        end = place.end;
    }
    rest.push_str(&json[end..]);
    rest
}

/// Where the secret stands, in its order, however each of its characters is spelled.
fn spelled(json: &str, secret: &str) -> Vec<Range<usize>> {
    if memchr(b'\\', json.as_bytes()).is_none() {
        let found = memmem::find_iter(json.as_bytes(), secret);
        return found.map(|at| at..at + secret.len()).collect();
    }
    let Some(&first) = secret.as_bytes().first() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut at = 0;
    // At every escape at least, so that none is entered in its middle.
    while let Some(skipped) = memchr2(b'\\', first, &json.as_bytes()[at..]) {
        at += skipped;
        let rest = &json[at..];
        let width = character(rest).map_or(1, |(_, width)| width);
        let len = begins(rest, secret).or_else(|| holds(rest, width, secret));
        found.extend(len.map(|len| at..at + len));
        at += len.unwrap_or(width);
    }
    found
}

/// How many bytes of this JSON's beginning spell the secret.
fn begins(json: &str, secret: &str) -> Option<usize> {
    let mut at = 0;
    for wanted in secret.chars() {
        let (found, len) = character(&json[at..])?;
        if found != Some(wanted) {
            return None;
        }
        at += len;
    }
    Some(at)
}

/// How many bytes go to the end of the secret's own, where these begin within a character of this
/// width: that is no secret to who reads the JSON, but one to who looks at its bytes.
fn holds(json: &str, width: usize, secret: &str) -> Option<usize> {
    let own = |skipped: &usize| {
        json.get(*skipped..)
            .is_some_and(|it| it.starts_with(secret))
    };
    (0..width).find(own).map(|skipped| skipped + secret.len())
}

/// The first character that is spelled here, if it is one, and in how many bytes.
fn character(json: &str) -> Option<(Option<char>, usize)> {
    let first = json.chars().next()?;
    if first != '\\' {
        return Some((Some(first), first.len_utf8()));
    }
    let bytes = json.as_bytes();
    Some(match bytes.get(1) {
        Some(b'u') => match (unit(bytes), bytes.get(6..).and_then(unit)) {
            (Some(high @ 0xd800..0xdc00), Some(low @ 0xdc00..0xe000)) => {
                let pair = char::decode_utf16([high, low]).next();
                (pair.and_then(Result::ok), 12)
            }
            (Some(alone), _) => (char::from_u32(alone.into()), 6),
            (None, _) => (None, 1),
        },
        Some(escaped @ (b'"' | b'\\' | b'/')) => (Some(char::from(*escaped)), 2),
        Some(b'b' | b'f' | b'n' | b'r' | b't') => (None, 2),
        _ => (None, 1),
    })
}

/// The UTF-16 code unit that `\u` and four hexadecimal digits at the beginning of these bytes are.
fn unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.get(..6)?.strip_prefix(br"\u")?;
    let value = |digit: &u8| char::from(*digit).to_digit(16);
    digits.iter().try_fold(0, |unit, digit| {
        Some(unit * 16 + u16::try_from(value(digit)?).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masked(body: &str, secret: &str) -> String {
        json(body, [secret]).unwrap_or_else(|| body.to_owned())
    }

    #[test]
    fn a_secret_is_found_however_it_is_spelled() {
        for (body, secret, without) in [
            (r#"{"a":"s3cret"}"#, "s3cret", r#"{"a":"[secret]"}"#),
            (r#"{"a":"s3cret\n"}"#, "s3cret", r#"{"a":"[secret]\n"}"#),
            (r#""\u00733cret""#, "s3cret", r#""[secret]""#),
            (r#""\u0073\u0033c\u0072et!""#, "s3cret", r#""[secret]!""#),
            (r#""a\/b\u002Fc""#, "a/b/c", r#""[secret]""#),
            (r#""a\"b\\c""#, r#"a"b\c"#, r#""[secret]""#),
            (r#""\ud83d\uDE00x""#, "\u{1f600}x", r#""[secret]""#),
            (r#""s3cres3cret\t""#, "s3cret", r#""s3cre[secret]\t""#),
            // Its bytes, though they are read as others.
            (r#""a\net\n""#, "net", r#""a[secret]\n""#),
            (r#""a\u0073cret""#, "073cret", r#""a[secret]""#),
            (r#""net\s3cret""#, r"net\s3cret", r#""[secret]""#),
        ] {
            assert_eq!(masked(body, secret), without, "{secret} in {body}");
        }
    }

    #[test]
    fn what_only_looks_like_one_is_left_alone() {
        for (body, secret) in [
            // A backslash, and then letters.
            (r#""\\u00733cret""#, "s3cret"),
            // A line break in its middle.
            (r#""\u0073\n3cret""#, "s3cret"),
            // No escapes at all: nobody reads them as anything.
            (r#""\u00z3cret\"#, "s3cret"),
            (r#""\ud83dx""#, "\u{1f600}x"),
            (r#""\u00"#, "s3cret"),
        ] {
            assert_eq!(json(body, [secret]), None, "{secret} in {body}");
        }
    }

    proptest! {
        /// Whatever reads the JSON afterwards reads no secret, and all else as it was.
        #[test]
        fn who_reads_the_json_afterwards_reads_no_secret(
            around in ("[^s]{0,9}", "[^s]{0,9}"),
            secret in "s[0-9a-z/\"\\\\\u{1f600}é]{11,20}",
            escaped in proptest::collection::vec(any::<bool>(), 21),
        ) {
            let text = format!("{}{secret}{}", around.0, around.1);
            let mut body = serde_json::to_string(&around.0).unwrap();
            body.pop();
            for (wanted, escape) in secret.chars().zip(escaped) {
                let quoted = serde_json::to_string(&wanted).unwrap();
                let plain = &quoted[1..quoted.len() - 1];
                let units = |unit: &u16| format!("\\u{unit:04x}");
                let units: String = wanted.encode_utf16(&mut [0; 2]).iter().map(units).collect();
                body.push_str(if escape { &units } else { plain });
            }
            body.push_str(&serde_json::to_string(&around.1).unwrap()[1..]);
            prop_assert_eq!(&serde_json::from_str::<String>(&body).unwrap(), &text);
            let read: String = serde_json::from_str(&masked(&body, &secret)).unwrap();
            prop_assert_eq!(read, text.replace(&secret, MASK));
        }
    }
}
