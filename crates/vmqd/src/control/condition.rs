//! What a client knows of a resource (RFC 9110, 13.1), so that nobody undoes what another has done meanwhile.

use std::fmt;
use std::hash::{DefaultHasher, Hasher};

use axum::http::HeaderMap;
use axum::http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};

use super::problem::{Kind, Problem};

/// Names a resource as it is: the same as long as what is answered is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag(u64);

/// `If-Match` and `If-None-Match`.
#[derive(Clone, Debug, Default)]
pub(super) struct Condition {
    is_one_of: Option<Tags>,
    is_none_of: Option<Tags>,
}

/// The tags of such a header.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tags {
    /// `*`: whatever is there.
    Any,
    /// With their quotes, and whether each is a weak one.
    These(Vec<(String, bool)>),
}

impl Tag {
    pub(super) fn of(answer: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(answer);
        Self(hasher.finish())
    }
}

/// With its quotes, as headers have it.
impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{:016x}\"", self.0)
    }
}

impl Condition {
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        Ok(Self {
            is_one_of: tags(headers, &IF_MATCH)?,
            is_none_of: tags(headers, &IF_NONE_MATCH)?,
        })
    }

    /// Fails unless the resource is as the client thinks. `current` is its tag, `None` if there is no such resource.
    pub(super) fn check(&self, current: Option<&Tag>) -> Result<(), Problem> {
        let failed = |detail, remedy| Err(Problem::new(Kind::PreconditionFailed, detail, remedy));
        let is_one_of = self.is_one_of.as_ref();
        if is_one_of.is_some_and(|tags| !tags.hold(current, false)) {
            let remedy = "read it again and repeat the change";
            return failed("it is not what If-Match names", remedy);
        }
        if self.is_known(current) {
            let remedy = "leave the header out to change what is there";
            return failed("it is what If-None-Match excludes", remedy);
        }
        Ok(())
    }

    /// Whether `If-None-Match` names the resource as it is: then it need not be sent.
    pub(super) fn is_known(&self, current: Option<&Tag>) -> bool {
        let tags = self.is_none_of.as_ref();
        tags.is_some_and(|tags| tags.hold(current, true))
    }
}

impl Tags {
    /// Whether the resource is among them. A weak tag says that it is much the same, which is enough to know it and not
    /// enough to change it (RFC 9110, 8.8.3.2).
    fn hold(&self, current: Option<&Tag>, may_be_weak: bool) -> bool {
        match (self, current) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::These(tags), Some(tag)) => {
                let tag = tag.to_string();
                let is_this =
                    |(known, is_weak): &(String, bool)| *known == tag && (may_be_weak || !is_weak);
                tags.iter().any(is_this)
            }
        }
    }

    /// `*`, or a list of tags (RFC 9110, 8.8.3). Of an empty one nothing is the resource.
    fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        if rest == "*" {
            return Some(Self::Any);
        }
        let mut tags = Vec::new();
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                break;
            }
            let strong = rest.strip_prefix("W/").unwrap_or(rest);
            let length = strong.strip_prefix('"')?.find('"')? + 2;
            tags.push((strong[..length].to_owned(), strong.len() < rest.len()));
            rest = &strong[length..];
            if !rest.trim_start().is_empty() && !rest.trim_start().starts_with(',') {
                return None;
            }
        }
        Some(Self::These(tags))
    }
}

/// All lines of a header together.
fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, Problem> {
    if !headers.contains_key(name) {
        return Ok(None);
    }
    let lines = headers.get_all(name).iter();
    let lines: Option<Vec<_>> = lines.map(|line| line.to_str().ok()).collect();
    let tags = lines.and_then(|lines| Tags::parse(&lines.join(",")));
    tags.map(Some).ok_or_else(|| {
        let remedy = "write it like \"TAG\", as the ETag header has it, or *";
        Problem::new(Kind::Malformed, format!("{name} cannot be read"), remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn these(tags: &[(&str, bool)]) -> Option<Tags> {
        let tags = tags
            .iter()
            .map(|(tag, is_weak)| (format!("\"{tag}\""), *is_weak));
        Some(Tags::These(tags.collect()))
    }

    #[test]
    fn a_header_names_any_or_some() {
        assert_eq!(Tags::parse(" * "), Some(Tags::Any));
        assert_eq!(Tags::parse(r#""a""#), these(&[("a", false)]));
        let several = these(&[("a", false), ("b,c", false), ("d", true), ("", false)]);
        assert_eq!(Tags::parse(r#""a", "b,c" ,W/"d","""#), several);
        for text in [
            "a",
            r#""a"#,
            r#""a" "b""#,
            r#"w/"a""#,
            r#"*, "a""#,
            r#""a"b"#,
        ] {
            assert_eq!(Tags::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_tag_is_its_answers() {
        let (tag, other) = (Tag::of(b"{}"), Tag::of(b"[]"));
        assert_ne!(tag, other);
        assert_eq!(tag, Tag::of(b"{}"));
        let holds = |text: String, may_be_weak| {
            let tags = Tags::parse(&text).unwrap();
            tags.hold(Some(&tag), may_be_weak)
        };
        assert!(holds(tag.to_string(), false) && holds(format!("{other}, {tag}"), false));
        assert!(!holds(other.to_string(), true));
        assert!(!holds(format!("W/{tag}"), false) && holds(format!("W/{tag}"), true));
        assert!(!Tags::Any.hold(None, true) && Tags::Any.hold(Some(&tag), false));
    }
}
