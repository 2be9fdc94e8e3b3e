//! The database: whether it is reached, what this user may do there, which schema it has, and what time it is there.

use std::time::Duration;

use adapters_postgres::{ConnectError, DatabaseFacts, Refusal, SchemaFacts};
use chrono::TimeDelta;

use super::Finding;
use crate::composition::system::SystemClock;

/// From here on a difference between clocks is told, and from here on it is wrong.
const WORTH_TELLING: TimeDelta = TimeDelta::seconds(1);
const WRONG: TimeDelta = TimeDelta::seconds(5);

pub(super) async fn examine(url: &str, migrates: bool) -> Vec<Finding> {
    match adapters_postgres::examine(url, &SystemClock::default()).await {
        Ok(facts) => findings(&facts, migrates),
        Err(error) => vec![refused(&error)],
    }
}

fn refused(error: &ConnectError) -> Finding {
    let hint = match error.refusal() {
        Refusal::Password => {
            "the password in --database-url (DATABASE_URL) is not that of this user: correct it (special characters are \
             written as %40 and the like), or set it there: psql -c \"ALTER ROLE <user> PASSWORD '<password>'\""
        }
        Refusal::User => {
            "make the user (psql -c \"CREATE ROLE <user> LOGIN PASSWORD '<password>'\"), or let it in from here in the server's \
             pg_hba.conf and reload it (psql -c 'SELECT pg_reload_conf()')"
        }
        Refusal::Database => "make the database (createdb -O <user> <database>), or correct its name in --database-url",
        Refusal::Forbidden => "let the user in: psql -c 'GRANT CONNECT ON DATABASE <database> TO <user>'",
        Refusal::Full => {
            "raise max_connections of the server, or run fewer processes: each takes 16 connections at most; \
             psql -c 'SELECT usename, application_name, count(*) FROM pg_stat_activity GROUP BY 1, 2' tells who has them"
        }
        Refusal::Starting => {
            "the server is starting or stopping: try again in a moment; its log says why it takes so long"
        }
        Refusal::Nobody => {
            "look whether the server runs and whether host and port in --database-url are right: pg_isready -h <host> -p <port>"
        }
        Refusal::Tls => "look at sslmode in --database-url, and whether the server has TLS: psql -c 'SHOW ssl'",
        Refusal::Other => "correct --database-url (DATABASE_URL): postgres://user:password@host:port/database",
    };
    Finding::error("database", error.to_string(), hint)
}

fn findings(facts: &DatabaseFacts, migrates: bool) -> Vec<Finding> {
    let DatabaseFacts { version, user, database, .. } = facts;
    let reached = Finding::good("database", format!("PostgreSQL {version} lets {user} into {database}"));
    // Who may not read the list of migrations is told so with the other tables.
    let schema = facts.schema.as_ref().map(|facts| schema(facts, migrates));
    let others = [reached, room(facts), permissions(facts), clock(facts.ahead, facts.uncertainty)];
    others.into_iter().chain(schema).collect()
}

fn room(facts: &DatabaseFacts) -> Finding {
    let (left, needed) = (facts.connections_left.max(0), DatabaseFacts::connections_of_a_process());
    if facts.has_room() {
        return Finding::good("database.connections", format!("{left} connections are left"));
    }
    Finding::warning(
        "database.connections",
        format!("{left} connections are left, and a process takes up to {needed}"),
        "raise max_connections: psql -c 'ALTER SYSTEM SET max_connections = 300', and start the server anew",
    )
}

fn permissions(facts: &DatabaseFacts) -> Finding {
    let check = "database.permissions";
    let user = &facts.user;
    if facts.read_only {
        let hint = "name the server that is written to in --database-url; a copy that follows another one takes no writes \
                    (psql -c 'SHOW default_transaction_read_only' tells whether it is set so)";
        return Finding::error(check, "nothing can be written to this database", hint);
    }
    if !facts.not_allowed.is_empty() {
        return Finding::error(
            check,
            format!("{user} may not read and write {}", facts.not_allowed.join(", ")),
            format!(
                "as the tables' owner: psql -c 'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}'"
            ),
        );
    }
    if !facts.may_change_schema {
        return Finding::warning(
            check,
            format!("{user} may read and write, and cannot bring the schema up to date"),
            format!(
                "start servers with --no-migrate and migrate as the tables' owner ('orrery migrate up'), or: \
                 psql -c 'GRANT CREATE ON SCHEMA public TO {user}'"
            ),
        );
    }
    Finding::good(check, format!("{user} may read, write and change the schema"))
}

