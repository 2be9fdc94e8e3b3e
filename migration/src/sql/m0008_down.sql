DROP TABLE dlq_entries;
