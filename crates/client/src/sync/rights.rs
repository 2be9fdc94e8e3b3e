//! What the caller may not do, found before anything is done: doing it would find it halfway.

use super::plan::{Item, Outcome};
use crate::{server::Server, trouble::Trouble};

/// Lets every change fail for which the credential lacks the right.
pub(crate) async fn refuse_without_rights(server: &Server, items: &mut [Item]) {
    // Where that is not told, the change tells it.
    let Ok(me) = server.get(&["auth", "me"], &[]).await else { return };
    let Some(rights) = me.body["rights"].as_array() else { return };
    for item in items {
        let right = item.kind.right();
        let is_change = match item.outcome {
            Outcome::Created | Outcome::Updated | Outcome::NewVersion | Outcome::Deleted => true,
            Outcome::Unchanged | Outcome::Failed => false,
        };
        if is_change && !rights.iter().any(|granted| granted.as_str() == Some(right)) {
            item.fail(&Trouble::Here(format!("the credential lacks the right '{right}'")));
        }
    }
}
