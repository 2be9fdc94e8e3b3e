//! The database: whether it is reached, what this user may do there, which schema it has, and what time it is there.

use std::time::Duration;

use adapters_postgres::{ConnectError, DatabaseFacts, Refusal, SchemaFacts};
use chrono::TimeDelta;

use super::{Finding, keys};
use crate::{cli::Serve, composition::system::SystemClock};

/// From here on a difference between clocks is told, and from here on it is wrong.
const WORTH_TELLING: TimeDelta = TimeDelta::seconds(1);
const WRONG: TimeDelta = TimeDelta::seconds(5);

/// What a server would do with the schema.
#[derive(Clone, Copy)]
struct Intent {
    /// Bring it up to date.
    migrates: bool,
    /// Go on beside one that a newer program has extended.
    accepts_newer: bool,
}

pub(super) async fn examine(url: &str, serve: &Serve) -> Vec<Finding> {
    let intent = Intent { migrates: !serve.no_migrate, accepts_newer: serve.accept_newer_schema };
    match adapters_postgres::examine(url, &SystemClock::default()).await {
        Ok(facts) => {
            let keys = facts.head.as_ref().and_then(|head| keys::fit(serve, head));
            findings(&facts, intent).into_iter().chain(keys).collect()
        }
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

fn findings(facts: &DatabaseFacts, intent: Intent) -> Vec<Finding> {
    let DatabaseFacts { version, user, database, .. } = facts;
    let reached = Finding::good("database", format!("PostgreSQL {version} lets {user} into {database}"));
    // Who may not read the list of migrations is told so with the other tables.
    let schema = facts.schema.as_ref().map(|facts| schema(facts, intent));
    let mut findings = vec![reached, room(facts)];
    findings.extend(permissions(facts, intent));
    findings.push(clock(facts.ahead, facts.uncertainty));
    findings.extend(schema);
    findings
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

fn permissions(facts: &DatabaseFacts, intent: Intent) -> Vec<Finding> {
    let check = "database.permissions";
    let user = &facts.user;
    if facts.read_only {
        let hint = "name the server that is written to in --database-url; a copy that follows another one takes no writes \
                    (psql -c 'SHOW default_transaction_read_only' tells whether it is set so)";
        return vec![Finding::error(check, "nothing can be written to this database", hint)];
    }
    let mut wrong = Vec::new();
    if let Some(what) = not_allowed(facts) {
        let hint = format!(
            "as the tables' owner: psql -c 'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}' \
             -c 'GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {user}'"
        );
        wrong.push(Finding::error(check, format!("{user} may not {what}"), hint));
    }
    let accepted = facts.schema.as_ref().is_some_and(|schema| is_accepted(schema, intent));
    // Whoever brings a schema up to date asks for the right to make tables before they see that there is nothing to be done.
    if !facts.may_change_schema && intent.migrates && !accepted {
        wrong.push(Finding::error(
            check,
            format!("{user} cannot bring the schema up to date, which a server does at its start"),
            format!(
                "start servers with --no-migrate (ORRERY_NO_MIGRATE=true) and migrate as the tables' owner ('orrery migrate up'), or: \
                 psql -c 'GRANT CREATE ON SCHEMA public TO {user}'"
            ),
        ));
    }
    if !wrong.is_empty() {
        return wrong;
    }
    let and_more = if facts.may_change_schema { "read, write and change the schema" } else { "read and write" };
    vec![Finding::good(check, format!("{user} may {and_more}"))]
}

/// What this user may not do with tables and sequences.
fn not_allowed(facts: &DatabaseFacts) -> Option<String> {
    let (tables, sequences) = (facts.not_allowed.join(", "), facts.sequences_not_allowed.join(", "));
    match (tables.is_empty(), sequences.is_empty()) {
        (true, true) => None,
        (false, true) => Some(format!("read and write {tables}")),
        (true, false) => Some(format!("take numbers from the sequences {sequences}")),
        (false, false) => Some(format!("read and write {tables}, nor take numbers from the sequences {sequences}")),
    }
}

/// Whether a newer program was here, and nothing is missing but that somebody says so, which they have.
fn is_accepted(schema: &SchemaFacts, intent: Intent) -> bool {
    intent.accepts_newer && !schema.unknown.is_empty() && schema.missing.is_empty()
}

fn schema(schema: &SchemaFacts, intent: Intent) -> Finding {
    let check = "schema";
    let mends = "orrery migrate up";
    let migrates = intent.migrates;
    if !schema.unknown.is_empty() {
        return newer(schema, intent);
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

fn newer(schema: &SchemaFacts, intent: Intent) -> Finding {
    let check = "schema";
    let unknown = schema.unknown.join(", ");
    if is_accepted(schema, intent) {
        return Finding::warning(
            check,
            format!("a newer program has added {unknown}, which is accepted, as told (--accept-newer-schema)"),
            "this is meant for the time of an upgrade or of its way back: start the newer program instead, or take its migrations back \
             with it (orrery migrate down --steps N), and leave the flag out from then on",
        );
    }
    let found = format!("it has {unknown}, which this program does not know: a newer one was here");
    let hint = "run the newer program; or take its migrations back with it (orrery migrate down --steps N)";
    if !schema.missing.is_empty() {
        // No flag helps against that.
        return Finding::error(check, format!("{found}; and it lacks {}", schema.missing.join(", ")), hint);
    }
    let flag = "or, where its release notes allow it, start this one with --accept-newer-schema";
    Finding::error(check, found, format!("{hint}; {flag}"))
}

fn clock(ahead: TimeDelta, uncertainty: Duration) -> Finding {
    let check = "clock";
    let uncertain = TimeDelta::from_std(uncertainty).unwrap_or(TimeDelta::MAX);
    let by = (ahead.abs() - uncertain).max(TimeDelta::zero());
    #[expect(clippy::cast_precision_loss, reason = "it is for people, and rounded")]
    let seconds = ahead.num_milliseconds().abs() as f64 / 1000.0;
    let direction = if ahead > TimeDelta::zero() { "behind" } else { "ahead of" };
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
        assert_eq!(found, "this machine's clock is 600.0 s ahead of the database's");
        let found = clock(TimeDelta::seconds(6), Duration::ZERO).found;
        assert_eq!(found, "this machine's clock is 6.0 s behind the database's");
    }

    const STARTS: Intent = Intent { migrates: true, accepts_newer: false };
    const LEAVES_IT: Intent = Intent { migrates: false, accepts_newer: false };
    const ACCEPTS: Intent = Intent { migrates: true, accepts_newer: true };

    fn of_schema(is_there: bool, missing: &[&'static str], unknown: &[&str]) -> SchemaFacts {
        let unknown = unknown.iter().map(ToString::to_string).collect();
        SchemaFacts { is_there, missing: missing.to_vec(), unknown }
    }

    /// Those of a user who may read and write, and no more.
    fn facts() -> DatabaseFacts {
        DatabaseFacts {
            version: "18.0".to_owned(),
            user: "clerk".to_owned(),
            database: "orrery".to_owned(),
            schema: Some(of_schema(true, &[], &[])),
            may_change_schema: false,
            not_allowed: Vec::new(),
            sequences_not_allowed: Vec::new(),
            read_only: false,
            connections_left: 100,
            ahead: TimeDelta::zero(),
            uncertainty: Duration::ZERO,
            head: None,
        }
    }

    #[test]
    fn who_may_not_take_numbers_from_a_sequence_is_told_how_they_may() {
        let facts = DatabaseFacts { sequences_not_allowed: vec!["audit_logs_place_seq".to_owned()], ..facts() };
        let found = permissions(&facts, LEAVES_IT);
        assert_eq!((found.len(), found[0].severity), (1, Severity::Error), "{found:?}");
        assert_eq!(found[0].found, "clerk may not take numbers from the sequences audit_logs_place_seq");
        let hint = found[0].hint.as_deref().unwrap_or_default();
        assert!(hint.contains("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO clerk"), "{hint}");
    }

    #[test]
    fn the_right_to_change_the_schema_is_wanted_only_where_it_would_be_used() {
        let worst = |facts: &DatabaseFacts, intent| {
            permissions(facts, intent).into_iter().map(|finding| finding.severity).max()
        };
        assert_eq!(worst(&facts(), STARTS), Some(Severity::Error));
        assert_eq!(worst(&facts(), LEAVES_IT), Some(Severity::Good));
        assert_eq!(worst(&facts(), ACCEPTS), Some(Severity::Error), "there is nothing to be accepted");
        let newer = DatabaseFacts { schema: Some(of_schema(true, &[], &["m9999"])), ..facts() };
        assert_eq!(worst(&newer, ACCEPTS), Some(Severity::Good), "nothing is migrated then");
        // Both things that are wrong are told.
        let poor = DatabaseFacts { not_allowed: vec!["agents".to_owned()], ..facts() };
        assert_eq!(permissions(&poor, STARTS).len(), 2);
    }

    #[test]
    fn a_schema_is_old_new_missing_or_right() {
        let of = |is_there, missing: &[&'static str], unknown: &[&str], intent| {
            schema(&of_schema(is_there, missing, unknown), intent)
        };
        assert_eq!(of(true, &[], &[], STARTS).severity, Severity::Good);
        let old = of(true, &["m0016_webhooks"], &[], STARTS);
        assert!(old.severity == Severity::Error && old.found.contains("m0016_webhooks"), "{old:?}");
        assert_eq!(of(false, &["m0001_initial"], &[], STARTS).severity, Severity::Warning);
        assert_eq!(of(false, &["m0001_initial"], &[], LEAVES_IT).severity, Severity::Error);
    }

    #[test]
    fn a_newer_schema_is_wrong_until_it_is_accepted() {
        let newer = schema(&of_schema(true, &[], &["m9999"]), STARTS);
        assert!(newer.severity == Severity::Error && newer.found.contains("m9999"), "{newer:?}");
        assert!(newer.hint.as_deref().is_some_and(|hint| hint.contains("--accept-newer-schema")), "{newer:?}");
        let accepted = schema(&of_schema(true, &[], &["m9999"]), ACCEPTS);
        assert_eq!(accepted.severity, Severity::Warning, "{accepted:?}");
        let other = schema(&of_schema(true, &["m0016_webhooks"], &["m9999"]), ACCEPTS);
        assert_eq!(other.severity, Severity::Error, "it lacks something");
        assert!(other.hint.as_deref().is_some_and(|hint| !hint.contains("--accept-newer-schema")), "{other:?}");
    }
}
