//! Who the tests are: the first administrator of every server that they start.

use reqwest::{
    ClientBuilder,
    header::{HeaderMap, HeaderName, HeaderValue},
};

/// The key of the first administrator. It proves something only to servers that were started with it.
pub const ADMIN_KEY: &str = "ork_00000000000000000000000000000001_testtesttesttesttesttesttesttesttesttestkey";

/// A client that presents the key.
pub fn as_admin() -> ClientBuilder {
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("x-api-key"), HeaderValue::from_static(ADMIN_KEY));
    reqwest::Client::builder().no_proxy().default_headers(headers)
}
