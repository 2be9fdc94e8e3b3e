//! Before anything of a request is looked at: whether its client may ask now, and whether its head is of a size that anybody
//! needs. Who the client is, is not known yet; for what is known later there is [`Principals`].

use std::{net::IpAddr, sync::Arc, time::Duration};

use actix_web::{
    Error, HttpMessage, HttpRequest,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
};

use super::{
    Limits, RateLimit,
    buckets::{Buckets, Standing, TooMany, whole_seconds},
};
use crate::{
    api::client_address,
    problem::{Code, Problem},
};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What watches over a server asks often, and MUST get an answer also from a server under attack.
const EXEMPT: [&str; 3] = ["/health", "/health/ready", "/metrics"];

/// Whether a path is answered however often it is asked.
pub(crate) fn is_exempt(path: &str) -> bool {
    EXEMPT.contains(&path)
}

/// Where passwords are tried.
const LOG_IN: &str = "/api/v1/auth/login";

/// Where a request's client stands with its limits, for the answer's headers.
#[derive(Debug, Default)]
pub(crate) struct Standings(Vec<Standing>);

impl Standings {
    fn note(request: &HttpRequest, standing: Standing) {
        let mut extensions = request.extensions_mut();
        match extensions.get_mut::<Self>() {
            Some(standings) => standings.0.push(standing),
            None => drop(extensions.insert(Self(vec![standing]))),
        }
    }

    /// Adds the header fields of draft-ietf-httpapi-ratelimit-headers-10: what may be asked (`q` requests at once, and the
    /// bucket fills in `w` seconds), and where the client stands (`r` are left, and it is full again in `t` seconds).
    pub(crate) fn tell(request: &HttpRequest, headers: &mut HeaderMap) {
        let extensions = request.extensions();
        let Some(Self(standings)) = extensions.get() else { return };
        let mut policy = Vec::with_capacity(standings.len());
        let mut state = Vec::with_capacity(standings.len());
        for Standing { policy: name, quota, window, remaining, full_in } in standings {
            policy.push(format!("\"{name}\";q={quota};w={}", whole_seconds(*window).max(1)));
            state.push(format!("\"{name}\";r={remaining};t={}", whole_seconds(*full_in)));
        }
        for (name, values) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)] {
            if let Ok(value) = HeaderValue::try_from(values.join(", ")) {
                headers.insert(name, value);
            }
        }
    }
}

/// A client as far as its address tells: of IPv6 the network of 64 bits, for a single customer has all of one.
fn client(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => match six.to_ipv4_mapped() {
            Some(four) => four.into(),
            None => IpAddr::V6((six.to_bits() & !u128::from(u64::MAX)).into()),
        },
    }
}

/// Stands before the door.
#[derive(Clone)]
pub(crate) struct Gate {
    limits: Arc<Limits>,
    addresses: Option<Arc<Buckets<IpAddr>>>,
    log_ins: Option<Arc<Buckets<IpAddr>>>,
}

impl Gate {
    pub(super) fn new(limits: Arc<Limits>) -> Self {
        let buckets = |policy, RateLimit(rate): RateLimit| rate.map(|rate| Arc::new(Buckets::new(policy, rate)));
        let (addresses, log_ins) = (buckets("address", limits.per_address), buckets("log-in", limits.log_ins));
        Self { limits, addresses, log_ins }
    }