fn schema(schema: &SchemaFacts, migrates: bool) -> Finding {
    let check = "schema";
    let mends = "orrery migrate up";
    if !schema.unknown.is_empty() {
        return Finding::error(
            check,
            format!("it has {}, which this program does not know: a newer one was here", schema.unknown.join(", ")),
            "run the newer program; or take its migrations back with it (orrery migrate down --steps N); or, where its release notes \
             allow it, start this one with --accept-newer-schema",
        );
    }
    match (schema.is_there, &schema.missing[..]) {
        (true, []) => Finding::good(check, "it is the one that this program knows"),
        (true, missing) => Finding::error(
            check,
            format!("it is old: it lacks {}", missing.join(", ")),
            if migrates {
                format!("bring it up to date: {mends} (a server that is started without --no-migrate does that, too)")
            } else {
                format!("bring it up to date: {mends}")
            },
        ),
        (false, _) if migrates => Finding::warning(
            check,
            "there is none yet",
            format!("the first server that is started makes it; or: {mends}"),
        ),
        (false, _) => Finding::error(check, "there is none yet, and --no-migrate makes none", mends),
    }
}

fn clock(ahead: TimeDelta, uncertainty: Duration) -> Finding {
    let check = "clock";
    let uncertain = TimeDelta::from_std(uncertainty).unwrap_or(TimeDelta::MAX);
    let by = (ahead.abs() - uncertain).max(TimeDelta::zero());
    #[expect(clippy::cast_precision_loss, reason = "it is for people, and rounded")]
    let seconds = ahead.num_milliseconds().abs() as f64 / 1000.0;
    let direction = if ahead > TimeDelta::zero() { "behind" } else { "before" };
    let found = format!("this machine's clock is {seconds:.1} s {direction} the database's");
    let hint = "keep both machines' clocks with NTP: 'timedatectl set-ntp true' and 'timedatectl status', on each; Orrery goes by the \
                database's time, but certificates, logs and other programs go by this machine's";
    if by > WRONG {
        Finding::error(check, found, hint)
    } else if by > WORTH_TELLING {
        Finding::warning(check, found, hint)
    } else {
        Finding::good(check, "this machine and the database agree on the time")
    }
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Severity, *};

    #[test]
    fn only_what_is_beyond_the_uncertainty_of_the_answer_counts_as_skew() {
        let at = |ahead_ms, uncertain_ms| {
            clock(TimeDelta::milliseconds(ahead_ms), Duration::from_millis(uncertain_ms)).severity
        };
        assert_eq!(at(900, 1), Severity::Good);
        assert_eq!(at(-4000, 1), Severity::Warning);
        assert_eq!(at(6000, 1), Severity::Error);
        assert_eq!(at(6000, 5500), Severity::Good);
        let found = clock(TimeDelta::minutes(-10), Duration::ZERO).found;
        assert_eq!(found, "this machine's clock is 600.0 s before the database's");
    }

    #[test]
    fn a_schema_is_old_new_missing_or_right() {
        let of = |is_there, missing: &[&'static str], unknown: &[&str], migrates| {
            let unknown = unknown.iter().map(ToString::to_string).collect();
            schema(&SchemaFacts { is_there, missing: missing.to_vec(), unknown }, migrates)
        };
        assert_eq!(of(true, &[], &[], true).severity, Severity::Good);
        let old = of(true, &["m0016_webhooks"], &[], true);
        assert!(old.severity == Severity::Error && old.found.contains("m0016_webhooks"), "{old:?}");
        assert!(of(true, &[], &["m9999"], true).found.contains("m9999"));
        assert_eq!(of(false, &["m0001_initial"], &[], true).severity, Severity::Warning);
        assert_eq!(of(false, &["m0001_initial"], &[], false).severity, Severity::Error);
    }
}
