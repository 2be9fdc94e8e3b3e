//! Records that wait for one another: those with the same key, in the order in which they came. Pure.

use std::collections::{HashMap, HashSet, VecDeque};

use super::record::{Order, Record};

/// What names a record.
type Place = (String, i32, i64);

fn place(record: &Record) -> Place {
    (record.topic.clone(), record.partition, record.offset)
}

/// All records that were taken and are not dealt with.
#[derive(Debug)]
pub(super) struct Lanes {
    order: Order,
    /// The records that wait behind one that is being dealt with, by their key.
    waiting: HashMap<Vec<u8>, VecDeque<Record>>,
    taken: HashSet<Place>,
}

impl Lanes {
    pub(super) fn new(order: Order) -> Self {
        Self { order, waiting: HashMap::new(), taken: HashSet::new() }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.taken.len()
    }

    /// Takes a record, and gives it back if it is its turn. One that is here already (its partition went away and came back)
    /// is not taken twice.
    pub(super) fn enter(&mut self, record: Record) -> Option<Record> {
        if !self.taken.insert(place(&record)) {
            return None;
        }
        let Some(key) = self.key(&record) else { return Some(record) };
        if let Some(lane) = self.waiting.get_mut(&key) {
            lane.push_back(record);
            return None;
        }
        self.waiting.insert(key, VecDeque::new());
        Some(record)
    }

    /// A record is dealt with; gives the one whose turn it is now.
    pub(super) fn leave(&mut self, record: &Record) -> Option<Record> {
        self.taken.remove(&place(record));
        let key = self.key(record)?;
        let next = self.waiting.get_mut(&key)?.pop_front();
        if next.is_none() {
            self.waiting.remove(&key);
        }
        next
    }

    /// A record without a key waits for none.
    fn key(&self, record: &Record) -> Option<Vec<u8>> {
        match self.order {
            Order::OfKeys => record.key.clone(),
            Order::None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(topic: &str, offset: i64, key: &str) -> Record {
        Record { topic: topic.into(), offset, key: Some(key.into()), ..Record::default() }
    }

    #[test]
    fn equal_keys_wait_for_each_other_across_topics() {
        let mut lanes = Lanes::new(Order::OfKeys);
        let (start, cancel) = (record("starts", 1, "run-1"), record("cancels", 1, "run-1"));
        assert_eq!(lanes.enter(start.clone()), Some(start.clone()));
        assert_eq!(lanes.enter(cancel.clone()), None);
        assert_eq!(lanes.enter(record("starts", 2, "run-2")), Some(record("starts", 2, "run-2")));
        assert_eq!(lanes.leave(&start), Some(cancel.clone()));
        assert_eq!(lanes.leave(&cancel), None);
        assert_eq!(lanes.len(), 1);
        assert_eq!(lanes.enter(start.clone()), Some(start), "nobody is before it any more");
    }

    #[test]
    fn without_an_order_none_waits() {
        let mut lanes = Lanes::new(Order::None);
        assert!(lanes.enter(record("t", 1, "k")).is_some());
        assert!(lanes.enter(record("t", 2, "k")).is_some());
    }

    #[test]
    fn a_record_that_is_being_dealt_with_is_not_begun_again() {
        let mut lanes = Lanes::new(Order::None);
        let record = record("t", 1, "k");
        assert!(lanes.enter(record.clone()).is_some());
        assert_eq!(lanes.enter(record.clone()), None);
        lanes.leave(&record);
        assert!(lanes.enter(record).is_some());
    }
}
