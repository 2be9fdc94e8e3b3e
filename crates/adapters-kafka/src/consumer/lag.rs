//! How many records wait in the partitions of a consumer, from what librdkafka counts anyway: no broker is asked for it.

use rdkafka::statistics::{Partition, Statistics};

use crate::measures;

/// How often librdkafka counts, in milliseconds; the value of its setting `statistics.interval.ms`.
pub(crate) const COUNT_EVERY: &str = "10000";

/// Tells the lag of each topic.
pub(crate) fn tell(statistics: &Statistics) {
    for (topic, lag) in lags(statistics) {
        // More than so many are as good as that many.
        let lag = f64::from(u32::try_from(lag).unwrap_or(u32::MAX));
        metrics::gauge!(measures::LAG, "topic" => topic).set(lag);
    }
}

/// The records that wait, by topic: in the partitions that are this consumer's now, as far as it is known there.
fn lags(statistics: &Statistics) -> impl Iterator<Item = (String, i64)> {
    statistics.topics.iter().map(|(name, topic)| {
        let ours = topic.partitions.values().filter(|partition| partition.partition >= 0 && partition.desired);
        (name.clone(), ours.map(lag).sum())
    })
}

/// Since the last record that was dealt with; where there was none yet, since what the group has committed. Negative numbers
/// stand for what is not known.
fn lag(partition: &Partition) -> i64 {
    let known = [partition.consumer_lag_stored, partition.consumer_lag].into_iter().find(|lag| *lag >= 0);
    known.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use rdkafka::statistics::Topic;

    use super::*;

    fn partition(number: i32, desired: bool, stored: i64, taken: i64) -> (i32, Partition) {
        let partition = Partition {
            partition: number,
            desired,
            consumer_lag_stored: stored,
            consumer_lag: taken,
            ..Partition::default()
        };
        (number, partition)
    }

    #[test]
    fn the_partitions_of_this_consumer_are_added_up_from_what_was_dealt_with() {
        let partitions = [
            partition(0, true, 5, 2),
            partition(1, true, -1, 3),
            partition(2, true, -1, -1),
            partition(3, false, 100, 100),
            partition(-1, true, 100, 100),
        ];
        let topic = Topic { partitions: partitions.into_iter().collect(), ..Topic::default() };
        let statistics = Statistics { topics: [("requests".to_owned(), topic)].into(), ..Statistics::default() };
        assert_eq!(lags(&statistics).collect::<Vec<_>>(), [("requests".to_owned(), 8)]);
    }
}
