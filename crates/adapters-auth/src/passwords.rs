//! Passwords of people: argon2id, off the threads that serve requests.
//!
//! Each takes 19 MiB and tens of milliseconds, so only so many run at a time; the others wait.

use std::sync::Arc;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc},
};
use async_trait::async_trait;
use domain::{access::PasswordHash, agents::Secret, ports::Passwords};
use tokio::{sync::Semaphore, task::spawn_blocking};

/// In place of a hash of people who do not exist: checking a password against it takes as long as against any other. Its bytes
/// are random; no password is known that it comes from.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$uAl4nTn5bRjsI1LuKZ8UvA$VHS3ZMtk0DO81U6LqxafpQsyMnX1AM36IwpWMaqe3BE";

/// Argon2id with the parameters of the crate, which are OWASP's (19 MiB, two passes, one lane).
pub struct Argon2Passwords {
    at_a_time: Arc<Semaphore>,
}

impl Argon2Passwords {
    /// At most this many at a time, at least one.
    pub fn new(at_a_time: usize) -> Arc<Self> {
        Arc::new(Self { at_a_time: Arc::new(Semaphore::new(at_a_time.max(1))) })
    }

    async fn off_the_request_threads<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let permit = self.at_a_time.clone().acquire_owned().await.expect("nobody closes this semaphore");
        // The permit goes with the work: whoever stops waiting does not make room for more of it.
        let done = spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        done.await.expect("hashing does not panic")
    }
}

#[async_trait]
impl Passwords for Argon2Passwords {
    async fn hash(&self, password: &Secret) -> PasswordHash {
        let password = password.clone();
        self.off_the_request_threads(move || hash(password.reveal().as_bytes())).await
    }

    async fn verify(&self, password: &Secret, stored: Option<PasswordHash>) -> bool {
        let (password, exists) = (password.clone(), stored.is_some());
        let stored = stored.unwrap_or_else(|| PasswordHash(NOBODY.to_owned()));
        let matches = self.off_the_request_threads(move || matches(password.reveal().as_bytes(), &stored)).await;
        matches && exists
    }
}

fn hash(password: &[u8]) -> PasswordHash {
    let hash = Argon2::default().hash_password(password).expect("the parameters are the crate's own");
    PasswordHash(hash.to_string())
}

fn matches(password: &[u8], stored: &PasswordHash) -> bool {
    let Ok(parsed) = phc::PasswordHash::new(&stored.0) else { return false };
    Argon2::default().verify_password(password, &parsed).is_ok()
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Poll};

    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text)
    }

    #[tokio::test]
    async fn a_password_matches_its_hash_and_no_other() {
        let passwords = Argon2Passwords::new(2);
        let hash = passwords.hash(&secret("correct horse")).await;
        assert!(hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.0);
        assert!(passwords.verify(&secret("correct horse"), Some(hash.clone())).await);
        assert!(!passwords.verify(&secret("correct horsf"), Some(hash.clone())).await);
        assert_ne!(passwords.hash(&secret("correct horse")).await, hash, "each has a salt of its own");
    }

    #[tokio::test]
    async fn nobody_has_no_password_and_a_broken_hash_matches_nothing() {
        let passwords = Argon2Passwords::new(1);
        assert!(!passwords.verify(&secret(""), None).await);
        assert!(!passwords.verify(&secret("x"), Some(PasswordHash("x".into()))).await);
    }

    #[test]
    fn nobody_takes_as_long_as_anybody() {
        let [nobody, somebody] = [NOBODY, &hash(b"x").0].map(|hash| {
            let hash = phc::PasswordHash::new(hash).expect("a hash");
            let lengths = (hash.salt.map(|salt| salt.len()), hash.hash.map(|output| output.len()));
            (hash.algorithm.to_string(), hash.version, hash.params.to_string(), lengths)
        });
        assert_eq!(nobody, somebody);
    }

    #[tokio::test]
    async fn only_so_many_are_hashed_at_a_time() {
        let passwords = Argon2Passwords::new(1);
        let taken = passwords.at_a_time.clone().acquire_owned().await.expect("it is open");
        let password = secret("x");
        let mut waiting = Box::pin(passwords.verify(&password, None));
        let polled = poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context))).await;
        assert!(polled.is_pending(), "it waits for room");
        drop(taken);
        assert!(!waiting.await);
    }
}
