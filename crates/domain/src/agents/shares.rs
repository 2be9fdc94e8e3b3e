//! How a limit is shared out among those that want some of it.
//!
//! This says who should have how much, and nothing of who has it now: that only moves by giving back before taking, in
//! [`Traffic`](super::Traffic).

use std::collections::BTreeMap;

/// Shares a limit out: first what is wanted, evenly and to nobody more than it wants; then what is left, evenly, so that a
/// sudden wish finds something there. What cannot be divided goes to those whose turn it is: the turn's number decides where
/// the round begins, so that with fewer shares than members each gets one in its time.
///
/// The shares are the limit together, unless there is nobody to have any.
pub fn share_out<M: Ord + Copy>(limit: u32, wanted: &BTreeMap<M, u32>, turn: u64) -> BTreeMap<M, u32> {
    let members: Vec<M> = wanted.keys().copied().collect();
    let mut shares: BTreeMap<M, u32> = members.iter().map(|member| (*member, 0)).collect();
    if members.is_empty() {
        return shares;
    }
    let first = usize::try_from(turn % members.len() as u64).unwrap_or(0);
    let round: Vec<M> = members[first..].iter().chain(&members[..first]).copied().collect();
    let mut free = limit;
    loop {
        let unsated: Vec<M> = round.iter().copied().filter(|member| shares[member] < wanted[member]).collect();
        if free == 0 || unsated.is_empty() {
            break;
        }
        hand_out(&mut free, &unsated, &mut shares, |member, share| wanted[&member] - share);
    }
    // Not by turns: what nobody wants for now should rather stay where it is.
    while free > 0 {
        hand_out(&mut free, &members, &mut shares, |_, _| u32::MAX);
    }
    shares
}

/// One round: the same for each, but no more than it may have; where there is less than one for each, one for the first ones.
fn hand_out<M: Ord + Copy>(free: &mut u32, round: &[M], shares: &mut BTreeMap<M, u32>, room: impl Fn(M, u32) -> u32) {
    let each = (*free / u32::try_from(round.len()).unwrap_or(u32::MAX)).max(1);
    for member in round {
        let share = shares.entry(*member).or_default();
        let more = each.min(room(*member, *share)).min(*free);
        *share += more;
        *free -= more;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shared(limit: u32, wanted: &[u32], turn: u64) -> Vec<u32> {
        let wanted = wanted.iter().copied().enumerate().collect();
        share_out(limit, &wanted, turn).into_values().collect()
    }

    #[test]
    fn a_lone_member_has_all_of_it() {
        assert_eq!(shared(10, &[0], 0), [10]);
        assert_eq!(shared(10, &[99], 0), [10]);
    }

    #[test]
    fn who_wants_little_gets_it_and_the_others_share_the_rest() {
        assert_eq!(shared(10, &[1, 9, 9], 0), [1, 5, 4]);
        assert_eq!(shared(10, &[9, 9, 1], 1), [4, 5, 1]);
    }

    #[test]
    fn what_nobody_wants_is_there_for_a_sudden_wish() {
        assert_eq!(shared(10, &[2, 0], 0), [6, 4]);
    }

    proptest! {
        #[test]
        fn the_shares_are_the_limit_together(limit in 0_u32..10_000, wanted in prop::collection::vec(0_u32..5_000, 1..20), turn: u64) {
            prop_assert_eq!(shared(limit, &wanted, turn).iter().sum::<u32>(), limit);
        }

        #[test]
        fn nobody_goes_short_while_another_has_two_more(limit in 0_u32..200, wanted in prop::collection::vec(0_u32..50, 1..10), turn: u64) {
            let shares = shared(limit, &wanted, turn);
            for (share, wants) in shares.iter().zip(&wanted) {
                prop_assert!(share >= wants || shares.iter().all(|other| *other <= share + 1), "{:?}", shares);
            }
        }

        #[test]
        fn with_fewer_shares_than_members_each_has_its_turn(limit in 1_u32..4, members in 4_usize..10) {
            let wanted = vec![5; members];
            let turns = (0..members as u64).map(|turn| shared(limit, &wanted, turn));
            let had = turns.fold(vec![0; members], |had, shares| had.iter().zip(shares).map(|(a, b)| a + b).collect());
            prop_assert!(had.iter().all(|shares| *shares > 0), "{:?}", had);
        }
    }
}
