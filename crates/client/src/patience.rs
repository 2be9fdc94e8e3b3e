//! Waiting for a server that is away, where nothing is lost by that: whoever follows a run wants to see its end, and a server that
//! is started again is there within seconds.

use std::time::Duration;

use crate::trouble::Trouble;

/// How long it is asked again.
const LONGEST: Duration = Duration::from_mins(1);
/// What is waited before that; every request tries a few times by itself.
const PAUSE: Duration = Duration::from_secs(1);

/// What is said about it.
pub(crate) const AWAY: &str = "the server does not answer; trying again";

/// Asks, and asks again while the server is away; `away` is told that once. What is asked may arrive several times, so it must be
/// a reading.
pub(crate) async fn patiently<T>(
    ask: impl AsyncFnMut() -> Result<T, Trouble>,
    away: &mut dyn FnMut(),
) -> Result<T, Trouble> {
    within(LONGEST, PAUSE, ask, away).await
}

async fn within<T>(
    longest: Duration,
    pause: Duration,
    mut ask: impl AsyncFnMut() -> Result<T, Trouble>,
    away: &mut dyn FnMut(),
) -> Result<T, Trouble> {
    // Boxed, because it stands here twice, and this in futures that are long already.
    let trouble = match Box::pin(ask()).await {
        Err(trouble) if trouble.is_away() => trouble,
        done => return done,
    };
    away();
    let again = async {
        loop {
            tokio::time::sleep(pause).await;
            match Box::pin(ask()).await {
                Err(trouble) if trouble.is_away() => {}
                done => return done,
            }
        }
    };
    tokio::time::timeout(longest, again).await.unwrap_or(Err(trouble))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable() -> Trouble {
        Trouble::Unreachable { server: "http://h".to_owned(), what: "refuses the connection".to_owned() }
    }

    #[tokio::test]
    async fn a_server_that_comes_back_is_asked_again_and_that_is_said_once() {
        let (mut asked, mut said) = (0, 0);
        let ask = async || {
            asked += 1;
            if asked < 4 { Err(unreachable()) } else { Ok("back") }
        };
        let answer = within(LONGEST, Duration::ZERO, ask, &mut || said += 1).await;
        assert_eq!((answer.ok(), asked, said), (Some("back"), 4, 1));
    }

    #[tokio::test]
    async fn a_server_that_stays_away_is_given_up() {
        let ask = async || Err::<(), _>(unreachable());
        let answer = within(Duration::from_millis(20), Duration::from_millis(1), ask, &mut || {}).await;
        assert!(answer.is_err_and(|trouble| trouble.is_away()));
    }

    #[tokio::test]
    async fn a_refusal_is_an_answer() {
        let (mut asked, mut said) = (0, 0);
        let ask = async || {
            asked += 1;
            Err::<(), _>(Trouble::Here("no".to_owned()))
        };
        let answer = within(LONGEST, Duration::ZERO, ask, &mut || said += 1).await;
        assert_eq!((answer.is_err(), asked, said), (true, 1, 0));
    }
}
