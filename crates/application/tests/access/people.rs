//! People, their passwords, and what happens to those who guess.

use application::access::{
    ChangeOwnPasswordError, CreateUserError, DeleteUserError, LogInError, NewUser, Session, UpdateUserError,
    UserChanges,
};
use domain::{access::Role, agents::Secret, ports::Accounts};

use crate::support::{Installation, account, by, new_key};

async fn log_in(here: &Installation, name: &str, password: &str) -> bool {
    match here.uses.log_in.execute(name, &Secret::new(password), &by()).await {
        Ok(_) => true,
        Err(LogInError::Refused) => false,
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn only_the_right_password_of_an_active_person_logs_in() {
    let here = Installation::new();
    here.key(new_key("root", Role::Admin)).await;
    let person = here.person("alice", Role::Viewer).await;
    assert!(log_in(&here, "alice", "right").await);
    assert!(!log_in(&here, "alice", "wrong").await && !log_in(&here, "bob", "right").await);
    let asleep = UserChanges { active: Some(false), ..UserChanges::default() };
    here.uses.update_user.execute(person.id, asleep, &Session::system(), &by()).await.expect("the system may");
    assert!(!log_in(&here, "alice", "right").await);
}

#[tokio::test]
async fn after_five_wrong_passwords_even_the_right_one_has_to_wait_and_ever_longer() {
    let here = Installation::new();
    here.person("alice", Role::Viewer).await;
    for _ in 0..5 {
        assert!(!log_in(&here, "alice", "wrong").await);
    }
    assert!(!log_in(&here, "alice", "right").await);
    here.wait(1_000);
    assert!(!log_in(&here, "alice", "wrong").await);
    here.wait(1_999);
    assert!(!log_in(&here, "alice", "right").await);
    here.wait(1);
    assert!(log_in(&here, "alice", "right").await);
    let row = here.store.user_named("alice").await.expect("memory").expect("she is there");
    assert_eq!((row.failed_logins, row.locked_until), (0, None));
}

#[tokio::test]
async fn a_guess_while_one_has_to_wait_makes_it_no_longer() {
    let here = Installation::new();
    here.person("alice", Role::Viewer).await;
    for _ in 0..100 {
        assert!(!log_in(&here, "alice", "wrong").await);
    }
    here.wait(1_000);
    assert!(log_in(&here, "alice", "right").await);
}

#[tokio::test]
async fn a_person_changes_the_password_by_knowing_it_and_all_tokens_end() {
    let here = Installation::new();
    here.person("alice", Role::Viewer).await;
    let minted = here.uses.log_in.execute("alice", &Secret::new("right"), &by()).await.expect("it is right");
    let session = here.with_token(&minted.token).await.expect("it is good");
    let change = async |session: &Session, present: &str| {
        here.uses.change_own_password.execute(&Secret::new(present), &Secret::new("new"), session, &by()).await
    };
    assert!(matches!(change(&session, "wrong").await, Err(ChangeOwnPasswordError::Refused)));
    let handed_on = here.with_token(&Secret::new(format!("{}+", minted.token.reveal()))).await.expect("it is good");
    assert!(matches!(change(&handed_on, "right").await, Err(ChangeOwnPasswordError::Forbidden(_))));
    assert!(matches!(change(&Session::system(), "right").await, Err(ChangeOwnPasswordError::NotAPerson)));
    change(&session, "right").await.expect("it is right");
    here.with_token(&minted.token).await.expect_err("it was for the password before");
    assert!(!log_in(&here, "alice", "right").await && log_in(&here, "alice", "new").await);
}

#[tokio::test]
async fn the_last_administrator_is_neither_removed_nor_lowered() {
    let here = Installation::new();
    let alice = here.person("alice", Role::Admin).await;
    let changes = |role, active| UserChanges { role, active, ..UserChanges::default() };
    for changes in [changes(Some(Role::Designer), None), changes(None, Some(false))] {
        let refused = here.uses.update_user.execute(alice.id, changes, &Session::system(), &by()).await;
        assert!(matches!(refused, Err(UpdateUserError::LastAdmin)), "{refused:?}");
    }
    let refused = here.uses.delete_user.execute(alice.id, &by()).await;
    assert!(matches!(refused, Err(DeleteUserError::LastAdmin)), "{refused:?}");
    here.person("bob", Role::Admin).await;
    here.uses.delete_user.execute(alice.id, &by()).await.expect("bob is left");
}

#[tokio::test]
async fn a_name_is_one_persons_and_nothing_changes_by_what_is_so_already() {
    let here = Installation::new();
    let alice = here.person("alice", Role::Viewer).await;
    let twin =
        NewUser { name: account("alice"), password: Secret::new("x"), role: Role::Viewer, hides_payloads: false };
    let refused = here.uses.create_user.execute(twin, &Session::system(), &by()).await;
    assert!(matches!(refused, Err(CreateUserError::NameTaken(_))), "{refused:?}");
    let same = UserChanges { role: Some(Role::Viewer), ..UserChanges::default() };
    let kept = here.uses.update_user.execute(alice.id, same, &Session::system(), &by()).await.expect("it is so");
    assert_eq!(kept, alice);
}

#[tokio::test]
async fn who_is_less_cannot_set_the_password_of_who_is_more() {
    let here = Installation::new();
    let alice = here.person("alice", Role::Admin).await;
    let weak = here.key(new_key("weak", Role::Operator)).await;
    let caller = here.with_key(&weak.text).await.expect("it is good");
    let changes = UserChanges { password: Some(Secret::new("mine")), ..UserChanges::default() };
    let refused = here.uses.update_user.execute(alice.id, changes, &caller, &by()).await;
    assert!(matches!(refused, Err(UpdateUserError::Forbidden(_))), "{refused:?}");
    assert!(log_in(&here, "alice", "right").await);
}
