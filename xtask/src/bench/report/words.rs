//! What the words of the page mean.

use crate::bench::{
    api::STEPS,
    floors::JOURNAL_BATCH,
    starts::{CLIENTS, MOST_STARTS},
    store::StoreKind,
};

/// As much as concerns what was measured.
pub(super) fn meaning(store: StoreKind, parked: Option<usize>) -> String {
    let mut text = common(match store {
        StoreKind::Sqlite => "one row a transaction, one after another, in a store of the same kind and settings",
        StoreKind::Postgres => {
            "one row a transaction, by a prepared statement without an explicit transaction, one after another on each of so \
             many connections to the same server"
        }
    });
    if store == StoreKind::Postgres {
        let alone = format!(
            "* *The journal alone*: the very transactions that the server writes for starts and for steps in the midst of a \
             run, with payloads of 100 bytes, in batches of {JOURNAL_BATCH}, two at a time; no HTTP, no engine, no agents, no \
             Kafka, both processors for nothing else. What the server does beside these rows can only make it slower.\n\
             * *The most that the floors leave*: if engine, API, relay and Kafka cost nothing at all, a step would still be one \
             of these transactions' share and one bare call, and a start one share and one HTTP request, on the same two \
             processors: 1 / (1 / journal + 1 / bare calls with 256 in flight).\n"
        );
        text += &alone;
        text += "* The schema is there when a server starts; *start to ready* holds no migration.\n\
                 * *WAL per step*: what the database server wrote ahead within the window, with the images of pages after a \
                 checkpoint and everything that it does by itself.\n\
                 * *Transactions of all kinds* are those that the database counts (`xact_commit`): also reading ones, beats, \
                 scans, the relay's, and two or so of the measurement itself. A busy connection reports them once a second, \
                 so that single rounds are inexact.\n\
                 * *HOT updates* left every index alone (`n_tup_hot_upd` by `n_tup_upd`); *none* means that no row of the \
                 table was updated at all.\n\
                 * Kafka is there as in production: the server relays what its runs announce, and takes requests, of \
                 which there are none.\n";
    }
    if parked.is_some() {
        text += "* *Parked runs* wait for a second attempt of their first step, in ten years. The server parks one, SQL \
                 multiplies its rows, and the tables are vacuumed, with a checkpoint, before the server starts that is \
                 measured.\n\
                 * *Due until claimed*: of 200 more such runs, one after the other, from sending the statement that makes it \
                 due and rings the doorbell until its row shows that it was claimed, with nothing else to do.\n";
    }
    text
}

fn common(single_row: &str) -> String {
    format!(
        "### What the words mean\n\n\
         * A *run* has {STEPS} steps in sequence; each calls an echo agent in another process and hands the text on.\n\
         * *Steps* are counted by the server's counter of completed step attempts, runs by that of finished runs.\n\
         * *In flight*: a closed loop; a run that ended is replaced within some milliseconds (the driver reads the \
         server's counter of finished runs every 2 ms at one in flight, every 10 ms otherwise, so the rate at one in \
         flight includes up to 2 ms of idle time per run; times per step do not).\n\
         * *Wall time per step*: `completed_at` minus `created_at` of a run, divided by {STEPS}, over up to 1,000 runs a \
         round. *Overhead* is that minus the agent's own working time per call, as its process tells; the way to the \
         agent and back, and waiting for a busy processor, count as overhead.\n\
         * *Bare calls*: the same JSON-RPC body to the same agent by the same HTTP client library, from the driver.\n\
         * *Single-row commits*: {single_row} (`orrery bench-floor`).\n\
         * *Database commits* are transactions of the journal, each made durable before anyone is told.\n\
         * *Starts*: {CLIENTS} clients, each waiting for its answer. *Starts only*: every run waits in its first step for \
         an agent that does not answer, at most {MOST_STARTS} starts a round. *While executing*: the runs execute at the \
         same time, as fast as they can.\n\
         * *Most memory* is the peak of one server process that serves all three levels in turn.\n"
    )
}
