//! Which offset may be acknowledged while records of a partition are dealt with out of order. Pure.

use std::collections::{BTreeMap, HashMap};

/// The records of one partition, since it was assigned.
#[derive(Debug, Default)]
struct Partition {
    /// Whether each is dealt with; those below the first open one are gone.
    begun: BTreeMap<i64, bool>,
}

impl Partition {
    /// The offset of the next record to be consumed, if that has changed.
    fn finish(&mut self, offset: i64) -> Option<i64> {
        *self.begun.get_mut(&offset)? = true;
        let mut position = None;
        while let Some(first) = self.begun.first_entry().filter(|first| *first.get()) {
            // Not the next begun one: offsets have gaps, and after the last there is none.
            position = Some(first.key() + 1);
            first.remove();
        }
        position
    }
}

/// The records of all partitions that are assigned.
#[derive(Debug, Default)]
pub(crate) struct Offsets(HashMap<String, HashMap<i32, Partition>>);

impl Offsets {
    /// A record was taken.
    pub(crate) fn begin(&mut self, topic: &str, partition: i32, offset: i64) {
        if !self.0.contains_key(topic) {
            self.0.insert(topic.to_owned(), HashMap::new());
        }
        let partitions = self.0.get_mut(topic).into_iter();
        for partitions in partitions {
            partitions.entry(partition).or_default().begun.entry(offset).or_insert(false);
        }
    }

    /// A record is dealt with. Answers the position to be acknowledged, if that moves: all records before it are dealt with.
    /// A record of a partition that was taken away changes nothing.
    pub(crate) fn finish(&mut self, topic: &str, partition: i32, offset: i64) -> Option<i64> {
        self.0.get_mut(topic)?.get_mut(&partition)?.finish(offset)
    }

    /// A partition was taken away: whoever has it now begins where it was acknowledged.
    pub(crate) fn forget(&mut self, topic: &str, partition: i32) {
        if let Some(partitions) = self.0.get_mut(topic) {
            partitions.remove(&partition);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_lies_before_the_first_open_record_is_acknowledged() {
        let mut offsets = Offsets::default();
        for offset in [10, 11, 12, 15] {
            offsets.begin("t", 0, offset);
        }
        assert_eq!(offsets.finish("t", 0, 11), None);
        assert_eq!(offsets.finish("t", 0, 15), None);
        assert_eq!(offsets.finish("t", 0, 10), Some(12));
        assert_eq!(offsets.finish("t", 0, 12), Some(16));
    }

    #[test]
    fn partitions_do_not_wait_for_each_other() {
        let mut offsets = Offsets::default();
        offsets.begin("t", 0, 1);
        offsets.begin("t", 1, 1);
        offsets.begin("u", 0, 1);
        assert_eq!(offsets.finish("t", 1, 1), Some(2));
        assert_eq!(offsets.finish("u", 0, 1), Some(2));
    }

    #[test]
    fn a_partition_that_was_taken_away_is_not_acknowledged() {
        let mut offsets = Offsets::default();
        offsets.begin("t", 0, 1);
        offsets.forget("t", 0);
        assert_eq!(offsets.finish("t", 0, 1), None);
    }

    #[test]
    fn a_record_that_comes_again_is_one_record() {
        let mut offsets = Offsets::default();
        offsets.begin("t", 0, 1);
        offsets.begin("t", 0, 1);
        assert_eq!(offsets.finish("t", 0, 1), Some(2));
        assert_eq!(offsets.finish("t", 0, 1), None);
    }

    proptest! {
        #[test]
        fn whatever_the_order_no_open_record_is_acknowledged_and_in_the_end_all_are(
            gaps in proptest::collection::vec(1_i64..4, 1..40),
            order in proptest::collection::vec(any::<prop::sample::Index>(), 40),
        ) {
            let records: Vec<i64> =
                gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at) }).collect();
            let mut offsets = Offsets::default();
            for offset in &records {
                offsets.begin("t", 0, *offset);
            }
            let mut open = records.clone();
            let mut acknowledged = 0;
            for index in order {
                if open.is_empty() {
                    break;
                }
                let offset = open.remove(index.index(open.len()));
                if let Some(position) = offsets.finish("t", 0, offset) {
                    prop_assert!(position > acknowledged, "positions only rise");
                    acknowledged = position;
                }
                prop_assert!(open.iter().all(|open| *open >= acknowledged), "an open record is acknowledged");
                let done = records.iter().take_while(|record| !open.contains(record)).last();
                prop_assert_eq!(done.map_or(0, |last| last + 1), acknowledged, "nothing done is held back");
            }
            prop_assert!(!open.is_empty() || acknowledged == records.last().map_or(0, |last| last + 1));
        }
    }
}