    /// Passes a request through, or refuses it.
    pub(crate) async fn pass<B: MessageBody + 'static>(
        self,
        request: ServiceRequest,
        next: Next<B>,
    ) -> Result<ServiceResponse<EitherBody<B>>, Error> {
        match self.admit(request.request()) {
            Ok(()) => Ok(next.call(request).await?.map_into_left_body()),
            // Not as an error: what stands around this gate adds to answers only.
            Err(problem) => Ok(request.error_response(problem).map_into_right_body()),
        }
    }

    fn admit(&self, request: &HttpRequest) -> Result<(), Problem> {
        if !is_exempt(request.path())
            && let Some(address) = client_address(request).map(client)
        {
            if let Some(addresses) = &self.addresses {
                settle(request, addresses.take(&address))?;
            }
            if let Some(log_ins) = &self.log_ins
                && request.path() == LOG_IN
                && request.method() == Method::POST
            {
                settle(request, log_ins.take(&address))?;
            }
        }
        self.head(request)
    }

    fn head(&self, request: &HttpRequest) -> Result<(), Problem> {
        let Limits { uri_bytes, header_fields, header_bytes, .. } = *self.limits;
        if request.uri().path().len() + request.query_string().len() > uri_bytes {
            return Err(Problem::new(
                Code::UriTooLong,
                format!("The path and its query have more than {uri_bytes} bytes"),
            ));
        }
        let (fields, bytes) = request
            .headers()
            .iter()
            .fold((0, 0), |(fields, bytes), (name, value)| (fields + 1, bytes + name.as_str().len() + value.len()));
        if fields > header_fields {
            let detail = format!("The request has {fields} header fields, and at most {header_fields} are taken");
            return Err(Problem::new(Code::HeadersTooLarge, detail));
        }
        if bytes > header_bytes {
            let detail = format!("The header fields have {bytes} bytes, and at most {header_bytes} are taken");
            return Err(Problem::new(Code::HeadersTooLarge, detail));
        }
        Ok(())
    }
}

fn settle(request: &HttpRequest, taken: Result<Standing, TooMany>) -> Result<(), Problem> {
    match taken {
        Ok(standing) => {
            Standings::note(request, standing);
            Ok(())
        }
        Err(TooMany { standing, wait }) => {
            Standings::note(request, standing);
            Err(too_many(standing.policy, wait))
        }
    }
}

fn too_many(policy: &'static str, wait: Duration) -> Problem {
    crate::metrics::limited(policy);
    let seconds = whole_seconds(wait).max(1);
    let whose = match policy {
        "address" => "from this address",
        "log-in" => "to log in from this address",
        _ => "with this credential",
    };
    let detail = format!("Too many requests {whose}; the next one is taken in {seconds} s");
    Problem::new(Code::RateLimited, detail).retry_after(Duration::from_secs(seconds))
}

/// How often each principal asks. Whoever authenticates requests MUST ask it for each that is known.
pub struct Principals(Option<Buckets<String>>);

impl Principals {
    pub(super) fn new(RateLimit(rate): RateLimit) -> Self {
        Self(rate.map(|rate| Buckets::new("principal", rate)))
    }

    /// Takes one from the bucket of a principal, by its unique name.
    pub fn check(&self, request: &HttpRequest, principal: &str) -> Result<(), Problem> {
        match &self.0 {
            Some(buckets) if !is_exempt(request.path()) => settle(request, buckets.take(&principal.to_owned())),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn one_network_of_ipv6_is_one_client() {
        let of = |text: &str| client(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
    }

    #[test]
    fn a_principal_is_told_where_it_stands_and_refused_when_its_bucket_is_empty() {
        let principals = Principals::new("1/h,2".parse().expect("a rate"));
        let told = |name: &str| {
            let request = TestRequest::get().uri("/api/v1/runs").to_http_request();
            let checked = principals.check(&request, name).map_err(|problem| problem.code());
            let mut headers = HeaderMap::new();
            Standings::tell(&request, &mut headers);
            let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
            (checked, header(RATE_LIMIT), header(RATE_LIMIT_POLICY))
        };
        let policy = "\"principal\";q=2;w=7200".to_owned();
        assert_eq!(told("key:a"), (Ok(()), "\"principal\";r=1;t=3600".to_owned(), policy.clone()));
        assert_eq!(told("key:a"), (Ok(()), "\"principal\";r=0;t=7200".to_owned(), policy.clone()));
        assert_eq!(told("key:a"), (Err(Code::RateLimited), "\"principal\";r=0;t=7200".to_owned(), policy));
        assert_eq!(told("key:b").0, Ok(()));
        let probe = TestRequest::get().uri("/health").to_http_request();
        assert!((0..10).all(|_| principals.check(&probe, "key:a").is_ok()), "probes are exempt");
        let unlimited = Principals::new(RateLimit::off());
        assert!((0..10).all(|_| unlimited.check(&probe, "key:a").is_ok()));
    }
}
