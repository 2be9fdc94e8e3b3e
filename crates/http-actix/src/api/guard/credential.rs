//! The credential in the head of a request.

use actix_web::http::header::{self, HeaderMap, HeaderName};
use domain::{
    access::{KEY_PREFIX, Presented, Refused},
    agents::Secret,
};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The longest credential that is looked at, in bytes; what is minted here is shorter.
const MAX_CREDENTIAL: usize = 16 * 1024;

/// What is presented, if anything. Two credentials that differ are refused: nobody could tell which one is meant.
pub(super) fn presented(headers: &HeaderMap) -> Result<Option<Presented>, Refused> {
    let key = only(headers, &API_KEY)?.map(|text| sound(text).map(Presented::ApiKey)).transpose()?;
    let bearer = only(headers, &header::AUTHORIZATION)?.map(bearer).transpose()?;
    match (key, bearer) {
        (Some(key), Some(other)) if key != other => Err(Refused::Malformed),
        (key, bearer) => Ok(key.or(bearer)),
    }
}

/// The text of a header that must not come twice.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refused> {
    let mut values = headers.get_all(name);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(one), None) if one.len() > MAX_CREDENTIAL => Err(Refused::Oversized),
        (Some(one), None) => one.to_str().map(Some).map_err(|_| Refused::Malformed),
        (Some(_), Some(_)) => Err(Refused::Malformed),
    }
}

/// `Bearer …` (RFC 6750); the name of the scheme has no case.
fn bearer(text: &str) -> Result<Presented, Refused> {
    let (scheme, credential) = text.split_once(' ').ok_or(Refused::Malformed)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refused::Malformed);
    }
    let secret = sound(credential.trim_start_matches(' '))?;
    Ok(if secret.reveal().starts_with(KEY_PREFIX) { Presented::ApiKey(secret) } else { Presented::Token(secret) })
}

fn sound(text: &str) -> Result<Secret, Refused> {
    let visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if visible { Ok(Secret::new(text)) } else { Err(Refused::Malformed) }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn read(lines: &[(&str, &[u8])]) -> Result<Option<Presented>, Refused> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::try_from(*name).expect("a name");
            headers.append(name, HeaderValue::from_bytes(value).expect("a value"));
        }
        presented(&headers)
    }

    fn key(text: &str) -> Presented {
        Presented::ApiKey(Secret::new(text))
    }

    #[test]
    fn keys_come_in_either_header_and_tokens_in_one() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("x-api-key", b"ork_1")]), Ok(Some(key("ork_1"))));
        assert_eq!(read(&[("authorization", b"Bearer ork_1")]), Ok(Some(key("ork_1"))));
        assert_eq!(read(&[("authorization", b"bEARER  ork_1")]), Ok(Some(key("ork_1"))));
        assert_eq!(read(&[("authorization", b"Bearer ey.x")]), Ok(Some(Presented::Token(Secret::new("ey.x")))));
        assert_eq!(read(&[("authorization", b"Bearer ork_1"), ("x-api-key", b"ork_1")]), Ok(Some(key("ork_1"))));
    }

    #[test]
    fn what_nobody_can_tell_apart_is_refused() {
        let long = [b"Bearer ".as_slice(), &[b'x'; MAX_CREDENTIAL]].concat();
        for (lines, why) in [
            (vec![("authorization", b"Bearer ork_1".as_slice()), ("x-api-key", b"ork_2")], Refused::Malformed),
            (vec![("x-api-key", b"ork_1"), ("x-api-key", b"ork_1")], Refused::Malformed),
            (vec![("authorization", b"Bearer a"), ("authorization", b"Bearer a")], Refused::Malformed),
            (vec![("authorization", b"Basic YTpi")], Refused::Malformed),
            (vec![("authorization", b"Bearer")], Refused::Malformed),
            (vec![("authorization", b"Bearer ")], Refused::Malformed),
            (vec![("authorization", b"Bearer a b")], Refused::Malformed),
            (vec![("authorization", b"Bearer a\tX-API-Key: b")], Refused::Malformed),
            (vec![("authorization", "Bearer gr\u{fc}n".as_bytes())], Refused::Malformed),
            (vec![("x-api-key", b"")], Refused::Malformed),
            (vec![("x-api-key", b"\xff")], Refused::Malformed),
            (vec![("authorization", long.as_slice())], Refused::Oversized),
            (vec![("x-api-key", long.as_slice())], Refused::Oversized),
        ] {
            assert_eq!(read(&lines), Err(why), "{lines:?}");
        }
    }
}
