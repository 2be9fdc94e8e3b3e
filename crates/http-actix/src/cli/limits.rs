//! What one client may take from the others, and where agents may be.

use std::time::Duration;

use clap::{Args, builder::RangedU64ValueParser, value_parser};
use domain::agents::Networks;
use http_actix::{
    MAX_STREAMS, Streams,
    limits::{Cors, InvalidCors, Limits, MAX_JSON_DEPTH, Origin, RateLimit},
    serving::Connections,
};

/// The limits of requests, connections and outbound calls. Rates count in this process alone.
#[derive(Args, Clone, Debug)]
pub(crate) struct LimitSettings {
    /// How often one principal may ask: `off`, or like `100/s,200` (a hundred a second, two hundred at once; also /m and /h).
    #[arg(long, env = "ORRERY_RATE_LIMIT_PER_PRINCIPAL", default_value_t = Limits::default().per_principal)]
    rate_limit_per_principal: RateLimit,
    /// How often one address may ask, whoever it is; of IPv6, one network of 64 bits.
    #[arg(long, env = "ORRERY_RATE_LIMIT_PER_ADDRESS", default_value_t = Limits::default().per_address)]
    rate_limit_per_address: RateLimit,
    /// How often one address may try to log in.
    #[arg(long, env = "ORRERY_RATE_LIMIT_LOG_INS", default_value_t = Limits::default().log_ins)]
    rate_limit_log_ins: RateLimit,
    /// The largest body of a request, in bytes, after it was decompressed.
    #[arg(long, env = "ORRERY_MAX_BODY_BYTES", default_value_t = Limits::default().body_bytes, value_parser = number(1024, 64 << 20))]
    max_body_bytes: usize,
    /// The longest path of a request with its query, in bytes.
    #[arg(long, env = "ORRERY_MAX_URI_BYTES", default_value_t = Limits::default().uri_bytes, value_parser = number(256, 65_536))]
    max_uri_bytes: usize,
    /// The most header fields of a request. Beyond 96, and beyond 128 KiB of them, no request is read at all.
    #[arg(long, env = "ORRERY_MAX_HEADER_FIELDS", default_value_t = Limits::default().header_fields, value_parser = number(8, 96))]
    max_header_fields: usize,
    /// The most bytes of the header fields of a request together.
    #[arg(long, env = "ORRERY_MAX_HEADER_BYTES", default_value_t = Limits::default().header_bytes, value_parser = number(1024, 131_072))]
    max_header_bytes: usize,
    /// How deep arrays and objects may lie in each other in a body.
    #[arg(long, env = "ORRERY_MAX_JSON_DEPTH", default_value_t = Limits::default().json_depth, value_parser = number(8, MAX_JSON_DEPTH as u64))]
    max_json_depth: usize,
    /// The most parameters of a query.
    #[arg(long, env = "ORRERY_MAX_QUERY_PARAMETERS", default_value_t = Limits::default().query_parameters, value_parser = number(8, 1000))]
    max_query_parameters: usize,
    /// How many seconds the head of a request may take to arrive.
    #[arg(long, env = "ORRERY_HEAD_TIMEOUT_SECONDS", default_value_t = Connections::default().head_time.as_secs(), value_parser = value_parser!(u64).range(1..=300))]
    head_timeout_seconds: u64,
    /// How many seconds the body of a request may take to arrive.
    #[arg(long, env = "ORRERY_BODY_TIMEOUT_SECONDS", default_value_t = Limits::default().body_time.as_secs(), value_parser = value_parser!(u64).range(1..=3600))]
    body_timeout_seconds: u64,
    /// How many seconds a connection is kept on which nothing is asked.
    #[arg(long, env = "ORRERY_KEEP_ALIVE_SECONDS", default_value_t = Connections::default().keep_alive.as_secs(), value_parser = value_parser!(u64).range(1..=3600))]
    keep_alive_seconds: u64,
    /// The most connections of each worker of the HTTP server; there is a worker for each core, at most eight.
    #[arg(long, env = "ORRERY_MAX_CONNECTIONS_PER_WORKER", default_value_t = Connections::default().per_worker, value_parser = number(1, 1_000_000))]
    max_connections_per_worker: usize,
    /// The most streams of events that are open at once; more are refused.
    #[arg(long, env = "ORRERY_MAX_STREAMS", default_value_t = MAX_STREAMS, value_parser = number(0, 100_000))]
    max_streams: usize,
    /// An origin whose pages may ask, like `https://ui.example.com`, or `*` for any. May be given several times.
    #[arg(long = "cors-origin", env = "ORRERY_CORS_ORIGINS", value_delimiter = ',')]
    cors_origins: Vec<Origin>,
    /// Whether those pages may send credentials of the browser's: what a proxy before this server may ask for.
    #[arg(long, env = "ORRERY_CORS_CREDENTIALS")]
    cors_credentials: bool,
    /// For how many seconds browsers are told to come over TLS only (HSTS); 0 tells them nothing.
    #[arg(long, env = "ORRERY_HSTS_SECONDS", default_value_t = 0)]
    hsts_seconds: u64,
    /// The networks whose agents may be called: `any-private` (public and private ones), `public-only`, or a list of `public`,
    /// `private` and networks like 10.1.0.0/16. Link-local addresses and the metadata services of clouds are never called.
    #[arg(long, env = "ORRERY_AGENT_NETWORKS", default_value = "any-private")]
    pub(crate) agent_networks: Networks,
}

