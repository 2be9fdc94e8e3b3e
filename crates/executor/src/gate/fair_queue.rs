//! A queue that is fair to those who share it: one of each in turn, and of each the first first.
//!
//! A workflow that starts a thousand runs delays another's single run by one call and not by a thousand.

use std::collections::{BTreeMap, HashMap, VecDeque};

/// Who has entered the queue when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// Things that wait, each for somebody.
#[derive(Debug)]
pub(crate) struct FairQueue<T> {
    queues: HashMap<String, BTreeMap<Ticket, T>>,
    /// Everybody who has something in the queue, in the order of their turns.
    round: VecDeque<String>,
    next: Ticket,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self { queues: HashMap::new(), round: VecDeque::new(), next: Ticket(0) }
    }
}

impl<T> FairQueue<T> {
    /// Enters the queue.
    pub(crate) fn push(&mut self, whose: &str, item: T) -> Ticket {
        let ticket = self.next;
        self.next = Ticket(ticket.0 + 1);
        if let Some(queue) = self.queues.get_mut(whose) {
            queue.insert(ticket, item);
        } else {
            self.queues.insert(whose.to_owned(), BTreeMap::from([(ticket, item)]));
            self.round.push_back(whose.to_owned());
        }
        ticket
    }

    /// Takes whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let whose = self.round.pop_front()?;
        let queue = self.queues.get_mut(&whose)?;
        let (_, item) = queue.pop_first()?;
        if queue.is_empty() {
            self.queues.remove(&whose);
        } else {
            self.round.push_back(whose);
        }
        Some(item)
    }

    /// Leaves the queue; none if it has left before.
    pub(crate) fn remove(&mut self, whose: &str, ticket: Ticket) -> Option<T> {
        let queue = self.queues.get_mut(whose)?;
        let item = queue.remove(&ticket);
        if queue.is_empty() {
            self.queues.remove(whose);
            self.round.retain(|other| other != whose);
        }
        item
    }

    /// Takes everybody who has entered before a ticket.
    pub(crate) fn take_before(&mut self, end: Ticket) -> Vec<T> {
        let mut taken = Vec::new();
        for queue in self.queues.values_mut() {
            let later = queue.split_off(&end);
            taken.extend(std::mem::replace(queue, later).into_values());
        }
        self.queues.retain(|_, queue| !queue.is_empty());
        let queues = &self.queues;
        self.round.retain(|whose| queues.contains_key(whose));
        taken
    }

    /// The ticket that is given next.
    pub(crate) fn next_ticket(&self) -> Ticket {
        self.next
    }

    /// Everybody, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.queues.values().flat_map(BTreeMap::values)
    }

    pub(crate) fn len(&self) -> usize {
        self.queues.values().map(BTreeMap::len).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(queue: &mut FairQueue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn one_of_each_in_turn_and_of_each_the_first_first() {
        let mut queue = FairQueue::default();
        for (whose, item) in [("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1"), ("b", "b2")] {
            queue.push(whose, item);
        }
        assert_eq!(all(&mut queue), ["a1", "b1", "c1", "a2", "b2", "a3"]);
    }

    #[test]
    fn who_leaves_keeps_nobody_waiting() {
        let mut queue = FairQueue::default();
        let first = queue.push("a", "a1");
        queue.push("b", "b1");
        assert_eq!((queue.remove("a", first), queue.remove("a", first)), (Some("a1"), None));
        assert_eq!((queue.len(), all(&mut queue)), (1, vec!["b1"]));
    }

    #[test]
    fn those_before_a_ticket_are_taken_and_the_others_stay() {
        let mut queue = FairQueue::default();
        queue.push("a", "a1");
        queue.push("b", "b1");
        let end = queue.next_ticket();
        queue.push("b", "b2");
        let mut taken = queue.take_before(end);
        taken.sort_unstable();
        assert_eq!((taken, all(&mut queue)), (vec!["a1", "b1"], vec!["b2"]));
    }

    proptest! {
        #[test]
        fn everybody_comes_out_once_and_nobody_twice_before_the_others_turn(items in prop::collection::vec(0_usize..5, 0..60)) {
            let (names, mut queue) = (["a", "b", "c", "d", "e"], FairQueue::default());
            for (n, whose) in items.iter().enumerate() {
                queue.push(names[*whose], (*whose, n));
            }
            prop_assert_eq!(queue.len(), items.len());
            let out: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
            prop_assert_eq!(out.len(), items.len());
            for (at, (whose, n)) in out.iter().enumerate() {
                let later = &out[at + 1..];
                prop_assert!(later.iter().all(|(other, later)| other != whose || later > n));
                let until = later.iter().position(|(other, _)| other == whose).unwrap_or(later.len());
                let (turn, rest) = later.split_at(until);
                if until < later.len() {
                    prop_assert!(rest.iter().all(|(other, _)| other == whose || turn.iter().any(|(had, _)| had == other)));
                }
            }
        }
    }
}
