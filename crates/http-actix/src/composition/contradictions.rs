//! What `serve` would refuse at its start because of its settings alone: nothing is opened, made or asked.

use super::{door, kafka, keyring, logging, parts, stores};
use crate::cli::Serve;

/// Everything that is wrong; empty where the settings are good.
pub(crate) fn contradictions(serve: &Serve) -> Vec<String> {
    let mut wrong = of_settings(serve);
    wrong.extend(stores::check_url(serve.database_url.as_deref()).err().map(|error| format!("{error:#}")));
    let keys = keyring::check(&serve.secret_keys, serve.database_url.is_some());
    wrong.extend(keys.err().map(|error| format!("{error:#}")));
    wrong
}

/// The same without the database's URL and the server's keys: who looks at these tells what is wrong with them.
pub(super) fn of_settings(serve: &Serve) -> Vec<String> {
    let mut wrong = parts::contradictions(serve);
    let checks = [
        serve.door.check(serve.listen),
        kafka::config(&serve.kafka).map(drop),
        serve.limits.limits().map(drop).map_err(Into::into),
        door::check_issuers(&serve.door),
        logging::check(&serve.log),
    ];
    wrong.extend(checks.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")));
    wrong
}