fn number(least: u64, most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least..=most)
}

impl Default for LimitSettings {
    /// Whatever the environment says.
    fn default() -> Self {
        let (limits, connections) = (Limits::default(), Connections::default());
        Self {
            rate_limit_per_principal: limits.per_principal,
            rate_limit_per_address: limits.per_address,
            rate_limit_log_ins: limits.log_ins,
            max_body_bytes: limits.body_bytes,
            max_uri_bytes: limits.uri_bytes,
            max_header_fields: limits.header_fields,
            max_header_bytes: limits.header_bytes,
            max_json_depth: limits.json_depth,
            max_query_parameters: limits.query_parameters,
            head_timeout_seconds: connections.head_time.as_secs(),
            body_timeout_seconds: limits.body_time.as_secs(),
            keep_alive_seconds: connections.keep_alive.as_secs(),
            max_connections_per_worker: connections.per_worker,
            max_streams: MAX_STREAMS,
            cors_origins: Vec::new(),
            cors_credentials: false,
            hsts_seconds: 0,
            agent_networks: Networks::default(),
        }
    }
}

impl LimitSettings {
    /// The limits of requests.
    pub(crate) fn limits(&self) -> Result<Limits, InvalidCors> {
        Ok(Limits {
            per_principal: self.rate_limit_per_principal,
            per_address: self.rate_limit_per_address,
            log_ins: self.rate_limit_log_ins,
            body_bytes: self.max_body_bytes,
            body_time: Duration::from_secs(self.body_timeout_seconds),
            uri_bytes: self.max_uri_bytes,
            header_fields: self.max_header_fields,
            header_bytes: self.max_header_bytes,
            json_depth: self.max_json_depth,
            query_parameters: self.max_query_parameters,
            cors: Cors::new(self.cors_origins.clone(), self.cors_credentials)?,
            hsts: (self.hsts_seconds > 0).then(|| Duration::from_secs(self.hsts_seconds)),
        })
    }

    /// The streams of a process.
    pub(crate) fn streams(&self) -> Streams {
        Streams::new(self.max_streams)
    }

    /// The limits of connections.
    pub(crate) fn connections(&self) -> Connections {
        Connections {
            head_time: Duration::from_secs(self.head_timeout_seconds),
            keep_alive: Duration::from_secs(self.keep_alive_seconds),
            per_worker: self.max_connections_per_worker,
            ..Connections::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        limits: LimitSettings,
    }

    fn read(line: &str) -> Result<LimitSettings, String> {
        let line = Line::try_parse_from(std::iter::once("orrery").chain(line.split_whitespace()));
        line.map(|line| line.limits).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_not_set_is_as_documented() {
        assert_eq!(format!("{:?}", read("").expect("nothing")), format!("{:?}", LimitSettings::default()));
    }

    #[test]
    fn settings_become_limits() {
        let line = "--rate-limit-per-address off --rate-limit-per-principal 5/m,7 --max-body-bytes 2048 --hsts-seconds 60 \
                    --cors-origin https://a.example --cors-origin https://b.example --agent-networks 10.0.0.0/8";
        let settings = read(&line.replace('\\', " ")).expect("settings");
        let limits = settings.limits().expect("limits");
        assert_eq!((limits.per_address, limits.per_principal.to_string().as_str()), (RateLimit::off(), "5/m,7"));
        assert_eq!((limits.body_bytes, limits.hsts), (2048, Some(Duration::from_mins(1))));
        assert_eq!(settings.agent_networks.to_string(), "10.0.0.0/8");
    }

    #[test]
    fn settings_that_cannot_be_meant_are_refused_and_named() {
        for (line, named) in [
            ("--rate-limit-per-address fast", "30/m"),
            ("--cors-origin https://a.example/", "is no origin"),
            ("--agent-networks 169.254.0.0/16", "never called"),
            ("--max-json-depth 1000", "120"),
        ] {
            let told = read(line).expect_err(line);
            assert!(told.contains(named), "{line}: {told}");
        }
        let any = read("--cors-origin * --cors-credentials").expect("settings");
        assert_eq!(any.limits().map(|_| ()), Err(InvalidCors::AnyWithCredentials));
    }
}
