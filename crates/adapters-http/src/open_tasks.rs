//! The tasks that agents have taken on for calls under way: what an agent can be told that it need not go on with.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// The agents' own ids, by the message ids of the calls.
#[derive(Debug, Default)]
pub(crate) struct OpenTasks(Mutex<HashMap<String, String>>);

/// A task is open as long as this lives: with the call, its entry goes.
pub(crate) struct Open<'a> {
    tasks: &'a OpenTasks,
    message: String,
}

impl OpenTasks {
    pub(crate) fn enter(&self, message: &str, task: &str) -> Open<'_> {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.insert(message.to_owned(), task.to_owned());
        Open { tasks: self, message: message.to_owned() }
    }

    pub(crate) fn of(&self, message: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(message).cloned()
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.tasks.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.message);
    }
}
